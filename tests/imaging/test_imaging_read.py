"""Files that cannot be used are refused in one sentence; oddly written ones are read and noted."""

import struct

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import read, store


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


def test_a_folder_without_dicom_is_refused(tmp_path):
    with pytest.raises(CaseError, match="holds no DICOM image: name an image file, or a folder of DICOM files"):
        read.image(tmp_path)


@pytest.mark.parametrize("name", ["P7.nrrd", "P7.nhdr", "P7.mha", "P7.mhd", "P7.nii"])
def test_every_volume_format_gives_the_same_voxels_and_grid(tmp_path, builders, name):
    volume = builders.volume(builders.texture())
    volume.SetOrigin((-3.0, 4.5, 20.0))
    sitk.WriteImage(volume, str(tmp_path / name))
    found = read.image(tmp_path / name)
    assert np.array_equal(sitk.GetArrayFromImage(found), builders.texture())
    assert np.allclose(found.GetOrigin(), volume.GetOrigin()) and np.allclose(found.GetSpacing(), volume.GetSpacing())


@pytest.mark.parametrize("name", ["P7.nrrd", "P7.mha", "P7.mhd", "P7.nhdr"])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_truncated_file_of_any_format_is_refused(tmp_path, builders, name, compressed):
    sitk.WriteImage(builders.volume(builders.texture()), str(tmp_path / name), compressed)
    data = max(tmp_path.iterdir(), key=lambda p: p.stat().st_size)
    data.write_bytes(data.read_bytes()[:-2000])
    with pytest.raises(CaseError, match="P7"):
        read.image(tmp_path / name)


@pytest.mark.parametrize("name", ["P7.mhd", "P7.nhdr"])
def test_the_hash_of_a_parted_file_is_of_its_voxels_too(tmp_path, builders, name):
    hashes = set()
    for seed in (1, 2):
        sitk.WriteImage(builders.volume(builders.texture(seed=seed)), str(tmp_path / name))
        hashes.add(read.digest(tmp_path / name))
        assert len(read.source(tmp_path / name).files) == 2
    assert len(hashes) == 2


def test_the_hash_of_a_file_is_of_its_bytes(save, builders):
    path = save("P7", builders.texture())
    assert read.digest(path) == store.digest(path) == read.source(path).sha256
    assert read.source(path).format == "NIfTI"
    with pytest.raises(OSError):
        read.digest(path.with_name("absent.nii.gz"))


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_voxels_of_every_type_are_as_itk_reads_them(tmp_path, kind):
    values = np.random.default_rng(0).integers(0, 100, (3, 4, 5)).astype(kind)
    volume = sitk.GetImageFromArray(values)
    volume.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    volume.SetOrigin((7, -8, 9))
    path = str(tmp_path / "P7.nii.gz")
    sitk.WriteImage(volume, path)
    found, itk = read.image(path), sitk.ReadImage(path)
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(itk))
    assert (found.GetOrigin(), found.GetSpacing(), found.GetDirection()) == (
        itk.GetOrigin(), itk.GetSpacing(), itk.GetDirection()
    )  # fmt: skip


def test_rescaled_and_turned_bytes_of_nifti_are_as_itk_reads_them(tmp_path, builders):
    values = np.random.default_rng(0).integers(0, 100, (3, 4, 5)).astype(np.int16)
    sitk.WriteImage(builders.volume(values), str(tmp_path / "P7.nii"))
    plain = bytearray((tmp_path / "P7.nii").read_bytes())
    plain[112:120] = struct.pack("<2f", 0.5, -3.0)
    (tmp_path / "scaled.nii").write_bytes(plain)
    assert np.array_equal(sitk.GetArrayFromImage(read.image(tmp_path / "scaled.nii")), values * 0.5 - 3)
    sitk_big = bytearray((tmp_path / "P7.nii").read_bytes())
    for form, at in (("i", 0), ("8h", 40), ("2h", 70), ("8f", 76), ("f", 108), ("2f", 112), ("2h", 252), ("6f", 256),
                     ("12f", 280)):  # fmt: skip
        struct.pack_into(f">{form}", sitk_big, at, *struct.unpack_from(f"<{form}", sitk_big, at))
    sitk_big[352:] = values.astype(">i2").tobytes()
    (tmp_path / "big.nii").write_bytes(sitk_big)
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "big.nii"))), values)
    assert np.array_equal(sitk.GetArrayFromImage(read.image(tmp_path / "big.nii")), values)


def test_damaged_bytes_that_itk_passes_over_are_refused(save, builders):
    path = save("P7", builders.texture())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)
    with pytest.raises(CaseError, match="ends before its last voxel: copy it again|cannot be read"):
        read.image(path)


def test_a_hash_sign_in_a_name_is_part_of_it(tmp_path, builders):
    folder = tmp_path / "scan #2"
    folder.mkdir()
    sitk.WriteImage(builders.volume(builders.texture()), str(folder / "P7#a.nii.gz"))
    assert read.image(folder / "P7#a.nii.gz").GetSize() == (18, 20, 16)
    with pytest.raises(CaseError, match=r"scan #2/P7#a\.nii\.gz#T1: only DICOM has series"):
        read.image(f"{folder}/P7#a.nii.gz#T1")


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


def test_several_labels_are_taken_together(save, builders):
    labels = builders.ball(radius=6) + 3 * builders.ball()
    path = save("m", labels)
    for label, inside in (((1, 4), labels > 0), ([4], labels == 4), ("brats2021:necrosis", labels == 1)):
        lesion, note = read.mask(path, label=label)
        assert np.array_equal(sitk.GetArrayFromImage(lesion), inside)
        assert note == ""


def test_a_mask_that_is_not_named_is_said_to_be(save, builders):
    image = save("i", builders.texture())
    for path in ("", "."):
        with pytest.raises(CaseError, match="no mask is named: complete its row in the manifest"):
            read.mask(path, label=1)
        with pytest.raises(CaseError, match="no mask is named"):
            read.mask_on(path, read.image(image), image, label=1)


def test_a_mask_beside_an_image_file_is_read_as_a_mask(save, builders):
    image = save("i", builders.texture())
    lesion, _ = read.mask_on(save("m", builders.ball()), read.image(image), image, label=1)
    assert np.array_equal(sitk.GetArrayFromImage(lesion), builders.ball())


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
