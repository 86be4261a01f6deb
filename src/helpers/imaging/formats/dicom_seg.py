"""Segments of a DICOM segmentation object as masks, on the grid of an image or on their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.formats import header, pixels, references, stack
from helpers.imaging.formats import planes as frames
from helpers.imaging.formats.header import BROKEN
from helpers.imaging.formats.location import enumerated, matching, shown
from helpers.imaging.formats.planes import Plane
from helpers.imaging.formats.references import References

ON_GRID = 0.05  # voxels; a segmentation off the image's grid by less lies on it
HALF = 0.5  # share of the maximum from which a fractional voxel is inside


@dataclass(frozen=True)
class Segment:
    number: int
    label: str

    def __str__(self) -> str:
        return f"{self.number} {self.label}"


@dataclass(frozen=True)
class Segmentation:
    """A segmentation object: its segments, and where each of its frames lies."""

    path: Path
    kind: str
    segments: tuple[Segment, ...]
    planes: tuple[Plane, ...]
    maximum: int


def load(path: Path) -> Segmentation:
    """A DICOM SEG without its pixels. Raises CaseError for one that states no segments or places."""
    content = header.dataset(path, pixels=False)
    try:
        listed = content.get("SegmentSequence") or ()
        named = [Segment(int(s.SegmentNumber), str(s.get("SegmentLabel") or "").strip()) for s in listed]
        segments = tuple(segment for segment in named if segment.number)  # 0 is a label map's background
    except BROKEN as error:
        raise CaseError(f"mask {shown(path)} lists its segments unreadably: export it again.") from error
    if not segments or "PerFrameFunctionalGroupsSequence" not in content:
        raise CaseError(f"mask {shown(path)} lists no segments, or not where they lie: export it again.")
    kind = str(content.get("SegmentationType") or "BINARY")
    maximum = int(content.get("MaximumFractionalValue") or 255)
    return Segmentation(path, kind, segments, tuple(frames.planes(header.instance(path))), maximum)


def referenced(path: Path) -> References:
    """The series and files that a segmentation names as those it was drawn on."""
    content = header.dataset(path, pixels=False)
    series = {
        uid
        for item in content.get("ReferencedSeriesSequence") or ()
        for uid in references.walk(item, "SeriesInstanceUID")
    }
    files = {
        uid
        for item in content.get("ReferencedSeriesSequence") or ()
        for uid in references.walk(item, "ReferencedSOPInstanceUID")
    }
    for group in content.get("PerFrameFunctionalGroupsSequence") or ():
        for item in group.get("DerivationImageSequence") or ():
            files.update(references.walk(item, "ReferencedSOPInstanceUID"))
    return References(frozenset(series), str(content.get("FrameOfReferenceUID") or ""), frozenset(files))


def choose(held: Segmentation, selector: str) -> list[Segment]:
    """The segments that a selector means: a number, a label without regard to case, a glob, or several with commas.

    Raises CaseError with the list of segments for one that is not there, or for none given out of many.
    """
    listed = f"Its segments are {enumerated([str(s) for s in held.segments])}."
    where = f"mask {shown(held.path)}"
    if not selector and len(held.segments) > 1:
        example = f"{shown(held.path)}#{held.segments[0].number}"
        raise CaseError(
            f"{where} holds {len(held.segments)} segments: choose one by number or label, as in {example}. {listed}"
        )
    if not selector:
        return [held.segments[0]]
    wanted = [selector] if _meant(held, selector) else selector.split(",")
    chosen = []
    for name in wanted:
        found = _meant(held, name.strip())
        if len(found) != 1:
            how_many = "several segments" if found else "no segment"
            raise CaseError(f"{where} holds {how_many} {name.strip()}: choose one by number or label. {listed}")
        chosen.append(found[0])
    return chosen


def mask(held: Segmentation, chosen: Sequence[Segment]) -> tuple[sitk.Image, str]:
    """The union of segments (0/1, uint8) on the segmentation's own grid; slices without a frame are empty.

    The grid runs from its first to its last frame, at the stated distance of slices, else at the smallest found.
    """
    values, note = _values(held, chosen)
    where = f"mask {shown(held.path)}"
    first = held.planes[0]
    along = np.array([plane.position @ first.normal for plane in held.planes])
    distances = np.diff(np.unique(np.round(along, 3)))
    step = first.thickness or (float(distances.min()) if distances.size else 0.0)
    if not step:
        raise CaseError(f"{where} is a single slice without a stated thickness: it has no volume to measure.")
    slots = (along - along.min()) / step
    if np.abs(slots - np.round(slots)).max() > 2 * ON_GRID and distances.size:
        step = float(distances.min())  # thickness of overlapping slices is not their distance
        slots = (along - along.min()) / step
    if np.abs(slots - np.round(slots)).max() > 2 * ON_GRID:
        raise CaseError(f"{where} has frames at uneven distances: name it together with its image.")
    sideways = (
        np.array([p.position - first.position for p in held.planes]) @ np.array([first.along_row, first.down_column]).T
    )
    if np.abs(sideways).max() > stack.NOISE:
        raise CaseError(f"{where} has frames that do not stand upright on each other: resample it onto its image.")
    index = np.round(slots).astype(int)
    lowest = held.planes[int(np.argmin(along))]
    volume = np.zeros((index.max() + 1, *first.shape), dtype=bool)
    for position, frame in values:
        volume[index[position]] |= frame
    arranged = stack.Stack((lowest,), step, np.zeros((1, 2)))
    return stack.grid(volume.astype(np.uint8), arranged), note


def mask_on(held: Segmentation, chosen: Sequence[Segment], image: sitk.Image) -> tuple[sitk.Image, str]:
    """The union of segments on the image's grid, exactly, where every frame lies on it; else on its own grid.

    Frames may be flipped or turned by right angles against the image, and any of its slices may lack one.
    Raises CaseError for a lesion that reaches outside the image.
    """
    values, note = _values(held, chosen)
    lesion = np.zeros(image.GetSize()[::-1], dtype=bool)
    for position, frame in values:
        voxels = _on_grid(held.planes[position], frame, image)
        if voxels is None:
            return mask(held, chosen)
        if voxels.size and ((voxels < 0) | (voxels >= image.GetSize())).any():
            raise CaseError(f"mask {shown(held.path)} reaches outside the image: name the image it was drawn on.")
        lesion[voxels[:, 2], voxels[:, 1], voxels[:, 0]] = True
    found = sitk.GetImageFromArray(lesion.astype(np.uint8))
    found.CopyInformation(image)
    return found, note


def _meant(held: Segmentation, name: str) -> list[Segment]:
    by_label = [held.segments[i] for i in matching([s.label for s in held.segments], name)]
    return by_label or [s for s in held.segments if str(s.number) == name]


def _values(held: Segmentation, chosen: Sequence[Segment]) -> tuple[list[tuple[int, np.ndarray]], str]:
    """(index of the plane, pixels inside) of each frame of the chosen segments. Raises CaseError when all are empty."""
    stored = pixels.stored(held.path)
    if len(stored) < len(held.planes):
        raise CaseError(f"mask {shown(held.path)} ends before its last frame: copy it again.")
    numbers = [segment.number for segment in chosen]
    note = ""
    if held.kind == "LABELMAP":
        found = [(i, np.isin(stored[i], numbers)) for i in range(len(held.planes))]
    else:
        wanted = {str(number) for number in numbers}
        own = [i for i, plane in enumerate(held.planes) if plane.facts.get("ReferencedSegmentNumber") in wanted]
        least = HALF * held.maximum if held.kind == "FRACTIONAL" else HALF
        found = [(i, stored[i] >= least) for i in own]
        if held.kind == "FRACTIONAL":
            note = f"fractional segmentation: voxels of at least {HALF:g} are inside"
    if not any(frame.any() for _, frame in found):
        raise CaseError(
            f"segment {', '.join(map(str, chosen))} of {shown(held.path)} is empty: draw it, or leave the case out."
        )
    return found, note


def _on_grid(plane: Plane, frame: np.ndarray, image: sitk.Image) -> np.ndarray | None:
    """Indices x, y, z (n, 3) of the image's voxels that a frame's pixels lie on, or None where it lies between them."""
    turn = np.linalg.inv(np.array(image.GetDirection()).reshape(3, 3))
    spacing = np.array(image.GetSpacing())
    origin = turn @ (plane.position - image.GetOrigin()) / spacing
    steps = np.array([turn @ plane.along_row * plane.spacing[1], turn @ plane.down_column * plane.spacing[0]]) / spacing
    reach = np.array([plane.shape[1], plane.shape[0]])[:, None]
    if np.abs((steps - np.round(steps)) * reach).max() > ON_GRID or np.abs(origin - np.round(origin)).max() > ON_GRID:
        return None
    if not (np.abs(np.round(steps)).sum(axis=1) == 1).all():
        return None
    rows, columns = np.nonzero(frame)
    return (np.round(origin) + columns[:, None] * np.round(steps[0]) + rows[:, None] * np.round(steps[1])).astype(int)
