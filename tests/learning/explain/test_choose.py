"""Cases are chosen by rule: median confidence within each outcome at the frozen threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.learning.explain import choose


def rows(probability, truth, part="test", kind="frozen", model="net", endpoint="label"):
    case = [f"P{i:02d}" for i in range(len(truth))]
    return pd.DataFrame(
        {"case": case, "patient": case, "endpoint": endpoint, "model": model, "part": part, "kind": kind, "truth": truth,
         "probability": probability}
    )  # fmt: skip


def test_a_call_at_the_threshold_is_positive():
    told = choose.outcomes(rows([0.4, 0.4, 0.39, 0.1], [1, 0, 1, 0]), threshold=0.4)
    assert told["outcome"].tolist() == ["TP", "FP", "FN", "TN"]


def test_the_case_of_median_confidence_is_shown_of_each_outcome():
    told = choose.numbered(
        rows([0.51, 0.8, 0.999, 0.49, 0.2, 0.001, 0.6], [1, 1, 1, 0, 0, 0, 0]), threshold=0.5, cases=1
    )
    shown = told.dropna(subset="number").set_index("number")
    assert shown["case"].to_dict() == {1: "P01", 2: "P04", 3: "P06"}
    assert shown["outcome"].tolist() == ["TP", "TN", "FP"]


def test_confidence_is_measured_in_log_odds_from_the_threshold():
    told = choose.numbered(rows([0.21, 0.3, 0.4, 0.98, 0.99], [1] * 5), threshold=0.2, cases=1)
    assert told.loc[told["number"] == 1, "case"].item() == "P02"


def test_more_cases_are_those_nearest_to_the_median_and_no_more_than_there_are():
    told = choose.numbered(rows(np.linspace(0.55, 0.95, 9), [1] * 8 + [0]), threshold=0.5, cases=3)
    assert (told["outcome"] == "TP").sum() == 8
    assert set(told.loc[told["number"].notna() & (told["outcome"] == "TP"), "case"]) < {
        f"P{i:02d}" for i in range(2, 7)
    }
    assert (told["number"].dropna() == [1, 2, 3, 4]).all() or sorted(told["number"].dropna()) == [1, 2, 3, 4]


def test_order_of_rows_does_not_matter_and_ties_go_by_name():
    table = rows([0.7, 0.7, 0.7, 0.3], [1, 1, 1, 0])
    told = choose.numbered(table, threshold=0.5, cases=1)
    other = choose.numbered(table.iloc[::-1].reset_index(drop=True), threshold=0.5, cases=1)
    assert told.loc[told["number"] == 1, "case"].item() == other.loc[other["number"] == 1, "case"].item() == "P00"


def test_certain_predictions_have_a_finite_confidence():
    assert choose.numbered(rows([0.0, 1.0], [0, 1]), threshold=0.5, cases=1)["number"].notna().all()


@pytest.mark.parametrize(
    ("parts", "expected"), [(("test", "external:Lyon"), "test"), (("external:Lyon",), "external:Lyon"), ((), "train")]
)
def test_test_patients_come_first_then_external_then_out_of_fold(parts, expected):
    table = pd.concat(
        [rows([0.2, 0.8], [0, 1], part="train", kind="oof"), *(rows([0.3, 0.9], [0, 1], part=p) for p in parts)]
    )
    found = choose.judged(table, endpoint="label", model="net")
    assert set(found["part"]) == {expected} and len(found) == 2
    assert choose.judged(table, endpoint="label", model="other").empty
