"""A series comes back as it was scanned, whatever the order and compression of its files, or is refused in a sentence."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, uid
from scipy.spatial.transform import Rotation

from helpers.errors import CaseError
from helpers.imaging import read

SYNTAXES = {
    "implicit": uid.ImplicitVRLittleEndian,
    "explicit": uid.ExplicitVRLittleEndian,
    "big endian": uid.ExplicitVRBigEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
    "RLE": uid.RLELossless,
    "JPEG-LS": uid.JPEGLSLossless,
    "JPEG 2000": uid.JPEG2000Lossless,
    "JPEG lossless": uid.JPEGLosslessSV1,
}


def same(found: sitk.Image, source: sitk.Image) -> None:
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(source))
    same_place(found, source)


def same_place(found: sitk.Image, source: sitk.Image, *, tolerance: float = 1e-5) -> None:
    assert found.GetSize() == source.GetSize()
    for one, other in (
        (found.GetOrigin(), source.GetOrigin()),
        (found.GetSpacing(), source.GetSpacing()),
        (found.GetDirection(), source.GetDirection()),
    ):
        assert np.allclose(one, other, rtol=0, atol=tolerance)


def by_itk(folder) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_transfer_syntax_gives_the_array_that_was_written(tmp_path, dicom, syntax):
    volume = dicom.image(dicom.counts((5, 36, 33)))
    dicom.series(tmp_path, volume, syntax=SYNTAXES[syntax])
    assert dcmread(next(tmp_path.iterdir())).file_meta.TransferSyntaxUID == SYNTAXES[syntax]
    same(read.image(tmp_path), volume)
    same(read.image(tmp_path), by_itk(tmp_path))


@pytest.mark.parametrize("numbers", ["forward", "reversed"])
@pytest.mark.parametrize("plane", ["AXIAL", "CORONAL", "SAGITTAL", "oblique", "feet first"])
def test_slices_are_ordered_by_their_place_and_not_by_name_or_number(tmp_path, dicom, plane, numbers):
    known = {"feet first": np.diag([-1.0, 1.0, -1.0]), "oblique": dicom.oblique()}
    direction = known[plane] if plane in known else getattr(dicom, plane)
    volume = dicom.image(dicom.counts(), direction=direction)
    dicom.series(tmp_path, volume, numbers=numbers)
    same(read.image(tmp_path), volume)
    same_place(read.image(tmp_path), by_itk(tmp_path))


@st.composite
def placements(draw):
    """Any right-handed grid: direction by three angles, spacing, origin."""
    angles = [draw(st.floats(-180, 180)) for _ in range(3)]
    spacing = tuple(draw(st.floats(0.3, 6)) for _ in range(3))
    origin = tuple(draw(st.floats(-300, 300)) for _ in range(3))
    return Rotation.from_euler("xyz", angles, degrees=True).as_matrix(), spacing, origin


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(placements(), st.sampled_from(["implicit", "explicit", "big endian", "deflated", "RLE", "JPEG-LS"]))
def test_any_grid_comes_back_whatever_the_syntax(dicom, placement, syntax):
    direction, spacing, origin = placement
    volume = dicom.image(dicom.counts((4, 8, 6)), direction=direction, spacing=spacing, origin=origin)
    with tempfile.TemporaryDirectory() as folder:
        dicom.series(Path(folder), volume, syntax=SYNTAXES[syntax], numbers="reversed")
        found = read.image(folder)
        itk = volume if syntax == "RLE" else by_itk(folder)  # GDCM refuses RLE of very small slices
    same_place(found, volume, tolerance=1e-4)
    same_place(found, itk, tolerance=1e-4)
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(volume))


def test_each_slice_is_rescaled_by_its_own_slope(tmp_path, dicom):
    def scaled(content, index):
        content.RescaleSlope, content.RescaleIntercept = 0.5 + index, -index
        content.Units = "BQML"

    volume = dicom.image(dicom.counts())
    dicom.series(tmp_path, volume, each=scaled, modality="PT", sop_class=dicom.PET)
    k = np.arange(6)[:, None, None]
    found, note = read.scan(tmp_path)
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(volume) * (0.5 + k) - k)
    assert note == "PET in BQML, kept as stored (no SUV computed)"


def test_pet_that_states_more_slices_than_there_are_is_refused(tmp_path, dicom):
    dicom.series(tmp_path, dicom.image(dicom.counts()), modality="PT", sop_class=dicom.PET, NumberOfSlices=8)
    with pytest.raises(CaseError, match="has 6 of the 8 slices its header states"):
        read.image(tmp_path)


def test_a_series_is_found_in_a_mixed_folder(tmp_path, dicom):
    volume = dicom.image(dicom.counts())
    dicom.series(tmp_path / "a" / "deep", volume)
    localizer = dicom.image(dicom.counts((1, 9, 7), seed=1), direction=dicom.CORONAL)
    dicom.series(
        tmp_path,
        localizer,
        series=f"{dicom.SERIES}.2",
        each=lambda c, i: setattr(c, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    )
    dicom.rtstruct(tmp_path / "rs.dcm", {"GTV": None})
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 10)
    (tmp_path / "notes.txt").write_text("patient moved")
    (tmp_path / "._hidden.dcm").write_text("")
    same(read.image(tmp_path), volume)


def test_a_localizer_inside_the_series_is_left_aside(tmp_path, dicom):
    volume = dicom.image(dicom.counts())
    dicom.series(tmp_path, volume)
    scout = dicom.image(dicom.counts((1, 20, 30)), direction=dicom.SAGITTAL)
    dicom.series(tmp_path / "b", scout, each=lambda c, i: setattr(c, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]))
    same(read.image(tmp_path), volume)


def test_several_series_are_listed_and_one_is_chosen_by_description_or_uid(tmp_path, dicom):
    volumes = {name: dicom.image(dicom.counts(seed=n)) for n, name in enumerate(("T1w MPRAGE", "T2w FLAIR"), 1)}
    for n, (name, volume) in enumerate(volumes.items()):
        dicom.series(tmp_path, volume, series=f"{dicom.SERIES}{n}", description=name, modality="MR", sop_class=dicom.MR)
    with pytest.raises(CaseError) as refused:
        read.image(tmp_path)
    for told in ("holds 2 series", "...11111110 MR T1w MPRAGE, 6 slices", "T2w FLAIR", "#T1w MPRAGE."):
        assert told in str(refused.value)
    same(read.image(f"{tmp_path}#t2w flair"), volumes["T2w FLAIR"])
    same(read.image(f"{tmp_path}#*mprage"), volumes["T1w MPRAGE"])
    same(read.image(f"{tmp_path}#{dicom.SERIES}1"), volumes["T2w FLAIR"])
    same(read.image(f"{tmp_path}#*1110"), volumes["T1w MPRAGE"])
    with pytest.raises(CaseError, match=r"holds no series T1c, but \.\.\."):
        read.image(f"{tmp_path}#T1c")
    with pytest.raises(CaseError, match="holds 2 series"):
        read.image(f"{tmp_path}#T*")


def test_a_missing_slice_is_named_by_its_gap(tmp_path, dicom):
    dicom.series(tmp_path, dicom.image(dicom.counts((9, 5, 4))), skip=(3, 4))
    with pytest.raises(
        CaseError, match=r"lacks 2 slices: after 45\.0 mm the next is at 52\.5 mm, where slices lie 2\.5"
    ):
        read.image(tmp_path)


def test_uneven_slices_are_refused(tmp_path, dicom):
    files = dicom.series(tmp_path, dicom.image(dicom.counts()))
    content = dcmread(files[-1])
    content.ImagePositionPatient[2] += 1.0
    content.save_as(files[-1])
    with pytest.raises(CaseError, match=r"slices at uneven distances \(2\.5 to 3\.5 mm\)"):
        read.image(tmp_path)


def test_a_slice_copied_twice_is_refused(tmp_path, dicom):
    files = dicom.series(tmp_path, dicom.image(dicom.counts()))
    (tmp_path / "copy.dcm").write_bytes(files[2].read_bytes())
    with pytest.raises(CaseError, match=r"has the slice at 45\.0 mm twice \(.*copy\.dcm.*\): remove one"):
        read.image(tmp_path)


@pytest.mark.parametrize(
    "keyword,values", [("EchoTime", (20, 80)), ("DiffusionBValue", (0, 1000)), ("TemporalPositionIdentifier", (1, 2)),
                       ("AcquisitionNumber", (3, 4))]
)  # fmt: skip
def test_several_images_in_one_series_are_refused_and_one_can_be_chosen(tmp_path, dicom, keyword, values):
    volumes = [dicom.image(dicom.counts(seed=n)) for n in (1, 2)]
    for value, volume in zip(values, volumes, strict=True):
        each = lambda content, index, value=value: setattr(content, keyword, value)  # noqa: E731
        dicom.series(tmp_path / str(value), volume, each=each)
    listed = ", ".join(f"{value}" for value in values)
    with pytest.raises(CaseError, match=rf"holds 2 images at the same places, told apart by {keyword} \({listed}"):
        read.image(tmp_path)
    for value, volume in zip(values, volumes, strict=True):
        same(read.image(f"{tmp_path}#;{keyword}={value}"), volume)
        same(read.image(f"{tmp_path}#axial*;{keyword.lower()}={value}.0"), volume)
    with pytest.raises(CaseError, match=rf"has no slices of {keyword} 77, but of {listed}"):
        read.image(f"{tmp_path}#;{keyword}=77")
    with pytest.raises(CaseError, match="cannot be chosen by Color"):
        read.image(f"{tmp_path}#;Color=red")


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("degrees", [15.0, -22.0])
def test_a_tilted_gantry_is_made_upright_without_mixing_slices(tmp_path, dicom, axis, degrees):
    drift = 3.0 * np.tan(np.radians(degrees)) * np.eye(2)[axis]
    z, y, x = np.indices((8, 24, 20))

    def field(x, y, z):  # of place in mm; linear, so that interpolation within a slice is exact
        return 40 * x + 70 * y + 100 * z

    values = field(x + z * drift[0], y + z * drift[1], 3.0 * z).round().astype(np.int16)
    volume = dicom.image(values, spacing=(1.0, 1.0, 3.0), origin=(0, 0, 0))
    dicom.series(tmp_path, volume, each=lambda c, k: setattr(c, "ImagePositionPatient", [*(k * drift), 3.0 * k]))
    found, note = read.scan(tmp_path)
    assert note == f"gantry tilt of {abs(degrees):.1f} degrees: slices shifted in plane onto an upright grid"
    added = int(np.ceil(7 * abs(drift[axis])))
    assert found.GetSize() == (20 + added * (axis == 0), 24 + added * (axis == 1), 8)
    upright = sitk.GetArrayFromImage(found)
    z, y, x = np.indices(upright.shape)
    x, y = x + found.GetOrigin()[0], y + found.GetOrigin()[1]
    u, v = x - z * drift[0], y - z * drift[1]
    measured = (u >= 0) & (u <= 19) & (v >= 0) & (v <= 23)
    assert np.abs(upright - field(x, y, 3.0 * z))[measured].max() <= 0.5 + 1e-6
    assert (upright[~measured] == values.min()).mean() > 0.5 and measured.sum() >= 8 * 19 * 23


def test_rounded_positions_are_no_tilt(tmp_path, dicom):
    volume = dicom.image(dicom.counts((30, 4, 5)), spacing=(1, 1, 0.625))
    rounded = lambda c, i: setattr(c, "ImagePositionPatient", [round(float(v), 1) for v in c.ImagePositionPatient])  # noqa: E731
    dicom.series(tmp_path, volume, each=rounded)
    found, note = read.scan(tmp_path)
    assert note == "" and abs(found.GetSpacing()[2] - 0.625) < 0.1 / 29
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(volume))


def test_slices_that_are_not_parallel_are_refused(tmp_path, dicom):
    for n, direction in enumerate((dicom.AXIAL, dicom.CORONAL, dicom.SAGITTAL)):
        dicom.series(tmp_path / str(n), dicom.image(dicom.counts((1, 5, 5)), direction=direction))
    with pytest.raises(CaseError, match=r"not parallel \(3 directions\)"):
        read.image(tmp_path)


def test_slices_of_different_sizes_or_spacings_are_refused(tmp_path, dicom):
    dicom.series(tmp_path / "a", dicom.image(dicom.counts((2, 5, 5))))
    dicom.series(tmp_path / "b", dicom.image(dicom.counts((2, 5, 6)), origin=(-31.5, 12.25, 90)))
    with pytest.raises(CaseError, match="mixes slices of 5 x 5 and 6 x 5 pixels"):
        read.image(tmp_path)
    dicom.series(tmp_path / "b", dicom.image(dicom.counts((2, 5, 5)), origin=(-31.5, 12.25, 90), spacing=(2, 2, 2)))
    with pytest.raises(CaseError, match=r"mixes pixel spacings \(1\.1 and 2 mm\)"):
        read.image(tmp_path)


def test_a_truncated_slice_is_named(tmp_path, dicom):
    files = dicom.series(tmp_path, dicom.image(dicom.counts()))
    files[3].write_bytes(files[3].read_bytes()[:-40])
    with pytest.raises(CaseError, match=rf"{files[3].name} is damaged or ends before its last pixel: copy it again"):
        read.image(tmp_path)


@pytest.mark.parametrize("syntax", ["RLE", "JPEG-LS", "JPEG 2000", "JPEG lossless"])
def test_a_truncated_compressed_slice_is_named(tmp_path, dicom, syntax):
    files = dicom.series(tmp_path, dicom.image(dicom.counts((4, 40, 40))), syntax=SYNTAXES[syntax])
    files[2].write_bytes(files[2].read_bytes()[:-900])
    with pytest.raises(CaseError, match=files[2].name):
        read.image(tmp_path)


def test_bits_beyond_those_stored_do_not_count(tmp_path, dicom):
    def overlaid(content, index):  # an overlay in the highest bit, as old scanners wrote it
        content.BitsStored, content.HighBit, content.PixelRepresentation = 12, 11, 0
        content.PixelData = (np.frombuffer(content.PixelData, "<u2") | 0x8000).tobytes()

    volume = dicom.image(np.abs(dicom.counts()))
    dicom.series(tmp_path, volume, each=overlaid)
    same(read.image(tmp_path), volume)


def test_a_header_with_decimal_commas_is_refused(tmp_path, dicom):
    files = dicom.series(tmp_path, dicom.image(dicom.counts()))
    files[1].write_bytes(files[1].read_bytes().replace(b"1.1\\0.8", b"1,1\\0,8"))
    with pytest.raises(
        CaseError, match=rf"{files[1].name} (has a damaged DICOM header|states no readable PixelSpacing)"
    ):
        read.image(tmp_path)


def test_loss_by_compression_is_noted(tmp_path, dicom):
    dicom.series(tmp_path, dicom.image(dicom.counts()), LossyImageCompression="01")
    assert read.scan(tmp_path)[1] == "compressed with loss before it came here"


def test_an_empty_or_foreign_file_named_dcm_is_refused(tmp_path, dicom):
    dicom.series(tmp_path, dicom.image(dicom.counts()))
    (tmp_path / "z.dcm").write_text("")
    with pytest.raises(CaseError, match=r"z\.dcm is empty"):
        read.image(tmp_path)
    (tmp_path / "z.dcm").write_text("no DICOM" * 40)
    with pytest.raises(CaseError, match=r"z\.dcm is not a DICOM file"):
        read.image(tmp_path)


def test_a_syntax_that_cannot_be_decoded_is_said(tmp_path, dicom):
    files = dicom.series(tmp_path, dicom.image(dicom.counts()), syntax=uid.RLELossless)
    for file in files:
        content = dcmread(file)
        content.file_meta.TransferSyntaxUID = uid.HTJ2KLossless
        content.save_as(file)
    with pytest.raises(
        CaseError, match="compressed as High-Throughput JPEG 2000.*cannot be decoded: export it uncompressed"
    ):
        read.image(tmp_path)


def test_a_folder_of_other_things_holds_no_image(tmp_path, dicom):
    (tmp_path / "readme.txt").write_text("see the other folder")
    with pytest.raises(CaseError, match="holds no DICOM image: name an image file, or a folder of DICOM files"):
        read.image(tmp_path)


def test_a_screenshot_has_no_place(tmp_path, dicom):
    content = dicom.header(uid.SecondaryCaptureImageStorage, modality="OT")
    dicom.set_pixels(content, np.zeros((4, 4), np.uint8))
    dicom.write(content, tmp_path / "shot.dcm")
    with pytest.raises(CaseError, match=r"slices without a position, such as shot\.dcm"):
        read.image(tmp_path)


def test_a_single_slice_has_the_height_of_its_thickness(tmp_path, dicom):
    volume = dicom.image(dicom.counts((1, 9, 7)))
    (file,) = dicom.series(tmp_path, volume)
    found, note = read.scan(tmp_path)
    same(found, volume)
    assert note == "a single slice; its thickness is taken as its height"
    same(read.image(file), volume)


def test_one_file_of_many_is_not_taken_for_the_series(tmp_path, dicom):
    files = dicom.series(tmp_path, dicom.image(dicom.counts()))
    with pytest.raises(CaseError, match="is one of 6 slices: name its folder instead"):
        read.image(files[0])


def test_files_without_preamble_and_endings_are_read(tmp_path, dicom):
    volume = dicom.image(dicom.counts())
    for n, file in enumerate(dicom.series(tmp_path, volume, syntax=uid.ImplicitVRLittleEndian)):
        content = dcmread(file)
        file.unlink()
        content.save_as(tmp_path / f"IM_{n:04d}", implicit_vr=True, little_endian=True, enforce_file_format=False)
        plain = (tmp_path / f"IM_{n:04d}").read_bytes()
        (tmp_path / f"IM_{n:04d}").write_bytes(plain[plain.index(b"\x08\x00\x08\x00") :])
    same(read.image(tmp_path), volume)


def test_a_mosaic_is_refused(tmp_path, dicom):
    dicom.series(
        tmp_path, dicom.image(dicom.counts()), each=lambda c, i: setattr(c, "ImageType", ["ORIGINAL", "MOSAIC"])
    )
    with pytest.raises(CaseError, match="is a mosaic of slices: convert the series with dcm2niix"):
        read.image(tmp_path)


@pytest.mark.parametrize("syntax", ["explicit", "RLE", "JPEG lossless", "JPEG 2000"])
def test_enhanced_frames_are_placed_and_rescaled_one_by_one(tmp_path, dicom, syntax):
    volume = dicom.image(dicom.counts((6, 36, 33)), direction=dicom.oblique())
    order = [3, 0, 5, 1, 4, 2]
    scales = [(1 + 0.25 * frame, frame) for frame in range(6)]
    path = dicom.enhanced(tmp_path / "mf.dcm", volume, order=order, scales=scales, syntax=SYNTAXES[syntax])
    array = sitk.GetArrayFromImage(volume).astype(float)
    for frame, k in enumerate(order):
        array[k] = array[k] * scales[frame][0] + scales[frame][1]
    for named in (path, tmp_path):
        found = read.image(named)
        assert np.array_equal(sitk.GetArrayFromImage(found), array)
        same_place(found, volume)


def test_echoes_of_an_enhanced_file_are_told_apart(tmp_path, dicom):
    first, second = dicom.counts(seed=1), dicom.counts(seed=2)
    both = dicom.image(np.concatenate([first, second]))
    path = tmp_path / "mf.dcm"
    dicom.enhanced(path, both, extra=lambda f: {
        "MREchoSequence": [{"EffectiveEchoTime": 10.0 if f < 6 else 60.0}],
        "PlanePositionSequence": [{"ImagePositionPatient": list(both.TransformIndexToPhysicalPoint((0, 0, f % 6)))}],
    })  # fmt: skip
    with pytest.raises(CaseError, match=r"holds 2 images at the same places, told apart by EchoTime \(10, 60\)"):
        read.image(path)
    same(read.image(f"{path}#;EchoTime=60"), dicom.image(second))


def test_a_multi_frame_file_without_places_is_refused(tmp_path, dicom):
    content = dicom.header(uid.NuclearMedicineImageStorage, modality="NM")
    content.ImagePositionPatient, content.ImageOrientationPatient, content.PixelSpacing = (
        [0, 0, 0],
        [1, 0, 0, 0, 1, 0],
        [1, 1],
    )
    dicom.set_pixels(content, dicom.counts())
    dicom.write(content, tmp_path / "nm.dcm")
    with pytest.raises(CaseError, match="several frames and no position of each"):
        read.image(tmp_path / "nm.dcm")


def test_the_source_names_series_and_files_and_its_hash_is_of_their_bytes(tmp_path, dicom):
    files = dicom.series(tmp_path / "a", dicom.image(dicom.counts()), names="shuffled")
    dicom.series(tmp_path / "b", dicom.image(dicom.counts(seed=3)), series=f"{dicom.SERIES}2", description="other")
    source = read.source(f"{tmp_path}#axial*")
    assert (source.format, source.series_uid, source.modality) == ("DICOM series", dicom.SERIES, "CT")
    assert source.description == "axial 2.5" and list(source.files) == files
    before = read.digest(f"{tmp_path}#axial*")
    assert before == source.sha256
    (tmp_path / "b" / "more.txt").write_text("nothing of the series")
    assert read.digest(f"{tmp_path}#axial*") == before
    moved = files[0].rename(tmp_path / "a" / "zzz.dcm")
    assert read.digest(f"{tmp_path}#axial*") == before
    moved.write_bytes(moved.read_bytes() + b"\0\0")
    assert read.digest(f"{tmp_path}#axial*") != before


def test_the_order_in_which_a_folder_lists_its_files_does_not_matter(tmp_path, dicom, monkeypatch):
    import os

    volume = dicom.image(dicom.counts())
    dicom.series(tmp_path, volume)
    listed = os.walk
    monkeypatch.setattr(os, "walk", lambda f: [(p, d, random.Random(1).sample(n, len(n))) for p, d, n in listed(f)])
    same(read.image(tmp_path), volume)
