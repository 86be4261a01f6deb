"""Logistic regression by iteratively reweighted least squares, with separation reported and not raised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .arrays import BoolArray, FloatArray, binary_truth

MOST_ITERATIONS = 40
# Change of the linear predictor at which Newton's quadratic convergence has reached machine precision.
CONVERGED = 1e-8


@dataclass(frozen=True, eq=False)
class Logistic:
    """Maximum likelihood fit: coefficients (k,), covariance (k, k); NaN where `problem` says why."""

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    problem: str


def log_likelihood(events: BoolArray, linear_predictor: FloatArray) -> float:
    """Binomial log-likelihood of outcomes (n,) at a linear predictor (n,)."""
    return float(special.log_expit(np.where(events, linear_predictor, -linear_predictor)).sum())


def logistic(design: ArrayLike, truth: ArrayLike, *, offset: ArrayLike | float = 0.0) -> Logistic:
    """Unpenalized fit of truth (n,) on design (n, k), which brings its own column of ones.

    Under separation the estimate runs to infinity by a constant step, so a linear predictor that still moves
    after 40 Newton steps means separation. Nothing is raised for it: `problem` says why the fit is NaN.
    """
    events, x = binary_truth(truth), np.asarray(design, dtype=float)
    offset = np.broadcast_to(np.asarray(offset, dtype=float), events.shape)
    if events.all() or not events.any():
        return _no_fit(x.shape[1], "one outcome class only")
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return _no_fit(x.shape[1], "a predictor is constant or redundant")
    beta = np.zeros(x.shape[1])
    with np.errstate(all="ignore"):
        for _ in range(MOST_ITERATIONS):
            step = _newton_step(x, events, x @ beta + offset)
            if step is None:
                break
            beta, change = _ascend(x, events, offset, beta, step)
            if change < CONVERGED:
                return _fit(x, events, offset, beta)
    return _no_fit(x.shape[1], "the outcome is separated")


def _newton_step(x: FloatArray, events: BoolArray, linear_predictor: FloatArray) -> FloatArray | None:
    p = special.expit(linear_predictor)
    information = x.T @ (x * (p * special.expit(-linear_predictor))[:, None])
    try:
        step = np.linalg.solve(information, x.T @ (events - p))
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None


def _ascend(
    x: FloatArray, events: BoolArray, offset: FloatArray, beta: FloatArray, step: FloatArray
) -> tuple[FloatArray, float]:
    """Take the step, halved while it lowers the likelihood by more than rounding."""
    start = log_likelihood(events, x @ beta + offset)
    for _ in range(20):
        reached = log_likelihood(events, x @ (beta + step) + offset)
        if reached >= start - 1e-10 * (1 + abs(start)):
            break
        step = step / 2
    return beta + step, float(np.abs(x @ step).max())


def _fit(x: FloatArray, events: BoolArray, offset: FloatArray, beta: FloatArray) -> Logistic:
    linear_predictor = x @ beta + offset
    weight = special.expit(linear_predictor) * special.expit(-linear_predictor)
    covariance = np.linalg.pinv(x.T @ (x * weight[:, None]), hermitian=True)
    return Logistic(beta, covariance, log_likelihood(events, linear_predictor), "")


def _no_fit(size: int, problem: str) -> Logistic:
    return Logistic(np.full(size, np.nan), np.full((size, size), np.nan), np.nan, problem)
