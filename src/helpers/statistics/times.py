"""Times of the same cases in two conditions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import FloatArray, require_level
from .intervals import normal_quantile

# Up to this many pairs the signed-rank distribution is counted and not approximated, as in R.
MOST_EXACT_PAIRS = 49


@dataclass(frozen=True)
class PairedTimes:
    """First minus second: Hodges-Lehmann shift with its interval, and the Wilcoxon signed-rank test.

    `statistic` is the sum of the ranks of the positive differences; `n` counts complete pairs.
    """

    median_first: float
    median_second: float
    shift: float
    low: float
    high: float
    statistic: float
    p: float
    n: int
    method: str


def paired_times(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> PairedTimes:
    """Compare times (n,) of the same cases in any unit, pairs with a missing one left out.

    The shift is the median of the averages of all pairs of differences (Hodges and Lehmann 1963,
    doi 10.1214/aoms/1177704172). Test and interval are exact for fewer than 50 pairs without ties, and normal
    otherwise, with the continuity correction; the test drops pairs without a difference, as Wilcoxon does,
    and the shift keeps them. Raises ValueError for unequal lengths or no complete pair.
    """
    require_level(level)
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError("the two times must be one-dimensional and equally long")
    known = np.isfinite(first) & np.isfinite(second)
    if not known.any():
        raise ValueError("no case has a time in both conditions")
    first, second = first[known], second[known]
    # A subtraction of decimal seconds leaves rounding that would break ties.
    difference = np.round(first - second, 9)
    medians = (float(np.median(first)), float(np.median(second)))
    size = np.abs(difference)
    exact = difference.size <= MOST_EXACT_PAIRS and size.all() and np.unique(size).size == size.size
    shift = _shift(difference, exact, level)
    if not size.any():
        return PairedTimes(*medians, *shift, 0.0, 1.0, difference.size, "no pair differs")
    moved = difference[difference != 0]
    statistic = float(stats.rankdata(np.abs(moved))[moved > 0].sum())
    test = stats.wilcoxon(moved, method="exact" if exact else "asymptotic", correction=not exact)
    method = f"Wilcoxon signed-rank, {'exact' if exact else 'normal'}"
    return PairedTimes(*medians, *shift, statistic, float(test.pvalue), difference.size, method)


def _shift(difference: FloatArray, exact: bool, level: float) -> tuple[float, float, float]:
    """Median of the averages of pairs, and the averages at the quantiles of the signed-rank statistic."""
    n = difference.size
    average = np.sort((difference[:, None] + difference)[np.triu_indices(n)] / 2)
    estimate = float(np.median(average))
    if n < 2:
        return estimate, np.nan, np.nan
    if exact:
        outside = max(_signed_rank_quantile((1 - level) / 2, n), 1)
    else:
        spread = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        outside = max(int(np.round(n * (n + 1) / 4 - normal_quantile(level) * spread)), 1)
    return estimate, float(average[outside - 1]), float(average[-outside])


def _signed_rank_quantile(tail: float, n: int) -> int:
    """Smallest value whose cumulative probability under no shift reaches `tail`."""
    ways = np.ones(1)
    for rank in range(1, n + 1):
        ways = np.append(ways, np.zeros(rank)) + np.append(np.zeros(rank), ways)
    return int(np.searchsorted(np.cumsum(ways) / 2.0**n, tail * (1 - 1e-12)))
