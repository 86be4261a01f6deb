"""Coordinate descent for the LASSO-logistic path: the numerical core, compiled.

Minimizes -(1/n) log-likelihood + lambda * sum |beta_j|, intercept free, by iteratively reweighted least squares with
cyclic coordinate descent (Friedman, Hastie & Tibshirani 2010, doi 10.18637/jss.v033.i01). Each lambda starts from
the solution before it, looks at the features that the sequential strong rule keeps (Tibshirani 2012,
doi 10.1111/j.1467-9868.2011.01004.x), and ends when the optimality conditions hold for all features.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Squared change of the linear predictor, in units of its weight, at which a sweep has nothing left to do.
TOLERANCE = 1e-12
MOST_SWEEPS = 100_000
SWEEPS_BETWEEN_LEAPS = 40
# Sweeps of an early reweighting end at this share of the last reweighting's change.
LOOSENESS = 1e-3
MOST_REWEIGHTINGS = 100
LEAST_WEIGHT = 1e-9


@njit(cache=True)
def _dot(a, b):  # four sums, so that the compiler may use vector registers without reordering anything
    n = a.size
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    i = 0
    while i + 4 <= n:
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
        i += 4
    while i < n:
        s0 += a[i] * b[i]
        i += 1
    return (s0 + s1) + (s2 + s3)


@njit(cache=True)
def weighted_square(a, w):
    n = a.size
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    i = 0
    while i + 4 <= n:
        s0 += a[i] * a[i] * w[i]
        s1 += a[i + 1] * a[i + 1] * w[i + 1]
        s2 += a[i + 2] * a[i + 2] * w[i + 2]
        s3 += a[i + 3] * a[i + 3] * w[i + 3]
        i += 4
    while i < n:
        s0 += a[i] * a[i] * w[i]
        i += 1
    return (s0 + s1) + (s2 + s3)


@njit(cache=True)
def _expit(value):
    if value >= 0:
        return 1.0 / (1.0 + np.exp(-value))
    e = np.exp(value)
    return e / (1.0 + e)


@njit(cache=True)
def _objective(y, eta, beta, active, lam):
    loss = 0.0
    for i in range(y.size):
        signed = eta[i] if y[i] > 0.5 else -eta[i]
        loss += max(-signed, 0.0) + np.log1p(np.exp(-abs(signed)))
    penalty = 0.0
    for j in active:
        penalty += abs(beta[j])
    return loss / y.size + lam * penalty


@njit(cache=True)
def _sweep(xt, members, beta, curvature, residual, weight, total, intercept, lam):
    """One pass over the members and the intercept of the weighted problem; the largest squared change."""
    n = residual.size
    largest = 0.0
    for j in members:
        if curvature[j] <= 0.0:
            continue
        pull = _dot(xt[j], residual) / n + curvature[j] * beta[j]
        new = np.sign(pull) * max(abs(pull) - lam, 0.0) / curvature[j]
        change = new - beta[j]
        if change != 0.0:
            beta[j] = new
            column = xt[j]
            for i in range(n):
                residual[i] -= weight[i] * column[i] * change
            largest = max(largest, curvature[j] * change * change)
    change = residual.sum() / total
    for i in range(n):
        residual[i] -= weight[i] * change
    return intercept + change, max(largest, change * change * total / n)


@njit(cache=True)
def _cholesky_solve(matrix, right):
    """Solve in place, over the lower triangle; False when the matrix is not safely positive definite."""
    k = right.size
    for i in range(k):
        for j in range(i):
            matrix[i, j] = (matrix[i, j] - _dot(matrix[i, :j], matrix[j, :j])) / matrix[j, j]
        pivot = matrix[i, i] - _dot(matrix[i, :i], matrix[i, :i])
        if not pivot > 1e-10 * matrix[i, i]:
            return False
        matrix[i, i] = np.sqrt(pivot)
        right[i] = (right[i] - _dot(matrix[i, :i], right[:i])) / matrix[i, i]
    for i in range(k - 1, -1, -1):
        right[i] /= matrix[i, i]
        for j in range(i):
            right[j] -= matrix[i, j] * right[i]
    return True


@njit(cache=True)
def leap(xt, nonzero, beta, residual, weight, total, intercept, lam):
    """Newton step of the weighted problem with signs held, cut short where a coefficient first reaches zero."""
    k, n = nonzero.size, residual.size
    matrix, step = np.empty((k + 1, k + 1)), np.empty(k + 1)
    for a in range(k):
        column = weight * xt[nonzero[a]]
        for b in range(a + 1):
            matrix[a, b] = _dot(column, xt[nonzero[b]])
        matrix[k, a] = column.sum()
        step[a] = _dot(xt[nonzero[a]], residual) - n * lam * np.sign(beta[nonzero[a]])
    matrix[k, k], step[k] = total, residual.sum()
    if not _cholesky_solve(matrix, step):
        return intercept
    length, hit = 1.0, -1
    for a in range(k):
        if beta[nonzero[a]] * (beta[nonzero[a]] + length * step[a]) < 0.0:
            length, hit = -beta[nonzero[a]] / step[a], a
    for a in range(k):
        column = xt[nonzero[a]]
        beta[nonzero[a]] += length * step[a]
        for i in range(n):
            residual[i] -= weight[i] * column[i] * length * step[a]
    if hit >= 0:
        beta[nonzero[hit]] = 0.0
    for i in range(n):
        residual[i] -= weight[i] * length * step[k]
    return intercept + length * step[k]


@njit(cache=True)
def weighted_descent(xt, members, beta, curvature, residual, weight, intercept, lam, tolerance):
    """Coordinate descent of the weighted problem: all members, then those not zero until still, and again.

    Where sweeps creep, Newton steps over the coefficients that are not zero end the matter.
    """
    total = weight.sum()
    for _ in range(MOST_SWEEPS):
        intercept, largest = _sweep(xt, members, beta, curvature, residual, weight, total, intercept, lam)
        if largest < tolerance:
            break
        for sweep in range(MOST_SWEEPS):
            nonzero = members[beta[members] != 0.0]
            intercept, largest = _sweep(xt, nonzero, beta, curvature, residual, weight, total, intercept, lam)
            if largest < tolerance:
                break
            if sweep % SWEEPS_BETWEEN_LEAPS == SWEEPS_BETWEEN_LEAPS - 1:
                nonzero = members[beta[members] != 0.0]
                intercept = leap(xt, nonzero, beta, residual, weight, total, intercept, lam)
    return intercept


@njit(cache=True)
def _predictor(xt, members, beta, intercept, eta):
    eta[:] = intercept
    for j in members:
        if beta[j] != 0.0:
            column = xt[j]
            for i in range(eta.size):
                eta[i] += beta[j] * column[i]


@njit(cache=True)
def _reweighted(xt, y, members, beta, intercept, eta, lam, tolerance):
    """Newton steps over the members, each halved while it raises the objective; changes beta and eta."""
    n = y.size
    weight, residual, curvature = np.empty(n), np.empty(n), np.zeros(beta.size)
    before = _objective(y, eta, beta, members, lam)
    moved = 1e-3
    for _ in range(MOST_REWEIGHTINGS):
        for i in range(n):
            p = _expit(eta[i])
            weight[i] = max(p * (1.0 - p), LEAST_WEIGHT)
            residual[i] = y[i] - p
        for j in members:
            curvature[j] = weighted_square(xt[j], weight) / n
        old, old_intercept, old_eta = beta[members], intercept, eta.copy()
        inner = max(tolerance, LOOSENESS * moved)
        intercept = weighted_descent(xt, members, beta, curvature, residual, weight, intercept, lam, inner)
        _predictor(xt, members, beta, intercept, eta)
        after = _objective(y, eta, beta, members, lam)
        while after > before + 1e-12 and np.abs(eta - old_eta).max() > 1e-9:
            beta[members] = (beta[members] + old) / 2.0
            intercept = (intercept + old_intercept) / 2.0
            _predictor(xt, members, beta, intercept, eta)
            after = _objective(y, eta, beta, members, lam)
        moved = (weight * (eta - old_eta) ** 2).sum() / n
        before = after
        if moved < tolerance * 10.0 and inner <= tolerance * 10.0:
            break
    return intercept


@njit(cache=True)
def path(xt, y, lambdas, tolerance):
    """Intercepts (l,) and coefficients (l, p) along decreasing lambdas (l,), for xt (p, n) of centered rows, y (n,)."""
    p, n = xt.shape
    intercepts, coefficients = np.empty(lambdas.size), np.zeros((lambdas.size, p))
    beta, gradient = np.zeros(p), np.empty(p)
    share = y.mean()
    intercept = np.log(share / (1.0 - share))
    eta = np.full(n, intercept)
    previous = -1.0
    for k in range(lambdas.size):
        lam = lambdas[k]
        for j in range(p):
            gradient[j] = 0.0
        residual = y - np.array([_expit(value) for value in eta])
        for j in range(p):
            gradient[j] = _dot(xt[j], residual) / n
        if previous < 0.0:
            previous = max(lam, np.abs(gradient).max()) if p else lam
        chosen = (beta != 0.0) | (np.abs(gradient) >= 2.0 * lam - previous)
        while True:
            members = np.flatnonzero(chosen)
            intercept = _reweighted(xt, y, members, beta, intercept, eta, lam, tolerance)
            residual = y - np.array([_expit(value) for value in eta])
            violated = False
            for j in range(p):
                if not chosen[j] and abs(_dot(xt[j], residual)) / n > lam:
                    chosen[j] = True
                    violated = True
            if not violated:
                break
        intercepts[k] = intercept
        coefficients[k] = beta
        previous = lam
    return intercepts, coefficients
