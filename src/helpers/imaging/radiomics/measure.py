"""The features of a scan's lesions: each image type filtered once, each lesion binned once an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import geometry
from helpers.imaging.radiomics import discretize, filters
from helpers.parameters import Radiomics

ENGINE = 1  # raised when a change here changes a feature


@dataclass(frozen=True)
class Measured:
    """Features by PyRadiomics' names, the gray levels that occur in the original image, and a note or ""."""

    features: dict[str, float]
    gray_levels: int
    note: str


def engine() -> dict[str, Any]:
    """Versions that decide the numbers; part of every key of the store."""
    packages = ("pyradiomics", "simpleitk", "pywavelets")
    return {"engine": ENGINE, **{name: metadata.version(name) for name in packages}}


def features(
    scan: sitk.Image, lesions: list[np.ndarray], *, settings: Radiomics, physical: bool
) -> list[Measured | CaseError]:
    """Measure every lesion (boolean arrays z, y, x on the scan's grid) of one scan, prepared as wished.

    Equal to PyRadiomics' extractor on the whole scan. With `physical` units the first-order features of the
    original image are always among them. A lesion that cannot be measured gives its CaseError in place of
    its features. Raises CaseError when the scan itself does not suffice.
    """
    boxes = [geometry.box(lesion) for lesion in lesions]
    around = geometry.union(boxes)
    cuts = [_Cut(lesion[box], _inside(box, around)) for lesion, box in zip(lesions, boxes, strict=True)]
    spacing = scan.GetSpacing()
    results = [_begin(cut, spacing, settings) for cut in cuts]
    types = _image_types(settings)
    for name, values in filters.images(scan, around, image_types=types, log_sigma=settings.log_sigma):
        wanted = _classes(name, settings, physical=physical)
        for i, cut in enumerate(cuts):
            if not isinstance(results[i], CaseError):
                results[i] = _add(results[i], name, values[cut.box], cut.lesion, spacing, wanted, settings)
    return results


def names(settings: Radiomics, *, physical: bool) -> list[str]:
    """The names of the features of one scan, in order, without measuring."""
    has_shape = settings.enabled and "shape" in settings.classes
    found = [f"original_shape_{name}" for name in _class_features("shape")] if has_shape else []
    for image_type in filters.names(_image_types(settings), settings.log_sigma):
        for kind in _classes(image_type, settings, physical=physical):
            found += [f"{image_type}_{kind}_{name}" for name in _class_features(kind)]
    return found


@dataclass(frozen=True)
class _Cut:
    """A lesion cropped to its own box, and that box within the union of all lesions' boxes."""

    lesion: np.ndarray
    box: geometry.Box


def _inside(box: geometry.Box, around: geometry.Box) -> geometry.Box:
    return tuple(slice(b.start - a.start, b.stop - a.start) for b, a in zip(box, around, strict=True))


def _image_types(settings: Radiomics) -> tuple[str, ...]:
    """The original image comes first and always: flatness and gray levels are judged on it."""
    return tuple(dict.fromkeys(("original", *(settings.image_types if settings.enabled else ()))))


def _classes(image_type: str, settings: Radiomics, *, physical: bool) -> list[str]:
    wanted = settings.enabled and (image_type != "original" or "original" in settings.image_types)
    kinds = [kind for kind in settings.classes if kind != "shape"] if wanted else []
    needs_first_order = physical and settings.enabled and image_type == "original" and "firstorder" not in kinds
    return ["firstorder", *kinds] if needs_first_order else kinds


def _begin(cut: _Cut, spacing: tuple[float, ...], settings: Radiomics) -> Measured:
    wanted = settings.enabled and "shape" in settings.classes
    blank = np.zeros(cut.lesion.shape)
    return Measured(dict(_run("shape", "original", blank, cut.lesion, spacing)) if wanted else {}, 0, "")


def _add(
    so_far: Measured,
    name: str,
    values: np.ndarray,
    lesion: np.ndarray,
    spacing: tuple[float, ...],
    kinds: list[str],
    settings: Radiomics,
) -> Measured | CaseError:
    """The features of one more image type, or why there are none."""
    inside = values[lesion]
    if name == "original" and inside.min() == inside.max():
        return CaseError(f"the lesion is flat: each of its {inside.size} voxels has intensity {inside[0]:g}.")
    try:
        levels = discretize.discretize(values, lesion, settings=settings, name=name)
    except CaseError as error:
        return error
    found = {key: value for kind in kinds for key, value in _run(kind, name, values, lesion, spacing, levels)}
    merged = {**so_far.features, **found}
    if name == "original":
        return Measured(merged, len(levels.present), discretize.warning(levels))
    return Measured(merged, so_far.gray_levels, so_far.note)


def _run(
    kind: str,
    name: str,
    values: np.ndarray,
    lesion: np.ndarray,
    spacing: tuple[float, ...],
    levels: discretize.Levels | None = None,
) -> Iterator[tuple[str, float]]:
    image, mask = sitk.GetImageFromArray(values), sitk.GetImageFromArray(lesion.astype(np.uint8))
    image.SetSpacing(spacing)
    mask.SetSpacing(spacing)
    with np.errstate(all="ignore"):
        computed = _feature_classes()[kind](image, mask, label=1, levels=levels).execute()
    for feature, value in computed.items():
        yield f"{name}_{kind}_{feature}", float(value)


@cache
def _feature_classes() -> dict[str, type]:
    from helpers.imaging.radiomics.classes import CLASSES

    return CLASSES


@cache
def _class_features(kind: str) -> tuple[str, ...]:
    return tuple(name for name, deprecated in _feature_classes()[kind].getFeatureNames().items() if not deprecated)
