"""A patient in whom one of two endpoints is unknown stays in the study for the other, and unknown is never negative."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pandas as pd
import pytest

from helpers import checking
from helpers import study as studies
from helpers.cohort import baseline, columns, enroll, labels, phantom, split, summary
from helpers.errors import RadiogramError
from helpers.figures import texts
from helpers.figures.flow import participant_flow

SHEET = "patient,center,a,b,age\n" + "".join(
    f"p{i:02d},{'X' if i % 2 else 'Y'},{a},{b},{40 + i}\n"
    for i, (a, b) in enumerate([(1, 1), (0, 0), (1, ""), (0, ""), ("", 1), ("", ""), (1, 0), (0, 1)] * 5)
)
ENDPOINTS = "cohort.endpoints=[{name: a, positive: the a, negative: no a}, {name: b, positive: the b, negative: no b}]"


@pytest.fixture
def sheet(tmp_path):
    """The study of a sheet of features in which a is unknown in a quarter, b in three eighths, both in an eighth."""
    path = tmp_path / "features.csv"
    path.write_text(SHEET)

    def of(*overrides):
        options = ["cohort.source=features", f"cohort.features={path}", ENDPOINTS, "cohort.clinical=[age]"]
        options += ["cohort.max_excluded_fraction=0.2", "modeling.folds=2", "cohort.baselines=[]"]
        return studies.load("demo", overrides=[*options, *overrides])

    return of


def test_only_patients_without_any_endpoint_are_excluded_and_the_others_keep_what_is_known(sheet):
    enrolled = enroll.enroll(sheet())
    given = pd.read_csv(StringIO(SHEET)).set_index("patient")
    nothing = given[["a", "b"]].isna().all(axis=1)
    assert list(enrolled.exclusions["case"]) == list(given.index[nothing])
    assert set(enrolled.exclusions["reason"]) == {"no endpoint"}
    cases = enrolled.cases.set_index("case")
    np.testing.assert_array_equal(
        cases[["a", "b"]].to_numpy(dtype=float), given.loc[list(cases.index), ["a", "b"]].to_numpy()
    )


def test_a_single_endpoint_excludes_everyone_without_it_and_stays_an_integer(sheet):
    one = sheet("cohort.endpoints=[{name: a, positive: the a, negative: no a}]", "cohort.max_excluded_fraction=0.5")
    enrolled = enroll.enroll(one)
    assert len(enrolled.exclusions) == 10 and enrolled.cases["a"].dtype == np.int8


def test_an_endpoint_known_in_everyone_stays_an_integer_beside_one_with_gaps():
    study = two(unknown=0.3)
    cases = enroll.enroll(study).cases
    assert cases["idh"].dtype == np.int8 and cases["ki67_high"].isna().mean() == pytest.approx(0.3, abs=0.12)


def test_the_drawn_split_spreads_the_unknown_over_both_parts(sheet):
    cases = enroll.enroll(sheet("cohort.test_fraction=0.4")).cases
    shares = cases.assign(open=cases["b"].isna()).groupby("part")["open"].mean()
    assert shares["train"] == pytest.approx(shares["test"], abs=0.05)
    assert sorted(cases["part"].unique()) == ["test", "train"]


def test_unknown_is_of_no_class_when_classes_are_counted():
    cases = pd.DataFrame({"part": ["train"] * 6, "a": [1, 1, 0, 0, 1, 0], "b": [1, 1, 1, np.nan, np.nan, np.nan]})
    study = two(unknown=0.0)
    endpoints = tuple(
        e.model_copy(update={"name": n}) for e, n in zip(study.parameters.cohort.endpoints, "ab", strict=True)
    )
    cohort = study.parameters.cohort.model_copy(update={"endpoints": endpoints})
    with pytest.raises(RadiogramError, match=r"no patient with .* \(endpoint b\)"):
        split.check_classes(cases, cohort, folds=2, where="sheet.csv")


def test_the_flow_and_the_prose_name_how_many_labels_are_unknown(sheet):
    study = sheet()
    enrolled = enroll.enroll(study)
    cases, cohort = enrolled.cases, study.parameters.cohort
    told = summary.numbers(cases, enrolled.exclusions, cohort=cohort)
    for endpoint in cohort.endpoints:
        count = labels.unknown(cases, endpoint.name)
        assert count and f"{endpoint.negative} is unknown in {count} of {len(cases)} patients" in told["parts"]
    known = cases["a"].dropna()
    assert told["events"].startswith(f"{int(known.sum())} of {len(known)} ")
    alt = texts.alt_flow(cases, enrolled.exclusions, endpoints=cohort.endpoints)
    drawn = [
        text.get_text()
        for text in participant_flow(cases, enrolled.exclusions, endpoints=cohort.endpoints).axes[0].texts
    ]
    for _, rows in cases.groupby("part"):
        for endpoint in cohort.endpoints:
            count = labels.unknown(rows, endpoint.name)
            assert f"unknown in {count}," in alt
            assert f"    known in {len(rows) - count}, unknown in {count}" in drawn


def test_check_says_how_many_labels_are_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path))
    lines = list(
        checking.check("idh-ki67", overrides=("phantom.patients=80", "phantom.unknown=0.25", "networks.models=[]"))
    )
    cases = enroll.enroll(studies.load("idh-ki67", overrides=["phantom.patients=80", "phantom.unknown=0.25"])).cases
    count = int(cases["ki67_high"].isna().sum())
    assert any(f"unknown in {count} of 80" in line for line in lines)


def test_table_one_counts_the_patients_whose_outcome_is_known(sheet):
    study = sheet()
    cases = enroll.enroll(study).cases
    endpoint = study.parameters.cohort.endpoints[0]
    table = baseline.table_one(cases, endpoint=endpoint, clinical=("age",))
    counted = table.iloc[0][[c for c in table if "the a" in c or "no a" in c]].astype(int).sum()
    assert counted == cases["a"].notna().sum()


def test_scores_are_judged_where_the_truth_is_known_and_other_endpoints_are_no_models(tmp_path):
    path = tmp_path / "scores.csv"
    rows = [(f"p{i}", "test", "" if i % 4 == 3 else i % 2, i % 3 % 2, i / 40) for i in range(40)]
    pd.DataFrame(rows, columns=["patient", "part", "a", "b", "marker"]).to_csv(path, index=False)
    study = studies.load(
        "demo", overrides=["cohort.source=scores", f"cohort.scores={path}", ENDPOINTS, "cohort.clinical=[]"]
    )
    enrolled = enroll.enroll(study)
    assert set(enrolled.predictions["model"]) == {"marker"} and len(enrolled.predictions) == 30
    assert len(enrolled.cases) == 40 and columns.KEPT


@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_the_phantom_forgets_labels_and_nothing_else(unknown):
    known, drawn = phantom.draw(two(unknown=0.0).parameters), phantom.draw(two(unknown=unknown).parameters)
    kept = drawn.cases["ki67_high"].notna()
    assert (not unknown) == kept.all()
    pd.testing.assert_frame_equal(drawn.truth, known.truth)
    pd.testing.assert_frame_equal(drawn.cases[kept], known.cases[kept])
    pd.testing.assert_frame_equal(drawn.cases.drop(columns="ki67_high"), known.cases.drop(columns="ki67_high"))


def test_a_patient_without_the_only_endpoint_is_refused_by_the_phantom():
    study = studies.load("demo", overrides=["phantom.unknown=0.1"])
    with pytest.raises(RadiogramError, match="phantom.unknown is 0.1, but the study has one endpoint"):
        phantom.draw(study.parameters)


def two(*, unknown: float) -> studies.Study:
    return studies.load("idh-ki67", overrides=["phantom.patients=80", f"phantom.unknown={unknown}"])
