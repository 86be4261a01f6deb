"""Local binary patterns in 3D: which points of a sphere around a voxel are at least as bright as it.

The pattern is summed up by the strength of its spherical harmonics of each degree, and the points' intensities by
their kurtosis (Banerjee et al. 2013, doi:10.1016/j.patrec.2012.09.006), as PyRadiomics does: with points of a
subdivided icosahedron in voxels, cubic splines through the whole scan and zeros beyond it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit

from helpers.imaging.geometry import Box
from helpers.imaging.radiomics.settings import Settings

# Voxels after which the spline's recursions have forgotten where they began (pole -0.268): nothing in float64.
MEMORY = 48


def names(settings: Settings) -> list[str]:
    """lbp-3D-m1, lbp-3D-m2, ... and lbp-3D-k, the kurtosis."""
    return [*(f"lbp-3D-m{level + 1}" for level in range(settings.lbp3d_levels)), "lbp-3D-k"]


def patterns(values: np.ndarray, box: Box, lesion: np.ndarray, *, settings: Settings) -> list[np.ndarray]:
    """The images of `names` over `box` of a scan (z, y, x), float64, in the voxels of `lesion` (over the box).

    Elsewhere they are zero. The kurtosis is not a number where all the points are equally bright.
    """
    sphere = icosphere(settings.lbp3d_icosphere_subdivision, settings.lbp3d_icosphere_radius)
    inside = np.nonzero(lesion)
    voxels = np.stack([index + edge.start for index, edge in zip(inside, box, strict=True)], axis=1)
    points = _intensities(values, box, voxels, sphere)
    brighter = points >= values[box][inside][:, None]
    harmonics, degrees = _harmonics(settings)
    strengths = _strengths(brighter, harmonics, degrees, settings.lbp3d_levels)
    measured = np.column_stack([strengths, _kurtosis(points)])
    found = []
    for column in measured.T:
        image = np.zeros(lesion.shape)
        image[inside] = column
        found.append(image)
    return found


@lru_cache(maxsize=8)
def icosphere(subdivision: int, radius: float) -> np.ndarray:
    """Corners (n, 3) of an icosahedron whose edges are halved `subdivision` times, each time drawn to the sphere.

    Columns are x, y, z of the solid; PyRadiomics adds them to z, y, x of the voxel in this order.
    """
    corners, faces = _icosahedron()
    for _ in range(subdivision):
        edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
        ordered, middle = np.unique(edges[:, ::-1], axis=0, return_inverse=True)
        a, b, c = (middle.reshape(-1, 3) + len(corners)).T
        corners = np.vstack([corners, (corners[ordered[:, 1]] + corners[ordered[:, 0]]) / 2])
        tips = ((faces[:, 0], a, c), (faces[:, 1], b, a), (faces[:, 2], c, b), (a, b, c))
        faces = np.vstack([np.stack(tip, axis=1) for tip in tips])
        corners = _to_sphere(corners, radius)
    return _to_sphere(corners, radius) if subdivision == 0 else corners


def _to_sphere(corners: np.ndarray, radius: float) -> np.ndarray:
    length = np.sqrt((corners**2).sum(axis=1))[:, None]
    return corners + corners / length * (radius - length)


def _icosahedron() -> tuple[np.ndarray, np.ndarray]:
    """Three golden rectangles, and as faces the triples of mutual neighbors."""
    golden = (1 + math.sqrt(5)) / 2
    signs = np.array([(-1, 1), (1, 1), (-1, -1), (1, -1)], dtype=float)
    short, long = signs.T / math.sqrt(1 + golden**2) * np.array([[1.0], [golden]])
    none = np.zeros(4)
    planes = ((short, long, none), (none, short, long), (long, none, short))
    corners = np.vstack([np.stack(columns, axis=1) for columns in planes])
    near = np.linalg.norm(corners[:, None] - corners, axis=-1) < 1.2
    faces = [(i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] & near[j, k] & near[i, k]]
    return corners, np.array(faces)


def _intensities(values: np.ndarray, box: Box, voxels: np.ndarray, sphere: np.ndarray) -> np.ndarray:
    """(voxels, points) intensities in the scan's own type, as an interpolation into it gives them."""
    from scipy import ndimage

    reach = MEMORY + math.ceil(np.abs(sphere).max()) + 2
    region = [slice(max(0, e.start - reach), min(n, e.stop + reach)) for e, n in zip(box, values.shape, strict=True)]
    coefficients = ndimage.spline_filter(values[tuple(region)], order=3, output=np.float64)
    points = np.empty((len(voxels), len(sphere)))
    origin = tuple(part.start for part in region)
    _interpolate(np.ascontiguousarray(coefficients), origin, values.shape, voxels, sphere, points)
    if np.issubdtype(values.dtype, np.integer):
        limits = np.iinfo(values.dtype)
        points = np.clip(np.trunc(points + np.copysign(0.5, points)), limits.min, limits.max)
    return points.astype(values.dtype)


def _kurtosis(points: np.ndarray) -> np.ndarray:
    """Excess kurtosis of each row, in the rows' own precision; not a number without spread."""
    mean = points.mean(axis=1, keepdims=True)
    squares = (points - mean) ** 2
    second, fourth = squares.mean(axis=1), (squares**2).mean(axis=1)
    flat = second <= (np.finfo(second.dtype).resolution * mean[:, 0]) ** 2
    with np.errstate(all="ignore"):
        return np.where(flat, np.nan, fourth / second**2) - 3


def _harmonics(settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """(points, terms) spherical harmonics and the degree of each term.

    PyRadiomics gives the polar angle where SciPy's former sph_harm took the azimuth, and the azimuth for the polar
    angle; its numbers follow from that, and so do these.
    """
    from scipy.special import sph_harm_y

    radius = settings.lbp3d_icosphere_radius
    sphere = icosphere(settings.lbp3d_icosphere_subdivision, radius)
    polar, azimuth = np.arccos(sphere[:, 2] / radius), np.arctan2(sphere[:, 1], sphere[:, 0])
    terms = [(degree, order) for degree in range(settings.lbp3d_levels) for order in range(-degree, degree + 1)]
    values = np.stack([sph_harm_y(degree, order, azimuth, polar) for degree, order in terms], axis=1)
    return values, np.array([degree for degree, _ in terms])


@njit(cache=True, nogil=True, error_model="numpy")
def _strengths(brighter, harmonics, degrees, levels):
    """(voxels, levels): norm over the points of the pattern's part of each degree."""
    points, terms = harmonics.shape
    found = np.zeros((brighter.shape[0], levels))
    sums = np.empty(terms, dtype=np.complex128)
    for v in range(brighter.shape[0]):
        sums[:] = 0
        for p in range(points):
            if brighter[v, p]:
                sums += harmonics[p]
        for p in range(points):
            first = 0
            for level in range(levels):
                part = 0.0  # of orders -m and m together it is real
                while first < terms and degrees[first] == level:
                    a, b = sums[first], harmonics[p, first]
                    part += a.real * b.real - a.imag * b.imag
                    first += 1
                found[v, level] += part * part
    return np.sqrt(found)


@njit(cache=True, nogil=True, error_model="numpy")
def _weights(position, weights):
    """Of the four cubic B-splines around a position."""
    y = position - math.floor(position)
    z = 1.0 - y
    weights[1] = (y * y * (y - 2.0) * 3.0 + 4.0) / 6.0
    weights[2] = (z * z * (z - 2.0) * 3.0 + 4.0) / 6.0
    weights[0] = z * z * z / 6.0
    weights[3] = 1.0 - weights[0] - weights[1] - weights[2]


@njit(cache=True, nogil=True, error_model="numpy")
def _interpolate(coefficients, origin, shape, voxels, sphere, points):
    """The spline at every point around every voxel; positions count in the whole scan, mirrored for the spline."""
    weights, index = np.empty((3, 4)), np.empty((3, 4), dtype=np.int64)
    for v in range(voxels.shape[0]):
        for p in range(sphere.shape[0]):
            within = True
            for axis in range(3):
                position = voxels[v, axis] + sphere[p, axis]
                within = within and 0 <= position <= shape[axis] - 1
                if within:
                    _weights(position, weights[axis])
                    for k in range(4):
                        period = max(2 * shape[axis] - 2, 1)
                        at = (int(math.floor(position)) - 1 + k) % period
                        index[axis, k] = min(at, period - at) - origin[axis] if period > 1 else 0
            points[v, p] = _sum(coefficients, weights, index) if within else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(coefficients, weights, index):
    total = 0.0
    for i in range(4):
        for j in range(4):
            for k in range(4):
                value = coefficients[index[0, i], index[1, j], index[2, k]] * weights[0, i]
                total += value * weights[1, j] * weights[2, k]
    return total
