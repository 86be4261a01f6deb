"""Segments written by highdicom come back voxel by voxel, on the image's grid, or are refused with the reason."""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk
from highdicom.seg import SegmentationTypeValues
from pydicom import dcmread
from pydicom.sr.codedict import codes

from helpers.errors import CaseError
from helpers.imaging import read

SHAPE = (6, 12, 10)


def blob(seed: int, shape=SHAPE) -> np.ndarray:
    """A rough lesion that leaves the first and last slice, and one between, empty."""
    mask = np.random.default_rng(seed).random(shape) < 0.3
    mask[[0, 3, -1]] = False
    return mask


def described(labels):
    return [
        hd.seg.SegmentDescription(
            segment_number=n,
            segment_label=label,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for n, label in enumerate(labels, 1)
    ]


def segment(path, files, pixels, labels, *, kind=SegmentationTypeValues.BINARY, **options):
    seg = hd.seg.Segmentation(
        source_images=[dcmread(f) for f in files],
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=described(labels),
        series_instance_uid=hd.UID(),
        series_number=9,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="1",
        device_serial_number="1",
        **options,
    )
    seg.save_as(path)
    return path


@pytest.fixture
def scanned(tmp_path, dicom):
    """An oblique series: its folder, its files in order, and the image as read."""
    folder = tmp_path / "scan"
    files = dicom.series(folder, dicom.image(dicom.counts(SHAPE), direction=dicom.oblique()))
    return folder, files, read.image(folder)


def same(found, array, image):
    assert np.array_equal(sitk.GetArrayFromImage(found), array.astype(np.uint8))
    assert found.GetSize() == image.GetSize()
    assert np.allclose(found.GetOrigin(), image.GetOrigin(), atol=1e-5)
    assert np.allclose(found.GetSpacing(), image.GetSpacing(), atol=1e-5)
    assert np.allclose(found.GetDirection(), image.GetDirection(), atol=1e-6)


def stacked(*masks):
    return np.stack(masks, axis=-1).astype(np.uint8)


@pytest.mark.slow
def test_a_binary_segment_lies_on_its_image(tmp_path, scanned):
    folder, files, image = scanned
    lesion = blob(1)
    path = segment(tmp_path / "seg.dcm", files, stacked(lesion), ["Lesion"])
    assert len(dcmread(path).PerFrameFunctionalGroupsSequence) == 3  # highdicom leaves empty slices out
    found, note = read.mask_on(path, image, folder, label=1)
    same(found, lesion, image)
    assert note == ""


def test_overlapping_segments_are_chosen_by_number_or_label_or_together(tmp_path, scanned):
    folder, files, image = scanned
    one, two = blob(1), blob(2)
    assert (one & two).any()
    path = segment(tmp_path / "seg.dcm", files, stacked(one, two), ["Necrotic core", "Edema"])
    for selector, expected in (("1", one), ("necrotic core", one), ("ed*", two), ("2", two), ("1,2", one | two)):
        same(read.mask_on(f"{path}#{selector}", image, folder, label=1)[0], expected, image)
    with pytest.raises(CaseError, match=r"holds 2 segments: choose one .*seg\.dcm#1.*1 Necrotic core, 2 Edema"):
        read.mask_on(path, image, folder, label=1)
    with pytest.raises(CaseError, match=r"no segment Tumor: .*1 Necrotic core, 2 Edema"):
        read.mask_on(f"{path}#Tumor", image, folder, label=1)


def test_a_fractional_segment_counts_from_one_half(tmp_path, scanned):
    folder, files, image = scanned
    share = np.random.default_rng(0).random((*SHAPE, 1)).astype(np.float32)
    path = segment(
        tmp_path / "seg.dcm", files, share, ["Lesion"], kind=SegmentationTypeValues.FRACTIONAL,
        fractional_type=hd.seg.SegmentationFractionalTypeValues.PROBABILITY, max_fractional_value=200,
    )  # fmt: skip
    found, note = read.mask_on(path, image, folder, label=1)
    same(found, np.round(share[..., 0] * 200) >= 100, image)
    assert note == "fractional segmentation: voxels of at least 0.5 are inside"


def test_a_label_map_is_read_by_its_values(tmp_path, scanned):
    folder, files, image = scanned
    values = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    path = segment(tmp_path / "seg.dcm", files, values, ["Core", "Edema"], kind=SegmentationTypeValues.LABELMAP)
    for number in (1, 2):
        same(read.mask_on(f"{path}#{number}", image, folder, label=1)[0], values == number, image)


def test_a_segmentation_of_some_slices_lies_on_the_whole_image(tmp_path, scanned):
    folder, files, image = scanned
    lesion = blob(1)
    path = segment(tmp_path / "seg.dcm", files[1:3], stacked(lesion[1:3]), ["Lesion"])
    expected = lesion.copy()
    expected[3:] = False
    same(read.mask_on(path, image, folder, label=1)[0], expected, image)


def test_frames_in_any_order_are_placed_by_position(tmp_path, scanned):
    folder, files, image = scanned
    lesion = blob(1)
    order = [4, 1, 5, 0, 3, 2]
    path = segment(tmp_path / "seg.dcm", [files[k] for k in order], stacked(lesion[order]), ["Lesion"])
    same(read.mask_on(path, image, folder, label=1)[0], lesion, image)


def test_without_an_image_a_segmentation_keeps_its_own_grid(tmp_path, scanned):
    folder, files, image = scanned
    lesion = blob(1)
    path = segment(tmp_path / "seg.dcm", files, stacked(lesion), ["Lesion"])
    found, _ = read.mask(path, label=1)
    assert np.array_equal(sitk.GetArrayFromImage(found), lesion[1:5])  # from its first frame to its last
    assert np.allclose(found.GetOrigin(), image.TransformIndexToPhysicalPoint((0, 0, 1)), atol=1e-5)
    assert np.allclose(found.GetSpacing(), image.GetSpacing(), atol=1e-5)
    moved = sitk.Resample(found, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    assert np.array_equal(sitk.GetArrayFromImage(moved), lesion)


def test_an_image_converted_to_nifti_and_flipped_finds_its_segments(tmp_path, scanned):
    folder, files, image = scanned
    lesion = blob(1)
    path = segment(tmp_path / "seg.dcm", files, stacked(lesion), ["Lesion"])
    flipped = sitk.Flip(image, (True, False, True))
    sitk.WriteImage(flipped, str(tmp_path / "scan.nii.gz"))
    converted = read.image(tmp_path / "scan.nii.gz")
    found, note = read.mask_on(path, converted, tmp_path / "scan.nii.gz", label=1)
    same(found, lesion[::-1, :, ::-1], converted)
    assert "no DICOM identifiers" in note


def test_a_segmentation_in_the_folder_of_its_image_is_found(tmp_path, scanned):
    folder, files, image = scanned
    lesion = blob(1)
    segment(folder / "seg.dcm", files, stacked(lesion), ["Lesion"])
    same(read.mask_on(folder, image, folder, label=1)[0], lesion, image)
    same(read.mask_on(f"{folder}#lesion", image, folder, label=1)[0], lesion, image)
    assert read.source(folder, what="mask", image=folder).structure == "1 Lesion"
    assert read.source(folder).format == "DICOM series"


def test_another_grid_is_left_for_the_geometry_check(tmp_path, scanned, dicom):
    folder, files, image = scanned
    path = segment(tmp_path / "seg.dcm", files, stacked(blob(1)), ["Lesion"])
    shifted = sitk.Image(image)
    shifted.SetOrigin([v + 0.4 for v in image.GetOrigin()])
    found, _ = read.mask_on(path, shifted, folder, label=1)
    assert found.GetSize() != shifted.GetSize()


def test_a_segment_outside_the_image_is_refused(tmp_path, scanned):
    folder, files, image = scanned
    path = segment(tmp_path / "seg.dcm", files, stacked(blob(1)), ["Lesion"])
    with pytest.raises(CaseError, match="reaches outside the image"):
        read.mask_on(path, image[:, :, :4], folder, label=1)


def test_an_empty_segment_is_refused(tmp_path, scanned):
    folder, files, image = scanned
    path = segment(tmp_path / "seg.dcm", files, stacked(blob(1), np.zeros(SHAPE, bool)), ["Lesion", "Nothing"])
    with pytest.raises(CaseError, match="segment 2 Nothing of .* is empty"):
        read.mask_on(f"{path}#2", image, folder, label=1)


def test_the_segmentation_of_another_series_is_refused(tmp_path, scanned, dicom):
    folder, files, image = scanned
    path = segment(tmp_path / "seg.dcm", files, stacked(blob(1)), ["Lesion"])
    other = tmp_path / "other"
    dicom.series(other, image, series=f"{dicom.SERIES}5")
    with pytest.raises(
        CaseError,
        match=r"does not reference the image's series \.\.\.11111115, but \.\.\.11111111.*mask_reference=frame",
    ):
        read.mask_on(path, image, other, label=1)
    found, note = read.mask_on(path, image, other, label=1, reference="frame")
    same(found, blob(1), image)
    assert note == "drawn on another series in the same frame of reference"
    dicom.series(other, image, series=f"{dicom.SERIES}5", frame=f"{dicom.FRAME}.2")
    for rule in ("series", "frame"):
        with pytest.raises(CaseError, match="another frame of reference than the image"):
            read.mask_on(path, image, other, label=1, reference=rule)


def test_a_truncated_segmentation_is_refused(tmp_path, scanned):
    folder, files, image = scanned
    path = segment(tmp_path / "seg.dcm", files, stacked(blob(1)), ["Lesion"])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CaseError, match=r"seg\.dcm .*(ends|damaged)"):
        read.mask_on(path, image, folder, label=1)


def test_a_segmentation_is_no_image(tmp_path, scanned):
    _, files, _ = scanned
    path = segment(tmp_path / "seg.dcm", files, stacked(blob(1)), ["Lesion"])
    with pytest.raises(CaseError, match=r"seg\.dcm is a segmentation: name the image"):
        read.image(path)


def test_two_segments_of_one_file_have_two_hashes(tmp_path, scanned):
    folder, files, _ = scanned
    path = segment(tmp_path / "seg.dcm", files, stacked(blob(1), blob(2)), ["Core", "Edema"])
    one, two = (read.digest(f"{path}#{n}", what="mask") for n in (1, 2))
    assert one != two and one == read.digest(f"{path}#core", what="mask")
    source = read.source(f"{path}#edema", what="mask", image=folder)
    assert (source.format, source.structure, source.sha256) == ("DICOM SEG", "2 Edema", two)
    assert source.series_uid == str(dcmread(path).SeriesInstanceUID)
