from __future__ import annotations

import pytest

from helpers import study
from helpers.cohort import enroll
from helpers.cohort.importers import sts, ucsf_pdgm
from helpers.errors import RadiogramError


def test_ucsf_has_103_mutant_of_501(shared_data):
    frame, notes = ucsf_pdgm.table(shared_data / "ucsf_pdgm")
    assert (len(frame), int(frame["idh"].sum()), notes) == (501, 103, [])


def test_ucsf_identifiers_of_three_and_four_digits_are_one_patient():
    assert ucsf_pdgm._identifier("UCSF-PDGM-004") == ucsf_pdgm._identifier("UCSF-PDGM-0004")
    assert ucsf_pdgm._identifier("UCSF-PDGM-0431_FU001d") != ucsf_pdgm._identifier("UCSF-PDGM-431")


def test_sts_has_19_metastases_of_51_and_three_patients_without_clinical_data(shared_data):
    frame, notes = sts.rows(shared_data / "sts")
    assert (len(frame), int(frame["metastasis"].sum())) == (51, 19)
    assert notes == ["3 of 51 patients have no row in clinical.csv"]


def test_sts_test_part_is_a_stratified_third(shared_data):
    trial = study.load("sts-metastasis", overrides=[f"cohort.root={shared_data / 'sts'}"])
    cases = enroll.enroll(trial).cases
    assert cases.groupby("part")["metastasis"].agg(["size", "sum"]).loc["test"].tolist() == [17, 6]


@pytest.mark.parametrize("source", ["sts-metastasis", "ucsf-idh"])
def test_a_wrong_folder_says_what_it_must_hold(source, tmp_path):
    with pytest.raises(RadiogramError, match="cohort.root must name the folder"):
        enroll.enroll(study.load(source, overrides=[f"cohort.root={tmp_path}"]))
