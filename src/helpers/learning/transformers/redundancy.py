"""Of columns that say the same, one: always the same one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from helpers.learning import selection
from helpers.learning.transformers.selector import ClassSelector


class SpearmanRedundancy(ClassSelector):
    """No two columns are left whose absolute Spearman correlation exceeds `limit`.

    Of two, the one of higher agreement between readers stays (given to `fit`), else the one that separates the classes better
    alone (distance of its AUC from 0.5), else the first by name: the order of columns never decides, where they have names.
    """

    def __init__(self, limit: float = 0.9) -> None:
        self.limit = limit

    def fit(self, X: Any, y: Any, agreement: Any = None) -> Self:
        """`support_` (p,) from X (n, p) and y (n,) of two classes; agreement (p,), such as ICCs, is optional."""
        values, truth = self._classes(X, y)
        weight = np.zeros(values.shape[1]) if agreement is None else np.asarray(agreement, dtype=np.float64)
        if weight.shape != (values.shape[1],):
            raise ValueError(f"agreement must have one value a column ({values.shape[1]}), not {weight.shape}.")
        varies = np.ptp(values, axis=0) > 0
        self.support_ = np.zeros(values.shape[1], dtype=bool)
        rules = {"limit": self.limit, "agreement": weight[varies], "names": self._names[varies].tolist()}
        self.support_[varies] = selection.apart(values[:, varies], truth, **rules)
        return self
