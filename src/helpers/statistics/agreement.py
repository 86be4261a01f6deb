"""Agreement of measurements (ICC) and of categories (kappa, alpha); masks are compared in `overlap`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .arrays import FloatArray, require_level
from .intervals import normal_quantile, two_sided_p
from .overlap import dice, hausdorff95, summary_interval

__all__ = [
    "ICC",
    "Kappa",
    "cohen_kappa",
    "dice",
    "fleiss_kappa",
    "hausdorff95",
    "icc",
    "kappa_of_table",
    "krippendorff_alpha",
    "summary_interval",
]

FORMS = ("1,1", "A,1", "C,1", "1,k", "A,k", "C,k")


@dataclass(frozen=True, eq=False)
class ICC:
    """Intraclass correlations with limits, one a feature (or scalars); NaN for a constant feature."""

    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    form: str


def icc(ratings: ArrayLike, *, form: str = "A,1", level: float = 0.95) -> ICC:
    """Intraclass correlation of ratings (targets, raters) or (features, targets, raters).

    McGraw and Wong 1996 (doi 10.1037/1082-989X.1.1.30): "A,1" is absolute agreement of single raters, the
    ICC(2,1) of Shrout and Fleiss 1979; "C,1" consistency, ICC(3,1), blind to a rater's bias; "1,1" one-way;
    "k" in place of 1 averages raters. Constant or incomplete features give NaN, perfect agreement 1 (1-1).
    Raises ValueError for an unknown form or fewer than two targets or raters.
    """
    require_level(level)
    x = np.asarray(ratings, dtype=float)
    if form not in FORMS:
        raise ValueError(f'form must be one of {"; ".join(FORMS)}, not "{form}"')
    if x.ndim not in (2, 3) or min(x.shape[-2:]) < 2:
        raise ValueError(f"ratings must be ([features,] targets >= 2, raters >= 2), not {x.shape}")
    n, k = x.shape[-2:]
    with np.errstate(all="ignore"):
        squares = _mean_squares(x)
        limits = {"1": _one_way, "C": _consistency, "A": _absolute}[form[0]](*squares, n, k, level)
        single = np.stack(limits)
        values = single * k / (1 + single * (k - 1)) if form.endswith("k") else single
        spread = np.abs(x - x.mean(axis=(-2, -1), keepdims=True)).max(axis=(-2, -1))
        error = squares[3] if form[0] == "1" else squares[2] + (squares[1] if form[0] == "A" else 0.0)
        values = np.where(error <= 1e-24 * np.square(spread), 1.0, values)
        constant = ~(spread > 1e-12 * np.abs(x).max(axis=(-2, -1)))
    return ICC(*(np.where(constant, np.nan, value)[()] for value in values), form)


def _mean_squares(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Mean squares of targets, raters, residual, and within targets, over the last two axes."""
    n, k = x.shape[-2:]
    x = x - x.mean(axis=(-2, -1), keepdims=True)
    row, column = x.mean(axis=-1, keepdims=True), x.mean(axis=-2, keepdims=True)
    msr = k * np.square(row).sum(axis=(-2, -1)) / (n - 1)
    msc = n * np.square(column).sum(axis=(-2, -1)) / (k - 1)
    mse = np.square(x - row - column).sum(axis=(-2, -1)) / ((n - 1) * (k - 1))
    msw = np.square(x - row).sum(axis=(-2, -1)) / (n * (k - 1))
    return msr, msc, mse, msw


def _one_way(
    msr: FloatArray, msc: FloatArray, mse: FloatArray, msw: FloatArray, n: int, k: int, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    return _from_ratio(msr / msw, n - 1, n * (k - 1), k, level)


def _consistency(
    msr: FloatArray, msc: FloatArray, mse: FloatArray, msw: FloatArray, n: int, k: int, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    return _from_ratio(msr / mse, n - 1, (n - 1) * (k - 1), k, level)


def _from_ratio(
    ratio: FloatArray, df1: int, df2: int, k: int, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Single-rater correlation and limits of a variance ratio F on df1, df2."""
    tail = 0.5 + level / 2
    low, high = ratio / special.fdtri(df1, df2, tail), ratio * special.fdtri(df2, df1, tail)
    estimate, low, high = ((f - 1) / (f + k - 1) for f in (ratio, low, high))
    return estimate, low, high


def _absolute(
    msr: FloatArray, msc: FloatArray, mse: FloatArray, msw: FloatArray, n: int, k: int, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Absolute agreement with Satterthwaite's degrees of freedom (McGraw and Wong 1996, Table 7)."""
    estimate = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    a = k * estimate / (n * (1 - estimate))
    b = 1 + k * estimate * (n - 1) / (n * (1 - estimate))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    tail = 0.5 + level / 2
    lower, upper = special.fdtri(n - 1, v, tail), special.fdtri(v, n - 1, tail)
    rest = k * n - k - n
    low = n * (msr - lower * mse) / (lower * (k * msc + rest * mse) + n * msr)
    high = n * (upper * msr - mse) / (k * msc + rest * mse + n * upper * msr)
    return estimate, low, high


@dataclass(frozen=True)
class Kappa:
    """Chance-corrected agreement; the interval has the non-null error, z and p the null one.

    All but the raw agreement is NaN when both raters used a single category.
    """

    estimate: float
    standard_error: float
    low: float
    high: float
    z: float
    p: float
    agreement: float
    n: int


def cohen_kappa(a: ArrayLike, b: ArrayLike, *, weights: str | None = None, level: float = 0.95) -> Kappa:
    """Cohen's kappa of two raters' categories (n,), sorted to give "linear" or "quadratic" weights meaning.

    Raises ValueError for unequal lengths, an empty or missing rating, or unknown weights.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise ValueError("a and b must be non-empty one-dimensional arrays of equal length")
    if any(v.dtype.kind == "f" and not np.isfinite(v).all() for v in (a, b)):
        raise ValueError("a and b must not hold missing ratings")
    categories, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    table = np.zeros((categories.size, categories.size))
    np.add.at(table, (codes[: a.size], codes[a.size :]), 1)
    return kappa_of_table(table, weights=weights, level=level)


def kappa_of_table(table: ArrayLike, *, weights: str | None = None, level: float = 0.95) -> Kappa:
    """Kappa of a cross-table (k, k); errors of Fleiss, Cohen and Everitt 1969 (doi 10.1037/h0028106)."""
    counts = np.asarray(table, dtype=float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.sum() > 0:
        raise ValueError("the cross-table must be square and hold at least one pair")
    k, n = len(counts), counts.sum()
    w, p = _agreement_weights(k, weights), counts / n
    row, column = p.sum(axis=1), p.sum(axis=0)
    chance = np.outer(row, column)
    observed, expected = float((w * p).sum()), float((w * chance).sum())
    if 1 - expected < 1e-12:
        return Kappa(*(np.nan,) * 6, float(np.trace(p)), int(n))
    kappa = (observed - expected) / (1 - expected)
    mean_weight = (w @ column)[:, None] + (row @ w)[None, :]
    scale = n * (1 - expected) ** 2
    spread = (p * (w - mean_weight * (1 - kappa)) ** 2).sum() - (kappa - expected * (1 - kappa)) ** 2
    null = ((chance * (w - mean_weight) ** 2).sum() - expected**2) / scale
    return _kappa(kappa, max(spread, 0.0) / scale, null, float(np.trace(p)), int(n), level)


def _kappa(kappa: float, variance: float, null: float, agreement: float, n: int, level: float) -> Kappa:
    error = float(np.sqrt(variance))
    half = normal_quantile(level) * error
    z = float(kappa / np.sqrt(null)) if null > 0 else np.nan
    return Kappa(float(kappa), error, float(kappa - half), float(kappa + half), z, two_sided_p(z), agreement, n)


def _agreement_weights(k: int, weights: str | None) -> FloatArray:
    if weights not in (None, "linear", "quadratic"):
        raise ValueError(f'weights must be None, "linear" or "quadratic", not "{weights}"')
    if weights is None or k == 1:
        return np.eye(k)
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / (k - 1)
    return 1 - (distance if weights == "linear" else distance**2)


def fleiss_kappa(counts: ArrayLike, *, level: float = 0.95) -> Kappa:
    """Fleiss' kappa of counts (subjects, categories), each row summing to the same number of raters.

    The standard error and the test are the null ones of Fleiss, Nee and Landis 1979 (doi 10.1037/0033-2909.86.5.974), as irr
    has them; the limits are those of Gwet 2021 (doi 10.1177/0013164420973080), t on subjects - 1, as the null error
    would hold a kappa of 0.4 in 90 % only. Raises ValueError for rows that differ or fewer than two raters.
    """
    counts = np.asarray(counts, dtype=float)
    if counts.ndim != 2 or counts.size == 0 or np.ptp(counts.sum(axis=1)) != 0 or counts[0].sum() < 2:
        raise ValueError("counts must be (subjects, categories) with the same two or more raters a row")
    n, raters = len(counts), counts[0].sum()
    share = counts.sum(axis=0) / (n * raters)
    each = (np.square(counts).sum(axis=1) - raters) / (raters * (raters - 1))
    agreement, free = float(each.mean()), share * (1 - share)
    if free.sum() < 1e-12:
        return Kappa(*(np.nan,) * 6, agreement, n)
    expected = np.square(share).sum()
    kappa = (agreement - expected) / (1 - expected)
    spread = free.sum() ** 2 - (free * (1 - 2 * share)).sum()
    variance = 2 * spread / (free.sum() ** 2 * n * raters * (raters - 1))
    tested = _kappa(kappa, variance, variance, agreement, n, level)
    by_subject = (each - expected - 2 * (1 - kappa) * (counts @ share / raters - expected)) / (1 - expected)
    half = _t_half_width(by_subject - kappa, n, level)
    return replace(tested, low=float(kappa - half), high=float(kappa + half))


def _t_half_width(deviation: FloatArray, n: int, level: float) -> float:
    """Half-width of a t interval of a mean from the deviations (n,) of its subjects; NaN for one subject."""
    if n < 2:
        return float("nan")
    return float(special.stdtrit(n - 1, 0.5 + level / 2) * np.sqrt(np.square(deviation).sum() / (n * (n - 1))))


def krippendorff_alpha(ratings: ArrayLike, *, metric: str = "nominal") -> float:
    """Krippendorff's alpha of ratings (raters, units), NaN where missing; metric "nominal" or "interval".

    Krippendorff, Content Analysis (2004), chapter 11. NaN when no unit has two ratings or nothing varies.
    """
    x = np.asarray(ratings, dtype=float)
    if x.ndim != 2 or metric not in ("nominal", "interval"):
        raise ValueError('ratings must be (raters, units) and metric "nominal" or "interval"')
    x = x[:, np.isfinite(x).sum(axis=0) > 1]
    values = np.unique(x[np.isfinite(x)])
    counts = (x.T[:, :, None] == values).sum(axis=1).astype(float)
    raters = counts.sum(axis=1)[:, None]
    gap = np.subtract.outer(values, values)
    distance = np.square(gap) if metric == "interval" else (gap != 0).astype(float)
    # A pair of equal values is at distance 0, so a value need not be kept from pairing with itself.
    observed = (counts / (raters - 1) * (counts @ distance)).sum()
    total = counts.sum(axis=0)
    expected = total @ distance @ total
    return float(1 - (total.sum() - 1) * observed / expected) if expected > 0 else np.nan
