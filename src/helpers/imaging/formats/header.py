"""What DICOM files are: their headers without pixels, read once each, and the objects that a folder holds."""

from __future__ import annotations

import logging
import os
import struct
import warnings
import zlib
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from helpers.errors import CaseError
from helpers.imaging.formats.location import shown

# Hospitals' headers break the rules for values in a thousand harmless ways, and pydicom remarks on each; what matters
# is checked where it is used.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
logging.getLogger("pydicom").setLevel(logging.ERROR)

Kind = Literal["image", "seg", "rtstruct", "rtdose", "rtplan", "other"]

PREFIX = "1.2.840.10008.5.1.4.1.1."
KINDS: dict[str, Kind] = {
    f"{PREFIX}66.4": "seg",
    f"{PREFIX}66.7": "seg",  # label map segmentation
    f"{PREFIX}481.2": "rtdose",
    f"{PREFIX}481.3": "rtstruct",
    f"{PREFIX}481.5": "rtplan",
}
# What pydicom raises for damaged bytes, when it reads them or when a value is first asked for.
BROKEN = (
    EOFError, ValueError, KeyError, AttributeError, TypeError, NotImplementedError, OSError, OverflowError, struct.error,
    zlib.error, BytesLengthException, InvalidDicomError,
)  # fmt: skip
CACHED = 2048  # headers kept; a small one each, for a folder is looked at once for hash, provenance and pixels

# What ordering, scaling and choosing need; everything else in a header is left unread.
KEPT = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "SeriesDescription", "SeriesNumber", "InstanceNumber", "ImageType", "Rows", "Columns", "NumberOfFrames",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "LossyImageCompression", "Units", "NumberOfSlices",
    "EchoTime", "EchoNumbers", "DiffusionBValue", "DiffusionGradientOrientation", "TemporalPositionIdentifier",
    "FrameReferenceTime", "TriggerTime", "InversionTime", "FlipAngle", "KVP", "ConvolutionKernel",
    "AcquisitionNumber", "AcquisitionTime", "ContentTime", "ComplexImageComponent",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
PRIVATE = ((0x0019, 0x0010), (0x0019, 0x100C), (0x0043, 0x0010), (0x0043, 0x1039))  # b-values of Siemens and GE


FIRST = (0x0000, 0x0001, 0x0005, 0x0008, 0x0012, 0x0013, 0x0014, 0x0016, 0x0018)  # first elements of group 0008


@dataclass(frozen=True)
class Instance:
    """One DICOM file: what it is and to which series it belongs."""

    path: Path
    kind: Kind
    header: Dataset

    def text(self, keyword: str) -> str:
        """An element of the header as plain text, "" where it is absent."""
        return plain(self.header.get(keyword))

    @property
    def series(self) -> str:
        return self.text("SeriesInstanceUID")

    @property
    def frames(self) -> int:
        return count(self.header, "NumberOfFrames", where=self.path)

    @property
    def localizer(self) -> bool:
        return "LOCALIZER" in self.text("ImageType").upper()

    @property
    def placed(self) -> bool:
        """Whether it says where its pixels lie in the patient."""
        return "ImagePositionPatient" in self.header or "PerFrameFunctionalGroupsSequence" in self.header


def is_dicom(path: Path) -> bool:
    """By content: the letters DICM after the preamble, or a first element of group 0002 or 0008 without one."""
    try:
        with open(path, "rb") as file:
            start = file.read(132)
    except OSError as error:
        raise CaseError(f"{shown(path)} cannot be opened ({error.strerror}): check its permissions.") from error
    bare = start[:2] == b"\x08\x00" and int.from_bytes(start[2:4], "little") in FIRST
    return start[128:] == b"DICM" or bare or start[:4] == b"\x02\x00\x00\x00"


def instance(path: Path) -> Instance:
    """A DICOM file without its pixels. Raises CaseError for a header that cannot be read."""
    stat = path.stat()
    return _instance(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=CACHED)
def _instance(path: Path, changed: int, size: int) -> Instance:
    tags = [*KEPT, *PRIVATE]
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags, force=True)
        deque(header.iterall(), maxlen=0)  # so that an unreadable value is met here
        kind = KINDS.get(plain(header.get("SOPClassUID")), "image" if "Rows" in header else "other")
    except BROKEN as error:
        raise CaseError(f"{shown(path)} has a damaged DICOM header: copy it again.") from error
    return Instance(path, kind, header)


def instances(folder: Path) -> list[Instance]:
    """The DICOM files below a folder, in the order of their names; other files are passed over.

    Raises CaseError for a file that is named .dcm and is none, which is a slice lost on the way.
    """
    found = []
    for path in sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names):
        if path.name.startswith(".") or not path.is_file():  # hidden, or a broken link
            continue
        if is_dicom(path):
            found.append(instance(path))
        elif path.suffix.lower() == ".dcm":
            what = "is empty" if path.stat().st_size == 0 else "is not a DICOM file"
            raise CaseError(f"{shown(path)} {what}: copy it again, or remove it from the folder.")
    return found


def dataset(path: Path, *, pixels: bool = True) -> Dataset:
    """A whole DICOM file, or all but its pixels and then with every value checked. Raises CaseError where it is damaged."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="End of file")  # of compressed pixels; a decoder may not notice
            content = pydicom.dcmread(path, force=True, stop_before_pixels=not pixels)
            if not pixels:
                deque(content.iterall(), maxlen=0)
    except (UserWarning, *BROKEN) as error:
        raise CaseError(f"{shown(path)} is damaged or ends early: copy it again.") from error
    if "TransferSyntaxUID" not in content.file_meta:  # files without a preamble do not state it
        implicit = content.original_encoding[0]
        content.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return content


def numbers(item: Dataset, keyword: str, count: int, *, where: Path) -> tuple[float, ...]:
    """An element as that many floats. Raises CaseError where it is absent or unreadable."""
    try:
        value = item[keyword].value
        found = tuple(float(v) for v in (value if count > 1 else [value]))
    except BROKEN as error:
        raise CaseError(f"{shown(where)} states no readable {keyword}: export the series again.") from error
    if len(found) != count or not all(abs(v) < float("inf") for v in found):
        raise CaseError(f"{shown(where)} states {keyword} as {item[keyword].value}: export the series again.")
    return found


def count(item: Dataset, keyword: str, *, where: Path) -> int:
    """An element as a whole number, 1 where it is absent or empty. Raises CaseError where it is unreadable."""
    return int(numbers(item, keyword, 1, where=where)[0]) if item.get(keyword) not in (None, "") else 1


def plain(value: Any) -> str:
    """A value of an element as text, several joined by a backslash; "" for none."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, bytes):
        return value.decode("ascii", errors="replace").strip("\0 ")
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value).strip()
    return "\\".join(plain(v) for v in value)
