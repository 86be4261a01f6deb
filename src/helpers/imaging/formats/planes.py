"""Slices of DICOM images: where each lies in the patient, how its values are scaled, and what tells it from others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from helpers.errors import CaseError
from helpers.imaging.formats import header
from helpers.imaging.formats.header import Instance, numbers
from helpers.imaging.formats.location import shown

# What may tell apart several images of one place, the most telling first; the names users give after `;`.
FACTS = (
    "EchoTime", "EchoNumbers", "DiffusionBValue", "TemporalPositionIdentifier", "TemporalPositionIndex",
    "FrameReferenceTime", "InversionTime", "ComplexImageComponent", "ImageType", "FlipAngle", "KVP",
    "ConvolutionKernel", "StackID", "TriggerTime", "NominalCardiacTriggerDelayTime", "AcquisitionNumber",
    "DiffusionGradientOrientation", "AcquisitionTime", "ContentTime", "ReferencedSegmentNumber",
)  # fmt: skip
# Enhanced objects call some of these otherwise.
ALIASES = {
    "EffectiveEchoTime": "EchoTime",
    "FrameType": "ImageType",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameAcquisitionDateTime": "AcquisitionTime",
    "InversionTimes": "InversionTime",
}
ELSEWHERE = ("DerivationImageSequence", "ReferencedImageSequence")  # what other images say
PRIVATE_B_VALUES = (("SIEMENS MR HEADER", 0x0019100C), ("GEMS_PARM_01", 0x00431039))
GE_OFFSET = 10**6  # GE adds multiples of it to a b-value


@dataclass(frozen=True)
class Plane:
    """One frame: position of its first pixel's center (mm, patient), unit vectors along a row and down a column,
    (row, column) spacing in mm, its size, the rescaling of its values, stated distance of slices (0: not stated),
    and facts for choosing."""

    path: Path
    frame: int
    position: np.ndarray
    along_row: np.ndarray
    down_column: np.ndarray
    spacing: tuple[float, float]
    shape: tuple[int, int]
    slope: float = 1.0
    intercept: float = 0.0
    thickness: float = 0.0
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.along_row, self.down_column)


def planes(instance: Instance) -> list[Plane]:
    """Every frame of a classic (single-frame) or enhanced (multi-frame) image.

    Raises CaseError for frames without position, orientation or spacing, and for mosaics.
    """
    content, path = instance.header, instance.path
    if "MOSAIC" in instance.text("ImageType").upper():
        raise CaseError(f"{shown(path)} is a mosaic of slices: convert the series with dcm2niix and read that.")
    if "ModalityLUTSequence" in content:
        raise CaseError(f"{shown(path)} scales its values by a table (Modality LUT): export them rescaled.")
    groups = content.get("PerFrameFunctionalGroupsSequence")
    if groups:
        shared = (content.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        return [_enhanced(content, shared, group, index, path) for index, group in enumerate(groups)]
    if header.count(content, "NumberOfFrames", where=path) > 1:
        raise CaseError(f"{shown(path)} holds several frames and no position of each: convert it to NIfTI.")
    facts = {name: text for name in FACTS if (text := instance.text(name))}
    if "DiffusionBValue" not in facts:
        facts.update(_private_b_value(content))
    return [_plane([content], path, 0, _shape(content, path), facts)]


def _enhanced(content: Dataset, shared: Dataset, own: Dataset, index: int, path: Path) -> Plane:
    """The functional groups of a frame come before those that all frames share (DICOM PS3.3, C.7.6.16)."""
    items = [item for group in (own, shared) for item in _macros(group)]
    facts: dict[str, str] = {}
    for item in items:
        for element in item:
            name = ALIASES.get(element.keyword, element.keyword)
            if name in FACTS and element.VR != "SQ":
                facts.setdefault(name, header.plain(element.value))
    return _plane([*items, content], path, index, _shape(content, path), facts)


def _macros(group: Dataset) -> Iterator[Dataset]:
    """The items of a frame's functional groups, those nested in them included."""
    for element in group:
        if element.VR == "SQ" and element.value and element.keyword not in ELSEWHERE:
            yield element.value[0]
            yield from _macros(element.value[0])


def _plane(items: list[Dataset], path: Path, frame: int, shape: tuple[int, int], facts: dict[str, str]) -> Plane:
    row, column = np.split(np.array(_stated(items, "ImageOrientationPatient", 6, path)), 2)
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not (np.allclose(lengths, 1, atol=1e-2) and abs(row @ column) < 1e-2):
        raise CaseError(f"{shown(path)} states axes that are not at right angles: export the series again.")
    return Plane(
        path,
        frame,
        np.array(_stated(items, "ImagePositionPatient", 3, path)),
        row / lengths[0],
        column / lengths[1],
        _stated(items, "PixelSpacing", 2, path),
        shape,
        _optional(items, "RescaleSlope", path, otherwise=1.0),
        _optional(items, "RescaleIntercept", path, otherwise=0.0),
        abs(_optional(items, "SpacingBetweenSlices", path) or _optional(items, "SliceThickness", path)),
        facts,
    )


def _stated(items: list[Dataset], keyword: str, count: int, path: Path) -> Any:
    return numbers(next((item for item in items if keyword in item), items[-1]), keyword, count, where=path)


def _optional(items: list[Dataset], keyword: str, path: Path, *, otherwise: float = 0.0) -> float:
    item = next((item for item in items if item.get(keyword) not in (None, "")), None)
    return otherwise if item is None else numbers(item, keyword, 1, where=path)[0]


def _shape(content: Dataset, path: Path) -> tuple[int, int]:
    return header.count(content, "Rows", where=path), header.count(content, "Columns", where=path)


def _private_b_value(content: Dataset) -> dict[str, str]:
    """Siemens' and GE's own elements, from before DICOM had one."""
    for creator, element in PRIVATE_B_VALUES:
        block = (element >> 16, 0x0010)
        if element in content and block in content and header.plain(content[block].value) == creator:
            text = header.plain(content[element].value).split("\\")[0]
            if text.isdigit():
                return {"DiffusionBValue": str(int(text) % GE_OFFSET)}
    return {}
