"""Empirical Bayes estimates of one batch's shifts and variances: each feature's own, drawn toward those of the others.

Johnson 2007 (doi 10.1093/biostatistics/kxj037): a normal prior of the shifts and an inverse gamma prior of the variances
(parametric), or the other features' own estimates as the prior (nonparametric).
"""

from __future__ import annotations

import numpy as np

from .arrays import FloatArray

# Relative change below which the published algorithm stops.
CONVERGED = 1e-4
MOST_STEPS = 10_000
BLOCK = 512


def parametric(standardized: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Posterior shift and variance (p,) of the standardized values (n, p) of one batch; a missing value is NaN.

    A single feature has no others to learn from and keeps its own.
    """
    shift, variance, count = _own(standardized)
    if shift.size < 2:
        return shift, variance
    center, spread = shift.mean(), shift.var(ddof=1)
    shape, rate = _inverse_gamma(variance)
    found, scale = shift, variance
    for _ in range(MOST_STEPS):
        moved = (spread * count * shift + scale * center) / (spread * count + scale)
        squares = np.nansum((standardized - moved) ** 2, axis=0)
        # Variances that are all the same need no drawing together.
        next_scale = (squares / 2 + rate) / (count / 2 + shape - 1) if np.isfinite(shape) else variance
        # A signed denominator, as published: the rule decides at which step the printed numbers were taken.
        change = max((np.abs(moved - found) / _nonzero(found)).max(), (np.abs(next_scale - scale) / scale).max())
        found, scale = moved, next_scale
        if change <= CONVERGED:
            break
    return found, scale


def nonparametric(standardized: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same, each feature's estimate being the mean of the other features' ones, weighted by its likelihood under them."""
    shift, variance, count = _own(standardized)
    if shift.size < 2:
        return shift, variance
    sums, squares = np.nansum(standardized, axis=0), np.nansum(standardized**2, axis=0)
    found, scale = np.empty_like(shift), np.empty_like(variance)
    for start in range(0, shift.size, BLOCK):
        own = np.arange(start, min(start + BLOCK, shift.size))
        n = count[own, None]
        distance = squares[own, None] - 2 * sums[own, None] * shift + n * shift**2
        # Logarithms: in batches of a few hundred rows the likelihood itself is zero for every feature.
        log = -n / 2 * np.log(2 * np.pi * variance) - distance / (2 * variance)
        log[np.arange(own.size), own] = -np.inf
        weight = np.exp(log - log.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        found[own], scale[own] = weight @ shift, weight @ variance
    return found, scale


def _own(standardized: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, variance and count (p,) of each feature; a variance of zero says nothing and counts as one."""
    variance = np.nanvar(standardized, axis=0, ddof=1)
    return (
        np.nanmean(standardized, axis=0),
        np.where(variance == 0, 1.0, variance),
        np.isfinite(standardized).sum(axis=0),
    )


def _inverse_gamma(variance: FloatArray) -> tuple[float, float]:
    """Shape and rate by the method of moments; NaN without spread."""
    mean, spread = float(variance.mean()), float(variance.var(ddof=1))
    if spread == 0:
        return np.nan, np.nan
    return (2 * spread + mean**2) / spread, (mean * spread + mean**3) / spread


def _nonzero(values: FloatArray) -> FloatArray:
    return np.where(values == 0, np.finfo(float).tiny, values)
