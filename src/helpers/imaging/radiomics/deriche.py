"""Coefficients of Deriche's recursive Gaussian and of its second derivative, normalized as ITK normalizes them."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

# Deriche 1993 (INRIA RR-1893), table of the fourth-order fit to the Gaussian and to its second derivative:
# two damped waves, (a cos + b sin) exp, of the given frequency and decay per sigma.
FREQUENCY, DECAY = (0.6681, 2.0787), (-1.3932, -1.3732)
GAUSSIAN = ((1.3530, 1.8151), (-0.3531, 0.0902))
SECOND = ((-1.3563, 5.2318), (0.3446, -2.2355))


@lru_cache(maxsize=256)
def coefficients(sigma: float, spacing: float, *, second: bool) -> np.ndarray:
    """Of the recursion: four causal (N), four anticausal (M), four feedback (D), and at the edges four + four.

    The edges repeat the outermost voxel for ever. Orders 0 and 2, the latter times sigma squared.
    """
    scale = sigma / spacing
    feedback, weights = _feedback(scale), np.array([1.0, 4.0, 9.0, 16.0])
    sd, dd, ed = 1.0 + _sum(feedback), _sum(feedback * (1.0, 2.0, 3.0, 4.0)), _sum(feedback * weights)
    causal = _causal_terms(scale, GAUSSIAN)
    if second:
        bare = _causal_terms(scale, SECOND)
        beta = -(2 * _sum(bare) - sd * bare[0]) / (2 * _sum(causal) - sd * causal[0])
        sn, dn, en = (_moments(bare)[i] + beta * _moments(causal)[i] for i in range(3))
        causal = bare + beta * causal
        gain = en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn
        causal = causal * (sigma * sigma / (gain / (sd * sd * sd)))
    else:
        causal = causal * (1.0 / (2 * _sum(causal) / sd - causal[0]))
    anticausal = np.append(causal[1:], 0.0) - feedback * causal[0]
    edges = [feedback * _sum(part) / sd for part in (causal, anticausal)]
    return np.concatenate([causal, anticausal, feedback, *edges])


def _feedback(scale: float) -> np.ndarray:
    """The denominator's four terms: a product of two damped waves."""
    cos1, cos2 = (math.cos(w / scale) for w in FREQUENCY)
    exp1, exp2 = (math.exp(decay / scale) for decay in DECAY)
    d4 = exp1 * exp1 * exp2 * exp2
    d3 = -2 * cos1 * exp1 * exp2 * exp2 + -2 * cos2 * exp2 * exp1 * exp1
    d2 = 4 * cos2 * cos1 * exp1 * exp2 + (exp1 * exp1 + exp2 * exp2)
    return np.array([-2 * (exp2 * cos2 + exp1 * cos1), d2, d3, d4])


def _causal_terms(scale: float, fit: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    """The numerator's four terms."""
    (a1, b1), (a2, b2) = fit
    (sin1, cos1), (sin2, cos2) = ((math.sin(w / scale), math.cos(w / scale)) for w in FREQUENCY)
    exp1, exp2 = (math.exp(decay / scale) for decay in DECAY)
    n1 = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2) + exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    n2 = ((a1 + a2) * cos2 * cos1 - (b1 * cos2 * sin1 + b2 * cos1 * sin2)) * (2 * exp1 * exp2)
    n2 += a2 * exp1 * exp1 + a1 * exp2 * exp2
    n3 = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2) + exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return np.array([a1 + a2, n1, n2, n3])


def _moments(terms: np.ndarray) -> tuple[float, float, float]:
    """Sum, first and second moment of four terms at 0, 1, 2, 3."""
    _, n1, n2, n3 = terms
    return _sum(terms), n1 + 2 * n2 + 3 * n3, n1 + 4 * n2 + 9 * n3


def _sum(terms: np.ndarray) -> float:
    """From left to right, unlike numpy's."""
    return float(terms[0] + terms[1] + terms[2] + terms[3])
