"""DICOM files as scanners, planning systems and archives write them, small enough to write in every test."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

FRAME = "1.2.826.0.1.3680043.8.498.77"
STUDY = "1.2.826.0.1.3680043.8.498.10"
SERIES = "1.2.826.0.1.3680043.8.498.11111111"
CT, MR, PET = uid.CTImageStorage, uid.MRImageStorage, uid.PositronEmissionTomographyImageStorage

AXIAL = np.eye(3)
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # columns: along a row, down a column, normal
SAGITTAL = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])


def oblique(degrees: float = 20.0) -> np.ndarray:
    """Axial, turned about two axes."""
    a, b = np.radians(degrees), np.radians(degrees / 2)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    return about_x @ about_y


def counts(shape: tuple[int, int, int] = (6, 9, 7), *, seed: int = 0) -> np.ndarray:
    """Integers of a CT, z y x, without any symmetry."""
    return np.random.default_rng(seed).integers(-1000, 2000, shape).astype(np.int16)


def image(array: np.ndarray, *, spacing=(0.8, 1.1, 2.5), origin=(-31.5, 12.25, 40.0), direction=AXIAL) -> sitk.Image:
    volume = sitk.GetImageFromArray(array)
    volume.SetSpacing(spacing)
    volume.SetOrigin(origin)
    volume.SetDirection(np.asarray(direction).ravel().tolist())
    return volume


def header(sop_class: str, *, modality: str, series: str = SERIES, frame: str = FRAME, **elements) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid.generate_uid(entropy_srcs=None)
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    content = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    content.SOPClassUID, content.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    content.PatientName, content.PatientID, content.PatientBirthDate, content.PatientSex = "P^1", "P1", "", ""
    content.StudyInstanceUID, content.StudyID, content.StudyDate, content.StudyTime = STUDY, "1", "20260101", "120000"
    content.AccessionNumber, content.ReferringPhysicianName = "", ""
    content.SeriesInstanceUID, content.SeriesNumber, content.Modality = series, 1, modality
    content.Manufacturer = "none"
    if frame:
        content.FrameOfReferenceUID, content.PositionReferenceIndicator = frame, ""
    for keyword, value in elements.items():
        setattr(content, keyword, value)
    return content


def set_pixels(content: Dataset, array: np.ndarray) -> None:
    """Pixels as they are written uncompressed in little endian."""
    content.Rows, content.Columns = array.shape[-2:]
    content.SamplesPerPixel, content.PhotometricInterpretation = 1, "MONOCHROME2"
    content.BitsAllocated = content.BitsStored = 8 * array.itemsize
    content.HighBit, content.PixelRepresentation = content.BitsStored - 1, int(array.dtype.kind == "i")
    if array.ndim == 3:
        content.NumberOfFrames = len(array)
    content.PixelData = array.tobytes()
    content["PixelData"].VR = "OB" if array.itemsize == 1 else "OW"


def write(content: FileDataset, path: Path, syntax: str = uid.ExplicitVRLittleEndian) -> Path:
    """Write with a transfer syntax, the pixels turned or compressed as it asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if uid.UID(syntax).is_compressed and syntax != uid.DeflatedExplicitVRLittleEndian:
        _compress(content, syntax)
    if syntax == uid.ExplicitVRBigEndian:
        content.PixelData = np.frombuffer(content.PixelData, f"<i{content.BitsAllocated // 8}").byteswap().tobytes()
    content.file_meta.TransferSyntaxUID = syntax
    implicit, little = syntax == uid.ImplicitVRLittleEndian, syntax != uid.ExplicitVRBigEndian
    content.set_original_encoding(implicit, little)
    content.save_as(path, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return path


def _compress(content: FileDataset, syntax: str) -> None:
    if syntax in (uid.RLELossless, uid.JPEGLSLossless):
        content.compress(syntax, generate_instance_uid=False)
        return
    values = np.frombuffer(content.PixelData, "<i2").reshape(-1, content.Rows, content.Columns)
    encode = {uid.JPEG2000Lossless: _jpeg2000, uid.JPEGLosslessSV1: _jpeg_lossless}[syntax]
    content.PixelData = encapsulate([encode(frame) for frame in values])
    content["PixelData"].VR = "OB"
    content["PixelData"].is_undefined_length = True


def _jpeg2000(frame: np.ndarray) -> bytes:
    from openjpeg.utils import encode_array

    return bytes(encode_array(np.ascontiguousarray(frame), bits_stored=16, photometric_interpretation=2))


def _jpeg_lossless(frame: np.ndarray) -> bytes:
    """By GDCM, which is the only one here to write it."""
    import tempfile

    import pydicom
    from pydicom.encaps import get_frame

    with tempfile.TemporaryDirectory() as folder:
        writer = sitk.ImageFileWriter()
        writer.SetFileName(f"{folder}/one.dcm")
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG")
        writer.Execute(sitk.GetImageFromArray(np.ascontiguousarray(frame)[None]))
        return get_frame(pydicom.dcmread(f"{folder}/one.dcm").PixelData, 0, number_of_frames=1)


def series(
    folder: Path,
    volume: sitk.Image,
    *,
    syntax: str = uid.ExplicitVRLittleEndian,
    sop_class: str = CT,
    modality: str = "CT",
    description: str = "axial 2.5",
    numbers: str = "forward",
    names: str = "shuffled",
    skip: tuple[int, ...] = (),
    each: Callable[[FileDataset, int], None] = lambda content, index: None,
    **elements,
) -> list[Path]:
    """A classic series of a volume of int16, one file a slice; returns the files in the order of the slices."""
    array, count = sitk.GetArrayFromImage(volume), volume.GetSize()[2]
    direction = np.array(volume.GetDirection()).reshape(3, 3)
    elements = {"SeriesDescription": description, "RescaleSlope": 1, "RescaleIntercept": 0, **elements}
    places = list(range(count))
    random.Random(7).shuffle(places)
    written = []
    for k in range(count):
        if k in skip:
            continue
        content = header(sop_class, modality=modality, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], **elements)
        content.InstanceNumber = k + 1 if numbers == "forward" else count - k
        content.ImagePositionPatient = [float(f"{v:.8g}") for v in volume.TransformIndexToPhysicalPoint((0, 0, k))]
        content.ImageOrientationPatient = [float(f"{v:.10g}") for v in (*direction[:, 0], *direction[:, 1])]
        content.PixelSpacing = [volume.GetSpacing()[1], volume.GetSpacing()[0]]
        content.SliceThickness = volume.GetSpacing()[2]
        set_pixels(content, array[k])
        each(content, k)
        stem = places[k] if names == "shuffled" else k
        written.append(write(content, folder / f"{elements.get('series', SERIES)[-3:]}_{stem:03d}.dcm", syntax))
    return written


def items(*contents: dict) -> Sequence:
    made = []
    for elements in contents:
        item = Dataset()
        for keyword, value in elements.items():
            setattr(
                item,
                keyword,
                items(*value) if isinstance(value, list) and value and isinstance(value[0], dict) else value,
            )
        made.append(item)
    return Sequence(made)


def enhanced(
    path: Path,
    volume: sitk.Image,
    *,
    order=None,
    scales=None,
    syntax: str = uid.ExplicitVRLittleEndian,
    extra=None,
    **elements,
) -> Path:
    """An enhanced MR file of a volume; `order` is the slice of each frame, `extra(frame)` adds functional groups."""
    array = sitk.GetArrayFromImage(volume)
    direction = np.array(volume.GetDirection()).reshape(3, 3)
    order = range(len(array)) if order is None else order
    elements = {"SeriesDescription": "enhanced", **elements}
    content = header(uid.EnhancedMRImageStorage, modality="MR", **elements)
    content.SharedFunctionalGroupsSequence = items(
        {
            "PlaneOrientationSequence": [{"ImageOrientationPatient": [*direction[:, 0], *direction[:, 1]]}],
            "PixelMeasuresSequence": [
                {"PixelSpacing": [volume.GetSpacing()[1], volume.GetSpacing()[0]], "SliceThickness": 9.0,
                 "SpacingBetweenSlices": volume.GetSpacing()[2]}
            ],
        }
    )  # fmt: skip
    groups = []
    for frame, k in enumerate(order):
        position = [float(f"{v:.8g}") for v in volume.TransformIndexToPhysicalPoint((0, 0, int(k)))]
        slope, intercept = scales[frame] if scales else (1, 0)
        group = {
            "PlanePositionSequence": [{"ImagePositionPatient": position}],
            "PixelValueTransformationSequence": [
                {"RescaleSlope": slope, "RescaleIntercept": intercept, "RescaleType": "US"}
            ],
        }
        groups.append({**group, **(extra(frame) if extra else {})})
    content.PerFrameFunctionalGroupsSequence = items(*groups)
    set_pixels(content, np.ascontiguousarray(array[list(order)]))
    return write(content, path, syntax)


def rtstruct(
    path: Path,
    structures: dict[str, list[np.ndarray] | None],
    *,
    files=(),
    series=SERIES,
    frame=FRAME,
    kind="CLOSED_PLANAR",
) -> Path:
    """An RTSTRUCT by hand; contours (n, 3) in mm, None for a structure that is listed without any."""
    content = header(uid.RTStructureSetStorage, modality="RTSTRUCT", series=f"{SERIES}.9", frame=frame)
    content.StructureSetLabel, content.SeriesDescription = "plan", "contours"
    referenced = {"SeriesInstanceUID": series} if series else {}
    contour_images = [{"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": f} for f in files]
    if contour_images:
        referenced["ContourImageSequence"] = contour_images
    study = {"ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.1", "ReferencedSOPInstanceUID": STUDY}
    if referenced:
        study["RTReferencedSeriesSequence"] = [referenced]
    content.ReferencedFrameOfReferenceSequence = items(
        {"FrameOfReferenceUID": frame, "RTReferencedStudySequence": [study]}
    )
    content.StructureSetROISequence = items(
        *(
            {"ROINumber": n, "ROIName": name, "ReferencedFrameOfReferenceUID": frame}
            for n, name in enumerate(structures, 1)
        )
    )
    drawn = []
    for number, contours in enumerate(structures.values(), 1):
        roi = {"ReferencedROINumber": number}
        if contours is not None:
            roi["ContourSequence"] = [
                {
                    "ContourGeometricType": kind,
                    "NumberOfContourPoints": len(c),
                    "ContourData": [f"{v:.6g}" for v in c.ravel()],
                }
                for c in contours
            ]
        drawn.append(roi)
    content.ROIContourSequence = items(*drawn)
    return write(content, path)


def rtdose(
    path: Path,
    dose: sitk.Image,
    *,
    scaling=0.001,
    offsets=None,
    units="GY",
    summation="PLAN",
    plan="1.2.3.4",
    beam=None,
    frame=FRAME,
    **elements,
) -> Path:
    array = np.round(sitk.GetArrayFromImage(dose) / scaling).astype(np.uint32)
    direction = np.array(dose.GetDirection()).reshape(3, 3)
    content = header(uid.RTDoseStorage, modality="RTDOSE", series=f"{SERIES}.8", frame=frame, **elements)
    content.DoseUnits, content.DoseType, content.DoseSummationType = units, "PHYSICAL", summation
    content.DoseGridScaling, content.SliceThickness = scaling, ""
    content.ImagePositionPatient, content.ImageOrientationPatient = (
        list(dose.GetOrigin()),
        [*direction[:, 0], *direction[:, 1]],
    )
    content.PixelSpacing = [dose.GetSpacing()[1], dose.GetSpacing()[0]]
    content.FrameIncrementPointer = 0x3004000C
    content.GridFrameOffsetVector = (
        [k * dose.GetSpacing()[2] for k in range(len(array))] if offsets is None else offsets
    )
    reference = {"ReferencedSOPClassUID": uid.RTPlanStorage, "ReferencedSOPInstanceUID": plan}
    if beam is not None:
        reference["ReferencedFractionGroupSequence"] = [
            {"ReferencedFractionGroupNumber": 1, "ReferencedBeamSequence": [{"ReferencedBeamNumber": beam}]}
        ]
    content.ReferencedRTPlanSequence = items(reference)
    set_pixels(content, array)
    return write(content, path)


@pytest.fixture
def dicom() -> SimpleNamespace:
    """The writers above."""
    return SimpleNamespace(
        AXIAL=AXIAL, CORONAL=CORONAL, SAGITTAL=SAGITTAL, CT=CT, MR=MR, PET=PET, FRAME=FRAME, SERIES=SERIES,
        oblique=oblique, counts=counts, image=image, header=header, set_pixels=set_pixels, write=write,
        series=series, enhanced=enhanced, rtstruct=rtstruct, rtdose=rtdose, items=items,
    )  # fmt: skip
