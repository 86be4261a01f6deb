"""Read one scan, one mask or one dose, or say in a sentence why it cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import labels, nifti
from helpers.imaging.formats import dicom_seg, dicom_series, header, references, rtdose, rtstruct
from helpers.imaging.formats.location import Location, locate, shown
from helpers.imaging.formats.references import Rule
from helpers.imaging.formats.source import Source, digest, mask_object, source
from helpers.imaging.formats.source import rows as source_rows

__all__ = ["RULES", "Source", "digest", "dose", "image", "mask", "mask_on", "scan", "shown", "source", "source_rows"]

# ITK prints remarks on headers to standard error; what matters is raised here as a sentence.
sitk.ProcessObject.SetGlobalWarningDisplay(False)

FLOATS = (sitk.sitkFloat32, sitk.sitkFloat64)
RULES = "1"  # of reading; belongs into the key of everything that is kept, and grows when the same bytes read otherwise


def image(path: Path | str) -> sitk.Image:
    """A 3-D scan of finite intensities, float32 where the file holds float32 and float64 otherwise.

    NIfTI, NRRD, MetaImage and whatever else ITK reads; DICOM: a folder, `folder#SeriesDescription` or
    `folder#SeriesInstanceUID`, a multi-frame file, or an RTDOSE in Gy.
    Raises CaseError for a file that is missing, unreadable, not 3-D, not of one component, or not finite.
    """
    return scan(path)[0]


def scan(path: Path | str) -> tuple[sitk.Image, str]:
    """As `image`, with a note of what is unusual about the scan (a tilted gantry, PET in BQML); "" when nothing is."""
    found, note = _volume(locate(path), what="image")
    return (found if found.GetPixelID() in FLOATS else sitk.Cast(found, sitk.sitkFloat64)), note


def mask(path: Path | str, *, label: labels.Values) -> tuple[sitk.Image, str]:
    """The lesion in a mask file as 0/1 (uint8), and a note ("" when the mask holds `label` as it should).

    `label` is a value, several values, or a region of a convention such as brats2021:whole_tumor; of a DICOM SEG
    the segment is named after `#` instead. A mask whose only non-zero value differs from a single `label` (0/255,
    say) is read as the lesion, and noted. Raises CaseError for an unusable file, an empty mask, or several values
    none of which is `label`; and for an RTSTRUCT, which has no voxels without an image (`mask_on`).
    """
    location = locate(path)
    held = mask_object(location, None)
    if held is None:
        return _labeled(location, label)
    if held.kind == "rtstruct":
        raise CaseError(f"mask {shown(path)} is a set of contours, which need the image they were drawn on.")
    segmentation = dicom_seg.load(held.path)
    return dicom_seg.mask(segmentation, dicom_seg.choose(segmentation, location.selector))


def mask_on(
    path: Path | str, image: sitk.Image, image_path: Path | str, *, label: labels.Values, reference: Rule = "series"
) -> tuple[sitk.Image, str]:
    """The lesion as 0/1 (uint8) that belongs to an image, and a note; the one way to read masks of every format.

    Structures of an RTSTRUCT (`file#name`) and segments of a DICOM SEG (`file#number` or `file#label`) come on the
    image's grid, a SEG between its voxels on its own; other files as `mask` reads them. With `reference` "series"
    they must name the image's series, with "frame" its frame of reference suffices.
    Raises CaseError as `mask` does, and for a mask that is drawn on another image, not found by name, or empty.
    """
    location = locate(path)
    held = mask_object(location, image_path)
    if held is None:
        return _labeled(location, label)
    of = references.identity(image_path)
    if held.kind == "rtstruct":
        return rtstruct.mask_on(rtstruct.load(held.path), location.selector, image, of=of, rule=reference)
    segmentation = dicom_seg.load(held.path)
    chosen = dicom_seg.choose(segmentation, location.selector)
    belongs = references.check(dicom_seg.referenced(held.path), of, rule=reference, where=f"mask {shown(path)}")
    lesion, note = dicom_seg.mask_on(segmentation, chosen, image)
    return lesion, "; ".join(filter(None, (belongs, note)))


def dose(
    path: Path | str, *, reference: sitk.Image | None = None, reference_path: Path | str | None = None
) -> tuple[sitk.Image, str]:
    """A dose distribution in Gy (float64) from an RTDOSE file or a folder of them, and a note.

    On its own grid, or on that of `reference`, whose frame of reference is checked where `reference_path` is DICOM.
    Raises CaseError for relative doses, incomplete beams, several plans, or another frame of reference.
    """
    location = locate(path)
    if not location.path.exists():
        raise CaseError(f"dose {location.path} is missing: correct the path, or leave the case out.")
    files, chosen = rtdose.choose(location)
    total, note = rtdose.read(files)
    notes = [chosen, note]
    if reference_path is not None:
        of = references.identity(reference_path)
        notes += [rtdose.check_frame(file, of) for file in files]
    if reference is not None:
        total, moved = rtdose.onto(total, reference)
        notes.append(moved)
    return total, "; ".join(dict.fromkeys(filter(None, notes)))


def _labeled(location: Location, label: labels.Values) -> tuple[sitk.Image, str]:
    """The lesion of a mask whose voxels hold values."""
    volume, _ = _volume(location, what="mask")
    values = sitk.GetArrayViewFromImage(volume)
    present = np.unique(values[values != 0])
    where = f"mask {shown(location)}"
    if present.size == 0:
        raise CaseError(f"{where} is empty: draw the lesion, or leave the case out.")
    chosen, note = labels.lesion(present.tolist(), label, where=where)
    inside = values == chosen[0] if len(chosen) == 1 else np.isin(values, chosen)
    lesion = sitk.GetImageFromArray(inside.astype(np.uint8))
    lesion.CopyInformation(volume)
    return lesion, note


def _volume(location: Location, *, what: str) -> tuple[sitk.Image, str]:
    path = location.path
    if path == Path():
        raise CaseError(f"no {what} is named: complete its row in the manifest, or leave the case out.")
    if not path.exists():
        raise CaseError(f"{what} {path} is missing: correct the path, or leave the case out.")
    if path.is_dir() or header.is_dicom(path):
        volume, note = _dicom(location)
    elif location.selector:
        raise CaseError(f"{what} {shown(location)}: only DICOM has series or structures to choose after #.")
    else:
        volume, note = _file(path, what=what), ""
    values = sitk.GetArrayViewFromImage(volume)
    if values.dtype.kind == "f":
        _check_finite(int(np.count_nonzero(~np.isfinite(values))), values.size, path, what=what)
    return volume, note


def _dicom(location: Location) -> tuple[sitk.Image, str]:
    if location.path.is_file() and header.instance(location.path).kind == "rtdose":
        return rtdose.read([location.path])
    return dicom_series.read(dicom_series.choose(location))


def _file(path: Path, *, what: str) -> sitk.Image:
    """A volume that is no DICOM. Raises CaseError for one that is damaged or not one 3-D volume of single values."""
    contents = nifti.inspect(path)
    if contents and not contents.whole:
        raise CaseError(f"{what} {shown(path)} ends before its last voxel: copy it again.")
    try:
        plain = contents is not None and contents.voxels is not None
        volume = nifti.image(path, contents.voxels) if plain else sitk.ReadImage(str(path))
    except RuntimeError as error:
        remedy = "it is damaged, or of another format"
        if "orthonormal" in str(error):
            remedy = "its axes are not at right angles; resample it onto a rectangular grid"
        raise CaseError(f"{what} {shown(path)} cannot be read as an image: {remedy}.") from error
    _check_finite(contents.nonfinite if contents else 0, volume.GetNumberOfPixels(), path, what=what)
    if volume.GetDimension() == 4 and volume.GetSize()[3] == 1:
        volume = volume[:, :, :, 0]
    if volume.GetDimension() != 3:
        size = " x ".join(map(str, volume.GetSize()))
        raise CaseError(f"{what} {shown(path)} is {volume.GetDimension()}-D ({size}): give one 3-D volume.")
    if volume.GetNumberOfComponentsPerPixel() != 1:
        components = volume.GetNumberOfComponentsPerPixel()
        raise CaseError(f"{what} {shown(path)} has {components} values per voxel (a color image?): give one.")
    return volume


def _check_finite(bad: int, count: int, path: Path, *, what: str) -> None:
    if bad:
        share = f"{bad:,} of {count:,}"
        raise CaseError(f"{what} {shown(path)} has NaN or infinite values in {share} voxels: export it again.")
