"""Estimates with an interval, and the intervals of a single proportion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .arrays import FloatArray, require_level


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits; NaN where it cannot be estimated."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Proportion:
    """numerator/denominator with its confidence limits; NaN where the denominator is 0."""

    estimate: float
    low: float
    high: float
    numerator: int
    denominator: int


NOT_ESTIMABLE = Interval(np.nan, np.nan, np.nan)


def normal_quantile(level: float) -> float:
    """Two-sided standard normal quantile: 1.96 for level 0.95."""
    require_level(level)
    return float(special.ndtri(0.5 + level / 2))


def two_sided_p(z: float) -> float:
    """P value of a standard normal statistic; the complement is avoided so that tiny values stay exact."""
    return float(2 * special.ndtr(-abs(z)))


def percentile_interval(estimate: float, replicates: ArrayLike, *, level: float = 0.95) -> Interval:
    """Percentile bootstrap interval (quantile type 7) over the finite replicates."""
    require_level(level)
    values = np.asarray(replicates, dtype=float)
    values = values[np.isfinite(values)]
    if values.size < 2:
        return Interval(float(estimate), np.nan, np.nan)
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(estimate), float(low), float(high))


def area_limits(area: float, error: float, *, interval: str, level: float) -> tuple[float, float]:
    """Limits of an area inside (0, 1) with its standard error: "wald", kept inside [0, 1], or "logit"."""
    half = normal_quantile(level) * error
    if interval == "wald":
        return float(max(area - half, 0.0)), float(min(area + half, 1.0))
    center, half = special.logit(area), half / (area * (1 - area))
    return float(special.expit(center - half)), float(special.expit(center + half))


def wilson(k: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Wilson score limits of k/n, elementwise (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    k, n = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    z = normal_quantile(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        center = (k + z**2 / 2) / (n + z**2)
        half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    # Rounding may leave 1e-17 where the limit is exactly 0 or 1.
    low = np.where(k == 0, 0.0, center - half)
    high = np.where(k == n, 1.0, center + half)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def clopper_pearson(k: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Exact limits of k/n (Clopper and Pearson 1934, doi 10.1093/biomet/26.4.404)."""
    require_level(level)
    tail = (1 - level) / 2
    low = special.betaincinv(k, n - k + 1, tail) if k > 0 else 0.0
    high = special.betaincinv(k + 1, n - k, 1 - tail) if k < n else 1.0
    return float(low), float(high)


def proportion(k: int, n: int, *, method: str = "wilson", level: float = 0.95) -> Proportion:
    """k of n with "wilson" or "clopper-pearson" limits; all NaN when n is 0.

    Raises ValueError for counts that are not 0 <= k <= n, or an unknown method.
    """
    k, n = int(k), int(n)
    if not 0 <= k <= n:
        raise ValueError(f"a proportion needs 0 <= k <= n, not {k} of {n}")
    if method not in ("wilson", "clopper-pearson"):
        raise ValueError(f'method must be "wilson" or "clopper-pearson", not "{method}"')
    if n == 0:
        return Proportion(np.nan, np.nan, np.nan, 0, 0)
    low, high = wilson(k, n, level=level) if method == "wilson" else clopper_pearson(k, n, level=level)
    return Proportion(k / n, float(low), float(high), k, n)


def weighted_difference(
    gained: ArrayLike,
    of_gained: int,
    lost: ArrayLike,
    of_lost: int,
    *,
    gain: ArrayLike,
    loss: ArrayLike,
    level: float = 0.95,
) -> tuple[FloatArray, FloatArray]:
    """Limits of gain * gained/of_gained - loss * lost/of_lost, elementwise, from two Wilson intervals.

    MOVER (Zou and Donner 2008, doi 10.1002/sim.3095). Counts of the same patients (one total for both) are two cells of a
    multinomial and correlated as such; otherwise the shares are independent.
    """
    gained, lost = np.asarray(gained, dtype=float), np.asarray(lost, dtype=float)
    u, v = np.asarray(gain, dtype=float), np.asarray(loss, dtype=float)
    p, q = gained / of_gained, lost / of_lost
    (p_low, p_high), (q_low, q_high) = wilson(gained, of_gained, level=level), wilson(lost, of_lost, level=level)
    shared = np.zeros(np.broadcast(p, q).shape)
    if of_gained == of_lost:
        with np.errstate(divide="ignore", invalid="ignore"):
            shared = np.nan_to_num(np.sqrt(p * q / ((1 - p) * (1 - q))), posinf=0.0)

    def reach(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.sqrt((u * a) ** 2 + (v * b) ** 2 + 2 * shared * u * a * v * b)

    estimate = u * p - v * q
    return estimate - reach(p - p_low, q_high - q), estimate + reach(p_high - p, q - q_low)
