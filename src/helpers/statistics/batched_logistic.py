"""Logistic regression of many bootstrap samples at once, by iteratively reweighted least squares.

The samples are counts of the same patients, so the sums of every Newton step are matrix products. Each row gives
what `logistic` gives on the copied patients; rows without an estimate are NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray
from .logistic import CONVERGED, MOST_ITERATIONS, logistic

# A smallest pivot below this share of the largest means a redundant predictor in that sample.
SINGULAR = 1e-12


def batched_logistic(
    design: FloatArray, events: BoolArray, counts: FloatArray, *, offset: ArrayLike = 0.0
) -> FloatArray:
    """Coefficients (b, k) of design (n, k) for samples of counts (b, n); NaN where `logistic` has no fit.

    Without a fit: one outcome class, a redundant predictor, or a separated outcome in that sample.
    """
    # Orthonormal columns keep the normal equations well conditioned, whatever the scale of the predictors.
    basis, triangle = np.linalg.qr(design)
    offset = np.broadcast_to(np.asarray(offset, dtype=float), events.shape)
    first = triangle @ logistic(design, events, offset=offset).coefficients
    start = first if np.isfinite(first).all() else np.zeros(design.shape[1])
    found = np.full((len(counts), design.shape[1]), np.nan)
    cases = counts @ events
    rows = np.flatnonzero((cases > 0) & (cases < counts.sum(axis=1)) & _full_rank(basis, counts))
    with np.errstate(all="ignore"):
        found[rows] = _newton(basis, events, counts[rows], offset, start)
        return np.linalg.solve(triangle, found.T).T if _invertible(triangle) else np.full(found.shape, np.nan)


def _invertible(triangle: FloatArray) -> bool:
    diagonal = np.abs(np.diag(triangle))
    return bool(diagonal.min() > SINGULAR * diagonal.max())


def _full_rank(basis: FloatArray, counts: FloatArray) -> BoolArray:
    with np.errstate(all="ignore"):
        return np.isfinite(_solved(_information(basis, counts), np.zeros((len(counts), basis.shape[1])))).all(axis=1)


def _newton(
    basis: FloatArray, events: BoolArray, counts: FloatArray, offset: FloatArray, start: FloatArray
) -> FloatArray:
    sign = np.where(events, 1.0, -1.0)
    found, rows = np.full((len(counts), start.size), np.nan), np.arange(len(counts))
    beta = np.tile(start, (len(counts), 1))
    margin = np.tile(sign * (basis @ start + offset), (len(counts), 1))
    reached = _log_likelihood(counts, margin)
    for _ in range(MOST_ITERATIONS):
        if not rows.size:
            break
        step = _step(basis, sign, counts, margin)
        step, margin, reached = _ascend(basis, sign, counts, margin, reached, step)
        beta = beta + step
        change = np.abs(step @ basis.T).max(axis=1)
        done = change < CONVERGED
        found[rows[done]] = beta[done]
        left = ~done & np.isfinite(change)
        if not left.all():
            rows, beta, counts, margin, reached = (part[left] for part in (rows, beta, counts, margin, reached))
    return found


def _log_likelihood(counts: FloatArray, margin: FloatArray) -> FloatArray:
    """Log-likelihood (b,) at margins (b, n): the linear predictor, with its sign turned for nonevents."""
    return np.einsum("bn,bn->b", counts, np.minimum(margin, 0.0) - np.log1p(np.exp(-np.abs(margin))))


def _step(basis: FloatArray, sign: FloatArray, counts: FloatArray, margin: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(margin))
    missed = counts * np.where(margin >= 0, small, 1.0) / (1 + small)
    information = _information(basis, counts * (small / (1 + small) ** 2))
    return _solved(information, missed @ (basis * sign[:, None]))


def _information(basis: FloatArray, weights: FloatArray) -> FloatArray:
    k = basis.shape[1]
    products = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), k * k)
    return (weights @ products).reshape(-1, k, k)


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solutions (b, k) of symmetric systems (b, k, k) by Cholesky; NaN where a matrix is singular."""
    k = right.shape[1]
    lower, solution = np.zeros_like(matrix), right.copy()
    largest = np.einsum("bkk->bk", matrix).max(axis=1)
    for j in range(k):
        pivot = matrix[:, j, j] - np.einsum("bi,bi->b", lower[:, j, :j], lower[:, j, :j])
        lower[:, j, j] = np.sqrt(np.where(pivot > SINGULAR * largest, pivot, np.nan))
        for i in range(j + 1, k):
            inner = np.einsum("bi,bi->b", lower[:, i, :j], lower[:, j, :j])
            lower[:, i, j] = (matrix[:, i, j] - inner) / lower[:, j, j]
        solution[:, j] = (solution[:, j] - np.einsum("bi,bi->b", lower[:, j, :j], solution[:, :j])) / lower[:, j, j]
    for j in reversed(range(k)):
        later = np.einsum("bi,bi->b", lower[:, j + 1 :, j], solution[:, j + 1 :])
        solution[:, j] = (solution[:, j] - later) / lower[:, j, j]
    return solution


def _ascend(
    basis: FloatArray, sign: FloatArray, counts: FloatArray, margin: FloatArray, start: FloatArray, step: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Take the steps, each halved while it lowers its likelihood by more than rounding."""
    step = step.copy()
    moved = margin + sign * (step @ basis.T)
    reached = _log_likelihood(counts, moved)
    for _ in range(20):
        worse = np.flatnonzero(reached < start - 1e-10 * (1 + np.abs(start)))
        if not worse.size:
            break
        step[worse] /= 2
        moved[worse] = margin[worse] + sign * (step[worse] @ basis.T)
        reached[worse] = _log_likelihood(counts[worse], moved[worse])
    return step, moved, reached
