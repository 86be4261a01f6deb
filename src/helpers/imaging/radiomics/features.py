"""The feature classes: what they are called, which features they have, and their values in one lesion of one image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from helpers.imaging.radiomics import (
    discretize,
    firstorder,
    glcm,
    gldm,
    glrlm,
    glszm,
    ngtdm,
    shape,
    shape2d,
)
from helpers.imaging.radiomics.settings import Settings

Asked = Iterable[tuple[str, tuple[str, ...]]]  # classes, and the features asked for of each, () for all

TEXTURES = {"glcm": glcm, "gldm": gldm, "glrlm": glrlm, "glszm": glszm, "ngtdm": ngtdm}
SHAPES = {"shape": shape, "shape2D": shape2d}
MODULES = {"firstorder": firstorder, **TEXTURES, **SHAPES}
WITHOUT_VALUE = {  # PyRadiomics still knows these names and gives no value, as others are equal to them
    "glcm": ("Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance"),
    "gldm": ("DependencePercentage", "GrayLevelNonUniformityNormalized"),
}


@dataclass(frozen=True)
class Measured:
    """Features by PyRadiomics' names, the gray levels that occur in the original image, and a note or ""."""

    features: dict[str, float]
    gray_levels: int
    note: str


def known(kind: str) -> list[str]:
    """Every feature that may be asked for by name, deprecated ones last."""
    return [*MODULES[kind].NAMES, *_deprecated(kind), *WITHOUT_VALUE.get(kind, ())]


@cache
def names(kind: str, asked: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The features that are given, in order: all that are not deprecated, or those asked for that have a value."""
    given = (*MODULES[kind].NAMES, *_deprecated(kind))
    return tuple(name for name in asked if name in given) if asked else tuple(MODULES[kind].NAMES)


def of_shape(
    outline: np.ndarray, classes: Asked, *, spacing: tuple[float, float, float], settings: Settings
) -> dict[str, float]:
    """Shape of a lesion in its box (boolean; spacing in mm, both z, y, x), named original_<class>_<feature>.

    Raises CaseError for shape2D of a lesion in several slices.
    """
    found = {}
    for kind, asked in classes:
        if kind == "shape":
            found |= _named("original", kind, asked, shape.measure(outline, spacing=spacing))
        elif kind == "shape2D" and _is_flat(outline, settings):
            plane, pixel = shape2d.in_plane(outline, spacing=spacing, settings=settings)
            found |= _named("original", kind, asked, shape2d.measure(plane, spacing=pixel))
    return found


def of_image(
    name: str,
    inside: np.ndarray,
    levels: discretize.Levels,
    classes: Asked,
    *,
    spacing: tuple[float, float, float],
    settings: Settings,
) -> dict[str, float]:
    """First order and texture of one image type, named <name>_<class>_<feature>.

    `inside` holds the lesion's intensities in the order of its voxels, `levels` its discretized box (z, y, x).
    """
    found = {}
    for kind, asked in classes:
        if kind == "firstorder":
            volume = float(np.prod(spacing))
            computed = firstorder.measure(inside, levels.counts, voxel_volume=volume, settings=settings)
        else:
            computed = TEXTURES[kind].measure(levels, spacing=spacing, settings=settings)
        found |= _named(name, kind, asked, computed)
    return found


def _deprecated(kind: str) -> Sequence[str]:
    return getattr(MODULES[kind], "DEPRECATED", ())


def _named(image: str, kind: str, asked: tuple[str, ...], computed: np.ndarray) -> dict[str, float]:
    module = MODULES[kind]
    values = dict(zip(module.NAMES, computed.tolist(), strict=True))
    if asked and _deprecated(kind):
        values |= dict(zip(module.DEPRECATED, module.deprecated(computed).tolist(), strict=True))
    return {f"{image}_{kind}_{name}": values[name] for name in names(kind, asked)}


def _is_flat(outline: np.ndarray, settings: Settings) -> bool:
    """Whether PyRadiomics measures shape in 2D here; it looks up force2Ddimension's extent among x, y, z."""
    return settings.force2d and outline.shape[::-1][settings.force2d_dimension] > 1
