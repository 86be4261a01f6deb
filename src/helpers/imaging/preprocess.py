"""Before measuring: a scan oriented, freed of shading and skull, on a common scale and on voxels of a common size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import already, bias, geometry, normalization, read
from helpers.imaging.grids import orientation, resample, resample_mask
from helpers.imaging.placement import Placed
from helpers.imaging.plan import Plan
from helpers.imaging.region import body

WINDOW = (0.5, 99.5)  # percentiles of the head's intensities that become black and white
IN_BRAIN = ("zscore_mask", "whitestripe_t1", "whitestripe_t2")  # methods that need the brain or body alone


@dataclass(frozen=True)
class Stage:
    """One step as the figure of preprocessing shows it: its name, what it did in words, and the scan after it."""

    name: str
    words: str
    scan: sitk.Image


@dataclass(frozen=True)
class Prepared:
    """A scan ready to be measured, and the intensities (low, high) of black and white, None in physical units.

    `steps` says in words and numbers what was done, `notes` what was asked for and left out; `stages` holds the scan
    as read and after each step, where it was asked to be kept.
    """

    scan: sitk.Image
    window: tuple[float, float] | None
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = field(default=(), repr=False)


def prepare(
    image: sitk.Image,
    *,
    method: str,
    clip_sd: float,
    spacing: tuple[float, float, float] | None,
    plan: Plan | None = None,
    brain: sitk.Image | None = None,
    name: str = "",
    keep: bool = False,
) -> Prepared:
    """Orient, correct, strip, normalize and resample a scan, in that order; what a `plan` does not ask for stays.

    `method` as in `normalization.normalize`, or `none` for physical units; `spacing` in mm (x, y, z) or None. `brain`
    is a mask (nonzero inside) that lies where the scan lies, on any grid; `name` is the scan's file, which may tell
    what was done before; `keep` keeps the scan after each step. Raises CaseError for a scan without contrast, a step
    that needs the brain mask without one, and N4 asked for on a file that is named as corrected.
    """
    asked = replace(plan or Plan(), method=method, clip_sd=clip_sd, spacing=spacing)
    trail = _Trail(image, keep)
    inside = None
    if asked.orientation and asked.orientation != orientation(image):
        trail.take("Reoriented", sitk.DICOMOrient(image, asked.orientation), _turned(image, asked.orientation))
    if brain is not None:
        inside = sitk.GetArrayFromImage(resample_mask(_nonzero(brain), trail.scan)) != 0
    if asked.n4:
        _correct(trail, asked, inside, name)
    stripped = asked.skull_strip and _strip(trail, asked, inside)
    region = inside if stripped or asked.method in IN_BRAIN else None
    window = None if asked.method == "none" else _normalize(trail, asked, region)
    fine = resample(trail.scan, asked.spacing)
    if fine is not trail.scan:
        trail.take("Resampled", fine, f"resampled from {_mm(trail.scan)} to {_mm(fine)} mm by cubic B-splines")
    return trail.end(window)


def follow(
    image: sitk.Image, plan: Plan, *, brain: sitk.Image | None = None, name: str = "", keep: bool = False
) -> Prepared:
    """`prepare` by a plan alone."""
    return prepare(
        image, method=plan.method, clip_sd=plan.clip_sd, spacing=plan.spacing, plan=plan, brain=brain, name=name,
        keep=keep,
    )  # fmt: skip


def brain(path: Path | str, placed: Placed, *, tolerance: float = 0.01) -> sitk.Image:
    """A brain mask file as 0/1 where the scan is measured; any value but 0 is brain, drawn where the lesions were drawn.

    Raises CaseError for an unusable or empty file, and for one on another grid than the scan it was drawn on.
    """
    mask = _nonzero(read.image(path))
    if not sitk.GetArrayViewFromImage(mask).any():
        raise CaseError(f"brain mask {read.shown(path)} is empty: draw it again, or leave the case out.")
    aligned, _ = geometry.align(mask, placed.drawn_on, tolerance)
    return placed.carry(aligned)


class _Trail:
    """The scan on its way through the steps, and the record of them."""

    def __init__(self, image: sitk.Image, keep: bool) -> None:
        self.scan, self.keep = image, keep
        self.steps: list[str] = []
        self.notes: list[str] = []
        self.stages: list[Stage] = [Stage("As read", _grid(image), image)] if keep else []

    def take(self, name: str, scan: sitk.Image, words: str) -> None:
        self.scan = scan
        self.steps.append(words)
        if self.keep:
            self.stages.append(Stage(name, words, scan))

    def leave(self, words: str) -> None:
        self.notes.append(words)
        self.steps.append(words)

    def end(self, window: tuple[float, float] | None) -> Prepared:
        return Prepared(self.scan, window, tuple(self.steps), tuple(self.notes), tuple(self.stages))


def _correct(trail: _Trail, plan: Plan, inside: np.ndarray | None, name: str) -> None:
    if "n4" in (plan.already or ()):
        trail.leave("N4 left out: imaging.already says that the bias field was corrected before")
        return
    already.refuse_second_n4(name, plan.already)
    region = inside if inside is not None else body(trail.scan)
    corrected, shading = bias.correct(trail.scan, region, shrink=plan.n4_shrink)
    low, high = np.percentile(shading[region], (1, 99))
    trail.take("N4", corrected, f"bias field of {low:.2f} to {high:.2f} (1st to 99th percentile) divided out by N4")


def _strip(trail: _Trail, plan: Plan, inside: np.ndarray | None) -> bool:
    """Whether the brain, and not the head, is the region of all that follows."""
    if inside is None:
        raise CaseError("imaging.skull_strip needs a brain mask: name it in the manifest's column brain_mask.")
    if not inside.any():
        raise CaseError("the brain mask is empty where the scan lies: draw it again, or leave the case out.")
    if "skull_strip" in (plan.already or ()) or already.stripped(trail.scan, inside):
        trail.leave("skull strip left out: there is nothing but background outside the brain mask")
        return True
    values = sitk.GetArrayFromImage(trail.scan)
    share = np.count_nonzero(values[~inside]) / max(np.count_nonzero(values), 1)
    values[~inside] = values[inside].min()
    words = f"{100 * share:.0f} % of the voxels lay outside the brain mask and were set to the brain's lowest intensity"
    trail.take("Brain alone", _like(values, trail.scan), words)
    return True


def _normalize(trail: _Trail, plan: Plan, inside: np.ndarray | None) -> tuple[float, float]:
    """Black and white of the normalized scan."""
    if plan.method in IN_BRAIN and inside is None and "skull_strip" not in (plan.already or ()):
        raise CaseError(
            f"normalize {plan.method} needs a brain mask: name it in the manifest's column brain_mask, or say "
            "imaging.already=[skull_strip] where the images come stripped."
        )
    region = inside if inside is not None else body(trail.scan)
    values = sitk.GetArrayViewFromImage(trail.scan).astype(np.float64)
    declared = "zscore" in (plan.already or ())
    looks = plan.already is None and plan.method.startswith("zscore") and normalization.standardized(values, region)
    if declared or looks:
        why = "imaging.already says so" if declared else "its mean is about 0 and its standard deviation about 1"
        trail.leave(f"not normalized again: the image is standardized already ({why})")
    else:
        scaled, words = normalization.normalize(
            values, region, method=plan.method, clip_sd=plan.clip_sd, percentiles=plan.percentiles
        )
        where = "brain mask" if inside is not None else "head"
        trail.take("Normalized", _like(scaled, trail.scan), f"{words}, by the {where}")
        values = scaled
    low, high = np.percentile(values[region], WINDOW)
    return float(low), float(high)


def _like(values: np.ndarray, image: sitk.Image) -> sitk.Image:
    made = sitk.GetImageFromArray(values)
    made.CopyInformation(image)
    return made


def _nonzero(mask: sitk.Image) -> sitk.Image:
    return sitk.Cast(mask != 0, sitk.sitkUInt8)


def _turned(image: sitk.Image, wanted: str) -> str:
    return f"reoriented from {orientation(image)} to {wanted}"


def _grid(image: sitk.Image) -> str:
    return f"{' x '.join(map(str, image.GetSize()))} voxels of {_mm(image)} mm"


def _mm(image: sitk.Image) -> str:
    return " x ".join(f"{value:.3g}" for value in image.GetSpacing())
