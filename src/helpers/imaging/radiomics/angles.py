"""PyRadiomics' directions to a voxel's neighbors, and a lesion's levels in a box where no neighbor is out of reach."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle, islice, product

import numpy as np
from numba import njit

from helpers.errors import CaseError, RadiogramError
from helpers.imaging.radiomics.discretize import Levels
from helpers.imaging.radiomics.settings import Settings

STRETCH = 2048  # voxels at a time, that they stay in the nearest cache
MOST_LEVELS = 2**22  # beyond, tables of sums and differences of levels would fill the memory
WIDTHS = (np.uint8, np.uint16, np.uint32)


@dataclass(frozen=True)
class Padded:
    """A lesion's levels, flat, with room for every neighbor around its box.

    `ranks` are positions in `present`, from 1, and `values` the levels themselves (both 0 outside the lesion, of
    the narrowest unsigned type); `inside` the flat positions of the lesion's voxels in raster order; `strides` the
    steps along z, y and x; `size` the box before padding.
    """

    ranks: np.ndarray
    values: np.ndarray
    inside: np.ndarray
    present: np.ndarray
    strides: np.ndarray
    size: tuple[int, int, int]


def directions(size: tuple[int, ...], *, settings: Settings, both: bool, distances: tuple[int, ...]) -> np.ndarray:
    """Offsets (n, 3; z, y, x) to the neighbors at `distances` (infinity norm, voxels) within a box of `size`.

    One of each opposite pair unless `both`; in PyRadiomics' order. Raises CaseError when there is none: the
    lesion is a single voxel, or a line across the planes of a 2D analysis.
    """
    plane = settings.force2d_dimension if settings.force2d else -1
    found = _directions(tuple(size), tuple(distances), plane, both)
    if not len(found):
        where = f"the planes across axis {plane} (radiomics force2D)" if plane >= 0 else "the lesion's box"
        raise CaseError(
            f"no voxel of the lesion ({' x '.join(map(str, size))} voxels, z y x) can have a neighbor at distances "
            f"{', '.join(map(str, distances))} in {where}: texture cannot be measured; use a larger lesion or mask."
        )
    return found


@lru_cache(maxsize=256)
def _directions(size: tuple[int, ...], distances: tuple[int, ...], plane: int, both: bool) -> np.ndarray:
    """PyRadiomics counts a distance named twice twice, and then goes round its list of offsets again."""
    farthest = max(distances)
    reach = [0 if axis == plane else min(n - 1, farthest) for axis, n in enumerate(size)]
    every = [np.array(offset) for offset in product(*(range(r, -r - 1, -1) for r in reach))]
    norms = [int(np.abs(offset).max()) for offset in every]
    count = sum(norm == distance for distance in distances if distance > 0 for norm in norms)
    wanted = [offset for offset, norm in zip(every, norms, strict=True) if norm and norm in distances]
    found = list(islice(cycle(wanted), count if both else count // 2))
    array = np.array(found, dtype=np.int64).reshape(-1, len(size))
    array.flags.writeable = False
    return array


class _Latest(threading.local):
    """The classes of one image are measured one after another in a thread: its padded levels are made once."""

    levels: Levels | None = None
    reach: int = 0
    padded: Padded | None = None


_latest = _Latest()


def padded(levels: Levels, *, distances: tuple[int, ...] = (1,)) -> Padded:
    """The levels with as much room around their box as the farthest neighbor within it needs.

    Raises CaseError for more levels than texture can be measured with.
    """
    reach = max(distances)
    if levels.present[-1] > MOST_LEVELS:
        raise CaseError(
            f"the lesion's intensities are cut into {int(levels.present[-1]):,} gray levels, more than texture can be "
            f"measured with ({MOST_LEVELS:,}): use a wider radiomics.bin_width, or radiomics.bin_count."
        )
    if _latest.levels is not levels or _latest.reach < reach:
        _latest.padded = _pad_all(levels, reach)
        _latest.levels, _latest.reach = levels, reach
    return _latest.padded


def alike(box: Padded, offsets: np.ndarray) -> np.ndarray:
    """uint16 over the flat box: bit k tells whether a voxel's neighbor at `offsets[k]` (at most 16) has its level.

    Only what it says of the lesion's voxels has a meaning.
    """
    bits = np.empty(len(box.ranks), dtype=np.uint16)
    _alike(box.ranks, int(box.inside[0]), int(box.inside[-1]) + 1, offsets, bits)
    return bits


def _pad_all(levels: Levels, reach: int) -> Padded:
    matrix = np.ascontiguousarray(levels.matrix, dtype=np.int32)
    present = np.asarray(levels.present, dtype=np.int64)
    margins = tuple(min(reach, n - 1) for n in matrix.shape)
    shape = tuple(n + 2 * margin for n, margin in zip(matrix.shape, margins, strict=True))
    highest, count = int(present[-1]), len(present)
    values = np.zeros(shape, dtype=_narrowest(highest))
    _copy(matrix, values, margins)
    ranks = values
    if count < highest:
        ranks = np.zeros(shape, dtype=_narrowest(count))
        rank_of = np.zeros(highest + 1, dtype=ranks.dtype)
        rank_of[present] = np.arange(1, count + 1)
        _look_up(matrix, rank_of, ranks, margins)
    flat = ranks.reshape(-1)
    strides = np.array([shape[1] * shape[2], shape[2], 1], dtype=np.int64)
    return Padded(flat, values.reshape(-1), _inside(flat), present, strides, matrix.shape)


def _narrowest(highest: int) -> type:
    return next(width for width in WIDTHS if highest <= np.iinfo(width).max)


def weights(
    steps: np.ndarray,
    spacing: tuple[float, float, float],
    norm: str | None,
    *,
    rules: Mapping[str, Callable[[np.ndarray], np.ndarray]],
) -> np.ndarray | None:
    """A weight for each step (n, 3) by the rule of that norm, from its sizes in mm; None where directions stay apart.

    Raises RadiogramError for a norm without a rule.
    """
    if norm is None:
        return None
    if norm not in rules:
        raise RadiogramError(f"radiomics weightingNorm {norm} is unknown: choose from {', '.join(rules)}.")
    return rules[norm](np.abs(steps) * np.array(spacing, dtype=float))


@njit(cache=True, nogil=True, error_model="numpy")
def _copy(matrix, out, margins):
    for z in range(matrix.shape[0]):
        for y in range(matrix.shape[1]):
            row = out[z + margins[0], y + margins[1], margins[2] : margins[2] + matrix.shape[2]]
            for x in range(matrix.shape[2]):
                row[x] = matrix[z, y, x]


@njit(cache=True, nogil=True, error_model="numpy")
def _look_up(matrix, rank_of, out, margins):
    for z in range(matrix.shape[0]):
        for y in range(matrix.shape[1]):
            row = out[z + margins[0], y + margins[1], margins[2] : margins[2] + matrix.shape[2]]
            for x in range(matrix.shape[2]):
                row[x] = rank_of[matrix[z, y, x]]


@njit(cache=True, nogil=True, error_model="numpy")
def _inside(flat):
    """Flat positions of the lesion's voxels."""
    positions = np.empty(len(flat), np.int32)
    filled = np.uint64(0)
    for i in range(len(flat)):
        positions[filled] = i
        filled += np.uint64(flat[i] > 0)
    return positions[:filled].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _alike(ranks, first, last, offsets, bits):
    """A stretch at a time, that it stays in the nearest cache, and whole runs of it in one instruction."""
    for start in range(first, last, STRETCH):
        stop = min(last, start + STRETCH)
        here, found = ranks[start:stop], bits[start:stop]
        found[:] = 0
        for k in range(len(offsets)):
            there = ranks[start + offsets[k] : stop + offsets[k]]
            bit = np.uint16(1 << k)
            for x in range(len(here)):
                found[x] |= bit if here[x] == there[x] else np.uint16(0)
