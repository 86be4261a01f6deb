"""What all selecting transformers share: input checked as scikit-learn does, two classes, a mask of what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from helpers.learning.fitted import FloatArray


class Selector(SelectorMixin, BaseEstimator):
    """Keeps the columns that `support_` (p,) marks."""

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self, "support_")
        return self.support_

    def _columns(self, X: Any, **options: Any) -> FloatArray:
        """X (n, p) as numbers; raises ValueError, in scikit-learn's words, for anything else or fewer than two rows."""
        return validate_data(self, X, dtype=np.float64, ensure_min_samples=2, **options)

    @property
    def _names(self) -> NDArray[Any]:
        """Names (p,) of the columns it was fitted on: a data frame's own, else x0, x1, ..."""
        given = getattr(self, "feature_names_in_", None)
        return np.array([f"x{j}" for j in range(self.n_features_in_)], dtype=object) if given is None else given


class GapSelector(Selector):
    """One that may be given missing values: it is there to find the columns that have them."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class ClassSelector(Selector):
    """One that learns from two classes."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def _classes(self, X: Any, y: Any) -> tuple[FloatArray, NDArray[np.int64]]:
        """X (n, p), and y (n,) as 0 and 1 in sorted order of its two values; raises ValueError unless it has two."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, truth = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(f"{type(self).__name__} needs two classes; y has 1 class.")
        if len(self.classes_) != 2:
            kind = type_of_target(y, input_name="y")
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        return X, truth
