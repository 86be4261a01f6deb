"""What a patient was irradiated with: dose and target in the place of a scan, and the numbers of the plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import read
from helpers.imaging.formats import header
from helpers.imaging.formats.location import locate
from helpers.imaging.formats.source import dose as dose_source
from helpers.imaging.placement import Placed

ALPHA_BETA = 10.0  # Gy, of tumor and early reactions
COVERED = 0.95  # of the target's volume (D95), of the prescription (V95)
UNLIKELY = 1000.0  # Gy; a higher dose is written in another unit
DOSE_NUMBERS = ("dmax", "lesion_mean")
TARGET_NUMBERS = ("target_ml",)
BOTH_NUMBERS = ("target_mean", "target_d95", "target_v95")
WORDS = {
    "dmax": "its highest value",
    "lesion_mean": "its mean in the lesion",
    "target_ml": "the volume of the target",
    "target_mean": "its mean in the target",
    "target_d95": f"what {100 * COVERED:.0f} % of the target receive at least (D95)",
    "target_v95": f"the share of the target that receives {100 * COVERED:.0f} % of the prescription (V95)",
    "eqd2": f"the equivalent dose in fractions of 2 Gy (EQD2, with an alpha/beta of {ALPHA_BETA:g} Gy)",
}


@dataclass(frozen=True)
class Irradiation:
    """dose in Gy and target 0/1 on the grid of a scan, None where there is none; `highest` is the dose's own maximum."""

    dose: sitk.Image | None = None
    target: sitk.Image | None = None
    highest: float = float("nan")
    notes: tuple[str, ...] = ()


def irradiation(dose: str, target: str, *, placed: Placed, drawn_on: str) -> Irradiation:
    """Dose and target of a case where a scan lies; "" where the case has none.

    Both lie where the masks were drawn, on the scan whose file is `drawn_on`, and move with them. A dose is an RTDOSE
    (or a folder of its beams) or any image in Gy; a target anything that masks are read from, for example plan.dcm#PTV,
    and may be drawn on another series of the same frame of reference. Raises CaseError for an unusable file, a dose
    or target in another frame of reference, and a dose that does not overlap with the scan.
    """
    found, notes, highest = None, [], float("nan")
    if dose:
        planned, note = _dose(dose, drawn_on)
        highest = float(sitk.GetArrayViewFromImage(planned).max())
        found = _carried(planned, placed, dose)
        notes.append(note)
    aim = None
    if target:
        mask, note = read.mask_on(target, placed.drawn_on, drawn_on, label=1, reference="frame")
        aim = placed.carry(mask)
        if not sitk.GetArrayViewFromImage(aim).any():
            raise CaseError(f"target {read.shown(target)} lies outside the image: is it another patient's?")
        notes.append(note)
    return Irradiation(found, aim, highest, tuple(filter(None, notes)))


def digest(path: str) -> str:
    """SHA-256 of all bytes of a dose."""
    return dose_source(path).sha256 if _is_dicom(path) else read.digest(path)


def names(*, dose: bool, target: bool, fractions: bool) -> list[str]:
    """The numbers that `numbers` gives, in order."""
    found = [*(DOSE_NUMBERS if dose else ()), *(TARGET_NUMBERS if target else ())]
    return [*found, *(BOTH_NUMBERS if dose and target else ()), *(["eqd2"] if fractions else [])]


def numbers(
    given: Irradiation, lesion: np.ndarray | None, *, prescription: float | None, fractions: float | None
) -> dict[str, float]:
    """Gy: dmax, lesion_mean, target_mean, target_d95 (what 95 % of the target receive at least), eqd2; ml: target_ml;
    share of the target that receives 95 % of the prescription: target_v95. NaN where a number is not known.

    `lesion` is a boolean array on the grid of the dose. Without a prescription V95 is of the highest dose, and EQD2 of
    the target's mean. Definitions: ICRU Report 83 (2010), doi 10.1093/jicru/10.1.Report83.
    """
    unknown = float("nan")
    found = dict.fromkeys(names(dose=True, target=True, fractions=True), unknown)
    aim = None if given.target is None else sitk.GetArrayViewFromImage(given.target) != 0
    if aim is not None:
        found["target_ml"] = float(aim.sum() * np.prod(given.target.GetSpacing()) / 1000)
    if given.dose is not None:
        values = sitk.GetArrayViewFromImage(given.dose)
        found["dmax"] = given.highest
        if lesion is not None:
            found["lesion_mean"] = float(values[lesion].mean())
        if aim is not None:
            inside, full = values[aim], prescription or given.highest
            found["target_mean"] = float(inside.mean())
            found["target_d95"] = float(np.quantile(inside, 1 - COVERED))
            found["target_v95"] = float(np.mean(inside >= COVERED * full))
    if fractions and fractions > 0:
        found["eqd2"] = eqd2(prescription or found["target_mean"], fractions)
    return found


def eqd2(dose: float, fractions: float, *, alpha_beta: float = ALPHA_BETA) -> float:
    """The dose in Gy that in fractions of 2 Gy would do what `dose` does in so many, by the linear-quadratic model.

    Fowler 1989, doi 10.1259/0007-1285-62-740-679: D (d + a/b) / (2 + a/b) with d = D / fractions.
    """
    return dose * (dose / fractions + alpha_beta) / (2 + alpha_beta)


def _is_dicom(path: str) -> bool:
    file = locate(path).path
    return file.is_dir() or (file.is_file() and header.is_dicom(file))


def _dose(path: str, drawn_on: str) -> tuple[sitk.Image, str]:
    """The dose on its own grid in Gy, and a note."""
    if not locate(path).path.exists():
        raise CaseError(f"dose {read.shown(path)} is missing: correct the path, or leave the cell empty.")
    found, note = read.dose(path, reference_path=drawn_on) if _is_dicom(path) else (read.image(path), "")
    values = sitk.GetArrayViewFromImage(found)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high <= 0:
        raise CaseError(f"dose {read.shown(path)} runs from {low:g} to {high:g}, which is no dose: give it in Gy.")
    if high > UNLIKELY:
        raise CaseError(
            f"dose {read.shown(path)} reaches {high:,.0f}, too much for Gy: divide it by 100 if it is in cGy."
        )
    return found, note


def _carried(dose: sitk.Image, placed: Placed, path: str) -> sitk.Image:
    """The dose on the grid of the scan, by linear interpolation, 0 beyond its own grid."""
    place = placed.transform or sitk.Transform()
    covered = sitk.Resample(dose * 0 + 1, placed.scan, place, sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    if not sitk.GetArrayViewFromImage(covered).any():
        raise CaseError(
            f"dose {read.shown(path)} does not overlap with the image: name the image that the plan was made on."
        )
    return sitk.Resample(sitk.Cast(dose, sitk.sitkFloat64), placed.scan, place, sitk.sitkLinear, 0.0, sitk.sitkFloat64)
