"""Missing values of features: the median of the training rows stands in, learned from training rows alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, require_training

# A feature measured in fewer of the training rows than this share is left out: it would be mostly made up.
LEAST_MEASURED = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Imputer(Fitted):
    """Features that are measured often enough, and their medians."""

    names: tuple[str, ...]
    median: FloatArray

    def transform(self, rows: Rows) -> Rows:
        """Rows of new patients with those features alone, complete; raises RadiogramError for patients it saw."""
        self.refuse(rows.patient.tolist())
        return self._filled(rows)

    def apparent(self, rows: Rows) -> Rows:
        """The rows it was fitted on, with those features alone, complete."""
        self.require_seen(rows)
        return self._filled(rows)

    def _filled(self, rows: Rows) -> Rows:
        values = rows.features[list(self.names)].to_numpy()
        complete = np.where(np.isfinite(values), values, self.median)
        return replace(rows, features=pd.DataFrame(complete, columns=pd.Index(self.names, dtype=object)))


def imputer(rows: Rows) -> Imputer:
    """Fit on training rows; a missing value is NaN or infinite. Raises RadiogramError for rows outside part train."""
    require_training(rows, "imputer")
    values = rows.features.to_numpy()
    finite = np.isfinite(values)
    kept = finite.sum(axis=0) >= np.ceil(LEAST_MEASURED * len(rows))
    median = np.nanmedian(np.where(finite, values, np.nan)[:, kept], axis=0) if kept.any() else np.empty(0)
    return Imputer(what="imputer", seen=rows.patients, names=tuple(rows.features.columns[kept]), median=median)
