"""Coordinate descent for the LASSO of a continuous outcome: the logistic core's sweeps with weights of one."""

from __future__ import annotations

import numpy as np
from numba import njit

from helpers.learning.coordinate import weighted_descent, weighted_square


@njit(cache=True)
def path(xt, y, lambdas, tolerance):
    """Intercepts (l,) and coefficients (l, p) that minimize (1/2n) RSS + lambda * sum |beta_j|, intercept free.

    For xt (p, n) of centered rows and y (n,), along decreasing lambdas (l,). Sweeps end when no coefficient changes by
    more than the root of `tolerance` standard deviations of y, as glmnet's do at its thresh.
    """
    p, n = xt.shape
    intercepts, coefficients = np.empty(lambdas.size), np.zeros((lambdas.size, p))
    beta, weight, everyone = np.zeros(p), np.ones(n), np.arange(p)
    curvature = np.array([weighted_square(xt[j], weight) / n for j in range(p)])
    intercept = y.mean()
    residual = y - intercept
    # An outcome of rounding alone has nothing to be explained.
    still = tolerance * max(y.var(), 1e-20 * max(1.0, intercept * intercept))
    for k in range(lambdas.size):
        intercept = weighted_descent(xt, everyone, beta, curvature, residual, weight, intercept, lambdas[k], still)
        intercepts[k] = intercept
        coefficients[k] = beta
    return intercepts, coefficients
