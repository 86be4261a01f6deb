"""The reference engine: PyRadiomics through its public extractor, with the inputs and outputs of the fast one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.radiomics import measure, preparation
from helpers.imaging.radiomics.features import Measured
from helpers.imaging.radiomics.settings import Settings

TROUBLES = (
    ValueError,
    RuntimeError,
    AssertionError,
    ArithmeticError,
    LookupError,
    TypeError,
)  # what it raises of a case
FIRST_ORDER = (("firstorder", ()),)


def execute(image: sitk.Image, masks: Sequence[sitk.Image], *, settings: Settings) -> list[Measured | CaseError]:
    """PyRadiomics' extractor on every mask; `gray_levels` is not counted (0). Its failures come back as CaseErrors."""
    return [_one(image, mask, settings) for mask in masks]


def features(
    scan: sitk.Image, lesions: Sequence[np.ndarray], *, settings: Settings, physical: bool
) -> list[Measured | CaseError]:
    """What measure.features gives, in its order, computed by PyRadiomics; gray levels and refusals are ours."""
    results = measure.features(scan, lesions, settings=replace(settings, classes=()), physical=False)
    for i, (lesion, gauged) in enumerate(zip(lesions, results, strict=True)):
        if isinstance(gauged, Measured):
            found = _features(scan, preparation.image_of(lesion, scan), settings=settings, physical=physical)
            results[i] = found if isinstance(found, CaseError) else replace(gauged, features=found)
    return results


def _features(
    scan: sitk.Image, mask: sitk.Image, *, settings: Settings, physical: bool
) -> dict[str, float] | CaseError:
    """First-order features of the original are added where units are physical, after shape."""
    own = replace(settings, label=1, label_channel=0)
    parts = [own] if own.classes and own.image_types else []
    if physical:
        parts.append(replace(own, image_types=(("Original", {}),), classes=FIRST_ORDER))
    found: list[dict[str, float]] = []
    for part in parts:
        one = _one(scan, mask, part)
        if isinstance(one, CaseError):
            return one
        found.append(one.features)
    merged = {name: value for one in found for name, value in one.items()}
    return {name: merged[name] for name in measure.names(settings, physical=physical) if name in merged}


def _one(image: sitk.Image, mask: sitk.Image, settings: Settings) -> Measured | CaseError:
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    with _quiet():
        try:
            found = RadiomicsFeatureExtractor(settings.pyradiomics()).execute(image, mask)
            values = {name: float(np.real(value)) for name, value in found.items()}
        except TROUBLES as error:
            return CaseError(f"PyRadiomics refuses the case: {' '.join(str(error).split())[:300]}.")
    missing = lacking(settings)
    note = f"PyRadiomics leaves out {missing}" if missing else ""
    return Measured(values, 0, note)


def lacking(settings: Settings) -> str:
    """What these settings ask for that PyRadiomics cannot do with the installed packages, in words; "" for nothing."""
    import scipy.special

    asked = any(kind == "LBP3D" for kind, _ in settings.image_types)
    return (
        "" if not asked or hasattr(scipy.special, "sph_harm") else "3D local binary patterns, as scipy has no sph_harm"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Its remarks are silenced, and the tolerance that it sets for all of ITK is taken back."""
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    before = (
        sitk.ProcessObject.GetGlobalDefaultCoordinateTolerance(),
        sitk.ProcessObject.GetGlobalDefaultDirectionTolerance(),
    )
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultCoordinateTolerance(before[0])
        sitk.ProcessObject.SetGlobalDefaultDirectionTolerance(before[1])
