"""Gray level run lengths: PyRadiomics' features of voxels in a row with one gray level."""

from __future__ import annotations

import numpy as np
from numba import njit

from helpers.imaging.radiomics import angles, emphasis
from helpers.imaging.radiomics.angles import Padded
from helpers.imaging.radiomics.discretize import Levels
from helpers.imaging.radiomics.settings import Settings

QUANTITIES = {
    "GrayLevelNonUniformity": "level_nonuniformity",
    "GrayLevelNonUniformityNormalized": "level_nonuniformity_normalized",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelRunEmphasis": "high_level",
    "LongRunEmphasis": "large",
    "LongRunHighGrayLevelEmphasis": "large_high_level",
    "LongRunLowGrayLevelEmphasis": "large_low_level",
    "LowGrayLevelRunEmphasis": "low_level",
    "RunEntropy": "entropy",
    "RunLengthNonUniformity": "size_nonuniformity",
    "RunLengthNonUniformityNormalized": "size_nonuniformity_normalized",
    "RunPercentage": "percentage",
    "RunVariance": "size_variance",
    "ShortRunEmphasis": "small",
    "ShortRunHighGrayLevelEmphasis": "small_high_level",
    "ShortRunLowGrayLevelEmphasis": "small_low_level",
}
NAMES = tuple(QUANTITIES)
PLACES = emphasis.places(QUANTITIES)
CELLS = 2**21  # of the tables kept at a time
WEIGHTS = {  # of steps (n, 3) in mm
    "infinity": lambda steps: steps.max(axis=1),
    "euclidean": lambda steps: np.sqrt((steps**2).sum(axis=1)),
    "manhattan": lambda steps: steps.sum(axis=1),
    "no_weighting": lambda steps: np.ones(len(steps)),
}
BLOCK = 32  # voxels compared in one instruction


def measure(levels: Levels, *, spacing: tuple[float, float, float], settings: Settings) -> np.ndarray:
    """The features in the order of NAMES, averaged over directions; `spacing` is z, y, x in mm.

    NaN where no line of voxels holds two of the lesion's. Raises CaseError when its box has no direction, RadiogramError
    for an unknown weighting norm. Galloway 1975 (doi 10.1016/S0146-664X(75)80008-6), as PyRadiomics 3.0.1 defines it.
    """
    box = angles.padded(levels)
    steps = angles.directions(box.size, settings=settings, both=False, distances=(1,))
    weights = angles.weights(steps, spacing, settings.weighting_norm, rules=WEIGHTS)
    lengths = np.arange(1.0, max(box.size) + 1)
    entries = _entries(box, steps, weights)
    values = emphasis.measure(*entries, box.present, lengths)[:, PLACES]
    filled = values[~np.isnan(values[:, 0])]
    if len(filled):
        return filled.mean(axis=0)
    means = np.full(len(NAMES), np.nan)
    if len(values) == 1:  # one direction without runs: in PyRadiomics, sums of nothing that are not divided
        means[[NAMES.index("RunEntropy"), NAMES.index("RunVariance")]] = 0.0
    return means


def _entries(
    box: Padded, steps: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(start, rank, length - 1, count) of the runs of every direction, or of their weighted sum.

    Where tables of all directions would be large, they are made one at a time.
    """
    offsets, lonely = steps @ box.strides, _lonely(box, steps)
    shape = (len(box.present), max(box.size) + 1)
    at_once = len(offsets) if len(offsets) * shape[0] * shape[1] <= CELLS else 1
    run = np.empty(len(box.ranks), dtype=np.uint8 if shape[1] <= 2**8 else np.uint32)
    ended = np.empty((at_once, len(run)), dtype=run.dtype)
    first_of = tuple(range(0, ended.size, len(run)))
    found, total = [], np.zeros((1, shape[0], shape[1] - 1))
    for k in range(0, len(offsets), at_once):
        table = np.zeros((at_once, *shape), dtype=np.uint32)
        _run_lengths(box.ranks, box.inside, offsets[k : k + at_once], run, ended)
        _count(box.ranks, box.inside, ended.reshape(-1), first_of, table.reshape(-1), shape[0] * shape[1], shape[1])
        table[lonely[k : k + at_once]] = 0
        if weights is None:
            found.append(_sparse(table[..., 1:]))
        else:
            total += np.tensordot(weights[k : k + at_once], table[..., 1:], axes=1)
    if weights is not None:
        return _sparse(total)
    return found[0] if len(found) == 1 else _joined(found)


def _joined(
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    sizes = np.concatenate([np.diff(start) for start, *_ in found])
    columns = (np.concatenate(part) for part in zip(*(entries for _, *entries in found), strict=True))
    return (np.concatenate([[0], np.cumsum(sizes)]), *columns)


def _lonely(box: Padded, steps: np.ndarray) -> np.ndarray:
    """The directions no line of which holds two voxels of the lesion: PyRadiomics counts none of their runs."""
    lonely = ~_meet(box.ranks, box.inside, steps @ box.strides)
    for direction in np.flatnonzero(lonely):  # no neighbors, yet perhaps farther apart on one line
        step = steps[direction]
        axis = np.flatnonzero(step)[0]
        shape = (len(box.ranks) // box.strides[0], box.strides[0] // box.strides[1], box.strides[1])
        places = np.stack(np.unravel_index(box.inside, shape), axis=1)
        lines = places - (places[:, axis] * step[axis])[:, None] * step
        lonely[direction] = len(np.unique(lines, axis=0)) == len(lines)
    return lonely


@njit(cache=True, nogil=True, error_model="numpy")
def _meet(ranks, inside, offsets):
    """Whether any two voxels of the lesion are neighbors in each direction."""
    met = np.zeros(len(offsets), np.bool_)
    for direction in range(len(offsets)):
        for i in inside:
            if ranks[i + offsets[direction]]:
                met[direction] = True
                break
    return met


@njit(cache=True, nogil=True, error_model="numpy")
def _run_lengths(ranks, inside, offsets, run, ended):
    """`ended` (directions, flat box): the length of the run that a voxel ends, 0 where its run goes on.

    A voxel's run is one longer than the run of the voxel before it, `run`, if that has its level. Outside the lesion
    the numbers have no meaning.
    """
    first, last = np.int64(inside[0]), np.int64(inside[-1]) + 1
    for direction in range(len(offsets)):
        offset = offsets[direction]
        if offset == 1:
            _run_lengths_along_x(ranks, inside, ended[direction])
            continue
        block = offset - offset % BLOCK if offset >= BLOCK else offset  # none waits for another of its block
        for start in range(first, last, block):
            stop = min(start + block, last)
            here, after = ranks[start:stop], ranks[start + offset : stop + offset]
            before, run_before = ranks[start - offset : stop - offset], run[start - offset : stop - offset]
            length, end = run[start:stop], ended[direction, start:stop]
            for x in range(stop - start):
                length[x] = run_before[x] + 1 if here[x] == before[x] else 1
                end[x] = 0 if here[x] == after[x] else length[x]


@njit(cache=True, nogil=True, error_model="numpy")
def _run_lengths_along_x(ranks, inside, ended):
    length = 0
    for i in inside:
        at = np.uint64(i)
        length = length + 1 if ranks[at] == ranks[np.uint64(i - 1)] else 1
        ended[at] = 0 if ranks[at] == ranks[np.uint64(i + 1)] else length


@njit(cache=True, nogil=True, error_model="numpy")
def _count(ranks, inside, ended, first_of, table, cells, width):
    """Runs by (direction, rank, length); those of length 0 are voxels amid a run."""
    for i in inside:
        row = (np.uint64(ranks[np.uint64(i)]) - np.uint64(1)) * np.uint64(width)
        for first in first_of:  # a tuple: unrolled, with a table each
            table[row + np.uint64(ended[np.uint64(first + i)])] += np.uint32(1)
            row += np.uint64(cells)


@njit(cache=True, nogil=True, error_model="numpy")
def _sparse(table):
    """(start, rank, length - 1, count) of what is not 0, by direction."""
    directions, levels, longest = table.shape
    start = np.zeros(directions + 1, np.int64)
    filled = 0
    for direction in range(directions):
        for row in range(levels):
            for k in range(longest):
                filled += table[direction, row, k] > 0
        start[direction + 1] = filled
    rank, column, count = np.empty(filled, np.int64), np.empty(filled, np.int64), np.empty(filled, np.float64)
    filled = 0
    for direction in range(directions):
        for row in range(levels):
            for k in range(longest):
                if table[direction, row, k] > 0:
                    rank[filled], column[filled], count[filled] = row, k, table[direction, row, k]
                    filled += 1
    return start, rank, column, count
