"""The page on integrity names no patient and counts what it says."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers import study
from helpers.evaluation import integrity_printed as printed
from helpers.learning.common_recipe import BEST, REFIT, SELECTION, THRESHOLD
from helpers.tables import DECLARED, empty


@pytest.fixture
def cases():
    return pd.DataFrame({"case": list("abcd"), "patient": list("abcd"), "part": ["train", "train", "train", "test"]})


def fits(*rows):
    return pd.DataFrame([("label", *row) for row in rows], columns=list(DECLARED["fits"].names))


def test_objects_that_saw_the_same_patients_share_a_row_and_nobody_is_named(cases):
    table = fits(
        ("radiomics", -1, "a\nb\nc", "f" * 64), ("nomogram", -1, "a\nb\nc", "f" * 64), ("nomogram", 0, "a\nb", "e" * 64)
    )
    shown = printed.fits(table, cases)
    assert shown["Fitted"].tolist() == ["Radiomics signature and Nomogram", "Nomogram"]
    assert shown["On"].tolist() == ["all training patients", "fold 1"]
    assert shown["Patients seen"].tolist() == ["3", "2"] and set(shown["Fingerprint"]) == {"f" * 12, "e" * 12}
    assert shown["Of them outside training"].tolist() == ["0 of 3 (0 %)", "0 of 2 (0 %)"]


def test_a_fit_that_saw_the_test_part_shows(cases):
    shown = printed.fits(fits(("nomogram", -1, "a\nb\nd", "f" * 64)), cases)
    assert shown["Of them outside training"].tolist() == ["1 of 3 (33 %)"]


def test_the_same_objects_are_named_once(cases):
    table = fits(("radiomics", -1, "a\nb\nc", "f" * 64), ("radiomics", 0, "a\nb", "e" * 64))
    assert printed.fits(table, cases)["Fitted"].tolist() == ["Radiomics signature", "the same"]


def test_openings_say_what_had_changed():
    ledger = pd.DataFrame(
        [("p" * 64, "c" * 64, "i" * 64), ("q" * 64, "d" * 64, "i" * 64)], columns=["parameters", "code", "inputs"]
    )
    assert printed.openings(ledger)["What had changed"].tolist() == ["first opening", "other parameters and code"]


def test_permutations_show_mean_range_limit_and_p():
    rows = [("label", "nomogram", i, area, 84, 42) for i, area in enumerate([0.8, 0.45, 0.5, 0.55])]
    row = printed.permutation(pd.DataFrame(rows, columns=list(DECLARED["permutation"].names)), folds=5).iloc[0]
    assert row.tolist()[1:3] == ["0.80", "0.50 (0.45 to 0.55)"] and row.iloc[-1] == "0.25"
    assert 0.55 < float(row.iloc[3]) < 0.65


def test_without_permutations_there_is_no_limit():
    rows = pd.DataFrame([("label", "nomogram", 0, 0.8, 84, 42)], columns=list(DECLARED["permutation"].names))
    assert printed.permutation(rows, folds=5).iloc[0].tolist()[2:] == ["–", "–", "–"]


def test_resembling_pairs_are_counted_and_nobody_is_named():
    found = pd.DataFrame(
        [("train", "test", "identical features", "x", "y"), ("test", "train", "identical features", "z", "w")],
        columns=["part_a", "part_b", "kind", "case_a", "case_b"],
    )
    assert printed.pairs(found).to_numpy().tolist() == [["Identical features", "Test and Training", "2"]]
    assert printed.pairs(found.iloc[:0]).iloc[0]["Pairs"] == "0"


def test_controls_that_nobody_measured_are_said_to_be_absent():
    assert "no images with shuffled voxels" in printed.controls(None).to_string()


def test_the_numbers_of_the_page_count_leaks_openings_and_the_smallest_p(cases):
    parameters = study.load("demo", overrides=["integrity.permutations=9", "integrity.openings=3"]).parameters
    table = fits(("nomogram", -1, "a\nb\nd", "f" * 64), ("nomogram", 0, "a\nb", "e" * 64))
    null = pd.DataFrame([("label", "nomogram", 1, 0.52, 84, 42)], columns=list(DECLARED["permutation"].names))
    ledger = pd.DataFrame([("p", "c", "i")] * 2, columns=["parameters", "code", "inputs"])
    told = printed.numbers(
        table, cases, null, ledger, models=["nomogram", "ConvNeXt"], ours="ConvNeXt", parameters=parameters
    )
    assert told["ours"] == "model ConvNeXt"
    assert told["outside"] == "1 of 2 (50 %)" and told["openings"] == "2 times" and told["smallest_p"] == "0.10"
    assert told["most_openings"] == "at most 3 were allowed" and told["null"] == "the mean AUC was 0.52"
    assert "not so 1 other model of the report" in told["rerun"]


def test_without_volume_and_centers_the_canaries_are_said_to_be_absent():
    assert "no volume was measured" in printed.canaries(empty("canaries")).to_string()


def test_the_steps_that_were_taken_are_told():
    table = pd.DataFrame({"step": [SELECTION, THRESHOLD, BEST]})
    assert printed.steps(table, splits=20) == f"{SELECTION}, {THRESHOLD} and the best of 20 splits kept"
    assert REFIT in printed.steps(empty("recipe"), splits=20)
