"""The model against each reader and against their mean, and whether it is not worse by more than a margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .arrays import FloatArray, finite_scores
from .discrimination import ZERO_VARIANCE, Comparison
from .intervals import normal_quantile, two_sided_p
from .reader_covariances import checked_ratings, with_covariance


@dataclass(frozen=True)
class NonInferiority:
    """Whether a difference lies above -margin: one-sided bound, and p of the hypothesis that it does not.

    The bound is the lower limit of the two-sided interval, so at level 0.95 the test is at 0.025.
    """

    margin: float
    bound: float
    statistic: float
    p: float
    shown: bool


@dataclass(frozen=True, eq=False)
class ReadersAgainstModel:
    """The metric of the model and of the readers (readers,), and model minus reader.

    `mean_of_readers` is model minus the mean of these readers; `non_inferior` is about it.
    """

    metric: str
    model: float
    readers: FloatArray
    per_reader: tuple[Comparison, ...]
    mean_of_readers: Comparison
    non_inferior: NonInferiority | None


def readers_against_model(
    truth: ArrayLike,
    ratings: ArrayLike,
    model_score: ArrayLike,
    *,
    metric: str = "auc",
    covariance: str = "delong",
    margin: float | None = None,
    level: float = 0.95,
) -> ReadersAgainstModel:
    """Compare a model's scores (cases,) with ratings (readers, cases) of one condition, on truth (cases,).

    Every difference is model minus reader, with the covariance over the shared cases; the mean of readers is
    a contrast of the same matrix, so it speaks of these readers only. One reader is enough. For "sensitivity"
    and "specificity" ratings and model_score are calls of 0 and 1. With a margin the mean is tested for
    non-inferiority. Raises ValueError as `mrmc` does, and for a margin not above 0.
    """
    events, ratings = checked_ratings(truth, ratings, metric=metric)
    if ratings.ndim != 2:
        raise ValueError(f"ratings must be (readers, {events.size}), not {ratings.shape}")
    score = finite_scores(model_score, length=events.size, name="model_score")
    if metric != "auc":
        checked_ratings(truth, score, metric=metric)
    stacked = np.vstack([score, ratings])
    values, matrix, method = with_covariance(events, stacked, metric=metric, covariance=covariance)
    readers = len(ratings)
    against = np.hstack([np.ones((readers, 1)), -np.eye(readers)])
    named = f"paired {'DeLong' if method == 'delong' else method}"
    each = tuple(_weighted(w, values, matrix, level, named) for w in against)
    mean = _weighted(against.mean(axis=0), values, matrix, level, f"{named} contrast, fixed readers")
    bound = None if margin is None else non_inferiority(mean, margin=margin, level=level)
    return ReadersAgainstModel(metric, float(values[0]), values[1:], each, mean, bound)


def _weighted(weights: FloatArray, values: FloatArray, matrix: FloatArray, level: float, method: str) -> Comparison:
    return normal_contrast(float(weights @ values), float(weights @ matrix @ weights), level=level, method=method)


def normal_contrast(difference: float, variance: float, *, level: float, method: str) -> Comparison:
    """A difference with its normal interval and two-sided p; both NaN where there is no variance."""
    if not variance >= ZERO_VARIANCE:
        return Comparison(difference, *(np.nan,) * 5, f"{method}; not estimable: no variance")
    error = float(np.sqrt(variance))
    half, z = normal_quantile(level) * error, difference / error
    return Comparison(difference, difference - half, difference + half, z, np.nan, two_sided_p(z), method)


def non_inferiority(comparison: Comparison, *, margin: float, level: float = 0.95) -> NonInferiority:
    """Test that the first is not worse than the second by `margin` or more, from their normal comparison.

    `level` is that of the comparison's interval, whose lower limit is the bound. NaN, and not shown, where the
    comparison has no interval. Raises ValueError for a margin not above 0.
    """
    if not margin > 0:
        raise ValueError(f"the margin must be positive, not {margin}")
    error = (comparison.high - comparison.low) / (2 * normal_quantile(level))
    with np.errstate(divide="ignore"):
        z = np.float64(comparison.estimate + margin) / error
    return NonInferiority(margin, comparison.low, float(z), float(special.ndtr(-z)), bool(comparison.low > -margin))
