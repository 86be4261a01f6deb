"""Columns that differ between the classes on their own, at a false discovery rate."""

from __future__ import annotations

from typing import Any, Literal, Self

from helpers.learning import relevance
from helpers.learning.transformers.selector import ClassSelector


class UnivariateFDR(ClassSelector):
    """Mann-Whitney's U test or Welch's t test of every column, and Benjamini and Hochberg's procedure on their P.

    `fdr` bounds the expected share of false discoveries among the columns kept, for independent or positively dependent
    columns. Nothing is kept where nothing stands out.
    """

    def __init__(self, test: Literal["mannwhitney", "t"] = "mannwhitney", fdr: float = 0.05) -> None:
        self.test = test
        self.fdr = fdr

    def fit(self, X: Any, y: Any) -> Self:
        """`support_` (p,) and `p_values_` (p,) from X (n, p) and y (n,) of two classes."""
        values, truth = self._classes(X, y)
        self.p_values_ = relevance.p_values(values, truth, test=self.test)
        self.support_ = relevance.discoveries(self.p_values_, fdr=self.fdr)
        return self
