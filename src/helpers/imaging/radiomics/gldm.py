"""Gray level dependence: PyRadiomics' features of how many neighbors share a voxel's gray level."""

from __future__ import annotations

import numpy as np
from numba import njit

from helpers.imaging.radiomics import angles, emphasis
from helpers.imaging.radiomics.discretize import Levels
from helpers.imaging.radiomics.settings import Settings

QUANTITIES = {
    "DependenceEntropy": "entropy",
    "DependenceNonUniformity": "size_nonuniformity",
    "DependenceNonUniformityNormalized": "size_nonuniformity_normalized",
    "DependenceVariance": "size_variance",
    "GrayLevelNonUniformity": "level_nonuniformity",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelEmphasis": "high_level",
    "LargeDependenceEmphasis": "large",
    "LargeDependenceHighGrayLevelEmphasis": "large_high_level",
    "LargeDependenceLowGrayLevelEmphasis": "large_low_level",
    "LowGrayLevelEmphasis": "low_level",
    "SmallDependenceEmphasis": "small",
    "SmallDependenceHighGrayLevelEmphasis": "small_high_level",
    "SmallDependenceLowGrayLevelEmphasis": "small_low_level",
}
NAMES = tuple(QUANTITIES)
PLACES = emphasis.places(QUANTITIES)
STRETCH = 2048  # voxels at a time, that they stay in the nearest cache


def measure(levels: Levels, *, spacing: tuple[float, float, float], settings: Settings) -> np.ndarray:
    """The features in the order of NAMES; `spacing` plays no part.

    Raises CaseError when the lesion's box has room for no neighbor. Sun and Wee 1983
    (doi 10.1016/0734-189X(83)90032-4), as PyRadiomics 3.0.1 defines it: a dependence of 1 is a voxel alone.
    """
    box = angles.padded(levels, distances=settings.distances)
    steps = angles.directions(box.size, settings=settings, both=True, distances=settings.distances)
    table = np.zeros((len(box.present), len(steps) + 1), dtype=np.int64)
    _count(box.values, box.ranks, box.inside, steps @ box.strides, settings.gldm_a, table)
    sizes = np.arange(1.0, table.shape[1] + 1)
    rank, column = np.nonzero(table)
    count = table[rank, column].astype(np.float64)
    return emphasis.measure(np.array([0, len(count)]), rank, column, count, box.present, sizes)[0, PLACES]


@njit(cache=True, nogil=True, error_model="numpy")
def _count(values, ranks, inside, offsets, tolerance, table):
    """Voxels by (rank, dependent neighbors)."""
    first, last = np.int64(inside[0]), np.int64(inside[-1]) + 1
    dependent = np.zeros(last - first, np.uint16)
    if tolerance > 0:
        _add_near(values, first, last, offsets, tolerance, dependent)
    elif tolerance == 0:
        _add_equal(values, first, last, offsets, dependent)
    for i in inside:
        table[np.uint64(ranks[i]) - np.uint64(1), np.uint64(dependent[i - first])] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _add_equal(values, first, last, offsets, dependent):
    """Outside the lesion the sums have no meaning."""
    for start in range(first, last, STRETCH):
        stop = min(last, start + STRETCH)
        here, found = values[start:stop], dependent[start - first : stop - first]
        for k in range(len(offsets)):
            there = values[start + offsets[k] : stop + offsets[k]]
            for x in range(len(here)):
                found[x] += np.uint16(1) if here[x] == there[x] else np.uint16(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_near(values, first, last, offsets, tolerance, dependent):
    for start in range(first, last, STRETCH):
        stop = min(last, start + STRETCH)
        here, found = values[start:stop], dependent[start - first : stop - first]
        for k in range(len(offsets)):
            there = values[start + offsets[k] : stop + offsets[k]]
            for x in range(len(here)):
                apart = np.int64(here[x]) - np.int64(there[x])
                near = (there[x] > 0) & (apart <= tolerance) & (-apart <= tolerance)
                found[x] += np.uint16(1) if near else np.uint16(0)
