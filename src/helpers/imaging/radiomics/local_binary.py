"""Local binary patterns in 2D: which of the points on a circle around a pixel are at least as bright as it.

Ojala, Pietikainen and Maenpaa 2002 (doi:10.1109/TPAMI.2002.1017623), numbered as scikit-image does: points are
interpolated bilinearly and beyond the slice there are zeros. Only the slices and pixels of the box are computed.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from helpers.errors import RadiogramError
from helpers.imaging.geometry import Box
from helpers.imaging.radiomics.settings import Settings

BITS = 31  # a pattern is a C int in scikit-image


def patterns(values: np.ndarray, box: Box, *, settings: Settings) -> np.ndarray:
    """The patterns over `box` of a scan (z, y, x), slice by slice across `settings.force2d_dimension`.

    They have the scan's type, as PyRadiomics writes them over its image: an integer scan truncates them.
    """
    if settings.lbp2d_method in ("default", "ror") and settings.lbp2d_samples > BITS:
        method, samples = settings.lbp2d_method, settings.lbp2d_samples
        rule = f"at most {BITS} samples, not {samples}: lower lbp2DSamples, or take uniform"
        raise RadiogramError(f"local binary patterns numbered as '{method}' hold {rule}.")
    across = settings.force2d_dimension
    slices, edges = values.swapaxes(0, across), list(box)
    edges[0], edges[across] = edges[across], edges[0]
    out = np.empty([edge.stop - edge.start for edge in edges], dtype=values.dtype)
    for i, index in enumerate(range(edges[0].start, edges[0].stop)):
        with np.errstate(invalid="ignore"):  # not a number, of method var, has no value in an integer image
            out[i] = _of_slice(slices[index], edges[1], edges[2], settings)
    return np.ascontiguousarray(out.swapaxes(0, across))


def _of_slice(pixels: np.ndarray, rows: slice, columns: slice, settings: Settings) -> np.ndarray:
    reach = math.ceil(settings.lbp2d_radius) + 1
    edges = (rows, columns)
    outer = [slice(max(0, s.start - reach), min(n, s.stop + reach)) for s, n in zip(edges, pixels.shape, strict=True)]
    part = pixels[tuple(outer)].astype(np.float64, order="C")
    around = 2 * np.pi * np.arange(settings.lbp2d_samples, dtype=np.float64) / settings.lbp2d_samples
    up = np.round(-settings.lbp2d_radius * np.sin(around), 5)
    right = np.round(settings.lbp2d_radius * np.cos(around), 5)
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    points = np.empty((*shape, settings.lbp2d_samples))
    origin = (outer[0].start, outer[1].start)
    _interpolate(part, origin, pixels.shape, (rows.start, columns.start), up, right, points)
    center = part[tuple(slice(s.start - o.start, s.stop - o.start) for s, o in zip(edges, outer, strict=True))]
    return _number(points, points - center[..., None] >= 0, settings.lbp2d_method)


def _number(points: np.ndarray, brighter: np.ndarray, method: str) -> np.ndarray:
    """One number a pixel from its bits."""
    samples = brighter.shape[-1]
    if method == "var":
        return _variance(points)
    if method in ("default", "ror"):
        codes = brighter @ (np.int64(1) << np.arange(samples))
        return _smallest_rotation(codes, samples) if method == "ror" else codes
    changes = np.count_nonzero(brighter[..., 1:] != brighter[..., :-1], axis=-1)
    return np.where(changes <= 2, np.count_nonzero(brighter, axis=-1), samples + 1)


def _variance(points: np.ndarray) -> np.ndarray:
    """Of the points of each pixel, from sums in their order; not a number where it is zero."""
    total, squares = np.zeros(points.shape[:-1]), np.zeros(points.shape[:-1])
    for k in range(points.shape[-1]):
        total += points[..., k]
        squares += points[..., k] * points[..., k]
    variance = (squares - total * total / points.shape[-1]) / points.shape[-1]
    return np.where(variance != 0, variance, np.nan)


def _smallest_rotation(codes: np.ndarray, samples: int) -> np.ndarray:
    smallest = codes
    for _ in range(samples - 1):
        codes = (codes >> 1) | ((codes & 1) << (samples - 1))
        smallest = np.minimum(smallest, codes)
    return smallest


@njit(cache=True, nogil=True, error_model="numpy")
def _pixel(part, origin, shape, row, column):
    if row < 0 or row >= shape[0] or column < 0 or column >= shape[1]:
        return 0.0
    return part[row - origin[0], column - origin[1]]


@njit(cache=True, nogil=True, error_model="numpy")
def _interpolate(part, origin, shape, first, up, right, points):
    """The points on the circle of every pixel from `first` on; positions count in the whole slice."""
    for i in range(points.shape[0]):
        for j in range(points.shape[1]):
            for k in range(points.shape[2]):
                row, column = first[0] + i + up[k], first[1] + j + right[k]
                low, high = int(math.floor(row)), int(math.ceil(row))
                left, far = int(math.floor(column)), int(math.ceil(column))
                down, over = row - low, column - left
                upper = (1 - over) * _pixel(part, origin, shape, low, left)
                upper += over * _pixel(part, origin, shape, low, far)
                lower = (1 - over) * _pixel(part, origin, shape, high, left)
                lower += over * _pixel(part, origin, shape, high, far)
                points[i, j, k] = (1 - down) * upper + down * lower
