"""Shading by the coil taken out: N4 of Tustison et al. 2010, doi 10.1109/TMI.2010.2046908, as SimpleITK has it."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.one_thread import one_thread

ITERATIONS = (50, 50, 50, 50)  # at each of four resolutions of the field
FEWEST = 1000  # positive voxels from which a field can be fitted


def correct(image: sitk.Image, region: np.ndarray, *, shrink: int) -> tuple[sitk.Image, np.ndarray]:
    """The image (float64) divided by its bias field, and the field (z, y, x; 1 is no change, median 1 in the region).

    The field is fitted within `region` (boolean z, y, x) on every `shrink`-th voxel. One thread, so that the same
    image gives the same bytes anywhere. Raises CaseError for an image with too few positive voxels there.
    """
    usable = region & (sitk.GetArrayViewFromImage(image) > 0)
    if np.count_nonzero(usable) < FEWEST:
        raise CaseError("too few voxels are positive for N4: take the sequence out of imaging.n4.")
    mask = sitk.GetImageFromArray(usable.astype(np.uint8))
    mask.CopyInformation(image)
    factors = [max(1, min(shrink, size // 8)) for size in image.GetSize()]
    with one_thread():
        floats = sitk.Cast(image, sitk.sitkFloat32)
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetMaximumNumberOfIterations(ITERATIONS)
        n4.Execute(sitk.Shrink(floats, factors), sitk.Shrink(mask, factors))
        field = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(floats)).astype(np.float64))
    field /= np.median(field[usable])
    corrected = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(image).astype(np.float64) / field)
    corrected.CopyInformation(image)
    return corrected, field
