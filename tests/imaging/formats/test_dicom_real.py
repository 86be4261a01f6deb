"""Files of real scanners and planning systems, which pydicom ships with itself, are read as ITK reads them or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import read
from helpers.imaging.formats import rtstruct

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
pytestmark = [
    pytest.mark.skipif(not (FILES / "MR_small.dcm").is_file(), reason="pydicom came without its test files"),
    pytest.mark.filterwarnings("ignore:The pixel data is"),
]


@pytest.fixture
def real(tmp_path):
    """real("MR_small.dcm") -> a copy of that file in a folder of its own."""

    def _real(name):
        place = tmp_path / name
        place.mkdir()
        return Path(shutil.copy(FILES / name, place))

    return _real


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
     "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm", "693_J2KI.dcm"],
)  # fmt: skip
def test_a_real_slice_has_the_values_that_itk_reads(real, name):
    path = real(name)
    itk, found = sitk.ReadImage(str(path)), read.image(path)
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(itk))
    assert np.allclose(found.GetOrigin(), itk.GetOrigin()) and np.allclose(found.GetDirection(), itk.GetDirection())
    assert np.allclose(found.GetSpacing()[:2], itk.GetSpacing()[:2])


def test_a_real_ct_series_is_ordered_as_itk_orders_it():
    folder = FILES / "dicomdirtests" / "98892001" / "CT5N"
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    itk, found = reader.Execute(), read.image(folder)
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(itk))
    assert np.allclose(found.GetSpacing(), itk.GetSpacing()) and np.allclose(found.GetOrigin(), itk.GetOrigin())


@pytest.mark.parametrize(
    "folder,said",
    [
        ("77654033/CT2", "lacks 161 slices"),
        ("98892001/CT2N", r"not parallel \(2 directions\)"),
        ("98892003/MR700", r"not parallel \(7 directions\)"),
        ("98892003/MR1", r"holds 3 series .*FAST LOCALIZER, 1 slice.*#\*48\.0\."),
        ("77654033/CR1", "without a position, such as 6154: a screenshot, or a radiograph"),
        ("TINY_ALPHA", "holds no DICOM image"),
        ("", r"holds 9 series .*CT Routine Brain, 4 slices.*#Routine Brain\."),
    ],
)
def test_real_folders_that_are_no_volume_are_refused_with_the_reason(folder, said):
    with pytest.raises(CaseError, match=said):
        read.image(FILES / "dicomdirtests" / folder)


@pytest.mark.parametrize(
    "name,said",
    [
        ("MR_truncated.dcm", "is damaged or ends before its last pixel"),
        ("rtdose.dcm", "is in RELATIVE, not in GY"),
        ("rtplan.dcm", "is a plan: name the image"),
        ("rtstruct.dcm", "is a set of structures: name the image"),
        ("liver_1frame.dcm", "is a segmentation: name the image"),
        ("test-SR.dcm", "is no image"),
        ("SC_rgb_small_odd.dcm", "without a position"),
        ("JPEG-lossy.dcm", "without a position"),
    ],
)
def test_real_objects_that_are_no_image_are_refused_by_name(real, name, said):
    with pytest.raises(CaseError, match=said):
        read.image(real(name))


def test_a_real_structure_set_lists_its_structures(real):
    held = rtstruct.load(real("rtstruct.dcm"))
    assert held.names and len(held.references.series) <= 1


def test_a_real_segmentation_that_lacks_frames_is_refused(real):
    with pytest.raises(CaseError, match=r"liver_1frame\.dcm ends before its last frame"):
        read.mask(real("liver_1frame.dcm"), label=1)
