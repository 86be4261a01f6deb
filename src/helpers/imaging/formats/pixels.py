"""Pixel data of one DICOM file as stored, whatever the compression."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import get_decoder
from pydicom.pixels import pixel_array as decoded
from pydicom.uid import (
    UID,
    JPEGExtended12Bit,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from helpers.errors import CaseError
from helpers.imaging.formats import header
from helpers.imaging.formats.location import shown

SHAPE = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PhotometricInterpretation",
    "SamplesPerPixel", "NumberOfFrames",
)  # fmt: skip
REMEDY = "export it uncompressed (for example with gdcmconv --raw), and read that"


def stored(path: Path) -> np.ndarray:
    """The stored values of all frames (frames, rows, columns), before any rescaling.

    pydicom decodes what it can by itself or with pyjpegls and Pillow; GDCM, which SimpleITK brings, decodes the
    rest (JPEG lossless and 12-bit JPEG). Raises CaseError for a file without pixels, of several values a pixel,
    that ends early, or whose transfer syntax neither can decode.
    """
    content = header.dataset(path)
    try:
        _check(content, path)
        syntax = content.file_meta.TransferSyntaxUID
        values = _compressed(content, syntax, path) if syntax.is_compressed else content.pixel_array
        return values.reshape(-1, content.Rows, content.Columns)
    except header.BROKEN as error:
        raise CaseError(f"{shown(path)} is damaged or ends before its last pixel: copy it again.") from error


def _check(content: Dataset, path: Path) -> None:
    if content.get("SamplesPerPixel", 1) != 1:
        raise CaseError(f"{shown(path)} has {content.SamplesPerPixel} values per pixel (a color image?): give one.")
    if not any(keyword in content for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise CaseError(f"{shown(path)} holds no pixels, or ends before them: copy it again.")
    syntax = content.file_meta.TransferSyntaxUID
    if syntax.is_private or not syntax.is_transfer_syntax:
        raise CaseError(f"{shown(path)} is encoded as {syntax}, which is no standard transfer syntax: {REMEDY}.")


def _compressed(content: Dataset, syntax: UID, path: Path) -> np.ndarray:
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return _by_gdcm(content, syntax, path)
    if not decoder.is_available or (syntax == JPEGExtended12Bit and content.BitsStored > 8):
        return _by_gdcm(content, syntax, path)
    try:
        return decoded(content, raw=True)
    except RuntimeError as error:
        raise _damaged(path, syntax) from error


def _damaged(path: Path, syntax: UID) -> CaseError:
    return CaseError(f"{shown(path)} ({syntax.name}) is damaged or ends before its last pixel: copy it again.")


def _by_gdcm(content: Dataset, syntax: UID, path: Path) -> np.ndarray:
    """Decoded from a copy that states the pixels alone, so that nothing is rescaled on the way."""
    plain = Dataset()
    for keyword in SHAPE:
        if keyword in content:
            plain[keyword] = content[keyword]
    frames = int(content.get("NumberOfFrames", 1) or 1)
    several = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    plain.SOPClassUID = several if frames > 1 else SecondaryCaptureImageStorage
    plain.SOPInstanceUID = content.SOPInstanceUID
    plain.Modality = "OT"
    plain["PixelData"] = content["PixelData"]
    plain.file_meta = FileMetaDataset()
    plain.file_meta.TransferSyntaxUID = syntax
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "pixels.dcm"
        try:
            plain.save_as(copy, enforce_file_format=True)
            values = sitk.GetArrayFromImage(sitk.ReadImage(str(copy), imageIO="GDCMImageIO"))
        except (RuntimeError, *header.BROKEN) as error:
            raise CaseError(
                f"{shown(path)} is compressed as {syntax.name}, which cannot be decoded: {REMEDY}."
            ) from error
    if values.size != frames * content.Rows * content.Columns:
        raise _damaged(path, syntax)
    return values
