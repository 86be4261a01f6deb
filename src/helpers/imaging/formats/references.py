"""Whether a segmentation belongs to an image: by the series it names, and by the frame of reference both lie in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydicom.dataset import Dataset

from helpers.errors import CaseError
from helpers.imaging.formats import dicom_series, header
from helpers.imaging.formats.location import locate

Rule = Literal["series", "frame"]
UNCHECKED = "the image has no DICOM identifiers, so that whose mask this is could not be checked"


@dataclass(frozen=True)
class Identity:
    """What other DICOM objects may say of an image: its series, its frame of reference, its files."""

    series: str
    frame: str
    files: frozenset[str]


@dataclass(frozen=True)
class References:
    """What a segmentation says of its image; empty where it says nothing."""

    series: frozenset[str]
    frame: str
    files: frozenset[str]


def identity(image: Path | str) -> Identity | None:
    """The identifiers of a DICOM image; None for other formats, which have none."""
    location = locate(image)
    if not location.path.is_dir() and not (location.path.is_file() and header.is_dicom(location.path)):
        return None
    if location.path.is_file() and header.instance(location.path).kind == "rtdose":
        found = (header.instance(location.path),)
    else:
        found = dicom_series.choose(location).instances
    frames = {i.text("FrameOfReferenceUID") for i in found}
    frame = frames.pop() if len(frames) == 1 else ""
    return Identity(found[0].series, frame, frozenset(i.text("SOPInstanceUID") for i in found))


def check(said: References, of: Identity | None, *, rule: Rule, where: str) -> str:
    """A note ("" when all fits). Raises CaseError when the mask was drawn on another image.

    Under the rule `series` the mask must name the image's series or its files; under `frame` it is enough that
    both state the same frame of reference, as PET and CT of one session do.
    """
    if of is None:
        return UNCHECKED
    if said.frame and of.frame and said.frame != of.frame:
        raise CaseError(
            f"{where} lies in another frame of reference than the image (...{said.frame[-8:]}, the image in "
            f"...{of.frame[-8:]}): register the two, or name the image it was drawn on."
        )
    if of.series in said.series or of.files & said.files:
        return ""
    same_frame = bool(said.frame) and said.frame == of.frame
    if rule == "frame" and same_frame:
        return "drawn on another series in the same frame of reference" if said.series or said.files else ""
    if not said.series and not said.files and same_frame:
        return "it names no series; it lies in the image's frame of reference"
    named = " and ".join(sorted(f"...{uid[-8:]}" for uid in said.series)) or "none"
    other = "; imaging.mask_reference=frame allows the same frame of reference" if same_frame else ""
    raise CaseError(
        f"{where} does not reference the image's series ...{of.series[-8:]}, but {named}: name the image it was "
        f"drawn on{other}."
    )


def walk(content: Dataset, keyword: str) -> Iterator[str]:
    """Every value of an element at any depth below `content`."""
    for element in content:
        if element.VR == "SQ":
            for item in element.value or ():
                yield from walk(item, keyword)
        elif element.keyword == keyword and element.value:
            yield str(element.value)
