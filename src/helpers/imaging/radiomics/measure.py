"""The features of a scan's lesions: each filter computed once for all masks that share it, each image of a mask once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import geometry
from helpers.imaging.radiomics import discretize, filters, log_filter, preparation
from helpers.imaging.radiomics import features as classes
from helpers.imaging.radiomics.features import Measured
from helpers.imaging.radiomics.pool import Done, workers
from helpers.imaging.radiomics.preparation import Region
from helpers.imaging.radiomics.scan import Scan
from helpers.imaging.radiomics.settings import IMAGE_TYPES, Settings

ENGINE = 2  # raised when a change here changes a feature
AHEAD = 4  # filters that may have run, or run, before the first one's images are measured
FIRST_ORDER = (("firstorder", ()),)

__all__ = ["Measured", "engine", "execute", "features", "lacking", "names", "warm"]


def engine(name: str = "fast") -> dict[str, Any]:
    """What decides the numbers besides settings: the engine and its packages; part of every key of the store."""
    packages = ("pyradiomics", "simpleitk", "pywavelets", "numpy")
    return {"engine": ENGINE, "name": name, **{package: metadata.version(package) for package in packages}}


def execute(
    image: sitk.Image, masks: Sequence[sitk.Image], *, settings: Settings, threads: int = 1
) -> list[Measured | CaseError]:
    """PyRadiomics' extractor on one image and several masks at once, its diagnostics aside.

    A mask that PyRadiomics refuses gives its CaseError; a LoG that is too wide for the image is left out with a
    note, as PyRadiomics leaves it out. The result is the same for any number of threads.
    """
    missing = lacking(settings)
    if missing:
        from helpers.imaging.radiomics import reference

        return [_noted(found, missing) for found in reference.execute(image, masks, settings=settings)]
    regions = preparation.prepare(image, masks, settings=settings)
    return _measure(regions, _Plan(settings), threads)


def features(
    scan: sitk.Image,
    lesions: Sequence[np.ndarray],
    *,
    settings: Settings,
    physical: bool,
    threads: int = 1,
) -> list[Measured | CaseError]:
    """Measure every lesion (boolean arrays z, y, x on the scan's grid) of one scan, prepared as the study wishes.

    Equal to PyRadiomics' extractor on that scan. With `physical` units the first-order features of the original
    image are always among them. A lesion that cannot be measured, a flat one too, gives its CaseError in place of
    its features. Raises CaseError when the scan does not suffice for a filter.
    """
    missing = lacking(settings) if settings.classes else []
    if missing:
        from helpers.imaging.radiomics import reference

        found = reference.features(scan, lesions, settings=settings, physical=physical)
        return [_noted(one, missing) for one in found]
    if not settings.crops:
        _feasible(settings, Scan(scan), strict=True)
    regions = preparation.prepare_lesions(scan, lesions, settings=settings)
    return _measure(regions, _Plan(settings, physical=physical, strict=True), threads)


def names(settings: Settings, *, physical: bool) -> list[str]:
    """The names of the features of one scan, in order, without measuring; shape2D counts where its classes are asked."""
    plan = _Plan(settings, physical=physical, strict=True)
    found = []
    for kind, asked in settings.classes:
        if kind == "shape" or (kind == "shape2D" and settings.force2d):
            found += [f"original_{kind}_{name}" for name in classes.names(kind, asked)]
    for image in dict.fromkeys(filters.names(plan.images())):
        for kind, asked in plan.wanted(image):
            found += [f"{image}_{kind}_{name}" for name in classes.names(kind, asked)]
    return found


def lacking(settings: Settings) -> list[str]:
    """What these settings ask for that this engine leaves to PyRadiomics, in words; empty for nothing."""
    found = []
    for kind, own in settings.image_types:
        if own.get("label", settings.label) != settings.label:
            found.append(f"another label for the image type {kind}")
    return found


def warm() -> None:
    """Compile the kernels, or load them from numba's cache, so that the first case is as fast as the last."""
    rng = np.random.default_rng(0)
    lesion = np.zeros((12, 12, 12), dtype=bool)
    lesion[3:9, 3:9, 3:9] = True
    kinds = tuple((kind, {"sigma": (1.0,)} if kind == "LoG" else {}) for kind in IMAGE_TYPES.values())
    for dtype in (np.float32, np.float64):
        scan = sitk.GetImageFromArray(rng.normal(100, 20, lesion.shape).astype(dtype))
        features(scan, [lesion], settings=Settings(image_types=kinds, bin_count=8), physical=False)


@dataclass(frozen=True)
class _Plan:
    """Settings and what a study adds to PyRadiomics' semantics: `physical` and `strict` (flat lesions are refused)."""

    settings: Settings
    physical: bool = False
    strict: bool = False

    def images(self) -> Settings:
        """The settings with the original among the image types: a study judges flatness and gray levels on it."""
        types = self.settings.image_types
        if not self.strict or any(kind == "Original" for kind, _ in types):
            return self.settings
        return replace(self.settings, image_types=(("Original", {}), *types))

    def wanted(self, image: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The classes to measure in one image, shape aside."""
        asked = image != "original" or any(kind == "Original" for kind, _ in self.settings.image_types)
        kinds = tuple(one for one in self.settings.classes if one[0] not in classes.SHAPES) if asked else ()
        extra = self.physical and image == "original" and not any(kind == "firstorder" for kind, _ in kinds)
        return (*FIRST_ORDER, *kinds) if extra else kinds

    def measures(self, image: str) -> bool:
        return bool(self.wanted(image)) or (self.strict and image == "original")


@dataclass(frozen=True)
class _Member:
    """A region, its place among the results, and its box within the box that is filtered for several."""

    position: int
    region: Region
    around: geometry.Box
    cut: geometry.Box


@dataclass(frozen=True)
class _Part:
    """Features of one image of one lesion; of the original also the gray levels that occur, and a note."""

    features: dict[str, float]
    gray_levels: int = 0
    note: str = ""


def _measure(regions: Sequence[Region | CaseError], plan: _Plan, threads: int) -> list[Measured | CaseError]:
    """Filters run ahead of those who measure their images, but not so far that the images fill the memory."""
    parts: list[list[_Part | CaseError]] = [[one] if isinstance(one, CaseError) else [] for one in regions]
    with workers(threads) as pool:
        for members in _sharing(regions):
            waiting = deque([pool.submit(_shapes, members, plan, pool)])
            for step in _steps(members, plan):
                waiting.append(pool.submit(_step, step, members, plan, pool))
                while len(waiting) > AHEAD * (threads > 1):
                    _gather(waiting.popleft(), parts)
            while waiting:
                _gather(waiting.popleft(), parts)
    return [_joined(found) for found in parts]


def _gather(step: Any, parts: list[list[_Part | CaseError]]) -> None:
    for i, part in step.result():
        parts[i].append(part.result())


def _sharing(regions: Sequence[Region | CaseError]) -> Iterator[list[_Member]]:
    """The regions whose filters see the same voxels, with their boxes within the smallest box around them all."""
    groups: dict[int, list[int]] = {}
    for i, region in enumerate(regions):
        if isinstance(region, Region):
            groups.setdefault(id(region.scan), []).append(i)
    for group in groups.values():
        around = geometry.union([regions[i].box for i in group])
        yield [_Member(i, regions[i], around, _within(regions[i].box, around)) for i in group]


def _within(box: geometry.Box, around: geometry.Box) -> geometry.Box:
    return tuple(slice(b.start - a.start, b.stop - a.start) for b, a in zip(box, around, strict=True))


def _steps(members: list[_Member], plan: _Plan) -> Iterator[filters.Step]:
    """The filters of one scan whose images are measured; others are not run."""
    scan, around = members[0].region.scan, members[0].around
    drawn = np.zeros([edge.stop - edge.start for edge in around], dtype=bool)
    for member in members:
        drawn[member.cut] |= member.region.lesion
    settings = _feasible(plan.images(), scan, strict=False)
    for step in filters.steps(scan, around, settings=settings, lesion=drawn):
        if any(plan.measures(name) for name in step.names):
            yield step


def _feasible(settings: Settings, scan: Scan, *, strict: bool) -> Settings:
    """The settings less the Laplacians of Gaussian that the scan is too small for; CaseError if that is an error."""
    types = []
    for kind, own in settings.image_types:
        if kind == "LoG":
            own = {**own, "sigma": tuple(s for s in settings.of(own).sigma if _fits(s, scan, strict=strict))}
        types.append((kind, own))
    return replace(settings, image_types=tuple(types))


def _fits(sigma: float, scan: Scan, *, strict: bool) -> bool:
    try:
        log_filter.check(scan.shape, spacing=scan.spacing, sigma=sigma)
    except CaseError:
        if strict:
            raise
        return False
    return True


def _shapes(members: list[_Member], plan: _Plan, pool: Any) -> list[tuple[int, Any]]:
    return [(member.position, pool.submit(_shape, member.region, plan)) for member in members]


def _step(step: filters.Step, members: list[_Member], plan: _Plan, pool: Any) -> list[tuple[int, Any]]:
    """Filter, and hand each image of each member on to be measured."""
    found = []
    try:
        for name, values in zip(step.names, step.make(), strict=True):
            if plan.measures(name):
                for m in members:
                    part = pool.submit(_image, name, values[m.cut], m.region, plan, step.settings)
                    found.append((m.position, part))
    except CaseError as error:
        found += [(member.position, Done(error)) for member in members]
    return found


def _shape(region: Region, plan: _Plan) -> _Part | CaseError:
    settings, scan = plan.settings, region.scan
    try:
        kept = filters.names(_feasible(settings, scan, strict=plan.strict))
        found = classes.of_shape(region.outline, settings.classes, spacing=scan.spacing, settings=settings)
    except CaseError as error:
        return error
    missing = [name for name in filters.names(settings) if name not in kept]
    return _Part(found, note="; ".join(f"{name} left out: the image is too small for it" for name in missing))


def _image(name: str, values: np.ndarray, region: Region, plan: _Plan, own: Settings) -> _Part | CaseError:
    lesion, spacing = region.lesion, region.scan.spacing
    inside = discretize.intensities(values, lesion)
    if plan.strict and name == "original" and inside.min() == inside.max():
        return CaseError(f"the lesion is flat: each of its {inside.size} voxels has intensity {inside[0]:g}.")
    try:
        levels = discretize.discretize(values, lesion, settings=own, name=name, inside=inside)
        found = classes.of_image(name, inside, levels, plan.wanted(name), spacing=spacing, settings=own)
    except CaseError as error:
        return error
    if name == "original":
        return _Part(found, len(levels.present), discretize.warning(levels))
    return _Part(found)


def _joined(parts: list[_Part | CaseError]) -> Measured | CaseError:
    error = next((part for part in parts if isinstance(part, CaseError)), None)
    if error is not None:
        return error
    found = {name: value for part in parts for name, value in part.features.items()}
    note = "; ".join(filter(None, (part.note for part in parts)))
    return Measured(found, sum(part.gray_levels for part in parts), note)


def _noted(found: Measured | CaseError, missing: list[str]) -> Measured | CaseError:
    if isinstance(found, CaseError):
        return found
    note = f"computed by PyRadiomics: the fast engine lacks {' and '.join(missing)}"
    return replace(found, note="; ".join(filter(None, (found.note, note))))
