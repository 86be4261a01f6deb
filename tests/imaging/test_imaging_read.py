"""Files that cannot be used are refused in one sentence; oddly written ones are read and noted."""

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import read


def test_missing_file_is_named(tmp_path):
    with pytest.raises(CaseError, match=r"image .*P7_T1\.nii\.gz is missing"):
        read.image(tmp_path / "P7_T1.nii.gz")


def test_text_file_is_not_an_image(tmp_path):
    path = tmp_path / "P7.nii.gz"
    path.write_text("not an image")
    with pytest.raises(CaseError, match=r"P7\.nii\.gz cannot be read as an image"):
        read.image(path)


def test_truncated_file_is_refused(tmp_path, save, builders):
    path = save("P7", builders.texture())
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CaseError, match=r"P7\.nii\.gz ends before its last voxel"):
        read.image(path)


def test_truncated_uncompressed_file_is_refused(tmp_path, builders):
    path = tmp_path / "P7.nii"
    sitk.WriteImage(builders.volume(builders.texture()), str(path))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CaseError, match=r"P7\.nii (ends before its last voxel|cannot be read)"):
        read.image(path)


def test_folder_is_refused(tmp_path):
    with pytest.raises(CaseError, match="is a folder: convert the series"):
        read.image(tmp_path)


def test_four_dimensional_image_is_refused(save, tmp_path):
    image = sitk.GetImageFromArray(np.ones((3, 5, 6, 7), dtype=np.float32), isVector=False)
    with pytest.raises(CaseError, match=r"P7\.nii\.gz is 4-D \(7 x 6 x 5 x 3\): give one 3-D volume"):
        read.image(save("P7", image))


def test_color_image_is_refused(save):
    image = sitk.GetImageFromArray(np.ones((5, 6, 7, 3), dtype=np.uint8), isVector=True)
    with pytest.raises(CaseError, match=r"P7\.nii\.gz has 3 values per voxel"):
        read.image(save("P7", image))


def test_nan_in_the_image_is_counted(save, builders):
    array = builders.texture()
    array[0, 0, :2] = np.nan
    array[1, 1, 1] = np.inf
    with pytest.raises(CaseError, match=r"P7\.nii\.gz has NaN or infinite values in 3 of 5,760 voxels"):
        read.image(save("P7", array))


def test_nan_in_another_format_is_counted_too(tmp_path, builders):
    array = builders.texture()
    array[3, 3, 3] = np.nan
    sitk.WriteImage(builders.volume(array), str(tmp_path / "P7.nrrd"))
    with pytest.raises(CaseError, match=r"P7\.nrrd has NaN or infinite values in 1 of 5,760 voxels"):
        read.image(tmp_path / "P7.nrrd")


def test_integers_become_double_and_single_stays_single(save, builders):
    assert read.image(save("a", builders.texture().astype(np.int16))).GetPixelID() == sitk.sitkFloat64
    assert read.image(save("b", builders.texture())).GetPixelID() == sitk.sitkFloat32


def test_mask_of_another_single_value_is_read_and_noted(save, builders):
    lesion, note = read.mask(save("m", builders.ball() * np.uint8(255)), label=1)
    assert np.array_equal(sitk.GetArrayFromImage(lesion), builders.ball())
    assert note == "mask value 255 read as the lesion"


def test_chosen_label_is_taken_among_several(save, builders):
    labels = builders.ball(radius=6) + 3 * builders.ball()
    lesion, note = read.mask(save("m", labels), label=4)
    assert np.array_equal(sitk.GetArrayFromImage(lesion), builders.ball())
    assert note == ""


def test_absent_label_lists_the_values_that_are_there(save, builders):
    labels = builders.ball(radius=6) + 3 * builders.ball()
    with pytest.raises(CaseError, match=r"P7_mask\.nii\.gz has no voxel of value 2, but of 1, 4: set imaging\."):
        read.mask(save("P7_mask", labels), label=2)


def test_empty_mask_is_refused(save, builders):
    with pytest.raises(CaseError, match=r"P7_mask\.nii\.gz is empty"):
        read.mask(save("P7_mask", 0 * builders.ball()), label=1)


def test_nan_in_the_mask_is_refused(save, builders):
    with pytest.raises(CaseError, match=r"P7_mask\.nii\.gz has NaN"):
        read.mask(save("P7_mask", np.where(builders.ball() == 1, 1, np.nan).astype(np.float32)), label=1)
