"""Internal validation in words and tables: what is missing is said, a range is no interval, the leading model speaks."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.evaluation import validation_printed

NONE = float("nan")
COLUMNS = ["endpoint", "model", "method", "metric", "apparent", "optimism", "estimate", "low", "high", "replicates"]


@pytest.fixture
def validation():
    rows = [
        ("label", "clinical", "apparent", "auc", 0.7, NONE, 0.7, NONE, NONE, 1),
        ("label", "clinical", "cross-validation", "auc", 0.7, NONE, 0.6, NONE, NONE, 1),
        ("label", "nomogram", "apparent", "auc", 0.95, NONE, 0.95, NONE, NONE, 1),
        ("label", "nomogram", "cross-validation", "auc", 0.95, NONE, 0.66, NONE, NONE, 1),
        ("label", "nomogram", "repeated cross-validation", "auc", 0.95, NONE, 0.68, 0.66, 0.71, 3),
        ("label", "nomogram", "bootstrap optimism", "auc", 0.95, 0.1, 0.85, 0.6, 0.9, 20),
        ("label", "nomogram", "bootstrap out-of-bag", "auc", 0.95, NONE, 0.64, NONE, NONE, 20),
        ("label", "nomogram", "bootstrap .632+", "auc", 0.95, NONE, 0.69, NONE, NONE, 20),
        ("label", "nomogram", "apparent", "calibration_slope", 3.5, NONE, 3.5, NONE, NONE, 1),
        ("label", "nomogram", "cross-validation", "calibration_slope", 3.5, NONE, 0.6, NONE, NONE, 1),
        ("label", "nomogram", "bootstrap optimism", "calibration_slope", 3.5, NONE, NONE, NONE, NONE, 20),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def frequency():
    columns = ["endpoint", "signature", "feature", "frequency", "in_final", "replicates"]
    rows = [("label", "radiomics", f, share, final, 20) for f, share, final in
            (("a", 0.6, True), ("b", 0.5, False), ("c", 0.1, True))]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def test_each_model_is_a_block_and_what_was_not_computed_is_a_dash(validation):
    table = validation_printed.validation(validation)
    assert table.iloc[0, 0] == "**Nomogram**"
    assert table.iloc[1].tolist() == ["AUC", "0.95", "0.68 (0.66 to 0.71)", "0.85 (0.60 to 0.90)", "0.64", "0.69"]
    slope = table[table[""] == "Calibration slope"].iloc[0].tolist()
    assert slope == ["Calibration slope", "3.50", "0.60", "not estimable", "–", "–"]
    assert table[table[""] == "AUC"].iloc[1].tolist() == ["AUC", "0.70", "0.60", "–", "–", "–"]


def test_the_sentence_sets_the_apparent_value_against_patients_left_out(validation, frequency):
    spread = pd.DataFrame(
        {"model": ["nomogram", "nomogram", "clinical"], "error": [0.1, 0.3, 0.9], "flips": [0.0, 0.3, 0.5]}
    )
    told = validation_printed.numbers(validation, spread, frequency, lead="nomogram")
    assert told["answer"] == (
        "The AUC of the nomogram on the patients it was fitted to is 0.95; on patients left out it is 0.68 "
        "(0.66 to 0.71 over the repeats), and 0.69 by the bootstrap (.632+)."
    )
    assert (told["bootstraps"], told["repeats"]) == ("20 bootstrap samples", "3 times")
    assert told["flips"] == "15 of 100 cases, and for 1 of 2 (50 %) patients in a quarter of the models or more"
    assert told["error"] == "20 percentage points on average, and 30 for the patient it moves most"
    assert told["frequency"] == "in the radiomics signature, 1 of 2 (50 %)"


def test_without_repetitions_the_sentence_says_so(validation, frequency):
    once = validation[validation["method"].isin(["apparent", "cross-validation"])]
    none = pd.DataFrame(columns=["model", "error", "flips"])
    told = validation_printed.numbers(once, none, frequency.iloc[:0], lead="nomogram")
    assert told["answer"].endswith("on patients left out it is 0.66.")
    assert (told["bootstraps"], told["repeats"]) == ("0 bootstrap samples", "1 time")
    assert told["error"].startswith("not examined")


def test_added_value_names_its_blocks_and_terms_in_plain_words():
    row = {
        "endpoint": "label",
        "block": "clinical",
        "terms": "age, sex=male, kps",
        "statistic": 8.256,
        "df": 3,
        "p": 0.041,
    }
    table = validation_printed.added_value(pd.DataFrame([row]))
    assert table.iloc[0].tolist() == ["Clinical variables together", "age, sex: male, KPS", "8.26", 3, "0.041"]


def test_worked_examples_show_value_and_signed_contribution():
    rows = [(p, r, v, x, c) for p, r in (("lowest", 0.1), ("median", 0.4), ("highest", 0.8))
            for v, x, c in (("age", 61.0, -0.25), ("sex", "male", 0.125))]  # fmt: skip
    worked = pd.DataFrame(rows, columns=["patient", "risk", "variable", "value", "contribution"])
    table = validation_printed.contributions({"label": worked})
    assert table.iloc[0].tolist() == ["Risk", "10 %", "40 %", "80 %"]
    assert table.iloc[1, 1] == "−0.25" and table.iloc[2, 3] == "+0.12"  # and no value of a patient
    assert "No nomogram" in validation_printed.contributions({"label": worked.iloc[:0]}).iloc[0, 0]
