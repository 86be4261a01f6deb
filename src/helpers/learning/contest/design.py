"""What a classifier reads: the selected features of an input's blocks and its clinical variables, standardized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.learning.clinical import Coding, coding
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, require_training
from helpers.learning.signatures import FeatureSignature
from helpers.parameters import ContestInput


@dataclass(frozen=True, kw_only=True, eq=False)
class Design(Fitted):
    """Columns of an input and their scale; `features` has feature, mean and sd, `mean` and `sd` are of the coded variables."""

    features: pd.DataFrame
    coding: Coding
    mean: FloatArray
    sd: FloatArray

    @property
    def columns(self) -> int:
        return len(self.features) + int((self.sd > 0).sum())

    def transform(self, rows: Rows) -> FloatArray:
        """(n, columns) of new patients; raises RadiogramError for those it was fitted on."""
        self.refuse(rows.patient.tolist())
        return self._matrix(rows)

    def apparent(self, rows: Rows) -> FloatArray:
        """(n, columns) of the rows it was fitted on."""
        self.require_seen(rows)
        return self._matrix(rows)

    def _matrix(self, rows: Rows) -> FloatArray:
        """A value that is missing is the training mean's; a variable that never varied in training is left out."""
        raw = rows.features.reindex(columns=self.features["feature"]).to_numpy(dtype=np.float64)
        values = (raw - self.features["mean"].to_numpy()) / self.features["sd"].to_numpy()
        varying = self.sd > 0
        coded = (self.coding._design(rows)[:, varying] - self.mean[varying]) / self.sd[varying]
        return np.hstack([np.where(np.isfinite(values), values, 0.0), coded])


def fit(each: ContestInput, rows: Rows, chosen: Mapping[str, FeatureSignature]) -> Design:
    """The design of an input from training rows and the selections of its blocks on the same rows.

    Raises RadiogramError for rows outside part train, and for a selection that was learned from others.
    """
    require_training(rows, f"design of {each.name}")
    tables = [chosen[block].coefficients[["feature", "mean", "sd"]] for block in each.blocks]
    for block in each.blocks:
        chosen[block].require_seen(rows)
    nothing = pd.DataFrame({"feature": pd.Series(dtype=object), "mean": pd.Series(dtype=float), "sd": []})
    filled = [table for table in tables if len(table)]
    features = pd.concat(filled, ignore_index=True).drop_duplicates("feature") if filled else nothing
    coded = coding(rows, None if each.clinical else ())
    values = coded.apparent(rows)
    mean, sd = values.mean(axis=0), values.std(axis=0)
    sd = np.where(sd > 1e-12 * np.maximum(np.abs(mean), 1.0), sd, 0.0)
    return Design(what=f"design of {each.name}", seen=rows.patients, features=features, coding=coded, mean=mean, sd=sd)
