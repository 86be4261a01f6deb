"""Before measuring: intensities on a common scale, and voxels of a common size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError

# mm; the scan is averaged to about this before Otsu's thresholds are sought, which tames noise and saves time.
COARSE = 4.0

WINDOW = (0.5, 99.5)  # percentiles of the head's intensities that become black and white


@dataclass(frozen=True)
class Prepared:
    """A scan ready to be measured, and the intensities (low, high) of black and white, None in physical units."""

    scan: sitk.Image
    window: tuple[float, float] | None


def prepare(image: sitk.Image, *, method: str, clip_sd: float, spacing: tuple[float, float, float] | None) -> Prepared:
    """Normalize (`zscore`) or keep physical units (`none`), then resample to `spacing` mm (x, y, z) unless None.

    Raises CaseError for a scan without contrast.
    """
    if method == "none":
        return Prepared(resample(image, spacing), None)
    head = body(image)
    scaled = normalize(image, head, clip_sd=clip_sd)
    low, high = np.percentile(sitk.GetArrayViewFromImage(scaled)[head], WINDOW)
    return Prepared(resample(scaled, spacing), (float(low), float(high)))


def normalize(image: sitk.Image, head: np.ndarray, *, clip_sd: float) -> sitk.Image:
    """Standard deviations from the mean of the head (boolean z, y, x), clipped at `clip_sd`; float64.

    The reference is never the lesion: z-scores within it would take away what is to be measured.
    Raises CaseError for a scan without contrast.
    """
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    reference = values[head]
    spread = reference.std() if reference.size else 0.0
    if not spread > 0:
        raise CaseError("the image is constant, so it cannot be normalized.")
    scaled = sitk.GetImageFromArray(np.clip((values - reference.mean()) / spread, -clip_sd, clip_sd))
    scaled.CopyInformation(image)
    return scaled


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


def resample_mask(lesion: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """A 0/1 mask on the grid of `reference`, by nearest neighbor."""
    if lesion.GetSize() == reference.GetSize() and np.allclose(lesion.GetSpacing(), reference.GetSpacing()):
        return lesion
    return sitk.Resample(lesion, reference, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
