"""Pairs of gray levels that meet along a direction: the co-occurrence matrices, sparse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit

from helpers.imaging.radiomics import angles
from helpers.imaging.radiomics.angles import Padded
from helpers.imaging.radiomics.settings import Settings

AT_ONCE = 13  # directions counted in one pass, unrolled: those of 3D at distance 1
DENSE = 2**20  # cells of dense tables, in all; beyond, rows are counted one at a time
WEIGHTS = {  # of steps (n, 3) in mm
    "infinity": lambda steps: np.exp(-(steps.max(axis=1) ** 2)),
    "euclidean": lambda steps: np.exp(-(steps**2).sum(axis=1)),
    "manhattan": lambda steps: np.exp(-(steps.sum(axis=1) ** 2)),
    "no_weighting": lambda steps: np.ones(len(steps)),
}


@dataclass(frozen=True)
class Pairs:
    """Co-occurrence matrices of one or more groups of directions, before division by their sums.

    Entries of group g lie in `start[g]:start[g + 1]`: row `i` and column `j` (ranks from 0) and `count` (float64,
    positive; whole unless weighted). Where `symmetric`, each entry with i < j stands for (j, i) too.
    """

    start: np.ndarray
    i: np.ndarray
    j: np.ndarray
    count: np.ndarray
    symmetric: bool


def pairs(box: Padded, *, spacing: tuple[float, float, float], settings: Settings) -> Iterator[Pairs]:
    """The matrices of every direction, or with a weighting norm their weighted sum; in batches that fit memory.

    A direction in which no two voxels meet gives a group without entries. Raises CaseError when the lesion's box
    has no direction at all, RadiogramError for an unknown norm.
    """
    offsets, weights = weighted_offsets(box, spacing=spacing, settings=settings)
    levels, symmetric = len(box.present), settings.symmetrical_glcm
    if len(offsets) * (levels + 1) ** 2 > DENSE:
        order, first = _by_rank(box.ranks, box.inside, levels)
        one_by_one = zip(offsets[:, None], np.ones((len(offsets), 1)), strict=True)
        for some, weight in one_by_one if weights is None else [(offsets, weights)]:
            yield Pairs(*_rows(box.ranks, order, first, some, weight, symmetric), symmetric)
    elif weights is None:
        yield Pairs(*_entries(table(box, offsets), symmetric), symmetric)
    else:
        yield Pairs(*_weighted_entries(table(box, offsets), weights, symmetric), symmetric)


def weighted_offsets(
    box: Padded, *, spacing: tuple[float, float, float], settings: Settings
) -> tuple[np.ndarray, np.ndarray | None]:
    """Steps within the flat box along every direction, and the directions' weights (None: kept apart)."""
    steps = angles.directions(box.size, settings=settings, both=False, distances=settings.distances)
    return steps @ box.strides, angles.weights(steps, spacing, settings.weighting_norm, rules=WEIGHTS)


def table(box: Padded, offsets: np.ndarray) -> np.ndarray:
    """How often (direction, level, neighbor's level) occurs, levels as ranks from 0."""
    edge = len(box.present) + 1
    passes = -(-len(offsets) // AT_ONCE)
    idle = [0] * (passes * AT_ONCE - len(offsets))  # the last pass is filled up; its tables are dropped
    places = np.array([*offsets, *idle]).reshape(passes, AT_ONCE)
    counts = np.zeros((passes, AT_ONCE, edge, edge), dtype=np.uint32)
    for some, into in zip(places.tolist(), counts, strict=True):
        _count(box.ranks, box.inside, tuple(some), into.reshape(-1), edge)
    return counts.reshape(-1, edge, edge)[: len(offsets), 1:, 1:]


@njit(cache=True, nogil=True, error_model="numpy")
def _count(ranks, inside, offsets, table, edge):
    cells = np.uint64(edge * edge)
    for i in inside:
        row = np.uint64(ranks[np.uint64(i)]) * np.uint64(edge)
        for offset in offsets:
            table[row + np.uint64(ranks[np.uint64(i + offset)])] += np.uint32(1)
            row += cells


@njit(cache=True, nogil=True, error_model="numpy")
def _entries(table, symmetric):
    """Entries of every direction's matrix, each added to its transpose where symmetric."""
    groups, levels = table.shape[0], table.shape[1]
    most = groups * (levels * (levels + 1) // 2 if symmetric else levels * levels)
    start = np.zeros(groups + 1, np.int64)
    i, j, count = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.float64)
    filled = 0
    for group in range(groups):
        counts = table[group]
        for row in range(levels):
            for column in range(row if symmetric else 0, levels):
                found = np.int64(counts[row, column])
                if symmetric:
                    found += np.int64(counts[column, row])
                i[filled], j[filled], count[filled] = row, column, found
                filled += found > 0
        start[group + 1] = filled
    return start, i[:filled], j[:filled], count[:filled]


@njit(cache=True, nogil=True, error_model="numpy")
def _weighted_entries(table, weights, symmetric):
    """Entries of the weighted sum of all directions' matrices: one group."""
    levels = table.shape[1]
    total = np.zeros((levels, levels))
    for group in range(len(weights)):
        for row in range(levels):
            for column in range(levels):
                total[row, column] += weights[group] * table[group, row, column]
    return _sparse(total, symmetric)


@njit(cache=True, nogil=True, error_model="numpy")
def _sparse(total, symmetric):
    levels = total.shape[0]
    i, j, count = np.empty(levels**2, np.int32), np.empty(levels**2, np.int32), np.empty(levels**2, np.float64)
    filled = 0
    for row in range(levels):
        for column in range(row if symmetric else 0, levels):
            found = total[row, column] + (total[column, row] if symmetric else 0.0)
            if found > 0:
                i[filled], j[filled], count[filled] = row, column, found
                filled += 1
    return np.array([0, filled]), i[:filled], j[:filled], count[:filled]


@njit(cache=True, nogil=True, error_model="numpy")
def _by_rank(ranks, inside, levels):
    """Positions of the lesion's voxels sorted by rank, and where each rank begins."""
    first = np.zeros(levels + 2, np.int64)
    for i in inside:
        first[np.int64(ranks[i]) + 1] += 1
    first = np.cumsum(first)
    order, place = np.empty(len(inside), np.int32), first.copy()
    for i in inside:
        rank = np.int64(ranks[i])
        order[place[rank]] = i
        place[rank] += 1
    return order, first


@njit(cache=True, nogil=True, error_model="numpy")
def _rows(ranks, order, first, offsets, weights, symmetric):
    """One group's entries, row after row: for very many levels, whose tables would not fit memory."""
    levels = len(first) - 2
    most = min(len(order) * len(offsets) * (2 if symmetric else 1), levels * levels)
    i, j, count = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.float64)
    row, touched = np.zeros(levels + 1), np.empty(levels + 1, np.int64)
    filled = 0
    for rank in range(1, levels + 1):
        met = 0
        for k in range(first[rank], first[rank + 1]):
            met = _meet(ranks, order[k], offsets, weights, symmetric, row, touched, met)
        for k in range(met):
            other = touched[k]
            if other >= rank or not symmetric:
                i[filled], j[filled], count[filled] = rank - 1, other - 1, row[other]
                filled += 1
            row[other] = 0.0
    return np.array([0, filled]), i[:filled].copy(), j[:filled].copy(), count[:filled].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _meet(ranks, voxel, offsets, weights, symmetric, row, touched, met):
    """Adds one voxel's neighbors to its level's row; `touched` lists the row's cells in use."""
    for k in range(len(offsets)):
        if weights[k] > 0:
            for sign in range(2 if symmetric else 1):
                other = np.int64(ranks[voxel - offsets[k] if sign else voxel + offsets[k]])
                if other:
                    if row[other] == 0.0:
                        touched[met] = other
                        met += 1
                    row[other] += weights[k]
    return met
