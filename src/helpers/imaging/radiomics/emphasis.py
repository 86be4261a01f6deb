"""The features that run-length, size-zone and dependence matrices share, from sparse counts of (level, size)."""

from __future__ import annotations

import numpy as np
from numba import njit

QUANTITIES = (
    "small",
    "large",
    "low_level",
    "high_level",
    "small_low_level",
    "small_high_level",
    "large_low_level",
    "large_high_level",
    "level_nonuniformity",
    "level_nonuniformity_normalized",
    "size_nonuniformity",
    "size_nonuniformity_normalized",
    "level_variance",
    "size_variance",
    "entropy",
    "percentage",
)
EPS = float(np.spacing(1))  # PyRadiomics adds it inside the logarithm


def places(names: dict[str, str]) -> np.ndarray:
    """Where a class finds its features (name -> quantity) among QUANTITIES."""
    return np.array([QUANTITIES.index(quantity) for quantity in names.values()])


@njit(cache=True, nogil=True, error_model="numpy")
def measure(start, rank, column, count, present, sizes):
    """QUANTITIES (groups, 16) of matrices whose entries of group g lie in `start[g]:start[g + 1]`.

    An entry counts `count` (float64) runs, zones or voxels of gray level `present[rank]` and size
    `sizes[column]`. A group that sums to 0 gives NaN.
    """
    values = np.full((len(start) - 1, len(QUANTITIES)), np.nan)
    by_level, by_size = np.empty(len(present)), np.empty(len(sizes))
    for group in range(len(start) - 1):
        some = slice(start[group], start[group + 1])
        by_level[:], by_size[:] = 0.0, 0.0
        total = _sum_entries(rank[some], column[some], count[some], by_level, by_size)
        if total > 0:
            _add_emphases(rank[some], column[some], count[some], present, sizes, total, values[group])
            _of_margins(by_level, by_size, present, sizes, total, values[group])
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_entries(rank, column, count, by_level, by_size):
    total = 0.0
    for k in range(len(count)):
        by_level[np.uint64(rank[k])] += count[k]
        by_size[np.uint64(column[k])] += count[k]
        total += count[k]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _add_emphases(rank, column, count, present, sizes, total, out):
    small_low = small_high = large_low = large_high = entropy = 0.0
    for k in range(len(count)):
        level = np.float64(present[np.uint64(rank[k])]) ** 2
        size = sizes[np.uint64(column[k])] ** 2
        p = count[k] / total
        high = count[k] * level
        low = count[k] / level
        small_low += low / size
        small_high += high / size
        large_low += low * size
        large_high += high * size
        entropy -= p * np.log2(p + EPS)
    out[4], out[5], out[6], out[7] = small_low / total, small_high / total, large_low / total, large_high / total
    out[14] = entropy


@njit(cache=True, nogil=True, error_model="numpy")
def _of_margins(by_level, by_size, present, sizes, total, out):
    low, high, squared_levels, mean_level = 0.0, 0.0, 0.0, 0.0
    for k in range(len(present)):
        level = np.float64(present[k])
        low += by_level[k] / (level * level)
        high += by_level[k] * (level * level)
        squared_levels += by_level[k] * by_level[k]
        mean_level += by_level[k] * level
    small, large, squared_sizes, mean_size = 0.0, 0.0, 0.0, 0.0
    for k in range(len(sizes)):
        small += by_size[k] / (sizes[k] * sizes[k])
        large += by_size[k] * (sizes[k] * sizes[k])
        squared_sizes += by_size[k] * by_size[k]
        mean_size += by_size[k] * sizes[k]
    out[0], out[1], out[2], out[3] = small / total, large / total, low / total, high / total
    out[8], out[9] = squared_levels / total, squared_levels / total**2
    out[10], out[11] = squared_sizes / total, squared_sizes / total**2
    out[12] = _variance(by_level, present, mean_level / total) / total
    out[13] = _variance(by_size, sizes, mean_size / total) / total
    out[15] = total / mean_size


@njit(cache=True, nogil=True, error_model="numpy")
def _variance(counts, values, mean):
    total = 0.0
    for k in range(len(counts)):
        total += counts[k] * (values[k] - mean) ** 2
    return total
