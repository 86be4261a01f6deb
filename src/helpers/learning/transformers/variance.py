"""Columns that hardly vary: by caret's rule, or by Radiogram's own."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from helpers.learning import selection
from helpers.learning.transformers.selector import GapSelector


class NearZeroVariance(GapSelector):
    """caret's nearZeroVar (Kuhn 2008, doi 10.18637/jss.v028.i05).

    A column goes when the ratio of the counts of its commonest and second commonest value exceeds `freq_cut` AND its
    distinct values are at most `unique_cut` percent of the rows; and when it has a single value. Missing values count as
    in caret: not at all among the values, but among the rows.
    """

    def __init__(self, freq_cut: float = 95 / 5, unique_cut: float = 10.0) -> None:
        self.freq_cut = freq_cut
        self.unique_cut = unique_cut

    def fit(self, X: Any, y: Any = None) -> Self:
        """`support_` (p,), `ratios_` (p,) of the two counts and `percent_unique_` (p,), from X (n, p)."""
        values = self._columns(X, ensure_all_finite="allow-nan")
        counts = [np.sort(np.unique(column[~np.isnan(column)], return_counts=True)[1])[::-1] for column in values.T]
        distinct = np.array([len(count) for count in counts])
        self.ratios_ = np.array([count[0] / count[1] if len(count) > 1 else 0.0 for count in counts])
        self.percent_unique_ = 100 * distinct / len(values)
        rare = (self.ratios_ > self.freq_cut) & (self.percent_unique_ <= self.unique_cut)
        self.support_ = ~rare & (distinct > 1)
        return self


class CommonestValue(GapSelector):
    """The rule of Radiogram's reports: finite in every row, and no value in 95 % of them or more."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """`support_` (p,) from X (n, p)."""
        self.support_ = selection.varying(self._columns(X, ensure_all_finite=False))
        return self
