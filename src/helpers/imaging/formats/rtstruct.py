"""Structures of an RTSTRUCT as masks on the grid of the image they were drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from helpers.errors import CaseError
from helpers.imaging.formats import header, polygon, references
from helpers.imaging.formats.location import enumerated, matching, shown
from helpers.imaging.formats.references import References

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
SAME_PLANE = 0.01  # slices; contours nearer than this lie in one plane
NEGLIGIBLE = 0.02  # slices; a contour nearer than this to its slice lies on it
FLAT = 0.5  # slices; a contour that spans more is oblique to the grid


@dataclass(frozen=True)
class Structure:
    """One structure: its name, its frame of reference, and its part of the file with the contours."""

    name: str
    frame: str
    drawn: Dataset


@dataclass(frozen=True)
class StructureSet:
    """An RTSTRUCT: every structure it lists, those without contours included, and what it was drawn on."""

    path: Path
    structures: tuple[Structure, ...]
    references: References

    @property
    def names(self) -> list[str]:
        return [structure.name for structure in self.structures]


def load(path: Path) -> StructureSet:
    """An RTSTRUCT with its contours still unread. Raises CaseError for a damaged one."""
    content = header.dataset(path)
    try:
        drawn = {int(item.ReferencedROINumber): item for item in content.get("ROIContourSequence") or ()}
        said = _references(content, [c for roi in drawn.values() for c in roi.get("ContourSequence") or ()])
        structures = tuple(
            Structure(
                str(item.get("ROIName") or f"ROI {item.ROINumber}").strip(),
                str(item.get("ReferencedFrameOfReferenceUID") or said.frame),
                drawn.get(int(item.ROINumber), Dataset()),
            )
            for item in content.get("StructureSetROISequence") or ()
        )
    except header.BROKEN as error:
        raise CaseError(f"mask {shown(path)} is damaged: copy it again.") from error
    return StructureSet(path, structures, said)


def _references(content: Dataset, contours: list[Dataset]) -> References:
    frames = content.get("ReferencedFrameOfReferenceSequence") or ()
    series = {uid for item in frames for uid in references.walk(item, "SeriesInstanceUID")}
    files = {uid for item in frames for uid in references.walk(item, "ReferencedSOPInstanceUID")}
    for contour in contours:
        files.update(str(i.get("ReferencedSOPInstanceUID")) for i in contour.get("ContourImageSequence") or ())
    return References(frozenset(series), str(content.get("FrameOfReferenceUID") or ""), frozenset(files))


def choose(held: StructureSet, selector: str) -> list[Structure]:
    """The structures that a selector means: a name without regard to case, a glob, or several names with commas.

    Raises CaseError with the list of structures for a name that none or several have, or for none given out of many.
    """
    names, where, example = held.names, f"mask {shown(held.path)}", shown(held.path)
    if not names:
        raise CaseError(f"{where} lists no structure: export it again.")
    if not selector and len(names) == 1:
        return [held.structures[0]]
    if not selector:
        raise CaseError(f"{where} holds {len(names)} structures: choose one as in {example}#{names[0]}. {_all(names)}")
    wanted = [selector] if matching(names, selector) else [part.strip() for part in selector.split(",")]
    chosen = []
    for name in wanted:
        found = matching(names, name)
        if len(found) != 1:
            several = f"several structures {name} ({enumerated([names[i] for i in found])})"
            meant = several if found else f"no structure {name}"
            raise CaseError(f"{where} holds {meant}: choose one by its name. {_all(names)}")
        chosen.append(held.structures[found[0]])
    return chosen


def mask_on(
    held: StructureSet, selector: str, image: sitk.Image, *, of: references.Identity | None, rule: references.Rule
) -> tuple[sitk.Image, str]:
    """Voxels (0/1, uint8) of the image whose centers lie inside the structure's contours, and a note.

    Contours are combined within each plane by the even-odd rule. A contour belongs to the slice nearest to it; of
    several planes of contours within one slice the nearest counts. Raises CaseError for a structure that is not
    found, empty, drawn on another image, oblique to the grid, outside the image, or sparser than its slices.
    """
    inside = np.zeros(image.GetSize()[::-1], dtype=bool)
    notes: list[str] = []
    for structure in choose(held, selector):
        where = f"structure {structure.name} of {shown(held.path)}"
        said = References(held.references.series, structure.frame, held.references.files)
        notes.append(references.check(said, of, rule=rule, where=where))
        drawn, more = _drawn(structure, image, where)
        inside |= drawn
        notes += more
    lesion = sitk.GetImageFromArray(inside.astype(np.uint8))
    lesion.CopyInformation(image)
    return lesion, "; ".join(dict.fromkeys(filter(None, notes)))


def _all(names: list[str]) -> str:
    return f"Its structures are {enumerated(names)}."


def _contours(structure: Structure, where: str) -> tuple[list[np.ndarray], int]:
    """The closed contours (n, 3) of a structure in mm, and how many parts of it are something else."""
    closed, passed_over = [], 0
    for contour in structure.drawn.get("ContourSequence") or ():
        try:
            points = np.array(_coordinates(contour), dtype=float).reshape(-1, 3)
            if not np.isfinite(points).all():
                raise ValueError("not finite")
        except header.BROKEN as error:
            raise CaseError(f"{where} holds a contour with an unreadable point: export it again.") from error
        if contour.get("ContourGeometricType") in CLOSED and len(points) > 2:
            closed.append(points)
        else:
            passed_over += 1
    return closed, passed_over


def _coordinates(contour: Dataset) -> list:
    """The numbers of a contour, from the bytes of the file: pydicom's own numbers take ten times as long."""
    if "ContourData" not in contour:
        return []
    value = contour.get_item("ContourData").value
    return value.strip(b"\0 ").split(b"\\") if isinstance(value, bytes) and value.strip(b"\0 ") else list(value or ())


def _drawn(structure: Structure, image: sitk.Image, where: str) -> tuple[np.ndarray, list[str]]:
    contours, passed_over = _contours(structure, where)
    if not contours:
        what = "holds points or lines only" if passed_over else "is listed but has no contours"
        raise CaseError(f"{where} {what}: draw it, or leave the case out.")
    notes = []
    if passed_over:
        notes.append(f"{passed_over} parts of {structure.name} that are no closed contours were passed over")
    points = [_indices(contour, image) for contour in contours]
    unique = {np.round(p, 4).tobytes(): p for p in points}
    if len(unique) < len(points):
        notes.append(f"{len(points) - len(unique)} contours of {structure.name} stand twice and were taken once")
    inside, note = _filled(list(unique.values()), image.GetSize(), where)
    if not inside.any():
        raise CaseError(f"{where} encloses no voxel's center: it is smaller than the image's voxels.")
    return inside, [*notes, note]


def _indices(points: np.ndarray, image: sitk.Image) -> np.ndarray:
    """Points in mm as continuous indices x, y, z of the image."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return (points - image.GetOrigin()) @ np.linalg.inv(direction).T / image.GetSpacing()


def _filled(points: list[np.ndarray], size: tuple[int, ...], where: str) -> tuple[np.ndarray, str]:
    """The mask (z, y, x) of contours in indices, along whichever axis of the grid they are flat."""
    spans = np.array([np.ptp(p, axis=0) for p in points])
    axis = int(np.argmin(spans.max(axis=0)))
    if spans[:, axis].max() > FLAT:
        raise CaseError(f"{where} is drawn on planes oblique to the image's slices: name the image it was drawn on.")
    depths = np.array([p[:, axis].mean() for p in points])
    if depths.min() < -FLAT or depths.max() > size[axis] - 1 + FLAT:
        outside = int(np.count_nonzero((depths < -FLAT) | (depths > size[axis] - 1 + FLAT)))
        raise CaseError(f"{where} lies outside the image in {outside} of {len(points)} contours: is it another scan's?")
    flat = [np.delete(p, axis, axis=1) for p in points]  # the two remaining axes in the order x, y, z
    kept = [i for i in range(3) if i != axis]
    groups, notes = _by_slice(depths, size[axis], where)
    inside = np.zeros(size[::-1], dtype=bool)
    for index, members in groups.items():
        plane = polygon.fill([flat[m] for m in members], (size[kept[1]], size[kept[0]]))
        np.moveaxis(inside, 2 - axis, 0)[index] = plane
    return inside, notes


def _by_slice(depths: np.ndarray, count: int, where: str) -> tuple[dict[int, list[int]], str]:
    """The contours of each slice: those of the plane nearest to it."""
    order = np.argsort(depths, kind="stable")
    breaks = np.flatnonzero(np.diff(depths[order]) > SAME_PLANE) + 1
    planes = [(float(depths[members].mean()), members.tolist()) for members in np.split(order, breaks)]
    gaps = np.diff([depth for depth, _ in planes])
    if len(planes) > 2 and gaps.min() > 1.5:
        raise CaseError(
            f"{where} is drawn every {np.median(gaps):.2g} slices of the image: draw it on each, or name the image it was drawn on."
        )
    nearest: dict[int, tuple[float, list[int]]] = {}
    for depth, members in planes:
        index = min(max(int(np.floor(depth + 0.5)), 0), count - 1)
        if index not in nearest or abs(depth - index) < nearest[index][0]:
            nearest[index] = (abs(depth - index), members)
    off = max(distance for distance, _ in nearest.values())
    notes = [f"contours lie up to {off:.2g} slices beside the slices they were taken for"] if off > NEGLIGIBLE else []
    empty = int(np.count_nonzero(gaps > 1.5)) if len(planes) > 1 else 0
    if empty:
        notes.append(f"contours skip slices in {empty} place{'s' if empty > 1 else ''}")
    return {index: members for index, (_, members) in nearest.items()}, "; ".join(notes)
