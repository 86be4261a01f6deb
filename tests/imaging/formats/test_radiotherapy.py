"""Dose and target of a patient: in the place of the scan, never of another frame of reference, and the plan in numbers."""

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from helpers.errors import CaseError
from helpers.imaging import radiotherapy, read
from helpers.imaging.placement import Placed
from helpers.imaging.radiotherapy import Irradiation


def placed(scan):
    return Placed(scan, scan, None)


@pytest.fixture
def scan(dicom, tmp_path):
    """An MR series and its path."""
    volume = dicom.image(dicom.counts(), spacing=(2.0, 2.0, 3.0))
    dicom.series(tmp_path / "mr", volume, sop_class=dicom.MR, modality="MR")
    return read.image(tmp_path / "mr"), str(tmp_path / "mr")


def gray(reference, *, spacing=2.5, margin=4):
    """A dose of 20 Gy + 1 Gy a mm along x, on a grid of its own that holds the scan."""
    low = np.array(reference.GetOrigin()) - margin
    high = np.array(reference.TransformIndexToPhysicalPoint([n - 1 for n in reference.GetSize()])) + margin
    size = np.ceil((high - low) / spacing).astype(int) + 1
    x = low[0] + spacing * np.arange(size[0])
    dose = sitk.GetImageFromArray(np.broadcast_to(70 + x - low[0], size[::-1]).astype(np.float64))
    dose.SetSpacing([spacing] * 3)
    dose.SetOrigin(low.tolist())
    return dose, low[0]


def test_a_dose_comes_on_the_scan_where_both_headers_put_it(scan, dicom, tmp_path):
    image, path = scan
    dose, edge = gray(image)
    file = dicom.rtdose(tmp_path / "dose.dcm", dose)
    given = radiotherapy.irradiation(str(file), "", placed=placed(image), drawn_on=path)
    found = sitk.GetArrayFromImage(given.dose)
    x = image.GetOrigin()[0] + image.GetSpacing()[0] * np.arange(image.GetSize()[0])
    assert np.allclose(found, np.broadcast_to(70 + x - edge, found.shape), atol=0.01)
    assert given.highest == pytest.approx(sitk.GetArrayViewFromImage(dose).max(), abs=0.001) and given.target is None


def test_a_dose_in_another_frame_of_reference_is_refused(scan, dicom, tmp_path):
    image, path = scan
    file = dicom.rtdose(tmp_path / "dose.dcm", gray(image)[0], frame="1.2.3.9.99")
    with pytest.raises(CaseError, match="dose .*dose.dcm lies in another frame of reference than the image"):
        radiotherapy.irradiation(str(file), "", placed=placed(image), drawn_on=path)


def box(image, z):
    """The corners of a square of 4 x 4 voxels in slice z, in mm."""
    corners = [(1, 2, z), (5, 2, z), (5, 6, z), (1, 6, z)]
    return np.array([image.TransformContinuousIndexToPhysicalPoint(c) for c in corners])


def test_a_target_drawn_on_another_series_of_the_same_frame_is_taken_and_said(scan, dicom, tmp_path):
    image, path = scan
    contours = [box(image, z) for z in range(1, 4)]
    file = dicom.rtstruct(tmp_path / "plan.dcm", {"GTV": contours[:1], "PTV": contours}, series=f"{dicom.SERIES}.55")
    given = radiotherapy.irradiation("", f"{file}#PTV", placed=placed(image), drawn_on=path)
    inside = sitk.GetArrayFromImage(given.target)
    assert inside.any(axis=(1, 2)).nonzero()[0].tolist() == [1, 2, 3] and 16 <= inside[1].sum() <= 25
    assert "same frame of reference" in " ".join(given.notes)


def test_a_target_in_another_frame_of_reference_is_refused(scan, dicom, tmp_path):
    image, path = scan
    file = dicom.rtstruct(tmp_path / "plan.dcm", {"PTV": [box(image, 1)]}, series="", frame="1.2.3.9.99")
    with pytest.raises(CaseError, match="lies in another frame of reference"):
        radiotherapy.irradiation("", str(file), placed=placed(image), drawn_on=path)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (lambda dose: dose * 0, "runs from 0 to 0, which is no dose"),
        (lambda dose: dose - 100, "runs from -30 to .*, which is no dose: give it in Gy"),
        (lambda dose: dose * 100, "too much for Gy: divide it by 100 if it is in cGy"),
    ],
)
def test_what_is_no_dose_in_gray_is_refused(scan, tmp_path, values, sentence):
    image, path = scan
    sitk.WriteImage(values(gray(image)[0]), str(tmp_path / "dose.nii.gz"))
    with pytest.raises(CaseError, match=sentence):
        radiotherapy.irradiation(str(tmp_path / "dose.nii.gz"), "", placed=placed(image), drawn_on=path)


def test_a_dose_elsewhere_and_a_dose_that_is_not_there_are_refused(scan, tmp_path):
    image, path = scan
    dose = gray(image)[0]
    dose.SetOrigin((900.0, 0.0, 0.0))
    sitk.WriteImage(dose, str(tmp_path / "far.nii.gz"))
    for name, sentence in (
        ("far", "does not overlap with the image"),
        ("none", "none.nii.gz is missing: correct the path"),
    ):
        with pytest.raises(CaseError, match=sentence):
            radiotherapy.irradiation(str(tmp_path / f"{name}.nii.gz"), "", placed=placed(image), drawn_on=path)


def test_dose_and_target_move_with_the_masks(scan, tmp_path):
    image, path = scan
    dose, _ = gray(image)
    sitk.WriteImage(dose, str(tmp_path / "dose.nii.gz"))
    shift = sitk.TranslationTransform(3, (4.0, 0.0, 0.0))
    still = radiotherapy.irradiation(str(tmp_path / "dose.nii.gz"), "", placed=placed(image), drawn_on=path)
    moved = radiotherapy.irradiation(
        str(tmp_path / "dose.nii.gz"), "", placed=Placed(image, image, shift, moved=True), drawn_on=path
    )
    change = sitk.GetArrayFromImage(moved.dose) - sitk.GetArrayFromImage(still.dose)
    assert np.allclose(change[1:-1, 1:-1, 1:-3], 4.0, atol=0.01)


def irradiated(dose, target, spacing=(2.0, 2.0, 2.5)):
    made = [sitk.GetImageFromArray(a) for a in (dose, target.astype(np.uint8))]
    for image in made:
        image.SetSpacing(spacing)
    return Irradiation(*made, highest=float(dose.max()))


def test_numbers_of_the_plan_are_those_of_the_volume_histogram():
    rng = np.random.default_rng(5)
    dose = 60 * ndimage.gaussian_filter(rng.uniform(0.7, 1.2, (12, 14, 16)), 1)
    target, lesion = np.zeros(dose.shape, bool), np.zeros(dose.shape, bool)
    target[3:9, 3:11, 3:12], lesion[4:7, 4:7, 4:7] = True, True
    found = radiotherapy.numbers(irradiated(dose, target), lesion, prescription=54.0, fractions=30.0)
    held = np.sort(dose[target])
    levels = np.linspace(0, 70, 70_001)
    histogram = 1 - np.searchsorted(held, levels) / held.size  # share of the target that receives at least each level
    assert found["target_d95"] == pytest.approx(levels[np.flatnonzero(histogram >= 0.95)[-1]], abs=0.05)
    assert found["target_v95"] == pytest.approx(np.interp(0.95 * 54, levels, histogram), abs=0.01)
    assert found["target_mean"] == pytest.approx(np.trapezoid(histogram, levels), abs=0.01)
    assert found["target_ml"] == pytest.approx(6 * 8 * 9 * 0.01)
    assert found["dmax"] == dose.max() and found["lesion_mean"] == pytest.approx(dose[lesion].mean())


def test_what_is_not_known_of_a_plan_is_not_a_number():
    found = radiotherapy.numbers(Irradiation(), None, prescription=None, fractions=None)
    assert (
        list(found) == radiotherapy.names(dose=True, target=True, fractions=True)
        and np.isnan(list(found.values())).all()
    )


@pytest.mark.parametrize(
    ("dose", "fractions", "expected"),
    [(60, 30, 60.0), (40.05, 15, 42.29), (30, 5, 40.0), (20, 1, 50.0), (54, 30, 53.1)],
)
def test_the_dose_in_fractions_of_two_gray_is_that_of_the_linear_quadratic_model(dose, fractions, expected):
    assert radiotherapy.eqd2(dose, fractions) == pytest.approx(expected, abs=0.005)
