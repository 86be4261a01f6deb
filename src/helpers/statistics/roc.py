"""The ROC curve and its bootstrap band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, binary_truth, finite_scores, require_both_classes
from .resampling import percentile_band, roc_counts, stratified_counts


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Sensitivity and specificity when `score >= threshold` is positive; the first threshold is +inf."""

    threshold: FloatArray
    sensitivity: FloatArray
    specificity: FloatArray


def roc_curve(truth: ArrayLike, score: ArrayLike) -> RocCurve:
    """Empirical ROC curve, one point a distinct score, thresholds descending from +inf.

    Raises ValueError for one class only.
    """
    events = binary_truth(truth)
    require_both_classes(events)
    score = finite_scores(score, length=events.size)
    threshold = np.concatenate([[np.inf], np.unique(score)[::-1]])
    # Searching the sorted negated scores counts those at or above each threshold, ties included.
    positive = np.searchsorted(np.sort(-score[events]), -threshold, side="right")
    false_positive = np.searchsorted(np.sort(-score[~events]), -threshold, side="right")
    return RocCurve(threshold, positive / events.sum(), 1 - false_positive / (~events).sum())


def sensitivity_at(curve: RocCurve, specificity: ArrayLike) -> FloatArray:
    """Sensitivity of the curve at given specificities; the highest one where the curve is vertical."""
    # np.interp takes the last of repeated abscissae, which is the top of a vertical step; rounding makes them equal.
    at, false_positive = (np.round(1 - np.asarray(part, dtype=float), 12) for part in (specificity, curve.specificity))
    return np.interp(at, false_positive, curve.sensitivity)


def roc_band(
    truth: ArrayLike,
    score: ArrayLike,
    *,
    specificity_grid: ArrayLike,
    replicates: int = 2000,
    seed: int,
    level: float = 0.95,
) -> tuple[FloatArray, FloatArray]:
    """Pointwise stratified bootstrap limits (low, high) of sensitivity at each specificity of the grid (g,).

    Raises ValueError for one class only or a grid outside [0, 1].
    """
    events = binary_truth(truth)
    require_both_classes(events)
    score = finite_scores(score, length=events.size)
    grid = np.asarray(specificity_grid, dtype=float)
    if ((grid < 0) | (grid > 1)).any():
        raise ValueError("specificity_grid must lie in [0, 1]")
    blocks = stratified_counts(events, replicates=replicates, rng=np.random.default_rng(seed))
    rows = [roc_counts(events, score, counts).sensitivity_at(grid) for counts in blocks]
    return percentile_band(np.concatenate(rows), level=level)
