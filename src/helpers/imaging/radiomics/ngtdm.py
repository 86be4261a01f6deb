"""Neighboring gray tone differences: PyRadiomics' features of how voxels differ from their neighbors' mean."""

from __future__ import annotations

import numpy as np
from numba import njit

from helpers.imaging.radiomics import angles
from helpers.imaging.radiomics.discretize import Levels
from helpers.imaging.radiomics.settings import Settings

NAMES = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")
STRETCH = 2048  # voxels at a time, that they stay in the nearest cache
COARSEST = 1e6  # PyRadiomics' coarseness of a lesion without differences


def measure(levels: Levels, *, spacing: tuple[float, float, float], settings: Settings) -> np.ndarray:
    """The features in the order of NAMES; `spacing` plays no part.

    Raises CaseError when the lesion's box has room for no neighbor. Amadasun and King 1989 (doi 10.1109/21.44046),
    with PyRadiomics 3.0.1's definitions: a voxel without neighbors counts, with a difference of 0.
    """
    box = angles.padded(levels, distances=settings.distances)
    steps = angles.directions(box.size, settings=settings, both=True, distances=settings.distances)
    differences = np.zeros((len(box.present), len(steps) + 1), dtype=np.int64)
    reach = int(box.inside[-1] - box.inside[0]) + 1
    narrow = levels.maximum * len(steps) < 2**16
    sums = np.zeros(reach, dtype=np.uint16 if narrow else np.int64)
    _differences(box.values, box.ranks, box.inside, steps @ box.strides, sums, differences)
    return _features(differences, levels.counts, box.present)


@njit(cache=True, nogil=True, error_model="numpy")
def _differences(values, ranks, inside, offsets, sums, differences):
    """|level x neighbors - their sum|, exact, summed by (rank, number of neighbors)."""
    first, last = np.int64(inside[0]), np.int64(inside[-1]) + 1
    neighbors = np.zeros(last - first, np.uint16)
    for start in range(first, last, STRETCH):
        stop = min(last, start + STRETCH)
        total, found = sums[start - first : stop - first], neighbors[start - first : stop - first]
        for k in range(len(offsets)):
            there = values[start + offsets[k] : stop + offsets[k]]
            for x in range(len(there)):
                total[x] += there[x]
                found[x] += there[x] > 0
    for i in inside:
        count = np.int64(neighbors[i - first])
        apart = abs(np.int64(values[i]) * count - np.int64(sums[i - first]))
        differences[np.uint64(ranks[i]) - np.uint64(1), np.uint64(count)] += apart


@njit(cache=True, nogil=True, error_model="numpy")
def _features(differences, counts, present):
    voxels = counts.sum()
    p, s, levels = counts / voxels, np.zeros(len(counts)), present.astype(np.float64)
    for rank in range(len(counts)):
        for count in range(1, differences.shape[1]):
            s[rank] += differences[rank, count] / count
    coarse, all_differences = (p * s).sum(), s.sum()
    busy = complexity = contrast = strength = 0.0
    for i in range(len(p)):
        for j in range(i):
            apart = levels[i] - levels[j]
            busy += abs(levels[i] * p[i] - levels[j] * p[j])
            complexity += apart * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j])
            contrast += p[i] * p[j] * apart * apart
            strength += (p[i] + p[j]) * apart * apart
    pairs = np.float64(len(p)) * (len(p) - 1)
    values = np.zeros(5)
    values[0] = coarse / (2 * busy) if busy != 0 else 0.0
    values[1] = 1 / coarse if coarse != 0 else COARSEST
    values[2] = 2 * complexity / voxels
    values[3] = 2 * contrast * all_differences / voxels / pairs if pairs else 0.0
    values[4] = 2 * strength / all_differences if all_differences != 0 else 0.0
    return values
