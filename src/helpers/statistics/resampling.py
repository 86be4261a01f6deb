"""Bootstrap samples as counts of patients, and ROC curves and quantiles under such counts.

A bootstrap sample of n patients is a row of n counts that sum to n. Statistics of many samples are then matrix
products and cumulative sums over patients in one order, instead of a loop over copied patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .arrays import BoolArray, FloatArray, require_level

# Entries of one block of counts: two megabytes, which a processor's cache holds.
BLOCK = 2**18
# A rate on a grid equals a rate of the curve when they differ by rounding only.
ROUNDING = 1e-9


def ordinary_counts(n: int, *, replicates: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Blocks (b, n) of counts of n patients drawn with replacement, `replicates` rows in all."""
    for size in _block_sizes(n, replicates):
        yield _drawn(n, size, rng)


def stratified_counts(events: BoolArray, *, replicates: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Blocks (b, n) of counts with events and nonevents each drawn among themselves, as in pROC."""
    for size in _block_sizes(events.size, replicates):
        counts = np.empty((size, events.size))
        for group in (events, ~events):
            counts[:, group] = _drawn(int(group.sum()), size, rng)
        yield counts


def _block_sizes(n: int, replicates: int) -> list[int]:
    size = max(BLOCK // n, 1)
    return [min(size, replicates - start) for start in range(0, replicates, size)]


def _drawn(n: int, size: int, rng: np.random.Generator) -> FloatArray:
    cell = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
    return np.bincount(cell.ravel(), minlength=size * n).reshape(size, n).astype(float)


@dataclass(frozen=True, eq=False)
class RocCounts:
    """Events and nonevents (b, d + 1) scoring at or above each of d distinct scores, from none to all."""

    events: FloatArray
    nonevents: FloatArray

    def area(self) -> FloatArray:
        """Area (b,) under each curve, ties counting one half."""
        twice = np.diff(self.nonevents) * (self.events[:, 1:] + self.events[:, :-1])
        return twice.sum(axis=1) / (2 * self.events[:, -1] * self.nonevents[:, -1])

    def sensitivity_at(self, specificity: FloatArray) -> FloatArray:
        """Sensitivity (b, g) at specificities (g,); the highest one where the curve is vertical."""
        return self._reached(specificity)[0] / self.events[:, -1:]

    def area_above(self, specificity: FloatArray) -> FloatArray:
        """Area (b, g) under the part of each curve whose specificity exceeds those given (g,)."""
        reached, at, row = self._reached(specificity)
        height = (self.events[:, 1:] + self.events[:, :-1]) / 2
        before = np.concatenate([np.zeros((len(height), 1)), np.cumsum(np.diff(self.nonevents) * height, axis=1)], 1)
        left, low = np.take_along_axis(self.nonevents, at, 1), np.take_along_axis(self.events, at, 1)
        area = np.take_along_axis(before, at, 1) + (row - left) * (low + reached) / 2
        return area / (self.events[:, -1:] * self.nonevents[:, -1:])

    def _reached(self, specificity: FloatArray) -> tuple[FloatArray, np.ndarray, FloatArray]:
        """Events reached (b, g) at each specificity, the point of the curve before it, and nonevents there."""
        total = self.nonevents[:, -1:]
        target = (1 - specificity) * total
        # Rows are set apart by more than their range, so that one search serves them all.
        apart = (total.max() + 1) * np.arange(len(total))[:, None]
        found = np.searchsorted((self.nonevents + apart).ravel(), (target + ROUNDING + apart).ravel(), side="right")
        width = self.nonevents.shape[1]
        at = found.reshape(target.shape) - 1 - width * np.arange(len(total))[:, None]
        following = np.minimum(at + 1, width - 1)
        left, right = np.take_along_axis(self.nonevents, at, 1), np.take_along_axis(self.nonevents, following, 1)
        low, high = np.take_along_axis(self.events, at, 1), np.take_along_axis(self.events, following, 1)
        share = np.clip((target - left) / np.maximum(right - left, 1), 0, 1)
        return low + share * (high - low), at, np.maximum(target, left)


def roc_counts(events: BoolArray, score: FloatArray, counts: FloatArray) -> RocCounts:
    """Points of the ROC curve of score (n,) in each sample of counts (b, n), scores descending."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    ordered = counts[:, order]
    everyone = np.zeros((len(counts), ends.size + 1))
    of_events = everyone.copy()
    everyone[:, 1:] = np.cumsum(ordered, axis=1)[:, ends]
    of_events[:, 1:] = np.cumsum(ordered * events[order], axis=1)[:, ends]
    return RocCounts(of_events, everyone - of_events)


def copied(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Values (b, n) copied as often as counts (b, n) say; every row of counts sums to n."""
    return np.repeat(values.ravel(), counts.astype(np.int64).ravel()).reshape(values.shape)


def percentile_band(draws: FloatArray, *, level: float) -> tuple[FloatArray, FloatArray]:
    """Pointwise percentile limits (g,) over the rows (b, g) without a missing value; NaN for fewer than two."""
    require_level(level)
    rows = draws[np.isfinite(draws).all(axis=1)]
    if len(rows) < 2:
        nothing = np.full(draws.shape[1], np.nan)
        return nothing, nothing
    low, high = np.quantile(rows, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return low, high
