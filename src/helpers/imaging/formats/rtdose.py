"""Dose distributions of RTDOSE files in Gy: one file, or the beams of one plan added up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from helpers.errors import CaseError
from helpers.imaging import geometry
from helpers.imaging.formats import header, pixels, references, stack
from helpers.imaging.formats.header import Instance, numbers, plain
from helpers.imaging.formats.location import Location, enumerated, matching, shown
from helpers.imaging.formats.planes import Plane

TAIL = 8  # characters of a UID that sentences show


def choose(location: Location) -> tuple[list[Path], str]:
    """The files whose sum is the dose that a file or a folder and selector mean, and a note.

    A folder may hold one PLAN dose, or the BEAM doses of one plan; with both, the PLAN dose is taken. The selector
    is a SOPInstanceUID, a plan's UID, a series' UID or description. Raises CaseError where more than one is meant.
    """
    where = f"dose {shown(location)}"
    if not location.path.is_dir():
        return [location.path], ""
    everything = header.instances(location.path)
    found = [(i.path, header.dataset(i.path, pixels=False)) for i in everything if i.kind == "rtdose"]
    found = [(path, content) for path, content in found if not location.selector or _named(content, location.selector)]
    if not found:
        raise CaseError(f"{where} holds no RTDOSE{' of that name' if location.selector else ''}: name its file.")
    if len(found) == 1:
        return [found[0][0]], ""
    plans = [(path, content) for path, content in found if _kind(content) == "PLAN"]
    beams = [(path, content) for path, content in found if _kind(content) == "BEAM"]
    if len(plans) == 1 and len(plans) + len(beams) == len(found):
        return [plans[0][0]], "the PLAN dose was taken, not the sum of its beams"
    if plans or len(beams) < len(found) or len({_plan(content) for _, content in beams}) > 1:
        listed = [
            f"...{plain(c.get('SOPInstanceUID'))[-TAIL:]} {_kind(c)} of plan ...{_plan(c)[-TAIL:]}" for _, c in found
        ]
        raise CaseError(
            f"{where} holds {len(found)} doses ({enumerated(listed)}): choose one as in #*{listed[0][3:11]}."
        )
    _check_beams(beams, everything, where)
    return [path for path, _ in beams], f"sum of {len(beams)} beams"


def read(paths: Sequence[Path]) -> tuple[sitk.Image, str]:
    """The sum of dose files in Gy (float64) on their grid, and a note ("" when nothing is unusual).

    Raises CaseError for relative doses, errors of doses, uneven planes, and files on different grids.
    """
    total, notes = None, []
    for path in paths:
        image, note = _one(path)
        notes.append(note)
        if total is None:
            total = image
        elif image.GetSize() != total.GetSize() or geometry.mismatch(image, total) > stack.NOISE:
            raise CaseError(
                f"dose {shown(path)} lies on another grid than {shown(paths[0])}: export one dose for the plan."
            )
        else:
            image.CopyInformation(total)
            total = total + image
    return total, "; ".join(dict.fromkeys(filter(None, notes)))


def onto(dose: sitk.Image, reference: sitk.Image) -> tuple[sitk.Image, str]:
    """The dose on the grid of an image, by linear interpolation, 0 outside the dose grid, and a note."""
    moved = sitk.Resample(dose, reference, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat64)
    covered = sitk.Resample(dose * 0 + 1, reference, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    share = float(sitk.GetArrayViewFromImage(covered).mean())
    if share == 0:
        raise CaseError("the dose grid and the image do not overlap: name the image that the plan was made on.")
    outside = f"; 0 Gy in the {1 - share:.0%} of it outside the dose grid" if share < 1 else ""
    return moved, f"dose resampled linearly onto the image{outside}"


def check_frame(path: Path, of: references.Identity | None) -> str:
    """A note ("" when all fits). Raises CaseError for a dose in another frame of reference than the image."""
    frame = header.instance(path).text("FrameOfReferenceUID")
    if of is None or not (frame and of.frame):
        return "no frame of reference to check the dose against"
    if frame != of.frame:
        raise CaseError(
            f"dose {shown(path)} lies in another frame of reference than the image (...{frame[-TAIL:]}, the image in "
            f"...{of.frame[-TAIL:]}): register the two, or name the image that the plan was made on."
        )
    return ""


def _named(content: Dataset, wanted: str) -> bool:
    names = [plain(content.get(k)) for k in ("SOPInstanceUID", "SeriesInstanceUID", "SeriesDescription")]
    return bool(matching([*names, _plan(content)], wanted))


def _kind(content: Dataset) -> str:
    return plain(content.get("DoseSummationType")).upper()


def _plan(content: Dataset) -> str:
    plans = content.get("ReferencedRTPlanSequence") or ()
    return plain(plans[0].get("ReferencedSOPInstanceUID")) if plans else ""


def _check_beams(beams: list[tuple[Path, Dataset]], everything: list[Instance], where: str) -> None:
    """Each beam once, and all that the plan lists where the plan is in the folder too."""
    given = [",".join(references.walk(content, "ReferencedBeamNumber")) for _, content in beams]
    twice = sorted({number for number in given if number and given.count(number) > 1})
    if twice:
        raise CaseError(f"{where} holds beam {twice[0]} more than once: keep one dose a beam.")
    for plan in (i for i in everything if i.kind == "rtplan" and i.text("SOPInstanceUID") == _plan(beams[0][1])):
        groups = header.dataset(plan.path, pixels=False).get("FractionGroupSequence") or ()
        listed = {number for group in groups for number in references.walk(group, "ReferencedBeamNumber")}
        lacking = sorted(listed - set(given))
        if lacking:
            raise CaseError(
                f"{where} lacks the dose of beam {', '.join(lacking)} of its plan: export it, or the PLAN dose."
            )


def _one(path: Path) -> tuple[sitk.Image, str]:
    content = header.dataset(path, pixels=False)
    where = f"dose {shown(path)}"
    units, kind = plain(content.get("DoseUnits")).upper(), plain(content.get("DoseType")).upper()
    if units != "GY":
        raise CaseError(f"{where} is in {units or 'no stated unit'}, not in GY: export the absolute dose.")
    if kind == "ERROR":
        raise CaseError(f"{where} holds the error of a dose, not a dose: export the dose.")
    scaling = numbers(content, "DoseGridScaling", 1, where=path)[0]
    values = pixels.stored(path) * scaling
    offsets = _offsets(content, len(values), path)
    order = np.argsort(offsets, kind="stable")
    orientation = np.array(numbers(content, "ImageOrientationPatient", 6, where=path))
    position = np.array(numbers(content, "ImagePositionPatient", 3, where=path))
    normal = np.cross(orientation[:3], orientation[3:])
    spacing = numbers(content, "PixelSpacing", 2, where=path)
    first = Plane(
        path, 0, position + normal * offsets.min(), orientation[:3], orientation[3:], spacing, values.shape[1:]
    )
    placed = stack.Stack((first,), _distance(np.sort(offsets), content, where), np.zeros((1, 2)))
    notes = [
        f"{kind.lower()} dose" if kind not in ("PHYSICAL", "") else "",
        f"summation type {_kind(content)}" if _kind(content) not in ("PLAN", "BEAM", "MULTI_PLAN", "") else "",
    ]
    return stack.grid(values[order], placed), "; ".join(filter(None, notes))


def _offsets(content: Dataset, count: int, path: Path) -> np.ndarray:
    """Distances of the planes from the first along their normal, in mm (DICOM PS3.3, C.8.8.3.2).

    Offsets begin with 0, or, in files of the second form that the standard allows, are coordinates of axial planes.
    """
    if count == 1 and "GridFrameOffsetVector" not in content:
        return np.zeros(1)
    vector = np.array(numbers(content, "GridFrameOffsetVector", count, where=path)).reshape(-1)
    if vector[0] == 0:
        return vector
    axial = np.cross(*np.split(np.array(numbers(content, "ImageOrientationPatient", 6, where=path)), 2))
    return (vector - vector[0]) * np.sign(axial[2])


def _distance(offsets: np.ndarray, content: Dataset, where: str) -> float:
    if len(offsets) == 1:
        thickness = plain(content.get("SliceThickness"))
        if not thickness:
            raise CaseError(f"{where} is a single plane without a stated thickness: export the whole dose grid.")
        return float(thickness)
    step = float(offsets[-1] - offsets[0]) / (len(offsets) - 1)
    if step <= 0 or np.abs(offsets - offsets[0] - step * np.arange(len(offsets))).max() > stack.NOISE:
        raise CaseError(f"{where} has planes at uneven distances: export it on an even grid.")
    return step
