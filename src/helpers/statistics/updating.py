"""Updating a model's risks where it is used: the ladder of recalibration, which step the data call for, and what it gives.

Steyerberg et al. 2004 (doi 10.1002/sim.1844): leave the model as it is, re-estimate its intercept, or intercept and slope.
The further steps, which re-estimate single coefficients, need the model's own variables and are not taken here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .arrays import BoolArray, FloatArray, binary_truth, probabilities, require_both_classes
from .calibration import recalibration_tests
from .intervals import NOT_ESTIMABLE, Interval, normal_quantile
from .logistic import Logistic, logistic
from .smoothers import clipped_logit

NONE, INTERCEPT, BOTH = "none", "intercept", "intercept and slope"
LADDER = (NONE, INTERCEPT, BOTH)
FOLDS, REPEATS = 10, 10


@dataclass(frozen=True)
class Update:
    """Coefficients of expit(intercept + slope * logit p) with Wald limits; NaN where `problem` says why."""

    intercept: Interval
    slope: Interval
    problem: str


@dataclass(frozen=True)
class ClosedTest:
    """Likelihood-ratio tests of both updates against the model as it is, then of the slope; and the step they leave."""

    joint: float
    joint_p: float
    slope: float
    slope_p: float
    step: str


def update(truth: ArrayLike, probability: ArrayLike, *, step: str, level: float = 0.95) -> Update:
    """The step of the ladder fitted on all of truth (n,) and probability (n,). Raises ValueError for an unknown step."""
    events = binary_truth(truth)
    x = clipped_logit(probabilities(probability, length=events.size))
    if step == NONE:
        return Update(Interval(0.0, np.nan, np.nan), Interval(1.0, np.nan, np.nan), "")
    fit = _fit(events, x, step)
    if fit.problem:
        return Update(NOT_ESTIMABLE, NOT_ESTIMABLE, fit.problem)
    reach = normal_quantile(level) * np.sqrt(np.diag(fit.covariance))
    found = [Interval(float(b), float(b - r), float(b + r)) for b, r in zip(fit.coefficients, reach, strict=True)]
    return Update(found[0], found[1] if step == BOTH else Interval(1.0, np.nan, np.nan), "")


def closed_test(truth: ArrayLike, probability: ArrayLike, *, alpha: float = 0.05) -> ClosedTest:
    """The least step that the data do not reject, by closed testing (Vergouwe et al. 2017, doi 10.1002/sim.7179).

    Both updates against the model as it is, on two degrees of freedom; only where that rejects, the slope on one. Each test is
    at level alpha, and so is the procedure. Their last step, revised coefficients, is not among the candidates. NaN and no step
    ("") where the classes are separated.
    """
    found = recalibration_tests(truth, probability)
    if not np.isfinite([found.joint_p, found.slope_p]).all():
        return ClosedTest(np.nan, np.nan, np.nan, np.nan, "")
    step = NONE if found.joint_p >= alpha else BOTH if found.slope_p < alpha else INTERCEPT
    return ClosedTest(found.joint, found.joint_p, found.slope, found.slope_p, step)


def cross_fitted(
    truth: ArrayLike,
    probability: ArrayLike,
    *,
    step: str,
    rng: np.random.Generator,
    folds: int = FOLDS,
    repeats: int = REPEATS,
) -> FloatArray:
    """Updated risks (n,), each by updates that were fitted without the patient; all NaN where a fold has no estimate.

    Log odds are averaged over `repeats` draws of stratified folds. A class smaller than the folds has as many folds as
    patients, at least two. Raises ValueError for one class only or an unknown step.
    """
    events = binary_truth(truth)
    require_both_classes(events)
    p = probabilities(probability, length=events.size)
    if step == NONE:
        return p
    x, total = clipped_logit(p), np.zeros(events.size)
    folds = max(2, min(folds, int(events.sum()), int((~events).sum())))
    for _ in range(repeats):
        total += _once(events, x, _stratified(events, folds, rng), step)
    return special.expit(total / repeats)


def _once(events: BoolArray, x: FloatArray, fold: np.ndarray, step: str) -> FloatArray:
    """Log odds (n,) of one draw of folds."""
    moved = np.empty(x.size)
    for k in range(int(fold.max()) + 1):
        held = fold == k
        fit = _fit(events[~held], x[~held], step)
        slope = fit.coefficients[1] if step == BOTH else 1.0
        moved[held] = fit.coefficients[0] + slope * x[held]
    return moved


def _fit(events: BoolArray, x: FloatArray, step: str) -> Logistic:
    ones = np.ones((x.size, 1))
    if step == INTERCEPT:
        return logistic(ones, events, offset=x)
    if step == BOTH:
        return logistic(np.column_stack([ones, x]), events)
    raise ValueError(f"a step is one of {', '.join(LADDER)}, not {step}")


def _stratified(events: BoolArray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Fold (n,) of every patient, each class dealt in turn."""
    order = np.concatenate([rng.permutation(np.flatnonzero(events == label)) for label in (True, False)])
    fold = np.empty(events.size, dtype=np.int64)
    fold[order] = np.arange(events.size) % folds
    return fold
