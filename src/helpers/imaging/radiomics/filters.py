"""PyRadiomics' image types over one box of a scan, each equal to filtering the whole scan.

Lesions of one scan can share them: inside the box no value depends on the box, and only the 3D local binary
patterns, computed where a lesion is, ask for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from helpers.errors import RadiogramError
from helpers.imaging.geometry import Box
from helpers.imaging.radiomics import local_binary, local_binary_3d, log_filter, pointwise, wavelet
from helpers.imaging.radiomics.scan import Scan
from helpers.imaging.radiomics.settings import Settings


@dataclass(frozen=True)
class Step:
    """Images that one filter makes together: their names, the settings that hold for them, and how to make them."""

    names: tuple[str, ...]
    settings: Settings
    make: Callable[[], Iterable[np.ndarray]]


def names(settings: Settings) -> list[str]:
    """PyRadiomics' names of the images, in the order they are measured."""
    return [name for kind, of_kind in _kinds(settings) for name in NAMES[kind](of_kind)]


def steps(scan: Scan, box: Box, *, settings: Settings, lesion: np.ndarray | None = None) -> list[Step]:
    """The filters of a scan, to be run in any order and in parallel; each gives arrays over `box` (z, y, x).

    `scan` is the image as prepared; `lesion` (boolean, over `box`) says where 3D local binary patterns are wanted,
    None for everywhere. Nothing is computed yet. Raises CaseError when the scan is too small for a filter.
    """
    where = _Where(scan, box, np.ones([e.stop - e.start for e in box], dtype=bool) if lesion is None else lesion)
    return [
        Step(tuple(found), of_kind, make)
        for kind, of_kind in _kinds(settings)
        for found, make in STEPS.get(kind, _pointwise)(where, of_kind, kind)
    ]


def images(
    scan: Scan, box: Box, *, settings: Settings, lesion: np.ndarray | None = None
) -> Iterator[tuple[str, np.ndarray, Settings]]:
    """(name, intensities over `box`, settings of that image) of every image of a scan; see `steps`.

    Intensities have the type that PyRadiomics gives them. Raises CaseError when the scan is too small for a filter
    or blank.
    """
    for step in steps(scan, box, settings=settings, lesion=lesion):
        for name, values in zip(step.names, step.make(), strict=True):
            yield name, values, step.settings


@dataclass(frozen=True)
class _Where:
    """A scan as prepared, the box in question and where the lesions are within it."""

    scan: Scan
    box: Box
    lesion: np.ndarray


Made = Iterator[tuple[list[str], Callable[[], Iterable[np.ndarray]]]]


def _original(where: _Where, settings: Settings, kind: str) -> Made:
    yield ["original"], lambda: [where.scan.take(where.box)]


def _log(where: _Where, settings: Settings, kind: str) -> Made:
    def make(sigma: float) -> Callable[[], list[np.ndarray]]:
        return lambda: [log_filter.laplacian(where.scan, where.box, sigma=sigma)]

    for sigma in settings.sigma:
        log_filter.check(where.scan.shape, spacing=where.scan.spacing, sigma=sigma)
        yield [log_filter.name(sigma)], make(sigma)


def _wavelet(where: _Where, settings: Settings, kind: str) -> Made:
    found = wavelet.names(settings)
    yield found, lambda: (values for _, values in wavelet.bands(where.scan, where.box, settings=settings))


def _pointwise(where: _Where, settings: Settings, kind: str) -> Made:
    yield [kind.lower()], lambda: [POINTWISE[kind](where.scan.take(where.box), pointwise.peak(where.scan))]


def _gradient(where: _Where, settings: Settings, kind: str) -> Made:
    use_spacing = settings.gradient_use_spacing
    yield ["gradient"], lambda: [pointwise.gradient(where.scan, where.box, use_spacing=use_spacing)]


def _patterns(where: _Where, settings: Settings, kind: str) -> Made:
    yield ["lbp-2D"], lambda: [local_binary.patterns(where.scan.values, where.box, settings=settings)]


def _patterns_3d(where: _Where, settings: Settings, kind: str) -> Made:
    found = local_binary_3d.names(settings)
    yield found, lambda: local_binary_3d.patterns(where.scan.values, where.box, where.lesion, settings=settings)


def _kinds(settings: Settings) -> list[tuple[str, Settings]]:
    """Image types as PyRadiomics names them in its settings, with the settings that hold for each."""
    unknown = [kind for kind, _ in settings.image_types if kind not in NAMES]
    if unknown:
        raise RadiogramError(f"image type '{unknown[0]}' is unknown: choose among {', '.join(NAMES)}.")
    return [(kind, settings.of(own)) for kind, own in settings.image_types]


POINTWISE = {
    "Square": pointwise.square,
    "SquareRoot": pointwise.square_root,
    "Logarithm": pointwise.logarithm,
    "Exponential": pointwise.exponential,
}
STEPS = {
    "Original": _original,
    "LoG": _log,
    "Wavelet": _wavelet,
    "Gradient": _gradient,
    "LBP2D": _patterns,
    "LBP3D": _patterns_3d,
}
NAMES: dict[str, Callable[[Settings], list[str]]] = {
    "Original": lambda settings: ["original"],
    "LoG": lambda settings: [log_filter.name(sigma) for sigma in settings.sigma],
    "Wavelet": wavelet.names,
    **{kind: lambda settings, kind=kind: [kind.lower()] for kind in (*POINTWISE, "Gradient")},
    "LBP2D": lambda settings: ["lbp-2D"],
    "LBP3D": local_binary_3d.names,
}
