"""How precisely a validation sample can measure a model, and how many patients a stated precision takes.

Riley et al. 2021 (doi 10.1002/sim.9025) and 2024 (doi 10.1136/bmj-2023-074821), as in R's pmvalsampsize, whose
simulated linear predictor is integrated here. Widths are those of the whole 95 % interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from .arrays import FloatArray
from .intervals import normal_quantile
from .power import hanley_mcneil_se

# As the authors round the normal quantile and the error of O/E, so that the numbers are those of their program.
Z, STEP = 1.96, 1e-4


@dataclass(frozen=True)
class ValidationSize:
    """Patients that each precision asks for, and the largest of them with its events."""

    observed_expected: int
    slope: int
    auc: int
    required: int
    events: float


def validation_sample_size(
    *,
    prevalence: float,
    c: float,
    linear_predictor: ArrayLike | None = None,
    observed_expected_width: float = 0.2,
    slope_width: float = 0.2,
    auc_width: float = 0.1,
) -> ValidationSize:
    """Patients needed to measure a calibrated model of area c to the stated widths of the intervals.

    linear_predictor is a sample (n,) of its log odds in the target population; without one it is the binormal
    of c and the prevalence. Raises ValueError for a share or width out of range.
    """
    _check(prevalence, c)
    if min(observed_expected_width, slope_width, auc_width) <= 0:
        raise ValueError("the widths must be positive")
    # exp(z * se) - exp(-z * se) is the width around a ratio of 1; the authors raise the error in these steps.
    error = np.ceil(np.arcsinh(observed_expected_width / 2) / Z / STEP) * STEP
    first = int(np.ceil((1 - prevalence) / (prevalence * error**2)))
    second = int(np.ceil(_slope_unit(prevalence, c, linear_predictor) / (slope_width / (2 * Z)) ** 2))
    third = _patients_for_area(prevalence, c, auc_width)
    required = max(first, second, third)
    return ValidationSize(first, second, third, required, required * prevalence)


@dataclass(frozen=True)
class ExpectedPrecision:
    """Half-widths of the intervals that a sample of this size can be expected to give."""

    observed_expected: float
    slope: float
    auc: float


def expected_precision(
    *,
    n: int,
    events: int,
    auc: float,
    linear_predictor: ArrayLike | None = None,
    level: float = 0.95,
) -> ExpectedPrecision:
    """Expected half-widths for a calibrated model of this area in n patients with `events` events.

    The error of the area is that of Hanley and McNeil 1982, that of the slope from the information of a
    recalibration, that of O/E on the log scale. linear_predictor as in `validation_sample_size`. Raises
    ValueError without an event or a nonevent, or for an area not in (0.5, 1).
    """
    if not 0 < events < n:
        raise ValueError(f"0 < events < n is needed, not {events} of {n}")
    share, z = events / n, normal_quantile(level)
    _check(share, auc)
    ratio = np.sinh(z * np.sqrt((1 - share) / events))
    slope = z * np.sqrt(_slope_unit(share, auc, linear_predictor) / n)
    return ExpectedPrecision(float(ratio), float(slope), float(z * hanley_mcneil_se(auc, events, n - events)))


def _check(prevalence: float, c: float) -> None:
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie between 0 and 1, not {prevalence}")
    if not 0.5 < c < 1:
        raise ValueError(f"the area must lie in (0.5, 1), not {c}")


def _slope_unit(prevalence: float, c: float, linear_predictor: ArrayLike | None) -> float:
    """Variance of the calibration slope of one patient: the inverse of the information of a logistic fit."""
    if linear_predictor is None:
        values, density = _binormal(prevalence, c)
    else:
        values = np.asarray(linear_predictor, dtype=float)
        if values.ndim != 1 or values.size < 2 or not np.isfinite(values).all():
            raise ValueError("linear_predictor must be a one-dimensional sample of finite log odds")
        density = np.full(values.size, 1 / values.size)
    weight = density * special.expit(values) * special.expit(-values)
    total = weight.sum()
    center = (weight * values).sum() / total
    # Centered, so that the determinant does not cancel.
    return float(1 / (weight * (values - center) ** 2).sum())


def _binormal(prevalence: float, c: float) -> tuple[FloatArray, FloatArray]:
    """Grid of linear predictors and their probabilities: normal in events and in nonevents, calibrated, area c."""
    spread = np.sqrt(2) * special.ndtri(c)
    middle = special.logit(prevalence)
    grid = np.linspace(-8, 8, 2001)
    normal = np.exp(-(grid**2) / 2)
    normal = normal / normal.sum()
    centers = (middle + spread**2 / 2, middle - spread**2 / 2)
    values = np.concatenate([center + spread * grid for center in centers])
    return values, np.concatenate([prevalence * normal, (1 - prevalence) * normal])


def _patients_for_area(prevalence: float, c: float, width: float) -> int:
    """Smallest n at which the interval of the area is as narrow, by Newcombe 2006 (doi 10.1002/sim.2324)."""

    def excess(n: float) -> float:
        rest = (n / 2 - 1) * ((1 - c) / (2 - c) + c / (1 + c))
        return 2 * Z * np.sqrt(c * (1 - c) * (1 + rest) / (n**2 * prevalence * (1 - prevalence))) - width

    return int(np.ceil(optimize.brentq(excess, 2.0, 1e9, xtol=1e-6)))
