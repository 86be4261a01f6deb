"""One series out of a folder of DICOM files, as a volume."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.formats import header, planes, stack
from helpers.imaging.formats.header import Instance
from helpers.imaging.formats.location import Location, enumerated, matching, shown

SPEAKING = ("", "HU", "GML")  # units that need no note; GML is the SUV by body weight
TAIL = 8  # characters of a UID that sentences show


@dataclass(frozen=True)
class Series:
    """The files of one series, and what to pick within it (`;EchoTime=30`); sentences call it `where`."""

    instances: tuple[Instance, ...]
    filters: dict[str, str]
    where: str

    @property
    def uid(self) -> str:
        return self.instances[0].series

    @property
    def enhanced(self) -> bool:
        return "PerFrameFunctionalGroupsSequence" in self.instances[0].header


def choose(location: Location) -> Series:
    """The series that a file or a folder and selector mean.

    The selector is a SeriesInstanceUID or SeriesDescription, without regard to case, `*` and `?` allowed; after
    `;` come facts that pick one of several images in a series. Localizers and screenshots are only chosen by name.
    Raises CaseError where no series, or more than one, is meant, with the list of those there.
    """
    named, _, rest = location.selector.partition(";")
    where = f"image {shown(location)}"
    found = _images(location)
    by_series: dict[str, list[Instance]] = defaultdict(list)
    for instance in found:
        by_series[instance.series].append(instance)
    everything = list(by_series.values())
    candidates = _meant(everything, named) if named else [s for s in everything if _volumetric(s)] or everything
    if not candidates:
        what = f"no series {named}" if everything else "no DICOM image"
        here = f", but {_listed(everything)}" if everything else ": name an image file, or a folder of DICOM files"
        raise CaseError(f"{where} holds {what}{here}.")
    if len(candidates) > 1:
        raise CaseError(
            f"{where} holds {len(candidates)} series ({_listed(candidates)}): choose one by its description or UID, "
            f"as in {shown(location.path)}#{_example(candidates)}."
        )
    return Series(tuple(_axial_only(candidates[0])), _filters(rest, where), where)


def read(series: Series) -> tuple[sitk.Image, str]:
    """The series as a volume (float64, rescaled slice by slice), and a note ("" when nothing is unusual).

    Raises CaseError as `stack.arrange` and `pixels.stored` do, and for slices without positions.
    """
    arranged = stack.arrange(slices(series), where=series.where)
    _check_count(series, len(arranged.planes))
    image, note = stack.volume(arranged)
    first = series.instances[0]
    units = first.text("Units")
    notes = [
        note,
        "" if units in SPEAKING else f"PET in {units}, kept as stored (no SUV computed)",
        "compressed with loss before it came here" if first.text("LossyImageCompression") == "01" else "",
    ]
    return image, "; ".join(filter(None, notes))


def slices(series: Series) -> list[planes.Plane]:
    """Every frame of a series that its filters leave."""
    unplaced = [i for i in series.instances if not i.placed]
    if unplaced:
        raise CaseError(
            f"{series.where} has slices without a position, such as {unplaced[0].path.name}: a screenshot, or a radiograph?"
        )
    found = [plane for instance in series.instances for plane in planes.planes(instance)]
    return stack.picked(found, series.filters, where=series.where)


def files(series: Series) -> list[Path]:
    """The files that hold the chosen frames, in the order of the slices."""
    chosen = slices(series)
    normal = chosen[0].normal
    ordered = sorted(chosen, key=lambda plane: (round(float(plane.position @ normal), 3), plane.path))
    return list(dict.fromkeys(plane.path for plane in ordered))


def _images(location: Location) -> list[Instance]:
    """Images of a folder, or the one file that is named. Raises CaseError for one slice out of many."""
    if location.path.is_dir():
        return [i for i in header.instances(location.path) if i.kind == "image"]
    one = header.instance(location.path)
    if one.kind != "image":
        what = {"seg": "a segmentation", "rtstruct": "a set of structures", "rtplan": "a plan"}.get(
            one.kind, "no image"
        )
        raise CaseError(f"image {shown(location.path)} is {what}: name the image it belongs to.")
    if one.frames == 1:
        beside = [i for i in header.instances(location.path.parent) if i.series == one.series]
        if len(beside) > 1:
            raise CaseError(f"image {shown(location.path)} is one of {len(beside)} slices: name its folder instead.")
    return [one]


def _volumetric(series: Sequence[Instance]) -> bool:
    return any(i.placed and not i.localizer for i in series)


def _meant(everything: list[list[Instance]], named: str) -> list[list[Instance]]:
    by_uid = matching([s[0].series for s in everything], named)
    positions = by_uid or matching([s[0].text("SeriesDescription") for s in everything], named)
    return [everything[i] for i in positions]


def _axial_only(series: list[Instance]) -> list[Instance]:
    """Without the localizer that some scanners put into the series it was planned for."""
    kept = [i for i in series if not i.localizer]
    return kept or series


def _filters(text: str, where: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise CaseError(f"{where}: after ; comes name=value, such as ;EchoTime=30, and not {wrong[0]}.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _example(several: list[list[Instance]]) -> str:
    """A selector that means one of several series: a description of its own, else the end of its UID."""
    named = [series[0].text("SeriesDescription") for series in several]
    alone = [name for name in named if name and named.count(name) == 1]
    return alone[0] if alone else f"*{several[0][0].series[-TAIL:]}"


def _listed(several: list[list[Instance]]) -> str:
    return enumerated([_described(series) for series in sorted(several, key=_number)])


def _number(series: Sequence[Instance]) -> tuple[int, str]:
    text = series[0].text("SeriesNumber")
    return (int(text) if text.lstrip("-").isdigit() else 0), series[0].series


def _described(series: Sequence[Instance]) -> str:
    first = series[0]
    frames = sum(i.frames for i in series)
    kind = " localizer" if first.localizer else "" if _volumetric(series) else " without positions"
    named = first.text("SeriesDescription") or "without description"
    counted = f"{frames} slice{'' if frames == 1 else 's'}"
    return f"...{first.series[-TAIL:]} {first.text('Modality')} {named}{kind}, {counted}"


def _check_count(series: Series, count: int) -> None:
    """PET states how many slices a volume has; of other modalities the last slices may be missing unnoticed."""
    stated = series.instances[0].text("NumberOfSlices")
    if stated.isdigit() and count < int(stated):
        raise CaseError(f"{series.where} has {count} of the {stated} slices its header states: copy the series again.")
