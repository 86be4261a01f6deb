"""Read one scan or one mask from a file, or say in a sentence why it cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import nifti

# ITK prints remarks on headers to standard error; what matters is raised here as a sentence.
sitk.ProcessObject.SetGlobalWarningDisplay(False)


def image(path: Path | str) -> sitk.Image:
    """A 3-D scan of finite intensities, float32 where the file holds float32 and float64 otherwise.

    Raises CaseError for a file that is missing, unreadable, not 3-D, not of one component, or not finite.
    """
    scan = _volume(Path(path), what="image")
    return scan if scan.GetPixelID() == sitk.sitkFloat32 else sitk.Cast(scan, sitk.sitkFloat64)


def mask(path: Path | str, *, label: int) -> tuple[sitk.Image, str]:
    """The lesion in a mask file as 0/1 (uint8), and a note ("" when the mask holds `label` as it should).

    A mask whose only non-zero value differs from `label` (0/255, say) is read as the lesion, and noted.
    Raises CaseError for an unusable file, an empty mask, or several values none of which is `label`.
    """
    labels = _volume(Path(path), what="mask")
    values = sitk.GetArrayViewFromImage(labels)
    present = np.unique(values[values != 0])
    if present.size == 0:
        raise CaseError(f"mask {shown(path)} is empty: draw the lesion, or leave the case out.")
    chosen, note = _chosen(present.tolist(), label, path)
    lesion = sitk.GetImageFromArray((values == chosen).astype(np.uint8))
    lesion.CopyInformation(labels)
    return lesion, note


def shown(path: Path | str) -> str:
    """A file as sentences name it: its folder and name, the same on every machine."""
    return "/".join(Path(path).parts[-2:])


def _chosen(present: Sequence[float], label: int, path: Path | str) -> tuple[float, str]:
    if label in present:
        return label, ""
    if len(present) == 1:
        return present[0], f"mask value {present[0]:g} read as the lesion"
    listed = ", ".join(f"{value:g}" for value in present[:10]) + (" and more" if len(present) > 10 else "")
    raise CaseError(
        f"mask {shown(path)} has no voxel of value {label}, but of {listed}: "
        "set imaging.mask_label to the lesion's value."
    )


def _volume(path: Path, *, what: str) -> sitk.Image:
    if path == Path():
        raise CaseError(f"no {what} is named: complete its row in the manifest, or leave the case out.")
    if path.is_dir():
        raise CaseError(f"{what} {shown(path)} is a folder: convert the series to one NIfTI or NRRD file.")
    if not path.is_file():
        raise CaseError(f"{what} {path} is missing: correct the path, or leave the case out.")
    try:
        volume = sitk.ReadImage(str(path))
    except RuntimeError as error:
        remedy = "it is damaged, or of another format"
        raise CaseError(f"{what} {shown(path)} cannot be read as an image: {remedy}.") from error
    if volume.GetDimension() == 4 and volume.GetSize()[3] == 1:
        volume = volume[:, :, :, 0]
    if volume.GetDimension() != 3:
        size = " x ".join(map(str, volume.GetSize()))
        raise CaseError(f"{what} {shown(path)} is {volume.GetDimension()}-D ({size}): give one 3-D volume.")
    if volume.GetNumberOfComponentsPerPixel() != 1:
        components = volume.GetNumberOfComponentsPerPixel()
        raise CaseError(f"{what} {shown(path)} has {components} values per voxel (a color image?): give one.")
    _check_finite(volume, path, what=what)
    return volume


def _check_whole(path: Path, *, what: str) -> int:
    """The number of voxels of a NIfTI file that are not finite; refuses one whose data end too early."""
    contents = nifti.inspect(path)
    if contents and not contents.whole:
        raise CaseError(f"{what} {shown(path)} ends before its last voxel: copy it again.")
    return contents.nonfinite if contents else 0


def _check_finite(volume: sitk.Image, path: Path, *, what: str) -> None:
    bad = _check_whole(path, what=what) or int(np.count_nonzero(~np.isfinite(sitk.GetArrayViewFromImage(volume))))
    if bad:
        share = f"{bad:,} of {volume.GetNumberOfPixels():,}"
        raise CaseError(f"{what} {shown(path)} has NaN or infinite values in {share} voxels: export it again.")
