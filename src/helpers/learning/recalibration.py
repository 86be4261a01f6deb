"""A signature's score as a probability: intercept and slope learned from out-of-fold scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from helpers.learning import regression
from helpers.learning.fitted import Fitted, FloatArray
from helpers.statistics.logistic import logistic
from helpers.statistics.thresholds import OutOfFold

# A score that tells nothing out of fold keeps its ranking, at a slope that leaves everyone near the prevalence.
LEAST_SLOPE = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class Recalibration(Fitted):
    """probability = 1 / (1 + exp(-(intercept + slope * score))), slope above 0."""

    intercept: float
    slope: float

    def probability(self, score: FloatArray) -> FloatArray:
        """(n,) from scores (n,); monotone, so that it changes no ranking."""
        return expit(self.intercept + self.slope * score)


def recalibrate(oof: OutOfFold, *, what: str) -> Recalibration:
    """Logistic recalibration (Cox 1958); in-sample scores of a LASSO would give far too steep a slope.

    Raises TypeError for anything but an OutOfFold.
    """
    require_out_of_fold(oof, what)
    fitted = regression.fit(oof.score[:, None], oof.truth)
    intercept, slope = fitted.coefficients
    if slope < LEAST_SLOPE or constant_in_folds(oof):
        slope = LEAST_SLOPE
        intercept = logistic(np.ones((oof.score.size, 1)), oof.truth, offset=slope * oof.score).coefficients[0]
    name = f"recalibration of the {what} score"
    return Recalibration(what=name, seen=oof.seen, intercept=float(intercept), slope=float(slope))


def require_out_of_fold(oof: object, what: str) -> None:
    """Raises TypeError for scores that do not carry who was left out: in-sample scores look far too good."""
    if not isinstance(oof, OutOfFold):
        raise TypeError(f"{what}: a second stage is fitted on an OutOfFold, not on {type(oof).__name__}")


def constant_in_folds(oof: OutOfFold) -> bool:
    """Whether every fold's model gave all its rows one score: what varies is then only the folds' intercepts."""
    return all(np.ptp(oof.score[oof.fold == k]) == 0 for k in np.unique(oof.fold))
