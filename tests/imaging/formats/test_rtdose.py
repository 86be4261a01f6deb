"""Doses come back in Gy at their places, beams added up, or are refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import uid

from helpers.errors import CaseError
from helpers.imaging import read

SHAPE = (5, 8, 6)


def gray(dicom, seed=0, **options):
    values = np.random.default_rng(seed).integers(0, 60_000, SHAPE) / 1000
    return dicom.image(values, spacing=(2.5, 2.5, 3.0), **options)


def same(found, dose):
    assert np.allclose(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(dose), atol=1e-9)
    assert np.allclose(found.GetOrigin(), dose.GetOrigin()) and np.allclose(found.GetSpacing(), dose.GetSpacing())
    assert np.allclose(found.GetDirection(), dose.GetDirection())


@pytest.mark.parametrize("plane", ["AXIAL", "CORONAL", "SAGITTAL"])
def test_a_dose_is_scaled_to_gray(tmp_path, dicom, plane):
    dose = gray(dicom, direction=getattr(dicom, plane))
    path = dicom.rtdose(tmp_path / "dose.dcm", dose)
    found, note = read.dose(path)
    same(found, dose)
    assert note == ""
    same(read.image(path), dose)


def test_offsets_may_run_backwards_or_be_coordinates(tmp_path, dicom):
    dose = gray(dicom)
    z = [dose.GetOrigin()[2] + 3.0 * k for k in range(5)]
    same(read.dose(dicom.rtdose(tmp_path / "a.dcm", dose, offsets=z))[0], dose)
    backwards = sitk.Image(dose)
    backwards.SetOrigin(dose.TransformIndexToPhysicalPoint((0, 0, 4)))
    backwards = sitk.GetArrayFromImage(dose)[::-1]
    turned = dicom.image(backwards, spacing=(2.5, 2.5, 3.0), origin=dose.TransformIndexToPhysicalPoint((0, 0, 4)))
    path = dicom.rtdose(tmp_path / "b.dcm", turned, offsets=[-3.0 * k for k in range(5)])
    same(read.dose(path)[0], dose)


def test_uneven_planes_and_other_units_are_refused(tmp_path, dicom):
    with pytest.raises(CaseError, match=r"dose .*a\.dcm has planes at uneven distances"):
        read.dose(dicom.rtdose(tmp_path / "a.dcm", gray(dicom), offsets=[0, 3, 6, 9, 15]))
    with pytest.raises(CaseError, match=r"is in RELATIVE, not in GY: export the absolute dose"):
        read.dose(dicom.rtdose(tmp_path / "b.dcm", gray(dicom), units="RELATIVE"))


def test_beams_of_one_plan_are_added(tmp_path, dicom):
    beams = [gray(dicom, seed) for seed in range(3)]
    for n, beam in enumerate(beams, 1):
        dicom.rtdose(tmp_path / f"{n}.dcm", beam, summation="BEAM", beam=n)
    found, note = read.dose(tmp_path)
    same(found, beams[0] + beams[1] + beams[2])
    assert note == "sum of 3 beams"
    dicom.rtdose(tmp_path / "4.dcm", beams[0], summation="BEAM", beam=3)
    with pytest.raises(CaseError, match="holds beam 3 more than once"):
        read.dose(tmp_path)


def test_a_beam_that_the_plan_lists_and_the_folder_lacks_is_named(tmp_path, dicom):
    for n in (1, 3):
        dicom.rtdose(tmp_path / f"{n}.dcm", gray(dicom, n), summation="BEAM", beam=n)
    plan = dicom.header(uid.RTPlanStorage, modality="RTPLAN")
    plan.SOPInstanceUID = plan.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    plan.FractionGroupSequence = dicom.items(
        {"ReferencedBeamSequence": [{"ReferencedBeamNumber": n} for n in (1, 2, 3)]}
    )
    dicom.write(plan, tmp_path / "plan.dcm")
    with pytest.raises(CaseError, match="lacks the dose of beam 2 of its plan"):
        read.dose(tmp_path)


def test_the_dose_of_the_plan_is_preferred_to_its_beams(tmp_path, dicom):
    dicom.rtdose(tmp_path / "1.dcm", gray(dicom, 1), summation="BEAM", beam=1)
    whole = gray(dicom, 2)
    dicom.rtdose(tmp_path / "p.dcm", whole)
    found, note = read.dose(tmp_path)
    same(found, whole)
    assert note == "the PLAN dose was taken, not the sum of its beams"


def test_doses_of_two_plans_are_listed(tmp_path, dicom):
    doses = {plan: gray(dicom, n) for n, plan in enumerate(("1.2.3.4", "1.2.3.5"))}
    for plan, dose in doses.items():
        dicom.rtdose(tmp_path / f"{plan}.dcm", dose, plan=plan)
    with pytest.raises(CaseError, match=r"holds 2 doses \(.*PLAN of plan \.\.\.1\.2\.3\.4.*choose one as in #\*"):
        read.dose(tmp_path)
    same(read.dose(f"{tmp_path}#1.2.3.5")[0], doses["1.2.3.5"])
    with pytest.raises(CaseError, match="holds no RTDOSE of that name"):
        read.dose(f"{tmp_path}#9.9")


def test_beams_on_different_grids_are_refused(tmp_path, dicom):
    dicom.rtdose(tmp_path / "1.dcm", gray(dicom), summation="BEAM", beam=1)
    dicom.rtdose(tmp_path / "2.dcm", gray(dicom, origin=(0, 0, 0)), summation="BEAM", beam=2)
    with pytest.raises(CaseError, match="lies on another grid than"):
        read.dose(tmp_path)


def test_a_dose_is_resampled_onto_its_image_and_its_frame_is_checked(tmp_path, dicom):
    z, y, x = np.indices(SHAPE)
    dose = dicom.image(1.0 * x + 2 * y + 3 * z, spacing=(2.5, 2.5, 3.0), origin=(0, 0, 0))
    scan = dicom.image(dicom.counts((4, 10, 9)), spacing=(1.25, 1.25, 3.0), origin=(0, 0, 3.0))
    dicom.series(tmp_path / "ct", scan)
    path = dicom.rtdose(tmp_path / "dose.dcm", dose)
    image = read.image(tmp_path / "ct")
    found, note = read.dose(path, reference=image, reference_path=tmp_path / "ct")
    assert found.GetSize() == image.GetSize() and note == "dose resampled linearly onto the image"
    z, y, x = np.indices((4, 10, 9))
    assert np.allclose(sitk.GetArrayFromImage(found), 0.5 * x + y + 3 * (z + 1), atol=1e-6)
    away = dicom.rtdose(tmp_path / "away.dcm", dose, frame=f"{dicom.FRAME}.3")
    with pytest.raises(CaseError, match=r"away\.dcm lies in another frame of reference than the image"):
        read.dose(away, reference=image, reference_path=tmp_path / "ct")
    far = dicom.image(dicom.counts((4, 10, 9)), origin=(900, 0, 0))
    with pytest.raises(CaseError, match="do not overlap"):
        read.dose(path, reference=far)


def test_outside_the_dose_grid_there_is_no_dose(tmp_path, dicom):
    path = dicom.rtdose(tmp_path / "dose.dcm", gray(dicom))
    wide = sitk.ConstantPad(gray(dicom), (0, 0, 5), (0, 0, 0), 0.0)
    found, note = read.dose(path, reference=wide)
    assert note.endswith("0 Gy in the 50% of it outside the dose grid")
    assert not sitk.GetArrayFromImage(found)[:5].any()


def test_the_source_of_a_dose_is_its_files(tmp_path, dicom):
    from helpers.imaging.formats import source

    for n in (1, 2):
        dicom.rtdose(tmp_path / f"{n}.dcm", gray(dicom, n), summation="BEAM", beam=n)
    found = source.dose(tmp_path)
    assert (found.format, len(found.files), len(found.sha256)) == ("DICOM RTDOSE", 2, 64)
