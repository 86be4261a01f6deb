"""Columns that a second measurement of the same patients gives alike."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from helpers.learning import stability
from helpers.learning.fitted import FloatArray
from helpers.learning.transformers.selector import GapSelector


class ReproducibilityGate(GapSelector):
    """Keeps columns whose intraclass correlation ICC(A,1) has its lower 95 % bound (or estimate) at `threshold` or above.

    The second measurements, given to `fit` as `repeats`, may be another reader's, a test-retest scan's or those of perturbed
    masks. Absolute agreement of single measurements: McGraw & Wong 1996, doi 10.1037/1082-989X.1.1.30.
    """

    def __init__(self, threshold: float = 0.75, bound: Literal["low", "estimate"] = "low") -> None:
        self.threshold = threshold
        self.bound = bound

    def fit(self, X: Any, y: Any = None, repeats: Any = None) -> Self:
        """`support_` (p,), `icc_` and `low_` (p,), `table_` and `cases_` (rows that count) from X (n, p).

        repeats: (n, p), or (n, p, times) for several, in the order of the rows of X; a row that is all NaN was not measured
        again. In a Pipeline: `fit(X, y, <step>__repeats=repeats)`; a cross-validation takes the rows of each fold from it.
        Without repeats nothing can be judged and ValueError is raised, as with fewer than 5 rows measured again.
        """
        first = self._columns(X, ensure_all_finite="allow-nan")
        ratings, self.cases_ = stability.measured_again([first, *self._repeats(repeats, first)])
        if self.cases_ < stability.FEWEST_CASES:
            raise ValueError(
                f"Only {self.cases_} of {len(first)} rows were measured twice, too few for an ICC: n_samples = {len(first)}."
            )
        self.table_: pd.DataFrame = stability.judged(ratings, self._names, threshold=self.threshold, bound=self.bound)
        self.icc_, self.low_ = self.table_["icc"].to_numpy(), self.table_["low"].to_numpy()
        self.support_ = self.table_["kept"].to_numpy(dtype=bool)
        return self

    def _repeats(self, repeats: Any, first: FloatArray) -> list[FloatArray]:
        if repeats is None:
            raise ValueError("ReproducibilityGate needs `repeats`, the second measurements of the rows of X.")
        again = np.asarray(repeats, dtype=np.float64)
        again = again[:, :, None] if again.ndim == 2 else again
        if again.ndim != 3 or again.shape[:2] != first.shape:
            raise ValueError(f"repeats must be {first.shape} or {(*first.shape, 'times')}, not {np.shape(repeats)}.")
        return list(np.moveaxis(again, 2, 0))
