"""Area under the ROC curve when a patient contributes several rows, such as lesions.

Rows of one patient are alike, so the plain DeLong variance is wrong, mostly too small. Obuchowski 1997
(doi 10.2307/2533958) sums the placement values of each patient, the cluster, first. With one row a patient it is
the variance of DeLong exactly: the clusters with events are then the events, and none has both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .arrays import BoolArray, FloatArray, binary_truth, finite_scores, require_both_classes
from .discrimination import ZERO_VARIANCE, Comparison, normal_comparison, placements
from .intervals import area_limits


@dataclass(frozen=True)
class ClusteredAUC:
    """Area over n rows of `clusters` patients; standard_error, low and high are NaN where `method` says why."""

    estimate: float
    standard_error: float
    low: float
    high: float
    method: str
    n: int
    events: int
    clusters: int


def clustered_covariance(truth: ArrayLike, scores: ArrayLike, cluster: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Areas (k,) and their covariance (k, k) for scores (k, n) of rows (n,) that belong to clusters (n,).

    The covariance is NaN where fewer than two clusters have events, or nonevents. Raises ValueError for one class
    only, or a cluster of another length than truth.
    """
    events, label = _checked(truth, cluster)
    rows = [finite_scores(row, length=events.size) for row in np.atleast_2d(np.asarray(scores, dtype=float))]
    placed = placements(events, np.array(rows))
    return placed[0].mean(axis=1), placement_covariance(events, label, placed)


def placement_covariance(
    events: BoolArray, label: NDArray[np.int64], placed: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Covariance (k, k) of k areas whose events (k, m) and nonevents (k, n) are `placed`, in clusters (m + n,)."""
    parts, shares = [], []
    for group, values in zip((events, ~events), placed, strict=True):
        spread = values - values.mean(axis=1, keepdims=True)
        share = np.array([np.bincount(label[group], row, label.max() + 1) for row in spread])
        shares.append(share / group.sum())
        parts.append(_sample_factor(np.unique(label[group]).size) * shares[-1] @ shares[-1].T)
    # Patients with both kinds of rows tie the two parts together.
    crossed = _sample_factor(label.max() + 1) * shares[0] @ shares[1].T
    return parts[0] + parts[1] + crossed + crossed.T


def clustered_auc(
    truth: ArrayLike, score: ArrayLike, cluster: ArrayLike, *, interval: str = "auto", level: float = 0.95
) -> ClusteredAUC:
    """Area under the ROC curve of score (n,) whose rows belong to clusters (n,), with Obuchowski's interval.

    The intervals are those of `auc`, "auto" counting clusters instead of rows. Raises ValueError for one class
    only, an unknown interval, or a cluster of another length than truth.
    """
    if interval not in ("auto", "wald", "logit"):
        raise ValueError(f'interval must be "auto", "wald" or "logit", not "{interval}"')
    events, label = _checked(truth, cluster)
    areas, covariance = clustered_covariance(events, score, label)
    area, variance = float(areas[0]), float(covariance[0, 0])
    counts = (events.size, int(events.sum()), int(label.max()) + 1)
    if not variance >= ZERO_VARIANCE or area in (0.0, 1.0):
        return ClusteredAUC(area, np.nan, np.nan, np.nan, "not estimable: no variance between clusters", *counts)
    if interval == "auto":
        fewest = min(np.unique(label[group]).size for group in (events, ~events))
        interval = "logit" if area > 0.95 or fewest < 30 else "wald"
    error = float(np.sqrt(variance))
    low, high = area_limits(area, error, interval=interval, level=level)
    return ClusteredAUC(area, error, low, high, f"Obuchowski, clustered, {interval} interval", *counts)


def compare_clustered(
    truth: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, cluster: ArrayLike, *, level: float = 0.95
) -> Comparison:
    """AUC(a) - AUC(b) of two scores of the same clustered rows (n,): hypothesis of no difference, normal statistic.

    Scores that rank the rows alike differ by exactly 0, with p = 1. Raises ValueError as `clustered_covariance`.
    """
    scores, method = np.stack([np.asarray(score_a), np.asarray(score_b)]), "paired Obuchowski, clustered"
    areas, covariance = clustered_covariance(truth, scores, cluster)
    if np.array_equal(*stats.rankdata(scores, axis=1)):
        return Comparison(0.0, 0.0, 0.0, 0.0, np.nan, 1.0, f"{method}; the scores rank alike")
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return normal_comparison(float(areas[0] - areas[1]), float(variance), level=level, method=method)


def _checked(truth: ArrayLike, cluster: ArrayLike) -> tuple[BoolArray, NDArray[np.int64]]:
    events = binary_truth(truth)
    require_both_classes(events)
    return events, clusters_of(events, cluster)


def clusters_of(events: BoolArray, cluster: ArrayLike) -> NDArray[np.int64]:
    """Number (n,) of the cluster of every row, from 0. Raises ValueError for a cluster of another length."""
    name = np.asarray(cluster)
    if name.shape != events.shape:
        raise ValueError(f"cluster must have shape ({events.size},) like truth, not {name.shape}")
    return np.unique(name, return_inverse=True)[1]


def _sample_factor(clusters: int) -> float:
    return clusters / (clusters - 1) if clusters > 1 else np.nan
