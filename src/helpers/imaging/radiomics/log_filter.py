"""Laplacian of Gaussian as ITK computes it: Deriche's recursions axis by axis, only where the box can feel them.

Every pass runs in float64 and is rounded to float32, in ITK's order of operations, so that the values are ITK's
to the bit. A pass needs the causal recursion only up to the box's end, the anticausal one only down to its start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from helpers.errors import CaseError, RadiogramError
from helpers.imaging.geometry import Box
from helpers.imaging.radiomics.deriche import coefficients
from helpers.imaging.radiomics.scan import Scan

U = np.uint64
Size = tuple[int, int, int]

REACH = 26.0  # sigmas, summed over the axes; what lies farther weighs less than float64's resolution
DIRECT = (np.int16, np.uint16, np.float32, np.float64)  # types of scans that the kernels read as they are
LANES = 48  # lines filtered side by side, so that the processor's vectors are full


def name(sigma: float) -> str:
    """2.0 -> log-sigma-2-0-mm-3D, and 2 -> log-sigma-2-mm-3D: PyRadiomics writes a number as it was given."""
    return f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"


def check(size: Size, *, spacing: tuple[float, float, float], sigma: float) -> None:
    """Raises CaseError for an image (z, y, x) in which PyRadiomics leaves this filter out, being too small."""
    if not sigma > 0:
        raise RadiogramError(f"a Laplacian of Gaussian needs a sigma above 0 mm, not {sigma:g}: correct the settings.")
    needed = [max(math.ceil(sigma / step) + 1, 4) for step in spacing]
    if any(n < least for n, least in zip(size, needed, strict=True)):
        has, needs = (" x ".join(map(str, reversed(n))) for n in (size, needed))
        rule = f"radiomics.log_sigma {sigma:g} mm, which needs {needs}"
        raise CaseError(f"the image has {has} voxels, too few for {rule}.")


def around(box: Box, size: Size, *, spacing: tuple[float, float, float], sigma: float) -> Box:
    """What the filter feels of an image (z, y, x): the box and REACH sigmas on each side."""
    margins = [max(math.ceil(REACH * sigma / step), 8) for step in spacing]
    return tuple(
        slice(max(0, edge.start - margin), min(n, edge.stop + margin))
        for edge, margin, n in zip(box, margins, size, strict=True)
    )


def laplacian(scan: Scan, box: Box, *, sigma: float) -> np.ndarray:
    """ITK's LaplacianRecursiveGaussian, normalized across scale, over `box` of a scan (z, y, x), as float32.

    Sigma in mm. Equal to filtering the whole scan, whatever its type.
    """
    region = around(box, scan.shape, spacing=scan.spacing, sigma=sigma)
    source = _source(scan, region)
    far = [_distances(edge, part, sigma / step) for edge, part, step in zip(box, region, scan.spacing, strict=True)]
    total = np.zeros([edge.stop - edge.start for edge in box], dtype=np.float32)
    for axis in (2, 1, 0):  # ITK counts x, y, z: the second derivative first, then the other two in that order
        passed, away = source, list(far)
        for along in (axis, *(other for other in (2, 1, 0) if other != axis)):
            passed = _along(passed, along, away, sigma, scan.spacing[along], second=along == axis)
            away[along] = away[along][away[along] == 0]
        found = passed.voxels.reshape(total.shape) * (1.0 / np.float64(scan.spacing[axis] * scan.spacing[axis]))
        total = (total + found).astype(np.float32)
    return total


@dataclass(frozen=True)
class _Lines:
    """Voxels of a block (z, y, x) in a flat array, the strides between them, and how they are scaled when they are read."""

    voxels: np.ndarray
    strides: tuple[int, int, int]
    scaling: tuple[float, float, float] = (0.0, 1.0, 1.0)


def _source(scan: Scan, region: Box) -> _Lines:
    """A region of a scan, left where it lies and scaled as it is read, unless its type is rare or outliers are cut."""
    scaling = scan.scaling
    if scan.raw.dtype.type not in DIRECT or (scaling is not None and scaling.outliers is not None):
        return _block(scan.take(region).astype(np.float64))
    corner = np.ravel_multi_index([edge.start for edge in region], scan.shape)
    own = () if scaling is None else ((scaling.shift, scaling.factor, scaling.scale),)
    return _Lines(scan.raw.reshape(-1)[corner:], _strides(scan.shape), *own)


def _block(values: np.ndarray) -> _Lines:
    """An array that is read only, as those of SimpleITK are: a kernel is compiled for each kind of array."""
    flat = values.reshape(-1)
    flat.flags.writeable = False
    return _Lines(flat, _strides(values.shape))


def _strides(shape: Size) -> tuple[int, int, int]:
    return shape[1] * shape[2], shape[2], 1


def _distances(edge: slice, part: slice, scale: float) -> np.ndarray:
    """From the box, in sigmas of `scale` voxels, of the positions of a region; zero within the box."""
    position = np.arange(part.start, part.stop)
    return np.maximum(np.maximum(edge.start - position, position - edge.stop + 1), 0) / scale


def _along(source: _Lines, axis: int, away: list[np.ndarray], sigma: float, spacing: float, *, second: bool) -> _Lines:
    """One pass along an axis, of which the box's positions are kept, those `away` from it by zero sigmas."""
    first, last = np.flatnonzero(away[axis] == 0)[[0, -1]]
    outer, inner = (other for other in range(3) if other != axis)
    sizes = [part.size for part in away]
    sizes[axis] = last + 1 - first
    out = np.empty(sizes, dtype=np.float32)
    steps, to = (tuple(strides[a] for a in (axis, outer, inner)) for strides in (source.strides, _strides(out.shape)))
    extents = (away[axis].size, first, last + 1)
    response = coefficients(sigma, spacing, second=second)
    beside = (away[outer], away[inner], sigma / spacing)
    _filter(source.voxels, source.scaling, steps, extents, beside, response, out.reshape(-1), to)
    return _block(out)


@njit(cache=True, nogil=True, error_model="numpy")
def _filter(source, scaling, steps, extents, beside, response, out, to):
    """Filter lines, LANES at once, and keep [first, last) of each.

    `steps` and `to` are strides, along the line and to the next lines, outer and inner, of the flat arrays. Weights
    fall with the sum of the distances along the axes: a line that lies aside is followed less far.
    """
    length, first, last = extents
    outer, inner, scale = beside
    lines = np.empty(length * LANES)
    forth, back = np.empty((length + 1) * LANES), np.empty((length + 1) * LANES)
    for p in range(outer.size):
        for q in range(0, inner.size, LANES):
            lanes = min(LANES, inner.size - q)
            reach = math.ceil((REACH - outer[p] - inner[q : q + lanes].min()) * scale)
            start, stop = max(0, first - reach), min(length, last + reach)
            at = p * to[1] + q * to[2]
            if reach <= 0:
                _blank(last - first, lanes, out, at, to[0], to[2])
                continue
            corner = start * steps[0] + p * steps[1] + q * steps[2]
            _load(source, scaling, corner, steps[0], steps[2], stop - start, lanes, lines)
            _forth(lines, response, last - start, forth)
            _back(lines, response, first - start, stop - start, back)
            _store(forth, back, first - start, last - start, lanes, out, at, to[0], to[2])


@njit(cache=True, nogil=True, error_model="numpy")
def _blank(count, lanes, out, at, along, inner):
    for i in range(count):
        for k in range(lanes):
            out[at + i * along + k * inner] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def _load(source, scaling, start, along, inner, length, lanes, lines):
    """Bring lines side by side, scaled; unsigned indices let the compiler use the processor's vectors."""
    step, stride = U(along), U(inner)
    shift, factor, scale = scaling
    if inner == 1:
        for i in range(U(length)):
            base, to = U(start) + i * step, i * U(LANES)
            for k in range(U(lanes)):
                lines[to + k] = (source[base + k] + shift) * factor * scale
        return
    whole = U(lanes - lanes % 8)  # eight lines at once keep the cache
    for j in range(U(0), whole, U(8)):
        for i in range(U(length)):
            base, to = U(start) + i * step + j * stride, i * U(LANES) + j
            for k in range(U(8)):
                lines[to + k] = (source[base + k * stride] + shift) * factor * scale
    for k in range(whole, U(lanes)):
        for i in range(U(length)):
            lines[i * U(LANES) + k] = (source[U(start) + i * step + k * stride] + shift) * factor * scale


@njit(cache=True, nogil=True, error_model="numpy")
def _store(forth, back, first, last, lanes, out, at, along, inner):
    """The sum of both recursions, rounded to float32."""
    for i in range(first, last):
        a, b, to = U((i + 1) * LANES), U(i * LANES), U(at + (i - first) * along)
        for k in range(U(lanes)):
            out[to + k * U(inner)] = np.float32(forth[a + k] + back[b + k])


@njit(cache=True, nogil=True, error_model="numpy")
def _forth(x, response, last, y):
    """The causal recursion up to `last`; line i of x is at i + 1 in y, after the voxel repeated before the edge."""
    n, d, edge = response[0:4], response[8:12], response[12:16]
    y[:LANES] = x[:LANES]
    coefficients = np.empty(4)
    for i in range(min(4, last)):
        for j in range(4):
            coefficients[j] = d[j] if i > j else edge[j]
        rows = (i, max(i - 1, 0), max(i - 2, 0), max(i - 3, 0))
        _line(x, y, rows, n, (i, max(i - 1, 0), max(i - 2, 0), max(i - 3, 0)), coefficients, i + 1)
    w, w2, w3, w4 = U(LANES), U(2 * LANES), U(3 * LANES), U(4 * LANES)
    n0, n1, n2, n3 = n[0], n[1], n[2], n[3]
    d1, d2, d3, d4 = d[0], d[1], d[2], d[3]
    for k in range(w4, U(max(last, 4)) * w):
        value = x[k] * n0 + x[k - w] * n1 + x[k - w2] * n2 + x[k - w3] * n3
        past = y[k] * d1 + y[k - w] * d2 + y[k - w2] * d3 + y[k - w3] * d4
        y[k + w] = value - past


@njit(cache=True, nogil=True, error_model="numpy")
def _back(x, response, first, length, y):
    """The anticausal recursion down to `first`; y ends with the voxel repeated beyond the edge."""
    m, d, edge = response[4:8], response[8:12], response[16:20]
    y[length * LANES :] = x[(length - 1) * LANES :]
    coefficients = np.empty(4)
    for i in range(length - 1, max(length - 5, first - 1), -1):
        for j in range(4):
            coefficients[j] = d[j] if i + 1 + j < length else edge[j]
        x_rows = (i + 1, i + 2, i + 3, i + 4)
        y_rows = (i + 1, min(i + 2, length), min(i + 3, length), min(i + 4, length))
        end = length - 1
        rows = (min(x_rows[0], end), min(x_rows[1], end), min(x_rows[2], end), min(x_rows[3], end))
        _line(x, y, rows, m, y_rows, coefficients, i)
    w, w2, w3, w4 = U(LANES), U(2 * LANES), U(3 * LANES), U(4 * LANES)
    m1, m2, m3, m4 = m[0], m[1], m[2], m[3]
    d1, d2, d3, d4 = d[0], d[1], d[2], d[3]
    top = U(max(length - 4, 0)) * w
    for j in range(U(0), U(max(length - 4 - first, 0)) * w):
        k = top - j - U(1)
        value = x[k + w] * m1 + x[k + w2] * m2 + x[k + w3] * m3 + x[k + w4] * m4
        past = y[k + w] * d1 + y[k + w2] * d2 + y[k + w3] * d3 + y[k + w4] * d4
        y[k] = value - past


@njit(cache=True, nogil=True, error_model="numpy")
def _line(x, y, x_rows, n, y_rows, d, to):
    """One step of a recursion, for every lane: row `to` of y from four rows of x and four of y."""
    w = U(LANES)
    a, b, c, e = U(x_rows[0]) * w, U(x_rows[1]) * w, U(x_rows[2]) * w, U(x_rows[3]) * w
    f, g, h, i = U(y_rows[0]) * w, U(y_rows[1]) * w, U(y_rows[2]) * w, U(y_rows[3]) * w
    at = U(to) * w
    for k in range(w):
        value = x[a + k] * n[0] + x[b + k] * n[1] + x[c + k] * n[2] + x[e + k] * n[3]
        past = y[f + k] * d[0] + y[g + k] * d[1] + y[h + k] * d[2] + y[i + k] * d[3]
        y[at + k] = value - past
