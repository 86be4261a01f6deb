"""Columns that tell of the classes and do not repeat each other."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np

from helpers.learning import relevance
from helpers.learning.transformers.selector import ClassSelector


class MRMR(ClassSelector):
    """Minimum redundancy, maximum relevance: `count` columns, taken one after the other.

    criterion FCQ or FCD: F statistic over, or less, the mean absolute Pearson correlation with those taken; MIQ or MID:
    mutual information for both, of values in three states (Ding & Peng 2005, doi 10.1142/S0219720005001004; Zhao 2019,
    doi 10.1109/DSAA.2019.00059).
    """

    def __init__(self, count: int = 10, criterion: Literal["FCQ", "FCD", "MIQ", "MID"] = "FCQ") -> None:
        self.count = count
        self.criterion = criterion

    def fit(self, X: Any, y: Any) -> Self:
        """`support_` (p,) and `order_`, positions as they were taken, from X (n, p) and y (n,) of two classes."""
        values, truth = self._classes(X, y)
        self.order_ = np.array(
            relevance.mrmr(values, truth, count=self.count, criterion=self.criterion), dtype=np.int64
        )
        self.support_ = np.zeros(values.shape[1], dtype=bool)
        self.support_[self.order_] = True
        return self
