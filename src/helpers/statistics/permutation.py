"""What areas under the ROC curve under permuted labels say: whether their mean lies above chance, and a P value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

FALSE_ALARM = 0.01


@dataclass(frozen=True)
class NullMean:
    """Mean and spread of areas under permuted labels, and the largest mean that chance explains.

    `sd` is the observed standard deviation (NaN of one permutation), low and high the smallest and largest area.
    """

    mean: float
    sd: float
    low: float
    high: float
    limit: float
    permutations: int

    @property
    def leaks(self) -> bool:
        """Whether the mean lies above what chance explains."""
        return self.mean > self.limit


def chance_sd(events: int, nonevents: int, *, folds: int = 1) -> float:
    """Standard deviation of the area of a score that knows nothing, averaged over folds of equal size.

    Mann and Whitney's null variance (1947, doi 10.1214/aoms/1177730491) of each fold, the folds taken as independent.
    """
    m, n = events / folds, nonevents / folds
    return float(np.sqrt((m + n + 1) / (12 * m * n) / folds))


def null_mean(areas: ArrayLike, *, chance: float, family: int = 1, false_alarm: float = FALSE_ALARM) -> NullMean:
    """The mean of areas (k,) of as many permutations against one half.

    The limit is one half and as many standard errors as a pipeline without a leak exceeds in `false_alarm` of runs,
    shared by the `family` of models (Bonferroni). A handful of permutations tells their spread poorly: the standard
    error takes the larger of the observed one and `chance`, the standard deviation of a score that knows nothing.
    Raises ValueError without an area.
    """
    values = np.asarray(areas, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError("give at least one area under permuted labels, and only finite ones")
    sd = float(values.std(ddof=1)) if values.size > 1 else float("nan")
    error = np.fmax(sd, chance) / np.sqrt(values.size)
    limit = 0.5 + float(norm.isf(false_alarm / family)) * float(error)
    return NullMean(float(values.mean()), sd, float(values.min()), float(values.max()), limit, values.size)


def permutation_p(area: float, areas: ArrayLike) -> float:
    """Share of permutations, the true labels counted as one, whose area reaches this one (Phipson & Smyth 2010).

    The smallest value is 1 / (k + 1) for k permutations: never 0 (doi 10.2202/1544-6115.1585).
    """
    values = np.asarray(areas, dtype=np.float64)
    return float((1 + (values >= area - 1e-12).sum()) / (1 + values.size))
