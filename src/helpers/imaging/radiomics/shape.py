"""Size and form of a lesion in three dimensions, by PyRadiomics' definitions."""

from __future__ import annotations

import numba
import numpy as np

from helpers.imaging.radiomics import surface

NAMES = (
    "Elongation",
    "Flatness",
    "LeastAxisLength",
    "MajorAxisLength",
    "Maximum2DDiameterColumn",
    "Maximum2DDiameterRow",
    "Maximum2DDiameterSlice",
    "Maximum3DDiameter",
    "MeshVolume",
    "MinorAxisLength",
    "Sphericity",
    "SurfaceArea",
    "SurfaceVolumeRatio",
    "VoxelVolume",
)
DEPRECATED = ("Compactness1", "Compactness2", "SphericalDisproportion")
ROUNDING = -1e-10  # PyRadiomics takes a negative eigenvalue above it for 0; below it the axis is nan


def measure(lesion: np.ndarray, *, spacing: tuple[float, float, float]) -> np.ndarray:
    """The features in the order of NAMES, in mm, mm2 and mm3; nan where one is not defined.

    `lesion` is boolean (z, y, x), cropped to its box, not empty; `spacing` is z, y, x in mm. Area and volume are of
    the mesh by marching cubes (`surface`); axes are four standard deviations along the principal axes of the voxels
    (Zwanenburg et al. 2020, doi 10.1148/radiol.2020191145; PyRadiomics 3.0.1).
    """
    inside = padded(lesion)
    cells, extremes = surface.scan(inside)
    area, volume = surface.area_and_volume(cells, tuple(spacing))
    slices, columns, rows, anywhere = surface.diameters(extremes, tuple(spacing))
    least, minor, major = variances(positions(inside, np.asarray(spacing, dtype=float)))
    sphere = (36 * np.pi * volume**2) ** (1 / 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        elongation, flatness = np.sqrt(minor / major), np.sqrt(least / major)
        axes = 4 * np.sqrt([least, major, minor])
        ratios = np.array([sphere, area]) / np.array([area, volume])
    voxels = np.count_nonzero(lesion) * (spacing[0] * spacing[2] * spacing[1])
    found = (elongation, flatness, axes[0], axes[1], columns, rows, slices, anywhere, volume, axes[2])
    return np.array([*found, ratios[0], area, ratios[1], voxels])


def deprecated(found: np.ndarray) -> np.ndarray:
    """The features in the order of DEPRECATED, from those of `measure`."""
    area, volume, sphericity = (found[NAMES.index(name)] for name in ("SurfaceArea", "MeshVolume", "Sphericity"))
    return np.array([volume / (area**1.5 * np.sqrt(np.pi)), 36 * np.pi * volume**2 / area**3, 1 / sphericity])


def padded(lesion: np.ndarray) -> np.ndarray:
    """The lesion with a margin of one voxel outside it, uint8."""
    inside = np.zeros(tuple(n + 2 for n in lesion.shape), dtype=np.uint8)
    inside[tuple(slice(1, -1) for _ in lesion.shape)] = lesion
    return inside


def variances(placed: np.ndarray) -> np.ndarray:
    """Variances along the principal axes of positions (axes, n), ascending; nan where rounding makes one negative.

    In PyRadiomics' own steps, to the last bit: where an axis has no extent, nothing but their rounding is left.
    """
    placed = (placed - placed.mean(axis=1, keepdims=True)) / np.sqrt(placed.shape[1])
    found = np.sort(np.real(np.linalg.eigvals(placed.copy() @ placed.T)))
    found[(found < 0) & (found > ROUNDING)] = 0
    found[found < 0] = np.nan
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def positions(inside: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """z, y, x (mm) of the voxels inside, as rows of an array (3, n)."""
    nz, ny, nx = inside.shape
    found = np.empty((3, np.count_nonzero(inside)))
    i = 0
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if inside[z, y, x]:
                    found[0, i], found[1, i], found[2, i] = z * spacing[0], y * spacing[1], x * spacing[2]
                    i += 1
    return found
