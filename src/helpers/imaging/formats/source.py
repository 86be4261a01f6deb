"""Which files, series and structure an image or mask came from, and the hash of what was read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from helpers.errors import CaseError
from helpers.imaging.formats import dicom_seg, dicom_series, header, references, rtdose, rtstruct
from helpers.imaging.formats.header import Instance
from helpers.imaging.formats.location import Location, enumerated, locate, matching, shown

What = Literal["image", "mask"]
MASKS = ("seg", "rtstruct")
NAMES = {".nii": "NIfTI", ".gz": "NIfTI", ".nrrd": "NRRD", ".nhdr": "NRRD", ".mha": "MetaImage", ".mhd": "MetaImage"}
# Headers whose voxels lie in a file of their own, and the field that names it.
DETACHED = {".mhd": "elementdatafile", ".nhdr": "data file"}


@dataclass(frozen=True)
class Source:
    """Where an image or mask came from; UIDs and structure are "" where the format has none."""

    format: str
    files: tuple[Path, ...]
    series_uid: str = ""
    structure: str = ""
    modality: str = ""
    description: str = ""
    sha256: str = ""


def source(path: Path | str, *, what: What = "image", image: Path | str | None = None) -> Source:
    """What is read for an image or a mask, with its hash; `image` tells masks of one folder apart.

    Raises CaseError where nothing, or more than one thing, is meant.
    """
    location = locate(path)
    if location.path == Path() or not location.path.exists():
        raise CaseError(f"{what} {location.path} is missing: correct the path, or leave the case out.")
    found = _mask(location, image) if what == "mask" else None
    found = found or _image(location)
    return Source(**{**found.__dict__, "sha256": _hash(found.files, salt=found.structure)})


def rows(case: str, sequence: str, reader: str, *, image: Path | str, mask: Path | str) -> list[dict[str, str]]:
    """The two rows of the table `sources` for an image and a mask. Raises CaseError as `source` does."""
    found = {"image": source(image), "mask": source(mask, what="mask", image=image)}
    return [
        {"case": case, "sequence": sequence, "reader": reader, "kind": kind, "format": one.format,
         "series_uid": one.series_uid, "structure": one.structure, "sha256": one.sha256}
        for kind, one in found.items()
    ]  # fmt: skip


def digest(path: Path | str, *, what: What = "image", image: Path | str | None = None) -> str:
    """SHA-256 of all bytes that are read for a path, in the order of the slices; of a plain file, of its bytes.

    A structure or segment is part of it, since one file holds many. Raises OSError for a file that is missing.
    """
    location = locate(path)
    if location.path == Path() or not location.path.exists():
        raise FileNotFoundError(location.path)
    return source(path, what=what, image=image).sha256


def mask_object(location: Location, image: Path | str | None) -> Instance | None:
    """The DICOM SEG or RTSTRUCT that a file or folder means; None where it means neither.

    Of several in a folder, the one that references the image's series, or alone knows the structure.
    Raises CaseError where several remain.
    """
    if location.path.is_file():
        if not header.is_dicom(location.path):
            return None
        one = header.instance(location.path)
        return one if one.kind in MASKS else None
    if location.path == Path() or not location.path.is_dir():
        return None
    found = [i for i in header.instances(location.path) if i.kind in MASKS]
    if len(found) > 1 and image is not None:
        found = _of_image(found, image)
    if len(found) > 1 and location.selector:
        found = [i for i in found if _knows(i, location.selector)] or found
    if len(found) > 1:
        raise CaseError(
            f"mask {shown(location.path)} holds {len(found)} segmentations "
            f"({enumerated([i.path.name for i in found])}): name one of the files."
        )
    return found[0] if found else None


def _of_image(found: list[Instance], image: Path | str) -> list[Instance]:
    of = references.identity(image)
    if of is None:
        return found
    said = [
        (i, rtstruct.load(i.path).references if i.kind == "rtstruct" else dicom_seg.referenced(i.path)) for i in found
    ]
    return [i for i, r in said if of.series in r.series or of.files & r.files] or found


def _knows(instance: Instance, selector: str) -> bool:
    if instance.kind == "rtstruct":
        names = rtstruct.load(instance.path).names
    else:
        names = [n for s in dicom_seg.load(instance.path).segments for n in (s.label, str(s.number))]
    return bool(matching(names, selector))


def _mask(location: Location, image: Path | str | None) -> Source | None:
    held = mask_object(location, image)
    if held is None:
        return None
    if held.kind == "rtstruct":
        structure = ", ".join(s.name for s in rtstruct.choose(rtstruct.load(held.path), location.selector))
    else:
        structure = ", ".join(map(str, dicom_seg.choose(dicom_seg.load(held.path), location.selector)))
    kind = {"seg": "DICOM SEG", "rtstruct": "DICOM RTSTRUCT"}[held.kind]
    return Source(kind, (held.path,), structure=structure, **_named(held))


def _image(location: Location) -> Source:
    path = location.path
    if path.is_file() and not header.is_dicom(path):
        return Source(NAMES.get(path.suffix.lower(), path.suffix.lstrip(".").upper()), _with_data(path))
    if path.is_file() and header.instance(path).kind == "rtdose":
        return Source("DICOM RTDOSE", (path,), **_named(header.instance(path)))
    series = dicom_series.choose(location)
    kind = "DICOM enhanced multi-frame" if series.enhanced else "DICOM series"
    filters = ";".join(f"{name}={value}" for name, value in series.filters.items())
    return Source(kind, tuple(dicom_series.files(series)), structure=filters, **_named(series.instances[0]))


def dose(path: Path | str) -> Source:
    """The files of a dose distribution, with their hash."""
    files, _ = rtdose.choose(locate(path))
    named = _named(header.instance(files[0]))
    return Source("DICOM RTDOSE", tuple(files), sha256=_hash(files), **named)


def _named(instance: Instance) -> dict[str, str]:
    said = {"series_uid": "SeriesInstanceUID", "modality": "Modality", "description": "SeriesDescription"}
    return {field: instance.text(keyword) for field, keyword in said.items()}


def _with_data(path: Path) -> tuple[Path, ...]:
    """A file, and the one beside it that holds its voxels, where its format parts the two."""
    if path.suffix.lower() == ".hdr" and path.with_suffix(".img").is_file():
        return path, path.with_suffix(".img")
    field = DETACHED.get(path.suffix.lower())
    if field is None:
        return (path,)
    with open(path, "rb") as file:
        lines = file.read(65536).decode("latin-1").splitlines()
    pairs = [line.replace("=", ":", 1).partition(":") for line in lines]
    named = [path.parent / value.strip() for name, _, value in pairs if name.strip().lower() == field]
    return (path, *[data for data in named if data.is_file()])


def _hash(files: Iterable[Path], *, salt: str = "") -> str:
    total = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    if salt:
        total.update(b"#" + salt.encode())
    return total.hexdigest()
