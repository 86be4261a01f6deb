"""Image and masks before anything is measured: normalized, resampled, cropped, checked and resegmented as PyRadiomics does.

Only what the masks need is computed: moments once an image, intensities scaled and splines fitted around the lesion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import geometry
from helpers.imaging.radiomics import moments, resampling
from helpers.imaging.radiomics.resampling import image_of
from helpers.imaging.radiomics.scan import Scaling, Scan
from helpers.imaging.radiomics.settings import Settings

__all__ = ["Region", "image_of", "labelled", "prepare", "prepare_lesions"]

TOLERANCE = 1e-6  # ITK's own, of origin and spacing in voxels, and of direction


@dataclass(frozen=True)
class Region:
    """One mask as it is measured: the scan that filters see, the box of the lesion in it, and what lies in the box.

    `lesion` and `outline` are boolean arrays (z, y, x) over `box`: what texture is measured in, and what shape is
    measured of; they differ after resegmentation without resegmentShape. Masks of one crop share one `scan`.
    """

    scan: Scan
    box: geometry.Box
    lesion: np.ndarray
    outline: np.ndarray


def prepare(image: sitk.Image, masks: Sequence[sitk.Image], *, settings: Settings) -> list[Region | CaseError]:
    """What PyRadiomics' loadImage, checkMask and resegmentMask make of one image and each of its masks.

    A mask that cannot be measured gives its CaseError in place of its region.
    """
    source, results = _Source(image, settings), []
    for mask in masks:
        try:
            _check_volume(image, mask)
            results.append(_region(source, labelled(mask, settings), mask))
        except CaseError as error:
            results.append(error)
    return results


def prepare_lesions(scan: sitk.Image, lesions: Sequence[np.ndarray], *, settings: Settings) -> list[Region | CaseError]:
    """As `prepare`, for lesions that are already boolean arrays (z, y, x) on the scan's grid."""
    source, results = _Source(scan, settings), []
    for lesion in lesions:
        try:
            results.append(_region(source, lesion, scan))
        except CaseError as error:
            results.append(error)
    return results


def labelled(mask: sitk.Image, settings: Settings) -> np.ndarray:
    """Where a mask has the label, boolean (z, y, x). Raises CaseError where it has not, or has it everywhere."""
    components = mask.GetNumberOfComponentsPerPixel()
    if components > 1:
        if settings.label_channel >= components:
            found = f"the mask has {components} channels, and label_channel is {settings.label_channel}"
            raise CaseError(f"{found}: channels count from 0.")
        mask = sitk.VectorIndexSelectionCast(mask, settings.label_channel)
    values = sitk.GetArrayViewFromImage(mask)
    if values.dtype.kind == "f":
        values = values.astype(np.uint32)  # PyRadiomics cuts decimals off
    lesion = values == settings.label
    count = np.count_nonzero(lesion)
    if count == 0:
        present = np.unique(values[values != 0]).tolist()
        has = f"but of {', '.join(map(str, present[:10]))}" if present else "nor of any other value"
        raise CaseError(f"the mask has no voxel of label {settings.label}, {has}: correct the label or the mask.")
    if count == lesion.size:
        raise CaseError(
            f"the mask has label {settings.label} in every voxel, so it outlines nothing: correct the mask."
        )
    return lesion


def _check_volume(image: sitk.Image, mask: sitk.Image) -> None:
    if image.GetDimension() != 3 or mask.GetDimension() != 3:
        found = f"the image is {image.GetDimension()}-D and the mask {mask.GetDimension()}-D"
        raise CaseError(f"{found}: give volumes of three dimensions, one slice if need be.")
    if image.GetNumberOfComponentsPerPixel() != 1:
        components = image.GetNumberOfComponentsPerPixel()
        raise CaseError(f"the image has {components} values per voxel (a color image?): give one.")


class _Source:
    """An image, its moments, and what was already cut out of it."""

    def __init__(self, image: sitk.Image, settings: Settings) -> None:
        self.image, self.settings = image, settings
        self.crops: dict[tuple, Scan] = {}

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of all voxels, once an image."""
        mean, deviation = moments.moments(self.image)
        if not deviation > 0:
            raise CaseError("the image is constant, so it cannot be normalized.")
        return mean, deviation

    @cached_property
    def scaling(self) -> Scaling | None:
        if not self.settings.normalize:
            return None
        (mean, deviation), settings = self.moments, self.settings
        return Scaling(-mean, 1.0 / deviation, float(settings.normalize_scale), settings.remove_outliers)

    @cached_property
    def whole(self) -> Scan:
        return Scan(self.image, self.scaling)

    def part(self, low: Sequence[int], high: Sequence[int]) -> Scan:
        """Normalized voxels from `low` up to but not including `high` (x, y, z)."""
        key = (*low, *high)
        if all(a == 0 for a in low) and tuple(high) == self.image.GetSize():
            return self.whole
        if key not in self.crops:
            size = [int(b - a) for a, b in zip(low, high, strict=True)]
            self.crops[key] = Scan(sitk.RegionOfInterest(self.image, size, [int(a) for a in low]), self.scaling)
        return self.crops[key]


def _region(source: _Source, lesion: np.ndarray, mask: sitk.Image) -> Region:
    settings = source.settings
    if settings.resamples:
        scan, lesion = _resampled(source, lesion, mask)
    else:
        lesion = _on_grid(lesion, mask, source.image, settings)
        box = _checked(lesion, settings)
        scan, lesion = _cropped(source, lesion, box) if settings.pre_crop else (source.whole, lesion)
    box = _checked(lesion, settings)
    if settings.resegment_range is None:
        inside = np.ascontiguousarray(lesion[box])
        return Region(scan, box, inside, inside)
    return _resegmented(scan, lesion, box, settings)


def _on_grid(lesion: np.ndarray, mask: sitk.Image, image: sitk.Image, settings: Settings) -> np.ndarray:
    """The lesion on the image's grid; with correctMask it is moved there where the grids differ."""
    differing = resampling.differences(image, mask, settings.geometry_tolerance or TOLERANCE)
    if not differing:
        return lesion
    if not settings.correct_mask:
        raise CaseError(
            f"the mask lies on another grid than the image ({', '.join(differing)}): resample it onto the image, "
            "or set correctMask or geometryTolerance."
        )
    resampling.check_inside(lesion, mask, image)
    return resampling.nearest(lesion, mask, image)


def _checked(lesion: np.ndarray, settings: Settings) -> geometry.Box:
    """The lesion's box, if it is large enough for the settings."""
    if not lesion.any():
        raise CaseError("resampling left no voxel of the lesion: use a finer resampledPixelSpacing, or leave it out.")
    box = geometry.box(lesion)
    dimensions = sum(edge.stop - edge.start > 1 for edge in box)
    if dimensions == 0:
        raise CaseError("the lesion has 1 voxel: redraw it, or leave it out.")
    if dimensions < settings.minimum_roi_dimensions:
        rule = f"minimumROIDimensions is {settings.minimum_roi_dimensions}"
        raise CaseError(f"the lesion extends in {dimensions} dimension(s), and {rule}: redraw it, or leave it out.")
    count, smallest = int(np.count_nonzero(lesion[box])), settings.minimum_roi_size
    if smallest is not None and count <= smallest:
        raise CaseError(f"the lesion has {count} voxels, and more than minimumROISize ({smallest}) are asked for.")
    return box


def _cropped(source: _Source, lesion: np.ndarray, box: geometry.Box) -> tuple[Scan, np.ndarray]:
    """Image and lesion, cut to the lesion's box and padDistance around it."""
    pad = source.settings.pad_distance
    cut = tuple(slice(max(0, e.start - pad), min(n, e.stop + pad)) for e, n in zip(box, lesion.shape, strict=True))
    return source.part([e.start for e in cut[::-1]], [e.stop for e in cut[::-1]]), lesion[cut]


def _resampled(source: _Source, lesion: np.ndarray, mask: sitk.Image) -> tuple[Scan, np.ndarray]:
    """Image and lesion on voxels of resampledPixelSpacing, from the lesion's box and padDistance around it."""
    first, size = resampling.check_inside(lesion, mask, source.image)
    old, wanted = np.array(mask.GetSpacing()), np.array(source.settings.resampled_pixel_spacing, dtype=float)
    new = np.where((wanted == 0) | (size == 1), old, wanted)
    if np.allclose(source.image.GetSpacing(), new):
        lesion = resampling.nearest(lesion, mask, source.image)
        return _cropped(source, lesion, geometry.box(lesion)) if lesion.any() else (source.whole, lesion)
    grid = resampling.grid_around(mask, first, size, old / new, new, source.settings.pad_distance)
    key = (grid.GetSize(), grid.GetOrigin(), grid.GetSpacing(), grid.GetDirection())
    if key not in source.crops:
        name = source.settings.interpolator
        source.crops[key] = Scan(resampling.interpolated(source.image, grid, name, part=source.part))
    return source.crops[key], resampling.nearest(lesion, mask, grid)


def _resegmented(scan: Scan, lesion: np.ndarray, box: geometry.Box, settings: Settings) -> Region:
    """The lesion without what lies outside resegmentRange."""
    values, before = scan.take(box), lesion[box]
    inside = values[before]
    limits = _limits(inside, settings)
    kept = inside >= limits[0]
    if len(limits) == 2:
        kept &= inside <= limits[1]
    if np.count_nonzero(kept) <= 1:
        span = " to ".join(f"{limit:g}" for limit in limits)
        raise CaseError(f"resegmentRange ({span}) leaves {np.count_nonzero(kept)} voxel(s) of the lesion: widen it.")
    after = np.zeros_like(lesion)
    within = np.zeros_like(before)
    within[before] = kept
    after[box] = within
    smaller = _checked(after, settings)
    texture = np.ascontiguousarray(after[smaller])
    outline = texture if settings.resegment_shape else np.ascontiguousarray(lesion[smaller])
    return Region(scan, smaller, texture, outline)


def _limits(inside: np.ndarray, settings: Settings) -> list[float]:
    span = sorted(settings.resegment_range)
    if settings.resegment_mode == "relative":
        return [inside.max() * share for share in span]
    if settings.resegment_mode == "sigma":
        mean, deviation = np.mean(inside), np.std(inside)
        return [mean + deviation * count for count in span]
    return span
