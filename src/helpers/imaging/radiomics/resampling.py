"""Where resampled voxels lie, and what an image and a lesion are there, by PyRadiomics' rules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import geometry
from helpers.imaging.radiomics import splines
from helpers.imaging.radiomics.scan import Scan

Low = list[int]


def differences(image: sitk.Image, mask: sitk.Image, tolerance: float) -> list[str]:
    """ITK's rule: origin and spacing within `tolerance` voxels, direction within `tolerance`."""
    if image.GetSize() != mask.GetSize():
        return [f"size {image.GetSize()} and {mask.GetSize()}"]
    coordinate = abs(tolerance * image.GetSpacing()[0])
    gaps = {
        "origin": (image.GetOrigin(), mask.GetOrigin(), coordinate),
        "spacing": (image.GetSpacing(), mask.GetSpacing(), coordinate),
        "direction": (image.GetDirection(), mask.GetDirection(), tolerance),
    }
    found = {name: np.abs(np.subtract(a, b)).max() for name, (a, b, limit) in gaps.items()}
    return [f"{name} differs by up to {gap:.4g}" for name, gap in found.items() if gap > gaps[name][2]]


def check_inside(lesion: np.ndarray, mask: sitk.Image, image: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """First index and size (x, y, z) of the lesion's box in the mask; CaseError where it leaves the image."""
    edges = geometry.box(lesion)[::-1]
    first, size = np.array([e.start for e in edges]), np.array([e.stop - e.start for e in edges])
    corners = [mask.TransformContinuousIndexToPhysicalPoint(c.tolist()) for c in (first - 0.5, first + size - 0.5)]
    bounds = [image.TransformPhysicalPointToContinuousIndex(corner) for corner in corners]
    outside = np.min(bounds, axis=0) < -0.501, np.max(bounds, axis=0) > np.array(image.GetSize()) - 0.499
    if np.any(outside):
        raise CaseError("the lesion reaches beyond the image: draw the mask on this image, or resample it onto it.")
    return first, size


def grid_around(
    mask: sitk.Image, first: np.ndarray, size: np.ndarray, ratio: np.ndarray, new: np.ndarray, pad: int
) -> sitk.Image:
    """An empty image of the new voxels: aligned at the outer corner of the mask's grid, cut to the padded box."""
    low = np.maximum(np.floor((first - 0.5) * ratio - pad), 0)
    high = np.ceil((first + size - 0.5) * ratio + pad)
    high = np.minimum(high, np.ceil(np.array(mask.GetSize()) * ratio) - 1)
    old = np.array(mask.GetSpacing())
    corner = 0.5 * (new - old) / old + low / ratio
    grid = sitk.Image((high - low + 1).astype(int).tolist(), sitk.sitkUInt8)
    grid.SetOrigin(mask.TransformContinuousIndexToPhysicalPoint(corner.tolist()))
    grid.SetSpacing(new.tolist())
    grid.SetDirection(mask.GetDirection())
    return grid


def onto(image: sitk.Image, grid: sitk.Image, interpolator: str) -> sitk.Image:
    """The image on the grid, in its own number type, 0 outside; splines on parallel grids by matrices, the rest by ITK."""
    axes = _positions(image, grid)
    parallel = image.GetDirection() == grid.GetDirection()
    floating = image.GetPixelID() in (sitk.sitkFloat32, sitk.sitkFloat64)  # whole numbers are rounded as ITK rounds
    clear = all(splines.is_clear(n, positions) for n, positions in zip(image.GetSize()[::-1], axes, strict=True))
    if not (interpolator == "sitkBSpline" and parallel and floating and clear):
        kind = image.GetPixelID()
        return sitk.Resample(image, grid, sitk.Transform(), getattr(sitk, interpolator), 0, kind)
    values = sitk.GetArrayViewFromImage(image)
    found = sitk.GetImageFromArray(splines.interpolate(values, axes).astype(values.dtype, copy=False))
    found.CopyInformation(grid)
    return found


def _positions(image: sitk.Image, grid: sitk.Image) -> list[np.ndarray]:
    """Where the voxels of a parallel grid lie in the image, in its voxels, along z, y and x."""
    first = image.TransformPhysicalPointToContinuousIndex(grid.GetOrigin())
    steps = np.divide(grid.GetSpacing(), image.GetSpacing())
    axes = [start + step * np.arange(n) for start, step, n in zip(first, steps, grid.GetSize(), strict=True)]
    return axes[::-1]


def interpolated(
    image: sitk.Image, grid: sitk.Image, interpolator: str, *, part: Callable[[Low, Low], Scan]
) -> sitk.Image:
    """An image on the grid, 0 outside; `part(low, high)` gives its voxels from `low` up to `high` (x, y, z).

    Splines are ITK's to the bit, from the voxels within their reach; the other interpolators are ITK's own.
    """
    if interpolator != "sitkBSpline":
        whole = part([0, 0, 0], list(image.GetSize())).image
        return sitk.Resample(whole, grid, sitk.Transform(), getattr(sitk, interpolator), 0, whole.GetPixelID())
    lines, size = splines.indices(image, grid), np.array(image.GetSize())
    ends = np.concatenate([line.reshape(-1, 3) for line in lines])
    low = np.clip(np.floor(ends.min(axis=0)).astype(int) - splines.REACH, 0, size - 1)
    high = np.clip(np.ceil(ends.max(axis=0)).astype(int) + splines.REACH + 1, low + 1, size)
    values = part(low.tolist(), high.tolist()).values
    found = splines.interpolate(values, low, size, lines, grid.GetSize()[0])
    drawn = sitk.GetImageFromArray(_in_type(found, values.dtype))
    drawn.CopyInformation(grid)
    return drawn


def _in_type(found: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """As ITK casts: whole numbers are cut off towards 0 and kept within their type."""
    if dtype.kind == "f":
        return found.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(found, limits.min, limits.max).astype(dtype)


def nearest(lesion: np.ndarray, mask: sitk.Image, grid: sitk.Image) -> np.ndarray:
    """The lesion (boolean z, y, x) of a mask on another grid; the same array where the grids are the same."""
    if not differences(grid, mask, 0.0):
        return lesion
    moved = sitk.Resample(image_of(lesion, mask), grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    return sitk.GetArrayFromImage(moved) != 0


def image_of(lesion: np.ndarray, grid: sitk.Image) -> sitk.Image:
    """A boolean lesion (z, y, x) as a 0/1 mask on the grid of an image."""
    drawn = sitk.GetImageFromArray(lesion.view(np.uint8))
    drawn.CopyInformation(grid)
    return drawn
