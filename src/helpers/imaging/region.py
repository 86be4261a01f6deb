"""Head or body in a scan: the voxels that set its scale."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

# mm; the scan is averaged to about this before Otsu's thresholds are sought, which tames noise and saves time.
COARSE = 4.0


def body(image: sitk.Image) -> np.ndarray:
    """Head or body, a boolean array (z, y, x).

    Non-zero voxels where the rim of every slice is zero (skull-stripped); otherwise what lies above the lower of
    two Otsu thresholds of the smoothed scan, which parts air from all tissue even beside bright fat.
    """
    values = sitk.GetArrayViewFromImage(image)
    rim = np.concatenate([values[:, [0, -1], :].ravel(), values[:, :, [0, -1]].ravel()])
    if np.mean(rim == 0) > 0.95:
        return values != 0
    factors = [max(1, min(round(COARSE / s), n)) for s, n in zip(image.GetSpacing(), image.GetSize(), strict=True)]
    coarse = sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factors)
    smooth = sitk.DiscreteGaussian(coarse, variance=(COARSE / 2) ** 2)
    above = sitk.Cast(smooth > _lower_otsu(sitk.GetArrayViewFromImage(smooth)), sitk.sitkUInt8)
    fine = sitk.Resample(above, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    return _reach_edges(sitk.GetArrayFromImage(fine), sitk.GetArrayFromImage(above), factors) != 0


def _reach_edges(fine: np.ndarray, coarse: np.ndarray, factors: list[int]) -> np.ndarray:
    """Voxels that averaging left over at the far edges take the value of their last averaged neighbor."""
    filled = fine
    for axis, factor in enumerate(reversed(factors)):
        covered = coarse.shape[axis] * factor
        index = np.minimum(np.arange(filled.shape[axis]), covered - 1)
        filled = np.take(filled, index, axis=axis)
    return filled


def _lower_otsu(values: np.ndarray) -> float:
    """Otsu 1979, doi 10.1109/TSMC.1979.4310076, with three classes; a few very bright voxels stretch no bin."""
    capped = np.minimum(values, np.percentile(values, 99.5)).astype(np.float32)
    otsu = sitk.OtsuMultipleThresholdsImageFilter()
    otsu.SetNumberOfThresholds(2)
    otsu.Execute(sitk.GetImageFromArray(capped))
    return min(otsu.GetThresholds())
