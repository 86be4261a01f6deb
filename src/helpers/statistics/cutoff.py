"""How far a threshold chosen in training could have fallen elsewhere, and what that does to the test patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, binary_truth, finite_scores
from .intervals import NOT_ESTIMABLE, Interval, percentile_interval
from .thresholds import OutOfFold, Threshold

# Replicates held in memory at once.
BATCH = 200


@dataclass(frozen=True)
class CutoffUncertainty:
    """The chosen cut-off with its bootstrap interval, and the sensitivity and specificity that follow from it.

    The test patients are held fixed: these two intervals show the choice of the cut-off alone, not the
    sampling of the test patients. They are NaN without test patients. `replicates` counts the samples that
    held both classes.
    """

    value: Interval
    sensitivity: Interval
    specificity: Interval
    replicates: int


def cutoff_uncertainty(
    oof: OutOfFold,
    *,
    rule: str = "youden",
    sensitivity: float | None = None,
    test_truth: ArrayLike | None = None,
    test_score: ArrayLike | None = None,
    replicates: int = 2000,
    seed: int,
    level: float = 0.95,
) -> CutoffUncertainty:
    """Choose the threshold again on each resample of the training patients, by the rule of `Threshold.choose`.

    Patients are drawn with all their rows. test_truth and test_score are (n,). Raises what `Threshold.choose`
    raises, and ValueError for test arrays that do not match.
    """
    chosen = Threshold.choose(oof, rule=rule, sensitivity=sensitivity)
    drawn = np.concatenate(list(_cutoffs(oof, sensitivity, replicates, seed)))
    drawn = drawn[np.isfinite(drawn)]
    value = percentile_interval(chosen.value, drawn, level=level)
    if test_truth is None or test_score is None:
        return CutoffUncertainty(value, NOT_ESTIMABLE, NOT_ESTIMABLE, drawn.size)
    events = binary_truth(test_truth)
    score = finite_scores(test_score, length=events.size)
    found = _share_at(np.sort(score[events]), chosen.value, drawn, level)
    missed = _share_at(np.sort(score[~events]), chosen.value, drawn, level)
    specificity = Interval(1 - missed.estimate, 1 - missed.high, 1 - missed.low)
    return CutoffUncertainty(value, found, specificity, drawn.size)


def _share_at(ordered: FloatArray, chosen: float, drawn: FloatArray, level: float) -> Interval:
    """Share of the ordered scores at or above the cut-off, with its percentiles over the drawn cut-offs."""
    if not ordered.size:
        return NOT_ESTIMABLE
    share = 1 - np.searchsorted(ordered, np.append(drawn, chosen), side="left") / ordered.size
    return percentile_interval(float(share[-1]), share[:-1], level=level)


def _cutoffs(oof: OutOfFold, sensitivity: float | None, replicates: int, seed: int) -> Iterator[FloatArray]:
    """Cut-offs of the resamples; NaN where a resample holds one class or one score only."""
    rng = np.random.default_rng(seed)
    names, patient = np.unique(oof.patient, return_inverse=True)
    levels, at = np.unique(oof.score, return_inverse=True)
    order = np.argsort(at, kind="stable")
    start = np.searchsorted(at[order], np.arange(levels.size))
    for done in range(0, replicates, BATCH):
        size = min(BATCH, replicates - done)
        times = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=size)[:, patient]
        counts = [np.add.reduceat((times * of)[:, order], start, axis=1) for of in (oof.truth == 1, oof.truth == 0)]
        yield _chosen(levels, *counts, sensitivity)


def _chosen(levels: FloatArray, events: FloatArray, nonevents: FloatArray, sensitivity: float | None) -> FloatArray:
    """Cut-off of each resample (B,) from its counts at each score level (B, levels).

    A gap lies above its level; only gaps with drawn patients on both sides are candidates, as midpoints are.
    """
    present = events + nonevents > 0
    m, n = events.sum(axis=1, keepdims=True), nonevents.sum(axis=1, keepdims=True)
    true_positive, true_negative = m - events.cumsum(axis=1), nonevents.cumsum(axis=1)
    inside = np.logical_or.accumulate(present, axis=1)
    inside[:, :-1] &= np.logical_or.accumulate(present[:, ::-1], axis=1)[:, -2::-1]
    inside[:, -1] = False
    if sensitivity is None:
        merit = np.where(inside, true_positive * n + true_negative * m, -1)
        good = inside & (merit == merit.max(axis=1, keepdims=True))
    else:
        good = inside & (true_positive >= np.ceil(sensitivity * m - 1e-9))
    cutoff = _at_gap(levels, present, _last(good))
    # Where no midpoint reaches the sensitivity, the lowest drawn score does.
    cutoff = np.where(good.any(axis=1), cutoff, levels[present.argmax(axis=1)])
    usable = (m[:, 0] > 0) & (n[:, 0] > 0) & (present.sum(axis=1) > 1)
    return np.where(usable, cutoff, np.nan)


def _at_gap(levels: FloatArray, present: BoolArray, gap: FloatArray) -> FloatArray:
    """Midpoint of the drawn levels below and above each gap (B,)."""
    place = np.arange(levels.size)
    below = levels[_last(present & (place <= gap[:, None]))]
    above = levels[(present & (place > gap[:, None])).argmax(axis=1)]
    return np.maximum(below / 2 + above / 2, np.nextafter(below, np.inf))


def _last(mask: BoolArray) -> FloatArray:
    """Position of the last True of each row."""
    return mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
