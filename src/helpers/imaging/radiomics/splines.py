"""Cubic B-spline interpolation as ITK does it, to the bit, but only where it is asked for.

Unser 1999, doi 10.1109/79.799930: a recursion turns samples into coefficients, of which four an axis weigh in at each
new place. The order of operations is ITK's: in a flat part of a scan (air, a cleared background) rounding alone
decides on which side of a bin's edge the new values fall.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numba import njit

# Voxels after which what lies beyond has decayed to 1e-20: the recursions meet in every bit, or, where all of these
# voxels are alike, in all but the last (there rounding alternates forever, by where the line began).
REACH = 36
HORIZON = 18  # samples after which ITK takes the start of the recursion for settled: log(1e-10) / log(0.268)
POLE = float(np.sqrt(3.0) - 2.0)
GAIN = (1.0 - POLE) * (1.0 - 1.0 / POLE)
END = POLE / (POLE * POLE - 1.0)
SIXTH = 1.0 / 6.0


def indices(image: sitk.Image, grid: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Where each line of the grid starts and ends in the image, in voxels: two arrays (z, y, 3), x first.

    As ITK finds them: through physical points, with the products of its matrices added in their order.
    """
    forward, backward = _matrices(grid), _inverse(image)
    nx, ny, nz = grid.GetSize()
    z, y = np.meshgrid(np.arange(nz, dtype=float), np.arange(ny, dtype=float), indexing="ij")
    found = []
    for x in (0.0, float(nx)):
        offsets = [
            ((grid.GetOrigin()[r] + forward[r][0] * x) + forward[r][1] * y) + forward[r][2] * z - image.GetOrigin()[r]
            for r in range(3)
        ]
        found.append(np.stack([(b[0] * offsets[0] + b[1] * offsets[1]) + b[2] * offsets[2] for b in backward], axis=-1))
    return found[0], found[1]


def interpolate(
    values: np.ndarray, low: np.ndarray, size: np.ndarray, lines: tuple[np.ndarray, np.ndarray], count: int
) -> np.ndarray:
    """(z, y, count) interpolated along lines of `count` voxels from `indices`; 0 outside, as ITK's default is; float64.

    `values` (z, y, x) is the part of an image of `size` voxels (x, y, z) from voxel `low` (x, y, z) on.
    """
    coefficients = np.ascontiguousarray(values, dtype=np.float64)
    if coefficients is values or coefficients.base is not None or not coefficients.flags.writeable:
        coefficients = coefficients.copy()
    for axis in (2, 1, 0):  # x, y, z
        n = coefficients.shape[axis]
        if n > 1:
            ahead = int(np.prod(coefficients.shape[:axis]))
            _to_coefficients(coefficients.reshape(ahead, n, -1))
    return _evaluate(coefficients, low.astype(np.int64), size.astype(np.int64), *lines, count)


def _empty(image: sitk.Image) -> sitk.Image:
    """One voxel with the image's spacing and direction at the origin, of which its matrices can be read exactly."""
    one = sitk.Image([1, 1, 1], sitk.sitkUInt8)
    one.SetSpacing(image.GetSpacing())
    one.SetDirection(image.GetDirection())
    return one


def _matrices(image: sitk.Image) -> np.ndarray:
    columns = [_empty(image).TransformIndexToPhysicalPoint([int(i == k) for i in range(3)]) for k in range(3)]
    return np.array(columns).T


def _inverse(image: sitk.Image) -> np.ndarray:
    one = _empty(image)
    columns = [one.TransformPhysicalPointToContinuousIndex([float(i == k) for i in range(3)]) for k in range(3)]
    return np.array(columns).T


@njit(cache=True, nogil=True, error_model="numpy")
def _to_coefficients(lines):
    """In place, along the middle axis of (before, n, after); many lines side by side."""
    n, width = lines.shape[1], lines.shape[2]
    powers = np.empty(n)
    start = np.empty(width)
    for before in range(lines.shape[0]):
        block = lines[before]
        for k in range(n):
            for i in range(width):
                block[k, i] *= GAIN
        _start(block, powers, start)
        for i in range(width):
            block[0, i] = start[i]
        for k in range(1, n):
            for i in range(width):
                block[k, i] += POLE * block[k - 1, i]
        for i in range(width):
            block[n - 1, i] = END * (POLE * block[n - 2, i] + block[n - 1, i])
        for k in range(n - 2, -1, -1):
            for i in range(width):
                block[k, i] = POLE * (block[k + 1, i] - block[k, i])


@njit(cache=True, nogil=True, error_model="numpy")
def _start(block, powers, start):
    """The first coefficient of the causal recursion, of a line that is mirrored at its ends."""
    n, width = block.shape
    power = POLE
    if n > HORIZON:
        start[:] = block[0]
        for k in range(1, HORIZON):
            for i in range(width):
                start[i] += power * block[k, i]
            power *= POLE
        return
    inverse = 1.0 / POLE
    mirrored = POLE ** (n - 1.0)
    for i in range(width):
        start[i] = block[0, i] + mirrored * block[n - 1, i]
    mirrored *= mirrored * inverse
    for k in range(1, n - 1):
        for i in range(width):
            start[i] += (power + mirrored) * block[k, i]
        power *= POLE
        mirrored *= inverse
    for i in range(width):
        start[i] /= 1.0 - power * power


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(coefficients, low, size, starts, ends, count):
    nz, ny = starts.shape[0], starts.shape[1]
    out = np.zeros((nz, ny, count))
    index, weights, place = np.empty((3, 4), np.int64), np.empty((3, 4)), np.empty(3)
    for z in range(nz):
        for y in range(ny):
            for x in range(count):
                along = x / count
                inside = True
                for axis in range(3):
                    place[axis] = starts[z, y, axis] + along * (ends[z, y, axis] - starts[z, y, axis])
                    inside = inside and place[axis] >= -0.5 and place[axis] < size[axis] - 0.5
                if inside:
                    _support(place, low, size, index, weights)
                    out[z, y, x] = _sum(coefficients, index, weights)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _support(place, low, size, index, weights):
    """The four coefficients an axis that weigh in, mirrored at the image's ends, and how much they weigh."""
    for axis in range(3):
        first = np.int64(np.floor(np.float64(np.float32(place[axis])))) - 1
        w = place[axis] - (first + 1.0)
        last = SIXTH * w * w * w
        weights[axis, 3] = last
        weights[axis, 0] = SIXTH + 0.5 * w * (w - 1.0) - last
        weights[axis, 2] = w + weights[axis, 0] - 2.0 * last
        weights[axis, 1] = 1.0 - weights[axis, 0] - weights[axis, 2] - last
        n = size[axis]
        for k in range(4):
            at = first + k
            if n == 1:
                at = 0
            elif at < 0:
                at = -at
            if at >= n:
                at = abs(2 * n - 2 - at)
            index[axis, k] = at - low[axis]


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(coefficients, index, weights):
    total = 0.0
    for c in range(4):
        for b in range(4):
            for a in range(4):
                w = weights[0, a] * weights[1, b] * weights[2, c]
                total += w * coefficients[index[2, c], index[1, b], index[0, a]]
    return total
