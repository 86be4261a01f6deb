"""The five classifiers and the settings that are tried of each; the settings are ours, no paper states its own.

All read standardized columns. The first setting is the simplest: of settings that do equally well inside, it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from helpers.learning.fitted import FloatArray

Settings = Mapping[str, Any]
LOGISTIC, SUPPORT, FOREST, NEIGHBORS, BOOSTING = (
    "logistic regression", "support vector machine", "random forest", "k-nearest neighbors", "gradient boosting",
)  # fmt: skip
# C is the inverse of the penalty; width is gamma in units of 1 / columns; share is that of the columns tried at a split.
SETTINGS: dict[str, tuple[Settings, ...]] = {
    LOGISTIC: tuple({"C": c} for c in (0.001, 0.01, 0.1, 1.0, 10.0)),
    SUPPORT: tuple({"C": c, "width": w} for c in (0.1, 1.0, 10.0) for w in (0.1, 1.0)),
    FOREST: ({"leaf": 10, "share": "sqrt"}, {"leaf": 3, "share": "sqrt"}, {"leaf": 3, "share": 0.5}),
    NEIGHBORS: tuple({"neighbors": k} for k in (25, 15, 9, 5)),
    BOOSTING: tuple({"stages": stages, "depth": depth} for depth in (1, 3) for stages in (30, 100)),
}


@dataclass(frozen=True, eq=False)
class Machine:
    """A fitted classifier; without columns to read it gives everyone the share of events."""

    estimator: Any
    prevalence: float

    def values(self, x: FloatArray) -> FloatArray:
        """(n,) that rank: log odds, distances from a boundary, or shares of votes; none is calibrated."""
        if self.estimator is None:
            return np.full(len(x), self.prevalence)
        if hasattr(self.estimator, "decision_function"):
            return self.estimator.decision_function(x)
        return self.estimator.predict_proba(x)[:, 1]


def fit(name: str, x: FloatArray, truth: np.ndarray, *, settings: Settings, trees: int, seed: int) -> Machine:
    """The classifier of that name on x (n, columns) and truth (n,), both classes present; one thread, one seed."""
    prevalence = float(truth.mean())
    if not x.shape[1]:
        return Machine(None, prevalence)
    build = BUILDERS[name](settings, x.shape, trees, seed)
    return Machine(build.fit(x, truth), prevalence)


def _logistic(settings: Settings, shape: tuple[int, int], trees: int, seed: int) -> LogisticRegression:
    return LogisticRegression(C=settings["C"], max_iter=5000)  # L2: finite where the classes separate


def _support(settings: Settings, shape: tuple[int, int], trees: int, seed: int) -> SVC:
    return SVC(C=settings["C"], gamma=settings["width"] / shape[1])


def _forest(settings: Settings, shape: tuple[int, int], trees: int, seed: int) -> RandomForestClassifier:
    tuned = {"min_samples_leaf": settings["leaf"], "max_features": settings["share"]}
    return RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=1, **tuned)


def _neighbors(settings: Settings, shape: tuple[int, int], trees: int, seed: int) -> KNeighborsClassifier:
    return KNeighborsClassifier(min(settings["neighbors"], shape[0]), n_jobs=1)


def _boosting(settings: Settings, shape: tuple[int, int], trees: int, seed: int) -> GradientBoostingClassifier:
    tuned = {"n_estimators": settings["stages"], "max_depth": settings["depth"]}
    return GradientBoostingClassifier(random_state=seed, **tuned)


BUILDERS: dict[str, Callable[[Settings, tuple[int, int], int, int], Any]] = {
    LOGISTIC: _logistic, SUPPORT: _support, FOREST: _forest, NEIGHBORS: _neighbors, BOOSTING: _boosting,
}  # fmt: skip


def written(settings: Settings) -> str:
    """ "C 1, width 0.1"."""
    return ", ".join(
        f"{name} {value:g}" if not isinstance(value, str) else f"{name} {value}" for name, value in settings.items()
    )
