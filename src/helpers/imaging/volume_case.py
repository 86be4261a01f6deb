"""One case from its files to the arrays that networks see, all in one box on one grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import geometry, labels, placement, plan, preprocess, radiotherapy, read, region, volume_grid
from helpers.imaging.one_thread import one_thread
from helpers.imaging.radiotherapy import Irradiation
from helpers.imaging.volume_grid import Extent, Triple
from helpers.parameters import Parameters

LITTLE = 0.5  # share of the box; of a sequence that covers less of it, it is said


@dataclass(frozen=True)
class Scans:
    """The files of a case by sequence, as the table `images` names them; "" or absent where it names none."""

    case: str
    images: dict[str, str]
    masks: dict[str, str]
    brains: dict[str, str]
    dose: str = ""
    target: str = ""
    plan: dict[str, float] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The sequence whose grid is everybody's: the first of the study that the case has."""
        return next(iter(self.images))


@dataclass(frozen=True)
class Survey:
    """What the box of a case must hold, and (mean, sd) over head or body of each sequence that keeps its physical units."""

    extent: Extent
    scales: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Common:
    """What is the same for all cases of a study: the box in mm (z, y, x), and (center, spread) that such sequences get."""

    box: Triple
    scales: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Case:
    """Arrays of a case as `volumes.CaseVolume` holds them, and what the table says of it."""

    arrays: dict[str, np.ndarray]
    about: dict[str, Any]


def survey(scans: Scans, *, parameters: Parameters) -> Survey:
    """What the study must know of a case before any is made. Raises CaseError for unusable files."""
    physical = [s for s in scans.images if plan.of_sequence(parameters.imaging, s).method == "none"]
    sequence = scans.first
    with one_thread():
        try:
            found, scales = _extent(scans, parameters), {}
            for sequence in physical:
                scales[sequence] = _scale(read.image(scans.images[sequence]))
        except CaseError as error:
            raise CaseError(f"Case {scans.case}, {sequence}: {error}") from error
    return Survey(found, scales)


def case(scans: Scans, *, common: Common, parameters: Parameters) -> Case:
    """Every sequence prepared as for features, then brought into the study's box around lesion or head.

    Arrays: images (sequences, z, y, x) on the scale of the study's normalization (sequences in physical units less the
    center of `common`, divided by its spread), 0 where a sequence is absent; present; lesion and target, shares of the
    voxel; dose, share of the prescription; irradiated; affine. All but the two masks of presence and the affine are
    float32. Raises CaseError for unusable files, and sequences that do not overlap.
    """
    with one_thread():
        place = _Place(scans, common.box, parameters)
        images, remarks = _images(scans, place, common, parameters)
        planned, doses, numbers = _plan(scans, place, parameters)
    lesion = place.share(place.lesion)
    if place.lesion is not None and not lesion.any():
        raise CaseError(f"Case {scans.case}, {scans.first}: the lesion lies outside the head: redraw its mask.")
    arrays = {
        "images": images,
        "present": np.array([name in scans.images for name in parameters.cohort.sequences]),
        "lesion": lesion,
        **doses,
        "affine": volume_grid.affine(place.grid),
    }
    about = {
        "sequences": list(scans.images),
        "lesion_ml": place.lesion_ml,
        "lesion_share": float(lesion.mean(dtype=np.float64)),
        "note": "; ".join(dict.fromkeys([*place.notes, *remarks, *planned.notes])),
        "plan": numbers,
    }
    return Case(arrays, about)


class _Place:
    """Where the case is shown: its first sequence prepared, the lesion on it, and the grid of the box."""

    def __init__(self, scans: Scans, box: Triple, parameters: Parameters) -> None:
        try:
            self.scan, self.placed, notes = _ready(scans, scans.first, parameters)
            self.lesion, drawn = None, ["no mask"]
            if scans.masks[scans.first] or parameters.volumes.extent == "lesion":
                mask, drawn = _lesion(scans, self.placed.drawn_on, parameters)
                self.lesion = self.placed.carry(mask)
            inside = _head(self.scan) if parameters.volumes.extent == "whole" else self._voxels()
            found = volume_grid.extent(self.scan if parameters.volumes.extent == "whole" else self.lesion, inside)
        except CaseError as error:
            raise CaseError(f"Case {scans.case}, {scans.first}: {error}") from error
        own, factor = volume_grid.own_box(found, box)
        larger = [f"larger than the study's box: shown in one {factor:.2f} times as large"] if factor > 1 else []
        self.grid = volume_grid.grid(self.scan, found.middle, own, parameters.volumes.size)
        self.notes = [*filter(None, (*notes, *drawn, *larger))]

    def _voxels(self) -> np.ndarray:
        inside = sitk.GetArrayViewFromImage(self.lesion) != 0
        if not inside.any():
            raise CaseError("the lesion lies outside the image after its registration: look at both scans.")
        return inside

    @property
    def lesion_ml(self) -> float:
        return geometry.report(self.lesion)["volume_ml"] if self.lesion is not None else float("nan")

    def share(self, mask: sitk.Image | None) -> np.ndarray:
        """Share of each voxel of the box inside a 0/1 mask."""
        if mask is None:
            return np.zeros(self.grid.GetSize()[::-1], np.float32)
        return np.nan_to_num(volume_grid.onto(mask, self.grid)[0])


def _extent(scans: Scans, parameters: Parameters) -> Extent:
    """Of the lesion of reader1, or of the head."""
    if parameters.volumes.extent == "whole":
        scan = read.image(scans.images[scans.first])
        return volume_grid.extent(scan, _head(scan))
    mask, _ = _lesion(scans, read.image(scans.images[_drawn(scans, parameters)]), parameters)
    return volume_grid.extent(mask, sitk.GetArrayViewFromImage(mask) != 0)


def _scale(scan: sitk.Image) -> tuple[float, float]:
    """Mean and standard deviation over head or body."""
    values = sitk.GetArrayViewFromImage(scan)[_head(scan)].astype(np.float64)
    if not values.std() > 0:
        raise CaseError("the image is constant, so it tells nothing: leave the case out.")
    return float(values.mean()), float(values.std())


def _drawn(scans: Scans, parameters: Parameters) -> str:
    """The sequence that the first one's mask was drawn on."""
    drawn = parameters.imaging.mask_space or scans.first
    if drawn not in scans.images:
        raise CaseError(f"it has no {drawn} image, which imaging.mask_space names.")
    return drawn


def _lesion(scans: Scans, drawn_on: sitk.Image, parameters: Parameters) -> tuple[sitk.Image, list[str]]:
    """The mask of reader1 as 0/1 on the scan it was drawn on, and notes."""
    imaging, path = parameters.imaging, scans.masks[scans.first]
    image = scans.images[_drawn(scans, parameters)]
    label = labels.of_sequence(imaging.mask_label, scans.first)
    mask, note = read.mask_on(path, drawn_on, image, label=label, reference=imaging.mask_reference)
    try:
        mask, moved = geometry.align(mask, drawn_on, imaging.geometry_tolerance)
        geometry.check_lesion(sitk.GetArrayViewFromImage(mask) != 0, minimum_voxels=imaging.minimum_voxels)
    except CaseError as error:
        raise CaseError(f"mask {read.shown(path)} on {read.shown(image)}: {error}") from error
    return mask, [note, moved]


def _head(scan: sitk.Image) -> np.ndarray:
    inside = region.body(scan)
    if not inside.any():
        raise CaseError("no head stands out from the background: look at the scan.")
    return inside


def _ready(scans: Scans, sequence: str, parameters: Parameters) -> tuple[sitk.Image, placement.Placed, list[str]]:
    """A sequence laid where it is measured and prepared by the study's plan, and notes."""
    path, brain = scans.images[sequence], scans.brains.get(sequence, "")
    placed = placement.placed(sequence, scans.images, imaging=parameters.imaging)
    try:
        inside = preprocess.brain(brain, placed) if brain else None
        steps = plan.of_sequence(parameters.imaging, sequence)
        prepared = preprocess.follow(placed.scan, steps, brain=inside, name=path)
    except CaseError as error:
        raise CaseError(f"image {read.shown(path)}: {error}") from error
    return prepared.scan, placed, [*placed.notes, *prepared.notes]


def _images(scans: Scans, place: _Place, common: Common, parameters: Parameters) -> tuple[np.ndarray, list[str]]:
    """(sequences, z, y, x) in the order of the study, and notes."""
    sequences = parameters.cohort.sequences
    found, notes = np.zeros((len(sequences), *parameters.volumes.size), np.float32), []
    for k, name in enumerate(sequences):
        if name in scans.images:
            try:
                values, more = _shown(scans, name, place, parameters)
            except CaseError as error:
                raise CaseError(f"Case {scans.case}, {name}: {error}") from error
            center, spread = common.scales.get(name, (0.0, 1.0))  # normalized by its own head where it is not in there
            found[k] = (values - center) / spread
            notes += [f"{name}: {note}" for note in filter(None, more)]
        else:
            notes.append(f"no {name}")
    return found, notes


def _shown(scans: Scans, sequence: str, place: _Place, parameters: Parameters) -> tuple[np.ndarray, list[str]]:
    """A sequence within the box, its lowest intensity beyond the scan, and notes."""
    scan, notes = place.scan, []
    if sequence != scans.first:
        scan, _, notes = _ready(scans, sequence, parameters)
    values, covered = volume_grid.onto(scan, place.grid)
    if covered == 0:
        raise CaseError(
            f"it does not overlap with the box around what is seen on {scans.first}: are both of one patient?"
        )
    if covered < LITTLE:
        notes = [*notes, f"covers {covered:.0%} of the box"]
    low = np.float32(sitk.GetArrayViewFromImage(scan).min())
    return np.where(np.isfinite(values), values, low), notes


def _plan(
    scans: Scans, place: _Place, parameters: Parameters
) -> tuple[Irradiation, dict[str, np.ndarray], dict[str, float]]:
    """What was irradiated, its arrays within the box, and the numbers of the plan."""
    try:
        given = radiotherapy.irradiation(
            scans.dose, scans.target, placed=place.placed, drawn_on=scans.images[_drawn(scans, parameters)]
        )
    except CaseError as error:
        raise CaseError(f"Case {scans.case}: {error}") from error
    prescription = parameters.volumes.prescription or _known(scans.plan.get("prescription"))
    inside = None if place.lesion is None else sitk.GetArrayViewFromImage(place.lesion) != 0
    numbers = radiotherapy.numbers(
        given, inside, prescription=prescription, fractions=_known(scans.plan.get("fractions"))
    )
    dose = np.zeros(parameters.volumes.size, np.float32)
    if given.dose is not None:
        gray = np.nan_to_num(volume_grid.onto(given.dose, place.grid)[0])
        dose = (gray / np.float32(prescription or given.highest)).astype(np.float32)
    present = np.array([given.dose is not None, given.target is not None])
    return given, {"dose": dose, "target": place.share(given.target), "irradiated": present}, numbers


def _known(value: float | None) -> float | None:
    """A positive number, or None."""
    return float(value) if value is not None and value > 0 else None
