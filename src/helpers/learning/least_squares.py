"""Coordinate descent for the LASSO of a continuous outcome, in glmnet's order of sweeps (Friedman 2010, doi 10.18637/jss.v033.i01)."""

from __future__ import annotations

import numpy as np
from numba import njit

from helpers.learning.coordinate import MOST_SWEEPS, SWEEPS_BETWEEN_LEAPS, leap, weighted_square


@njit(cache=True)
def path(xt, y, lambdas, tolerance):
    """Intercepts (l,) and coefficients (l, p) that minimize (1/2n) RSS + lambda * sum |beta_j|, intercept free.

    For xt (p, n) of centered rows and y (n,), along decreasing lambdas (l,). Sweeps end when no coefficient changes by
    more than the root of `tolerance` standard deviations of y, as glmnet's do at its thresh.
    """
    p, n = xt.shape
    intercepts, coefficients = np.empty(lambdas.size), np.zeros((lambdas.size, p))
    beta, intercept = np.zeros(p), y.mean()
    weight, residual = np.ones(n), y - intercept
    curvature = np.array([weighted_square(xt[j], weight) / n for j in range(p)])
    entered, count = np.empty(p, np.int64), 0
    # An outcome of rounding alone has nothing to be explained.
    still = tolerance * max(y.var(), 1e-20 * max(1.0, intercept * intercept))
    for k in range(lambdas.size):
        for _ in range(MOST_SWEEPS):
            intercept += _settle(xt, entered[:count], beta, curvature, residual, weight, lambdas[k], still)
            largest, count = _all(xt, entered, count, beta, curvature, residual, lambdas[k])
            if largest < still:
                break
        intercepts[k], coefficients[k] = intercept, beta
    return intercepts, coefficients


@njit(cache=True)
def _settle(xt, entered, beta, curvature, residual, weight, lam, still):
    """Sweeps over those that ever entered, in the order in which they did, until still; where they creep, Newton steps.

    Returns by how much those moved the intercept: by rounding alone, as the columns are centered.
    """
    moved = 0.0
    for sweep in range(MOST_SWEEPS):
        largest = 0.0
        for j in entered:
            largest = max(largest, _step(xt, j, beta, curvature, residual, lam))
        if largest < still:
            break
        if sweep % SWEEPS_BETWEEN_LEAPS == SWEEPS_BETWEEN_LEAPS - 1:
            moved = leap(xt, entered[beta[entered] != 0.0], beta, residual, weight, weight.sum(), moved, lam)
    return moved


@njit(cache=True)
def _all(xt, entered, count, beta, curvature, residual, lam):
    """One sweep over all, in which others may enter."""
    largest = 0.0
    for j in range(beta.size):
        change = _step(xt, j, beta, curvature, residual, lam)
        if change > 0.0 and not np.any(entered[:count] == j):
            entered[count] = j
            count += 1
        largest = max(largest, change)
    return largest, count


@njit(cache=True)
def _step(xt, j, beta, curvature, residual, lam):
    """Set coefficient j to its best value given the others; returns the squared change, times the curvature."""
    if curvature[j] == 0.0:
        return 0.0
    column, before = xt[j], beta[j]
    slope = curvature[j] * before
    for i in range(residual.size):
        slope += column[i] * residual[i] / residual.size
    beta[j] = np.sign(slope) * max(abs(slope) - lam, 0.0) / curvature[j]
    change = beta[j] - before
    if change != 0.0:
        for i in range(residual.size):
            residual[i] -= change * column[i]
    return curvature[j] * change * change
