"""Columns that a selector chooses again and again when other patients are drawn."""

from __future__ import annotations

import warnings
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from helpers.learning.transformers.selector import ClassSelector
from helpers.learning.transformers.univariate import UnivariateFDR


class SelectionFrequency(ClassSelector):
    """Stability selection: columns that `selector` keeps in at least `threshold` of the resamples.

    resample half draws half of each class without replacement, as Meinshausen & Buhlmann 2010
    (doi 10.1111/j.1467-9868.2010.00740.x) do; bootstrap draws as many as there are, with replacement, within each class.
    Take half for a selector with a cross-validation of its own (LassoSelector): copies of a row in several of its folds
    would make it keep too much. `selector` is a selecting transformer, or a Pipeline of them; None is UnivariateFDR().
    """

    def __init__(
        self,
        selector: BaseEstimator | None = None,
        resamples: int = 100,
        threshold: float = 0.6,
        resample: Literal["bootstrap", "half"] = "bootstrap",
        random_state: int = 0,
    ) -> None:
        self.selector = selector
        self.resamples = resamples
        self.threshold = threshold
        self.resample = resample
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """`frequency_` (p,), the share of resamples that kept a column, and `support_` (p,), from X (n, p) and y (n,)."""
        values, truth = self._classes(X, y)
        rng, counts = np.random.default_rng(self.random_state), np.zeros(values.shape[1])
        selector = UnivariateFDR() if self.selector is None else self.selector
        for _ in range(self.resamples):
            drawn = self._drawn(truth, rng)
            counts[_kept(clone(selector), values[drawn], truth[drawn])] += 1
        self.frequency_ = counts / self.resamples
        self.support_ = self.frequency_ >= self.threshold
        return self

    def table(self) -> pd.DataFrame:
        """feature, frequency, kept, resamples: the commonest first, of equals the first column."""
        check_is_fitted(self, "frequency_")
        columns = {"feature": self._names, "frequency": self.frequency_, "kept": self.support_}
        found = pd.DataFrame(columns).assign(resamples=self.resamples)
        return found.sort_values("frequency", ascending=False, kind="stable", ignore_index=True)

    def _drawn(self, truth: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        whole = self.resample == "bootstrap"
        members = [np.flatnonzero(truth == label) for label in (0, 1)]
        return np.concatenate([rng.choice(m, len(m) if whole else max(len(m) // 2, 1), replace=whole) for m in members])


def _kept(selector: BaseEstimator, values: np.ndarray, truth: np.ndarray) -> list[int]:
    """Positions of the columns that a selector, or a Pipeline of them, keeps."""
    names = [str(j) for j in range(values.shape[1])]
    with warnings.catch_warnings():
        # A resample in which nothing stands out counts as one that kept nothing.
        warnings.filterwarnings("ignore", message="No features were selected")
        return [int(name) for name in selector.fit(values, truth).get_feature_names_out(names)]
