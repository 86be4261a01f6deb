"""NIfTI files whose bytes follow from the values alone, and whose failures keep their cause (a full disk)."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from helpers.cohort.phantom.fields import Grid
from helpers.tables import write_whole

HEADER = 352  # bytes of a NIfTI-1 header with its four bytes of (no) extension
CODES = {"uint8": 2, "int16": 4, "float32": 16}
SCANNER, MILLIMETERS = 1, 2  # xform code; unit of length


def write(path: Path, values: np.ndarray, grid: Grid) -> None:
    """Write (z, y, x) values as .nii.gz in RAS, the middle of the grid at 0, whole or not at all.

    The gzip header carries no time: the same values give the same bytes. Raises RadiogramError when the disk is full.
    """
    plain = _header(values, grid) + np.ascontiguousarray(values).tobytes()
    write_whole(path, lambda beside: beside.write_bytes(gzip.compress(plain, compresslevel=1, mtime=0)))


def _header(values: np.ndarray, grid: Grid) -> bytes:
    """Little-endian NIfTI-1, see nifti1.h: the fields that are not 0, at their offsets."""
    step = [float(s) for s in reversed(grid.spacing)]
    corner = [float(axis.ravel()[0]) for axis in reversed(grid.axes())]
    header = bytearray(HEADER)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *reversed(values.shape), 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, CODES[values.dtype.name], 8 * values.dtype.itemsize)
    struct.pack_into("<8f", header, 76, 1, *step, 0, 0, 0, 0)
    struct.pack_into("<2f", header, 108, HEADER, 1)  # where the values begin; their slope
    struct.pack_into("<B", header, 123, MILLIMETERS)
    struct.pack_into("<2h", header, 252, SCANNER, SCANNER)
    struct.pack_into("<6f", header, 256, 0, 0, 0, *corner)
    for row in range(3):
        line = [step[row] if column == row else 0.0 for column in range(3)]
        struct.pack_into("<4f", header, 280 + 16 * row, *line, corner[row])
    header[344:347] = b"n+1"
    return bytes(header)
