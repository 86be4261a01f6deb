"""What ITK's NIfTI reader passes over in silence: data that end too early, and NaN, both of which it reads as 0."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SUFFIXES = (".nii", ".nii.gz")
FLOATS = {16: "f4", 64: "f8"}  # NIfTI's codes of datatype
HEADERS = {348: ("8h", 40, "2h", 70, "f", 108), 540: ("8q", 16, "2h", 12, "q", 168)}  # version 1 and version 2


@dataclass(frozen=True)
class Contents:
    """Whether all voxels are in the file, and how many of them are NaN or infinite."""

    whole: bool
    nonfinite: int


def inspect(path: Path) -> Contents | None:
    """Count what is in a NIfTI file; None for other formats, whose readers complain themselves."""
    if not path.name.lower().endswith(SUFFIXES):
        return None
    try:
        content = _bytes(path)
    except (OSError, EOFError, zlib.error):
        return Contents(whole=False, nonfinite=0)
    header = _header(content)
    if header is None:
        return None
    order, shape, code, bits, offset = header
    count = int(np.prod(shape))
    data = content[offset : offset + count * bits // 8]
    if len(data) < count * bits // 8:
        return Contents(whole=False, nonfinite=0)
    if code not in FLOATS:
        return Contents(whole=True, nonfinite=0)
    values = np.frombuffer(data, dtype=order + FLOATS[code])
    return Contents(whole=True, nonfinite=int(np.count_nonzero(~np.isfinite(values))))


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _header(content: bytes) -> tuple[str, list[int], int, int, int] | None:
    """Byte order, shape, datatype, bits a voxel and offset of the data, after the standard (nifti.nimh.nih.gov)."""
    for order in "<>":
        size = struct.unpack_from(f"{order}i", content)[0] if len(content) >= 348 else 0
        if size in HEADERS and len(content) >= size:
            dim_as, dim_at, type_as, type_at, offset_as, offset_at = HEADERS[size]
            dim = struct.unpack_from(order + dim_as, content, dim_at)
            code, bits = struct.unpack_from(order + type_as, content, type_at)
            offset = int(struct.unpack_from(order + offset_as, content, offset_at)[0])
            return order, [max(1, n) for n in dim[1 : dim[0] + 1]], code, bits, offset
    return None
