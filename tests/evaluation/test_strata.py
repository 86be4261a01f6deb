"""Within a stratum a model is judged on that stratum's patients alone, and strata that cannot be judged say so."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from helpers import study as studies
from helpers.evaluation import comparison_printed, strata
from helpers.reporting import within
from helpers.tables import DECLARED, Tables

OVERRIDES = (
    "cohort.strata=[grade]", "statistics.subgroups=[{name: sex, column: sex}, {name: WHO grade, column: grade}]",
    "cohort.baselines=[{name: WHO grade, column: grade, direction: higher}]",
    "networks.models=[{name: net, architecture: resnet10}]", "networks.fusions=[{name: Age alone, clinical: [age]}]",
    "cohort.endpoints=[{name: label, positive: the label, negative: no label}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def study():
    return studies.load("demo", overrides=OVERRIDES)


@pytest.fixture(scope="module")
def cases():
    """Grade 4 has both outcomes often, grade 3 seldom one of them, grade 2 never."""
    rng = np.random.default_rng(8)
    grade = np.repeat([2.0, 3.0, 4.0], [30, 40, 130])
    label = np.concatenate([np.zeros(30), np.arange(40) < 4, rng.random(130) < 0.6]).astype(int)
    case = [f"P{i:03d}" for i in range(200)]
    frame = pd.DataFrame({"case": case, "patient": case, "part": "test", "label": label, "grade": grade})
    return frame.assign(sex=rng.choice(["female", "male"], 200), age=rng.normal(60, 10, 200))


@pytest.fixture(scope="module")
def predictions(cases):
    """A fusion that sees the label, a model that tells nothing but grades, and age, which tells nothing."""
    rng = np.random.default_rng(9)
    scores = {
        "fusion": 1.5 * cases["label"] + cases["grade"] + rng.normal(size=200),
        "net": cases["grade"] + 1e-6 * rng.normal(size=200),
        "Age alone": (cases["age"] - 60) / 10,
    }
    frames = [
        cases[["case", "patient", "part"]].assign(
            endpoint="label",
            model=model,
            kind="frozen",
            truth=cases["label"],
            probability=1 / (1 + np.exp(-(s - s.mean()))),
        )
        for model, s in scores.items()
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def table(cases, predictions, study):
    return strata.strata(predictions, cases, None, parameters=study.parameters)


def test_a_stratums_auc_is_that_of_its_patients_alone(table, cases, predictions):
    assert list(table.columns) == list(DECLARED["strata"].names)
    inside = predictions[predictions["case"].isin(cases.loc[cases["grade"] == 4, "case"])]
    for model, own in inside.groupby("model"):
        row = table[(table["model"] == model) & (table["level"] == "4")].iloc[0]
        assert row["estimate"] == pytest.approx(roc_auc_score(own["truth"], own["probability"]), abs=1e-12)
        assert row["low"] < row["estimate"] < row["high"] and row["n"] == 130


def test_only_what_no_model_reads_makes_strata(table):
    assert set(table["variable"]) == {"all patients", "WHO grade"}


def test_a_model_that_only_tells_grades_apart_falls_to_one_half_within_each(table):
    """The comparator is the grade itself; the network is the grade and noise that says nothing."""
    grade, net = table[table["model"] == "WHO grade"], table[table["model"] == "net"]
    assert grade.loc[grade["level"] == "", "estimate"].item() > 0.75
    assert grade.loc[grade["level"] == "4", "estimate"].item() == 0.5
    assert net.loc[net["level"] == "", "low"].item() > 0.65
    inside = net[net["level"] == "4"].iloc[0]
    assert inside["low"] < 0.5 < inside["high"]


def test_strata_of_one_outcome_or_too_few_say_so_and_give_no_interval(table):
    two, three = (table[(table["level"] == level) & (table["model"] == "fusion")].iloc[0] for level in "23")
    assert two["note"] == "not judged: all 30 patients without the endpoint"
    assert three["note"] == "not judged: 4 with the endpoint, fewer than 10"
    assert pd.isna([two["estimate"], two["low"], three["estimate"], three["high"]]).all()
    printed = comparison_printed.strata(table).set_index("Model")
    assert (
        printed.loc["Fusion", "WHO grade: 2"] == "one outcome only"
        and printed.loc["Fusion", "WHO grade: 3"] == "too few"
    )
    assert printed.loc["WHO grade, not fitted", "WHO grade: 4"] == "0.50 (does not vary)"
    assert printed.loc["Events of patients", "WHO grade: 3"] == "4 of 40"


def test_patients_whose_stratum_is_unknown_are_in_none(cases, predictions, study):
    gaps = cases.assign(grade=cases["grade"].mask(cases.index % 2 == 0))
    found = strata.strata(predictions, gaps, None, parameters=study.parameters)
    assert found.query("model == 'fusion' and level == '4'")["n"].item() == (gaps["grade"] == 4).sum()
    assert found.query("model == 'fusion' and level == ''")["n"].item() == 200


def test_a_study_without_strata_has_no_rows_and_no_words(cases, predictions):
    plain = studies.load("demo", overrides=["cohort.strata=[]"])
    assert strata.strata(predictions, cases, None, parameters=plain.parameters).empty
    assert within.section(plain) == ""


@pytest.fixture
def told(table, cases, predictions, study, tmp_path):
    tables = Tables(tmp_path)
    row = table.query("model == 'fusion' and level == ''").iloc[0]
    scores = pd.DataFrame([row]).drop(columns=["variable", "level", "note"]).assign(method="DeLong")
    for name, frame in (("strata", table), ("predictions", predictions), ("scores", scores)):
        tables.write(name, frame)
    return within.section(SimpleNamespace(parameters=study.parameters, tables=tables, entry="images", synthetic=True))


def test_the_sentences_give_the_fusion_the_network_and_age_within_the_grade_that_can_be_judged(told, table):
    row = table.set_index(["model", "level"])
    for model in ("fusion", "net", "Age alone"):
        assert f"{model} {row.loc[(model, '4'), 'estimate']:.2f} (" in told
    assert "Within WHO grade 4 (test, " in told and "Within WHO grade 3" not in told
    assert "would fall to 0.50 within each: WHO grade alone reaches" in told
    assert "Not judged for the label: WHO grade 2 (all 30 patients without the endpoint); WHO grade 3 (4 with" in told
    assert "::: {#tbl-strata}" in told and "Synthetic cohort." in told
