"""Voxels of another size or order: scans by cubic B-splines, masks by nearest neighbor, both where they were."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk


def orientation(image: sitk.Image) -> str:
    """Three letters, the side each axis runs to, such as LPS; of an oblique scan the nearest."""
    return sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())


def resample(image: sitk.Image, spacing: tuple[float, float, float] | None) -> sitk.Image:
    """The scan on voxels of `spacing` mm (x, y, z) by cubic B-splines, its outer corner kept; None keeps the grid."""
    if spacing is None or np.allclose(image.GetSpacing(), spacing):
        return image
    old, new = np.array(image.GetSpacing()), np.array(spacing)
    size = np.maximum(np.ceil(np.array(image.GetSize()) * old / new - 1e-6), 1).astype(int).tolist()
    origin = image.TransformContinuousIndexToPhysicalPoint((0.5 * (new - old) / old).tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(size)
    resampler.SetOutputSpacing(new.tolist())
    resampler.SetOutputOrigin(origin)
    resampler.SetOutputDirection(image.GetDirection())
    resampler.SetInterpolator(sitk.sitkBSpline)
    # Half of the last voxel may lie beyond the scan: it takes the lowest intensity, not an arbitrary zero.
    resampler.SetDefaultPixelValue(float(sitk.GetArrayViewFromImage(image).min()))
    return resampler.Execute(image)


def resample_mask(lesion: sitk.Image, reference: sitk.Image, *, transform: sitk.Transform | None = None) -> sitk.Image:
    """A 0/1 mask on the grid of `reference`, however it was resampled or reoriented, by nearest neighbor.

    `transform` maps points of the reference to points of the mask, as `registration` gives it; None is identity.
    """
    if transform is None and same_grid(lesion, reference):
        return lesion
    moved = transform or sitk.Transform()
    return sitk.Resample(lesion, reference, moved, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)


def same_grid(a: sitk.Image, b: sitk.Image) -> bool:
    """Whether two volumes have the same voxels in the same places, to a thousandth of a voxel."""
    if a.GetSize() != b.GetSize():
        return False
    close = 1e-3 * min(a.GetSpacing())
    return (
        np.allclose(a.GetSpacing(), b.GetSpacing())
        and np.allclose(a.GetOrigin(), b.GetOrigin(), rtol=0, atol=close)
        and np.allclose(a.GetDirection(), b.GetDirection(), rtol=0, atol=1e-4)
    )
