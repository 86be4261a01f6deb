"""NIfTI decoded once: ITK's own reader passes over data that end too early or are damaged, and reads NaN as 0."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

SUFFIXES = (".nii", ".nii.gz")
TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}


@dataclass(frozen=True)
class Layout:
    """Where a version of the header keeps dim, datatype and bitpix, vox_offset, and scl_slope and scl_inter."""

    dim: tuple[str, int]
    types: tuple[str, int]
    offset: tuple[str, int]
    scaling: tuple[str, int]


# After the standard (nifti.nimh.nih.gov), by the size of the header: version 1 and version 2.
LAYOUTS = {
    348: Layout(("8h", 40), ("2h", 70), ("f", 108), ("2f", 112)),
    540: Layout(("8q", 16), ("2h", 12), ("q", 168), ("2d", 176)),
}


@dataclass(frozen=True)
class Header:
    order: str  # "<" or ">", the order of bytes
    shape: list[int]
    code: int
    bits: int
    offset: int
    slope: float
    intercept: float


@dataclass(frozen=True)
class Contents:
    """Whether all voxels are in the file, how many are NaN or infinite, and, where they are stored as they are
    (one volume, not rescaled), the voxels z, y, x."""

    whole: bool
    nonfinite: int
    voxels: np.ndarray | None = None


def inspect(path: Path) -> Contents | None:
    """What is in a NIfTI file; None for other formats, whose readers complain themselves."""
    if not path.name.lower().endswith(SUFFIXES):
        return None
    try:
        content = _bytes(path)
    except (OSError, EOFError, zlib.error):
        return Contents(whole=False, nonfinite=0)
    header = _header(content)
    if header is None:
        return None
    count = int(np.prod(header.shape))
    if len(content) < header.offset + count * header.bits // 8:
        return Contents(whole=False, nonfinite=0)
    if header.code not in TYPES:
        return Contents(whole=True, nonfinite=0)
    values = np.frombuffer(content, header.order + TYPES[header.code], count, header.offset)
    bad = int(np.count_nonzero(~np.isfinite(values))) if values.dtype.kind == "f" else 0
    rescaled = header.slope != 0 and (header.slope, header.intercept) != (1, 0)
    if rescaled or len(header.shape) != 3:
        return Contents(whole=True, nonfinite=bad)
    voxels = values.reshape(header.shape[::-1])
    return Contents(whole=True, nonfinite=bad, voxels=voxels.astype(voxels.dtype.newbyteorder("="), copy=False))


def image(path: Path, voxels: np.ndarray) -> sitk.Image:
    """Voxels as an image that lies where ITK says the file does. Raises RuntimeError for a header that ITK refuses."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    found = sitk.GetImageFromArray(voxels)
    found.SetOrigin(reader.GetOrigin())
    found.SetSpacing(reader.GetSpacing())
    found.SetDirection(reader.GetDirection())
    return found


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _header(content: bytes) -> Header | None:
    for order in "<>":
        size = struct.unpack_from(f"{order}i", content)[0] if len(content) >= 348 else 0
        if size in LAYOUTS and len(content) >= size:
            layout = LAYOUTS[size]
            dim, (code, bits), (offset,), (slope, intercept) = (
                struct.unpack_from(order + form, content, at)
                for form, at in (layout.dim, layout.types, layout.offset, layout.scaling)
            )
            shape = [max(1, n) for n in dim[1 : dim[0] + 1]]
            return Header(order, shape, code, bits, int(offset), slope, intercept)
    return None
