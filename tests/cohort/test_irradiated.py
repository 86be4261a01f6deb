"""Dose, target and plan of a manifest: listed with the images, in the study's folder or beside the sheet, or None."""

import pytest

from helpers.cohort import enroll
from helpers.errors import RadiogramError
from helpers.study import load

SHEET = "patient,label,T1,mask,RD,PTV,prescription,fractions\n"
ROWS = "".join(f"P{i:02d},{i % 2},{i}.nii.gz,m{i}.nii.gz,rd{i}.dcm,rs.dcm#PTV,60,30\n" for i in range(40))


@pytest.fixture
def study(write_study, tmp_path):
    def _study(sheet, *overrides):
        (tmp_path / "sheet.csv").write_text(sheet)
        path = write_study("cohort: {source: manifest, sequences: [T1]}\n")
        named = ["cohort.dose=RD", "cohort.target=PTV", "cohort.plan=[prescription, fractions]"]
        return load(path, overrides=[f"cohort.manifest={tmp_path / 'sheet.csv'}", *named, *overrides])

    return _study


def test_dose_and_target_of_each_patient_are_listed_beside_the_sheet(study, tmp_path):
    opened = study(SHEET + ROWS + "P40,1,40.nii.gz,m.nii.gz,,,,\n")
    enrolled = enroll.enroll(opened)
    enroll.write(opened, enrolled)
    images = enroll.images(opened).set_index("case")
    assert images.loc["P03", ["dose", "target"]].tolist() == [str(tmp_path / "rd3.dcm"), str(tmp_path / "rs.dcm#PTV")]
    assert images.loc["P40", ["dose", "target"]].isna().all()
    cases = enrolled.cases.set_index("case")
    assert cases.loc["P03", ["prescription", "fractions"]].tolist() == [60, 30] and cases.loc["P40"].isna().sum() == 2


def test_without_names_every_image_is_without_dose(study):
    opened = study(SHEET + ROWS, "cohort.dose=null", "cohort.target=null", "cohort.plan=[]")
    enrolled = enroll.enroll(opened)
    assert enrolled.images[["dose", "target"]].isna().all(axis=None) and "fractions" not in enrolled.cases


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("cohort.dose=RTDOSE", "sheet.csv has no column RTDOSE"),
        ("cohort.target=GTV", "sheet.csv has no column GTV"),
        ("cohort.plan=[gray]", "sheet.csv has no column gray"),
        ("cohort.plan=[mask]", "column mask holds m0.nii.gz, which is no number"),
    ],
)
def test_a_column_that_is_not_there_or_holds_words_is_named(study, override, sentence):
    with pytest.raises(RadiogramError, match=sentence):
        enroll.enroll(study(SHEET + ROWS, override))
