"""Gray levels of a lesion, bit-equal to PyRadiomics' binning, and whether their number makes sense."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from helpers.errors import CaseError
from helpers.imaging.radiomics.settings import Settings

FEW_LEVELS = 8
SUGGESTED_LEVELS = 32
DEFAULT_WIDTH = 25.0  # PyRadiomics' own, when neither a width nor a count is set
MOST_LEVELS = 2**31 - 1  # what int32 can name


@dataclass(frozen=True)
class Levels:
    """A lesion's discretized box.

    `matrix` is int32 (z, y, x), C-contiguous, 0 outside the lesion; `present` holds the levels that occur, sorted,
    int64; `counts` how many voxels have each of them, int64.
    """

    matrix: np.ndarray
    present: np.ndarray
    counts: np.ndarray

    @property
    def maximum(self) -> int:
        """The largest level: PyRadiomics' Ng."""
        return int(self.present[-1])


def discretize(
    values: np.ndarray, lesion: np.ndarray, *, settings: Settings, name: str, inside: np.ndarray | None = None
) -> Levels:
    """Bin the lesion's intensities by `bin_count`, else by `bin_width`; `name` is the image type, for the sentence.

    `values` and `lesion` (boolean) are arrays z, y, x; `inside` is `intensities(values, lesion)` where it is at hand.
    The edges are computed in the image's own number type, as PyRadiomics does, so that a value on an edge falls on
    the same side. Raises CaseError when a width would give more than `maximum_levels` levels, before anything is
    allocated, and for intensities that no bin can hold.
    """
    inside = intensities(values, lesion) if inside is None else inside
    lowest, highest = _range(inside, values.dtype, name)
    edges = _edges(lowest, highest, settings=settings, name=name)
    matrix, counts = _digitize(inside, np.ascontiguousarray(lesion), np.asarray(edges, dtype=np.float64))
    present = np.flatnonzero(counts)
    return Levels(matrix, present, counts[present])


def intensities(values: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    """The lesion's intensities in the order of its voxels (z, y, x), as float64."""
    return values[lesion].astype(np.float64, copy=False)


def check_width(inside: np.ndarray, *, settings: Settings, name: str) -> None:
    """Raises CaseError when `bin_width` cuts these intensities into more than `maximum_levels`."""
    _check_range(float(inside.min()), float(inside.max()), settings=settings, name=name)


def expected_levels(lowest: float, highest: float, width: float) -> int:
    """How many gray levels a width gives an intensity range, without binning; at most 2**31 are told apart."""
    return int(min(np.floor(highest / width) - np.floor(lowest / width) + 1, 2.0**31))


def suggested_width(lowest: float, highest: float) -> float:
    """A bin width that gives the range about 32 gray levels, to two digits; 0 for a flat range."""
    return float(f"{(highest - lowest) / SUGGESTED_LEVELS:.2g}")


def warning(levels: Levels) -> str:
    """A note when so few gray levels occur that texture says little; "" otherwise."""
    count = len(levels.present)
    occur = "gray level occurs" if count == 1 else "gray levels occur"
    return f"only {count} {occur} in the lesion: texture says little" if count < FEW_LEVELS else ""


def _range(inside: np.ndarray, dtype: np.dtype, name: str) -> tuple[np.generic, np.generic]:
    """Lowest and highest intensity as scalars of the image's own type: its rounding is part of the edges."""
    lowest, highest = inside.min(), inside.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise CaseError(f"the lesion holds intensities that are not finite ({name} image): they cannot be binned.")
    kind = dtype.type if np.issubdtype(dtype, np.floating) else np.float64
    return kind(lowest), kind(highest)


def _edges(lowest: np.generic, highest: np.generic, *, settings: Settings, name: str) -> np.ndarray:
    if settings.bin_count:
        return _edges_of_count(lowest, highest, count=settings.bin_count, name=name)
    _check_range(float(lowest), float(highest), settings=settings, name=name)
    return _edges_of_width(lowest, highest, width=settings.bin_width or DEFAULT_WIDTH)


def _edges_of_count(lowest: np.generic, highest: np.generic, *, count: int, name: str) -> np.ndarray:
    try:
        edges = np.histogram_bin_edges(np.array([lowest, highest]), count)
    except ValueError as error:  # numpy cannot tell so many edges apart
        raise CaseError(
            f"the lesion's range {lowest:.9g} to {highest:.9g} ({name} image) is too narrow for {count} gray levels."
        ) from error
    edges[-1] += 1  # PyRadiomics' way of counting the maximum into the last level
    return edges


def _edges_of_width(lowest: np.generic, highest: np.generic, *, width: float) -> np.ndarray:
    edges = np.arange(lowest - (lowest % width), highest + 2 * width, width)
    return edges if len(edges) > 1 else np.array([edges[0] - 0.5, edges[0] + 0.5])


def _check_range(lowest: float, highest: float, *, settings: Settings, name: str) -> None:
    width = settings.bin_width or DEFAULT_WIDTH
    levels = expected_levels(lowest, highest, width)
    if levels > (settings.maximum_levels or MOST_LEVELS):
        raise CaseError(
            f"radiomics.bin_width {width:g} cuts the lesion's range {lowest:.4g} to {highest:.4g} ({name} image) into "
            f"{levels:,} gray levels, more than radiomics.maximum_levels ({settings.maximum_levels or MOST_LEVELS}): "
            f"use a width near {suggested_width(lowest, highest):g}, or radiomics.bin_count."
        )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _digitize(inside: np.ndarray, lesion: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """numpy.digitize of a lesion's intensities into its box, and the number of voxels of each level.

    A first guess from the even spacing of the edges is moved until it lies between the edges themselves.
    """
    matrix = np.zeros(lesion.shape, dtype=np.int32)
    flat, mask = matrix.ravel(), lesion.ravel()
    last = len(edges)
    counts = np.zeros(last + 1, dtype=np.int64)
    first, scale = edges[0], 1.0 / (edges[1] - edges[0])
    k = 0
    for i in range(mask.size):
        if mask[i]:
            value = inside[k]
            level = int(min(max((value - first) * scale, 0.0), last - 1.0)) + 1
            while level < last and edges[level] <= value:
                level += 1
            while level > 0 and edges[level - 1] > value:
                level -= 1
            flat[i] = level
            counts[level] += 1
            k += 1
    return matrix, counts
