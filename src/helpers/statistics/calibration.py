"""Calibration: in the large, slope, flexible curve and its errors, Brier score, grouped checks.

The hierarchy is that of Van Calster et al. 2016 (doi 10.1016/j.jclinepi.2015.12.005); ICI, E50 and E90 are
Austin and Steyerberg 2019 (doi 10.1002/sim.8281). On the patients a logistic model was fitted to, slope 1
and intercept 0 hold by construction and say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from .arrays import BoolArray, FloatArray, binary_truth, probabilities
from .batched_logistic import batched_logistic
from .intervals import NOT_ESTIMABLE, Interval, normal_quantile, two_sided_p
from .logistic import log_likelihood, logistic
from .resampling import ordinary_counts, percentile_band
from .risk_groups import GroupedCalibration, HosmerLemeshow, grouped_calibration, hosmer_lemeshow
from .smoothers import clipped_logit, fit_smoother, smoother_design

__all__ = [
    "Calibration",
    "CalibrationCurve",
    "GroupedCalibration",
    "HosmerLemeshow",
    "RecalibrationTests",
    "brier",
    "calibration",
    "calibration_curve",
    "grouped_calibration",
    "hosmer_lemeshow",
    "observed_expected",
    "recalibrate",
    "recalibration_tests",
    "scaled_brier",
    "spiegelhalter",
]


@dataclass(frozen=True)
class Calibration:
    """Calibration of predicted risks; NaN where `method` says that a part is not estimable."""

    in_the_large: Interval
    slope: Interval
    observed_expected: Interval
    ici: float
    e50: float
    e90: float
    emax: float
    eci: float
    brier: float
    scaled_brier: float
    spiegelhalter_z: float
    spiegelhalter_p: float
    n: int
    events: int
    smoother: str
    method: str


def calibration(
    truth: ArrayLike, probability: ArrayLike, *, smoother: str = "auto", level: float = 0.95
) -> Calibration:
    """Every calibration measure of probability (n,) against truth (n,).

    `in_the_large` is the intercept with the slope held at 1, not the free-slope intercept that rms prints.
    Distances of the flexible curve are ICI (mean), E50, E90, Emax and ECI (100 times the mean square).
    Nothing is raised for separated or constant predictions. Raises ValueError for values outside [0, 1].
    """
    events = binary_truth(truth)
    p = probabilities(probability, length=events.size)
    x = clipped_logit(p)
    ones = np.ones((events.size, 1))
    large, large_problem = _coefficient(ones, events, offset=x, index=0, level=level)
    slope, slope_problem = _coefficient(np.column_stack([ones, x]), events, offset=0.0, index=1, level=level)
    curve, name = fit_smoother(events, p, smoother=smoother)
    distance = np.abs(curve(p) - p)
    z, z_p = spiegelhalter(events, p)
    found = (("intercept", large_problem), ("slope", slope_problem))
    problems = [f"{part} not estimable: {why}" for part, why in found if why]
    return Calibration(
        large,
        slope,
        observed_expected(events, p, level=level),
        float(distance.mean()),
        *(float(value) for value in np.quantile(distance, [0.5, 0.9])),
        float(distance.max()),
        float(100 * np.mean(distance**2)),
        brier(events, p),
        scaled_brier(events, p),
        z,
        z_p,
        events.size,
        int(events.sum()),
        name,
        "; ".join(["logistic recalibration, Wald intervals", *problems]),
    )


def _coefficient(
    design: FloatArray, events: BoolArray, *, offset: ArrayLike, index: int, level: float
) -> tuple[Interval, str]:
    fit = logistic(design, events, offset=offset)
    if fit.problem:
        return NOT_ESTIMABLE, fit.problem
    value, half = fit.coefficients[index], normal_quantile(level) * np.sqrt(fit.covariance[index, index])
    return Interval(float(value), float(value - half), float(value + half)), ""


def observed_expected(truth: ArrayLike, probability: ArrayLike, *, level: float = 0.95) -> Interval:
    """Observed over expected events, with the error of a ratio of two sums over patients on the log scale.

    Cochran, Sampling Techniques (1977), 6.4: expected events move with the patients drawn, as observed ones do. The
    commoner sqrt((1 - prevalence)/observed) (Debray 2017, doi 10.1136/bmj.i6460) leaves that out and is too wide, 97 %
    for 95. The interval is NaN without events, the estimate without expected events.
    """
    events = binary_truth(truth)
    p = probabilities(probability, length=events.size)
    if p.sum() == 0:
        return NOT_ESTIMABLE
    ratio, n = float(events.sum() / p.sum()), events.size
    if not events.any() or n < 2:
        return Interval(ratio, np.nan, np.nan)
    error = np.sqrt(n / (n - 1) * np.square(events - ratio * p).sum()) / events.sum()
    half = normal_quantile(level) * error
    return Interval(ratio, float(ratio * np.exp(-half)), float(ratio * np.exp(half)))


def brier(truth: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared distance of probability (n,) from truth (n,)."""
    events = binary_truth(truth)
    return float(np.mean((events - probabilities(probability, length=events.size)) ** 2))


def scaled_brier(truth: ArrayLike, probability: ArrayLike) -> float:
    """1 - Brier over that of predicting the prevalence; NaN with one class only."""
    spread = float(np.var(binary_truth(truth)))
    return 1 - brier(truth, probability) / spread if spread else np.nan


def spiegelhalter(truth: ArrayLike, probability: ArrayLike) -> tuple[float, float]:
    """Statistic and p of Spiegelhalter 1986 (doi 10.1002/sim.4780050506); NaN without variance."""
    events = binary_truth(truth)
    p = probabilities(probability, length=events.size)
    variance = np.sum((1 - 2 * p) ** 2 * p * (1 - p))
    if variance == 0:
        return np.nan, np.nan
    z = float(np.sum((events - p) * (1 - 2 * p)) / np.sqrt(variance))
    return z, two_sided_p(z)


@dataclass(frozen=True)
class RecalibrationTests:
    """Likelihood-ratio statistics and p values against perfect calibration (Miller 1991, joint of 2 df)."""

    joint: float
    joint_p: float
    in_the_large: float
    in_the_large_p: float
    slope: float
    slope_p: float


def recalibration_tests(truth: ArrayLike, probability: ArrayLike) -> RecalibrationTests:
    """Tests of intercept 0 and slope 1 jointly, of the intercept at slope 1, and of the slope.

    Miller, Hui and Tierney 1991 (doi 10.1002/sim.4780100805). NaN if separated.
    Meant for data the model was not fitted to.
    """
    events = binary_truth(truth)
    x = clipped_logit(probabilities(probability, length=events.size))
    ones = np.ones((events.size, 1))
    as_given = log_likelihood(events, x)
    shifted = logistic(ones, events, offset=x).log_likelihood
    free = logistic(np.column_stack([ones, x]), events).log_likelihood
    joint, large, slope = 2 * (free - as_given), 2 * (shifted - as_given), 2 * (free - shifted)
    tails = [float(stats.chi2.sf(value, df)) for value, df in ((joint, 2), (large, 1), (slope, 1))]
    return RecalibrationTests(joint, tails[0], large, tails[1], slope, tails[2])


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Observed against predicted risk (g,), with bootstrap limits (NaN without replicates)."""

    predicted: FloatArray
    observed: FloatArray
    low: FloatArray
    high: FloatArray
    smoother: str


def calibration_curve(
    truth: ArrayLike,
    probability: ArrayLike,
    *,
    smoother: str = "auto",
    grid: ArrayLike | None = None,
    replicates: int = 0,
    seed: int = 0,
    level: float = 0.95,
) -> CalibrationCurve:
    """Flexible calibration curve on a grid, by default 100 points over the range of the predictions.

    The pointwise percentile band comes from resampled patients, each refitted with the smoother of the curve and
    the knots of the sample; replicates without an estimate are left out. Loess, there as a check of the curve
    and not of its uncertainty, has no band. Raises ValueError for an unknown smoother.
    """
    events = binary_truth(truth)
    p = probabilities(probability, length=events.size)
    at = np.linspace(p.min(), p.max(), 100) if grid is None else np.asarray(grid, dtype=float)
    curve, name = fit_smoother(events, p, smoother=smoother)
    low = high = np.full(at.shape, np.nan)
    if replicates > 0 and name not in ("not estimable", "loess"):
        low, high = percentile_band(_resampled_curves(events, p, at, name, replicates, seed), level=level)
    return CalibrationCurve(at, curve(at), low, high, name)


def _resampled_curves(
    events: BoolArray, p: FloatArray, at: FloatArray, name: str, replicates: int, seed: int
) -> FloatArray:
    design = smoother_design(p, name)
    blocks = ordinary_counts(events.size, replicates=replicates, rng=np.random.default_rng(seed))
    rows = [batched_logistic(design(p), events, counts) for counts in blocks]
    return special.expit(np.concatenate(rows) @ design(at).T)


def recalibrate(intercept: float, slope: float, probability: ArrayLike) -> FloatArray:
    """Probabilities moved to expit(intercept + slope * logit p); the coefficients come from training."""
    return special.expit(intercept + slope * clipped_logit(np.asarray(probability, dtype=float)))
