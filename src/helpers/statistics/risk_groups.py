"""Calibration by groups of predicted risk: points for the plot, and the Hosmer-Lemeshow test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .arrays import FloatArray, binary_truth, probabilities
from .intervals import wilson


@dataclass(frozen=True, eq=False)
class GroupedCalibration:
    """Mean predicted and observed risk of each group (g,), with Wilson limits, counts and events."""

    predicted: FloatArray
    observed: FloatArray
    low: FloatArray
    high: FloatArray
    count: FloatArray
    events: FloatArray


def risk_groups(probability: FloatArray, *, groups: int) -> NDArray[np.int64]:
    """Group number (n,) from 0, by right-closed quantiles of risk (type 7); ties make fewer groups."""
    if groups < 2:
        raise ValueError(f"at least two groups are needed, not {groups}")
    breaks = np.unique(np.quantile(probability, np.linspace(0, 1, groups + 1)))
    labels = np.searchsorted(breaks[1:-1], probability, side="left")
    return np.unique(labels, return_inverse=True)[1]


def grouped_calibration(
    truth: ArrayLike, probability: ArrayLike, *, groups: int = 10, level: float = 0.95
) -> GroupedCalibration:
    """Observed against predicted risk by quantile group, the points readers expect under the curve."""
    events = binary_truth(truth)
    p = probabilities(probability, length=events.size)
    label = risk_groups(p, groups=groups)
    count = np.bincount(label).astype(float)
    observed, expected = np.bincount(label, weights=events), np.bincount(label, weights=p)
    low, high = wilson(observed, count, level=level)
    return GroupedCalibration(expected / count, observed / count, low, high, count, observed)


@dataclass(frozen=True)
class HosmerLemeshow:
    """Hosmer-Lemeshow statistic; a large p is not evidence of calibration. p is NaN without df left.

    `note` says why the test tells little here, and is empty where nothing speaks against it.
    """

    statistic: float
    df: int
    p: float
    groups: int
    smallest_expected: float
    note: str


def hosmer_lemeshow(truth: ArrayLike, probability: ArrayLike, *, groups: int = 10, fitted_here: bool) -> HosmerLemeshow:
    """Hosmer-Lemeshow test on the groups that exist: df = groups - 2 where the model was fitted, else groups.

    Ties can leave fewer groups than asked for, and df follows those. On patients the model never saw,
    groups - 2 would reject a calibrated model in 11 % of studies. The note warns of expected counts below 5,
    of fewer than 100 patients, and of more than 1000, where trifles are significant (Paul 2013,
    doi 10.1002/sim.5525).
    """
    events = binary_truth(truth)
    p = probabilities(probability, length=events.size)
    label = risk_groups(p, groups=groups)
    observed = np.array([np.bincount(label, weights=events), np.bincount(label, weights=~events)])
    expected = np.array([np.bincount(label, weights=p), np.bincount(label, weights=1 - p)])
    squared = (observed - expected) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = float(np.where(squared == 0, 0.0, squared / expected).sum())
    df = observed.shape[1] - 2 if fitted_here else observed.shape[1]
    tail = float(stats.chi2.sf(statistic, df)) if df > 0 else np.nan
    smallest = float(expected.min())
    return HosmerLemeshow(statistic, df, tail, observed.shape[1], smallest, _reservations(events.size, smallest))


def _reservations(n: int, smallest_expected: float) -> str:
    found = (
        (smallest_expected < 5, "an expected count is below 5, so the chi-square is rough"),
        (n < 100, "fewer than 100 patients: only gross miscalibration shows"),
        (n > 1000, "more than 1000 patients: trifling miscalibration is significant"),
    )
    return "; ".join(text for applies, text in found if applies)
