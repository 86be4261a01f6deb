"""How far two engines' features of one lesion lie apart, and a comparison of both on any image and mask."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import SimpleITK as sitk

from helpers.errors import CaseError, RadiogramError
from helpers.imaging import read
from helpers.imaging.formats import header
from helpers.imaging.formats.location import locate
from helpers.imaging.radiomics import measure, reference
from helpers.imaging.radiomics.features import Measured
from helpers.imaging.radiomics.settings import Settings

TOLERANCE = 1e-6  # relative
UNMADE = "lbp-3D-"
NEAR_ZERO = 1e-3  # values smaller than this are compared as if they were this large: 1e-9 absolute
CANCELED = 1e-6  # share of its terms below which a cluster shade is what rounding left of them


@dataclass(frozen=True)
class Comparison:
    """Features compared, the worst relative difference and whose it is, and how many lie beyond the tolerance."""

    features: int
    worst: float
    worst_feature: str
    beyond: int


@dataclass(frozen=True)
class Trial:
    """Both engines on one mask: how far apart, what each said, and the seconds each took from the files on."""

    comparison: Comparison
    note: str
    seconds_fast: float
    seconds_reference: float


def difference(ours: float, theirs: float, *, least: float = NEAR_ZERO) -> float:
    """Relative to theirs, or to `least` where theirs is smaller; 0 for two NaN, infinite for one."""
    if ours == theirs or (math.isnan(ours) and math.isnan(theirs)):
        return 0.0
    gap = abs(ours - theirs) / max(abs(theirs), least)
    return math.inf if math.isnan(gap) else gap


def _least(name: str, theirs: Mapping[str, float]) -> float:
    """What counts as near zero: a cluster shade sums cubes of either sign, as large as the tendency's 3/2 power."""
    tendency = (
        theirs.get(name.replace("ClusterShade", "ClusterTendency"), 0.0) if name.endswith("_ClusterShade") else 0.0
    )
    return max(NEAR_ZERO, CANCELED * tendency**1.5) if tendency > 0 else NEAR_ZERO


def compare(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Comparison:
    """Feature by feature; one that only one of them has is infinitely far off.

    Images that PyRadiomics cannot make with this scipy (3D local binary patterns) are not compared.
    """
    if not any(name.startswith(UNMADE) for name in theirs):
        ours = {name: value for name, value in ours.items() if not name.startswith(UNMADE)}
    gaps = {
        name: difference(ours.get(name, math.inf), theirs.get(name, -math.inf), least=_least(name, theirs))
        for name in {**theirs, **ours}
    }
    worst = max(gaps, key=gaps.get, default="")
    return Comparison(len(gaps), gaps.get(worst, 0.0), worst, sum(not gap <= TOLERANCE for gap in gaps.values()))


def trial(image: Path, mask: Path, *, settings: Settings, repeats: int = 3) -> Trial:
    """Run both engines on two files; the fastest of `repeats` counts for the fast one, as the first compiles kernels.

    Raises RadiogramError for files that cannot be read and for a case that either engine refuses.
    """
    fast, seconds_fast = _timed(lambda: measure.execute(*_read(image, mask), settings=settings)[0], repeats)
    slow, seconds_reference = _timed(lambda: reference.execute(*_read(image, mask), settings=settings)[0], 1)
    for who, found in (("The fast engine", fast), ("PyRadiomics", slow)):
        if isinstance(found, CaseError):
            raise RadiogramError(f"{who} cannot measure {read.shown(mask)} on {read.shown(image)}: {found}")
    return Trial(compare(fast.features, slow.features), fast.note, seconds_fast, seconds_reference)


def lines(found: Trial) -> list[str]:
    """A trial in words."""
    compared = found.comparison
    ratio = found.seconds_reference / found.seconds_fast
    said = [
        f"Features compared: {compared.features:,}",
        f"Worst relative difference: {compared.worst:.2g} ({compared.worst_feature})",
        f"Beyond {TOLERANCE:g}: {compared.beyond}",
        f"Seconds, reading included: {found.seconds_fast:.3f} fast, {found.seconds_reference:.3f} PyRadiomics ({ratio:.1f} x)",
    ]
    return [*said, f"Note: {found.note}"] if found.note else said


def labelled(settings: Settings, label: int | None) -> Settings:
    """The settings with another label, where one is asked for."""
    return settings if label is None else replace(settings, label=label)


def _timed(function: Callable[[], Measured | CaseError], repeats: int) -> tuple[Measured | CaseError, float]:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        found = function()
        seconds.append(time.perf_counter() - started)
    return found, min(seconds)


def _read(image: Path, mask: Path) -> tuple[sitk.Image, list[sitk.Image]]:
    """Plain files as PyRadiomics would read them, untouched; DICOM as a study reads it, its structures as label 1."""
    place, drawn = locate(image), locate(mask)
    scan = read.image(image) if _is_dicom(place.path) else _file(place.path, what="image")
    if not _is_dicom(drawn.path):
        return scan, [_file(drawn.path, what="mask")]
    return scan, [read.mask_on(mask, scan, image, label=1)[0]]


def _is_dicom(path: Path) -> bool:
    return path.is_dir() or (path.is_file() and header.is_dicom(path))


def _file(path: Path, *, what: str) -> sitk.Image:
    if not path.is_file():
        raise RadiogramError(f"There is no {what} {path}.")
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise RadiogramError(f"The {what} {read.shown(path)} cannot be read: it is damaged, or no image.") from error
