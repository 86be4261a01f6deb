"""Which values of a mask are the lesion, by number, by convention, by sequence; a mask of another convention is refused."""

import pytest

from helpers.errors import CaseError, RadiogramError
from helpers.imaging import labels
from helpers.study import load


@pytest.fixture
def rule(tmp_path):
    """The parameter imaging.mask_label as a study file gives it."""

    def _rule(text):
        path = tmp_path / "study.yaml"
        path.write_text(f"cohort: {{sequences: [T1, T2]}}\nimaging: {{mask_label: {text}}}\n")
        return load(path).parameters.imaging.mask_label

    return _rule


@pytest.mark.parametrize(
    "text,values",
    [
        ("1", (1,)),
        ("[1, 3]", (1, 3)),
        ("[3, 1, 3]", (3, 1)),
        ("brats2021:whole_tumor", (1, 2, 4)),
        ("brats2021:tumor_core", (1, 4)),
        ("brats2021:enhancing", (4,)),
        ("brats2021:edema", (2,)),
        ("brats2024:whole_tumor", (1, 2, 3)),
        ("brats2024:tumor_core", (1, 3)),
        ("brats2024:enhancing", (3,)),
        ("brats2024:netc", (1,)),
        ("brats2024:snfh", (2,)),
        ("brats2024:resection_cavity", (4,)),
    ],
)
def test_a_rule_of_a_study_file_means_these_values(rule, text, values):
    assert labels.chosen(rule(text), "T1") == values


def test_each_sequence_may_have_a_rule_of_its_own(rule):
    own = rule("{default: 1, T2: [2, 3], FLAIR: 'brats2024:snfh'}")
    assert [labels.chosen(own, s) for s in ("T1", "T2", "FLAIR")] == [(1,), (2, 3), (2,)]
    with pytest.raises(RadiogramError, match="says nothing of T1, but of T2: add it, or the key default"):
        labels.preflight(rule("{T2: 4}"), ["T2", "T1"])


@pytest.mark.parametrize("text", ["0", "-1", "[]", "[0, 1]", "whole", "1.5"])
def test_what_is_no_rule_is_refused_when_the_study_is_loaded(rule, text):
    with pytest.raises(RadiogramError, match="mask_label"):
        rule(text)


def test_unknown_conventions_and_regions_are_refused_with_those_known():
    with pytest.raises(RadiogramError, match="brats2019:edema: known conventions are brats2021 and brats2024"):
        labels.preflight("brats2019:edema", ["T1"])
    with pytest.raises(RadiogramError, match="the regions of brats2024 are whole_tumor, tumor_core, enhancing, netc"):
        labels.preflight("brats2024:edema", ["T1"])


def test_values_that_are_present_are_taken():
    assert labels.lesion([1, 2], "brats2021:whole_tumor", where="mask m") == ((1, 2), "")
    assert labels.lesion([2, 5, 7], (5, 9), where="mask m") == ((5,), "")


@pytest.mark.parametrize("present", [[1, 2, 3], [3], [1, 2, 3, 4]])
def test_a_brats_2024_mask_is_not_taken_for_2021(present):
    with pytest.raises(CaseError, match="mask m has value 3, which brats2021 does not: it looks like brats2024"):
        labels.lesion(present, "brats2021:enhancing", where="mask m")


def test_a_mask_of_no_convention_is_refused_with_its_values():
    with pytest.raises(CaseError, match="has value 255, which brats2021 does not: brats2021 has 1, 2, 4 only"):
        labels.lesion([255], "brats2021:whole_tumor", where="mask m")
    with pytest.raises(CaseError, match="has value 5, which brats2024 does not"):
        labels.lesion([1, 5], "brats2024:whole_tumor", where="mask m")


def test_a_2024_mask_that_could_be_of_2021_is_noted():
    found, note = labels.lesion([1, 2, 4], "brats2024:whole_tumor", where="mask m")
    assert (
        found == (1, 2)
        and note == "mask has values 1 and 4 without 3, as BraTS 2021 writes enhancing tumor: check the convention"
    )
    assert labels.lesion([2, 4], "brats2024:whole_tumor", where="mask m")[1] == ""  # edema around a cavity


def test_a_region_that_is_not_there_is_never_guessed():
    with pytest.raises(
        CaseError, match=r"no voxel of value 4 \(brats2021:enhancing\), but of 2: the case has no such region"
    ):
        labels.lesion([2], "brats2021:enhancing", where="mask m")
    with pytest.raises(CaseError, match="no voxel of value 1 or 3, but of 2: set imaging.mask_label"):
        labels.lesion([2], (1, 3), where="mask m")


def test_the_only_value_of_a_mask_is_read_as_the_lesion_and_noted():
    assert labels.lesion([255], 1, where="mask m") == ((255,), "mask value 255 read as the lesion")
