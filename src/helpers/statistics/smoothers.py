"""Flexible calibration curves: logistic regression on restricted cubic splines, loess, and the lowess of rms.

Different smoothers give different calibration errors on the same data, so the name travels with the curve.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from .arrays import BoolArray, FloatArray
from .logistic import logistic

Curve = Callable[[FloatArray], FloatArray]

# Harrell, Regression Modeling Strategies (2015), Table 2.3.
KNOT_QUANTILES = {
    "rcs3": (0.10, 0.50, 0.90),
    "rcs4": (0.05, 0.35, 0.65, 0.95),
    "rcs5": (0.05, 0.275, 0.50, 0.725, 0.95),
}
FALLBACK = {
    "rcs5": "rcs3",
    "rcs4": "rcs3",
    "rcs3": "logistic",
    "loess": "logistic",
    "lowess": "logistic",
    "logistic": "",
}
SMOOTHERS = ("auto", *FALLBACK)
CLIP = 1e-9


def clipped_logit(probability: FloatArray) -> FloatArray:
    """Logit of probabilities kept 1e-9 away from 0 and 1."""
    return special.logit(np.clip(probability, CLIP, 1 - CLIP))


def spline_basis(x: FloatArray, knots: FloatArray) -> FloatArray:
    """Restricted cubic spline basis (n, k - 1) of x (n,) at k knots: linear beyond the outer knots."""
    last, before = knots[-1], knots[-2]

    def cube(knot: float) -> FloatArray:
        return np.maximum(x - knot, 0.0) ** 3

    terms = [
        cube(knot) - (cube(before) * (last - knot) - cube(last) * (before - knot)) / (last - before)
        for knot in knots[:-2]
    ]
    return np.column_stack([x, *(term / (last - knots[0]) ** 2 for term in terms)])


def fit_smoother(events: BoolArray, probability: FloatArray, *, smoother: str) -> tuple[Curve, str]:
    """Curve from predicted to observed risk, with the name of the smoother that gave it.

    "auto" is rcs3 below 100 events and rcs5 above. Where values are too few or the fit separates, a simpler
    smoother takes over; when even logistic regression has no estimate the curve is NaN, "not estimable".
    Raises ValueError for an unknown smoother.
    """
    if smoother not in SMOOTHERS:
        raise ValueError(f'smoother must be one of {", ".join(SMOOTHERS)}, not "{smoother}"')
    name = ("rcs3" if events.sum() < 100 else "rcs5") if smoother == "auto" else smoother
    while name:
        curve = _fit_one(events, probability, name)
        if curve is not None:
            return curve, name
        name = FALLBACK[name]
    return (lambda p: np.full(np.shape(p), np.nan)), "not estimable"


def _fit_one(events: BoolArray, probability: FloatArray, name: str) -> Curve | None:
    if name == "loess":
        return _loess_curve(events, probability)
    if name == "lowess":
        return _lowess_curve(events, probability)
    design = smoother_design(probability, name)
    fit = logistic(design(probability), events) if design else None
    if design is None or fit is None or fit.problem:
        return None
    return lambda p: special.expit(design(np.asarray(p, dtype=float)) @ fit.coefficients)


def smoother_design(probability: FloatArray, name: str) -> Curve | None:
    """Design (m, k) that "logistic" or a spline gives probabilities (m,), ones first; None without curvature.

    The knots lie at quantiles of `probability` (n,) and stay there for whatever the design is asked for.
    """
    if name == "logistic":
        return lambda p: np.column_stack([np.ones(p.size), clipped_logit(p)])
    x = clipped_logit(probability)
    knots = np.quantile(x, KNOT_QUANTILES[name])
    # Coinciding knots leave no curvature to fit.
    if np.unique(knots).size < knots.size or np.unique(x).size <= knots.size:
        return None
    return lambda p: np.column_stack([np.ones(p.size), spline_basis(clipped_logit(p), knots)])


def _loess_curve(events: BoolArray, probability: FloatArray) -> Curve | None:
    if np.unique(probability).size < 5 or events.all() or not events.any():
        return None
    outcome = events.astype(float)
    return lambda p: loess(probability, outcome, np.asarray(p, dtype=float))


def _lowess_curve(events: BoolArray, probability: FloatArray) -> Curve | None:
    """Local lines without robustness, as R's lowess(iter = 0), which val.prob of rms draws; interpolated between patients."""
    from statsmodels.nonparametric.smoothers_lowess import lowess  # seconds to import, and seldom asked for

    if np.unique(probability).size < 5 or events.all() or not events.any():
        return None
    step = 0.01 * np.ptp(probability)
    at, fitted = lowess(events.astype(float), probability, frac=2 / 3, it=0, delta=step).T
    first = np.unique(at, return_index=True)[1]
    return lambda p: np.interp(np.asarray(p, dtype=float), at[first], fitted[first])


def loess(x: FloatArray, y: FloatArray, at: FloatArray, *, span: float = 0.75) -> FloatArray:
    """Local quadratic regression of y (n,) on x (n,), evaluated directly at (m,) points.

    Cleveland 1979 (doi 10.1080/01621459.1979.10481038) with R's defaults span 0.75, degree 2, tricube
    weights and no robustness. A local quadratic may leave [0, 1]; as in R it is not clipped.
    """
    nearest = max(int(np.floor(x.size * span + 1e-5)), 1)
    points, inverse = np.unique(at, return_inverse=True)
    fitted = np.empty(points.size)
    for i, point in enumerate(points):
        distance = np.abs(x - point)
        width = np.partition(distance, nearest - 1)[nearest - 1]
        near = distance <= width if width == 0 else distance < width
        weight = np.ones(near.sum()) if width == 0 else (1 - (distance[near] / width) ** 3) ** 1.5
        shifted = (x[near] - point) / (width or 1.0)
        basis = np.column_stack([np.ones_like(shifted), shifted, shifted**2])
        fitted[i] = np.linalg.lstsq(basis * weight[:, None], y[near] * weight, rcond=None)[0][0]
    return fitted[inverse].reshape(np.shape(at))
