from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers import study
from helpers.cohort import split
from helpers.errors import RadiogramError


@pytest.fixture
def cases():
    rng = np.random.default_rng(1)
    patients = [f"p{i:03d}" for i in range(90)]
    return pd.DataFrame(
        {
            "case": patients,
            "patient": patients,
            "center": rng.choice(["A", "B", "C"], 90),
            "label": rng.permutation([1] * 30 + [0] * 60),
        }
    )


def cohort(**changed):
    overrides = [f"cohort.{name}={value}" for name, value in changed.items()]
    settings = study.load("demo", overrides=["cohort.endpoints=[{name: label, positive: p, negative: n}]", *overrides])
    return settings.parameters.cohort


def test_the_test_part_is_a_stratified_share(cases):
    drawn = split.assign(cases, cohort(test_fraction=0.3333), seed=7)
    assert drawn.groupby("part")["label"].agg(["size", "sum"]).loc["test"].tolist() == [30, 10]


def test_the_split_does_not_depend_on_the_order_of_the_rows(cases):
    drawn = split.assign(cases, cohort(), seed=7).set_index("patient")["part"]
    shuffled = split.assign(cases.sample(frac=1, random_state=3), cohort(), seed=7).set_index("patient")["part"]
    assert (shuffled.loc[drawn.index] == drawn).all()


def test_another_seed_draws_another_split(cases):
    one, two = (split.assign(cases, cohort(), seed=seed)["part"] for seed in (7, 8))
    assert (one != two).any()


def test_centers_can_be_the_test_part_or_kept_apart(cases):
    drawn = split.assign(cases, cohort(test_centers="[B]", external_centers="[C]"), seed=7)
    assert drawn.groupby("center")["part"].unique().map(list).to_dict() == {
        "A": ["train"],
        "B": ["test"],
        "C": ["external:C"],
    }


def test_an_unknown_center_is_named_with_the_known(cases):
    with pytest.raises(RadiogramError, match="No patient is from center Z; the centers are A, B, C"):
        split.assign(cases, cohort(test_centers="[Z]"), seed=7)


def test_a_stated_part_must_be_one_of_the_known(cases):
    with pytest.raises(RadiogramError, match="Patient p000: part is validation"):
        split.assign(cases.assign(part="validation"), cohort(part_column="part"), seed=7)


def test_one_class_only_is_refused(cases):
    with pytest.raises(RadiogramError, match="part train has no patient with p "):
        split.check_classes(cases.assign(part="train", label=0), cohort(), folds=5, where="sheet.csv")


def test_a_class_smaller_than_the_folds_is_refused_with_a_way_out(cases):
    few = cases.assign(part="train", label=[1] * 3 + [0] * 87)
    with pytest.raises(RadiogramError, match=r"3 training patients with p .* 5 folds; set modeling.folds=3"):
        split.check_classes(few, cohort(), folds=5, where="sheet.csv")


def dated(cases, values, start):
    """Split the cases by a column of those values, from `start` on."""
    return split.assign(cases.assign(scanned=values), cohort(temporal=f"{{column: scanned, from: {start}}}"), seed=7)


def test_patients_from_a_date_on_are_the_test_part(cases):
    days = pd.date_range("2015-01-01", periods=90, freq="30D").strftime("%Y-%m-%d")
    drawn = dated(cases, days, "2020-01-01")
    assert (drawn["part"] == np.where(drawn["scanned"] >= "2020-01-01", "test", "train")).all()
    assert drawn["part"].value_counts().to_dict() == {"train": 61, "test": 29}


@pytest.mark.parametrize("start", ["2018", "2018-01-01", "'2018-01-01'"])
def test_a_year_or_a_date_may_be_given_for_dates_and_a_number_for_numbers(cases, start):
    days = [f"{2010 + i % 15}-0{1 + i % 9}-11" for i in range(90)]
    years = [int(day[:4]) for day in days]
    assert (dated(cases, days, start)["part"] == dated(cases, years, "2018")["part"]).all()


def test_external_centers_stay_apart_in_a_split_by_time(cases):
    options = {"temporal": "{column: year, from: 2015}", "external_centers": "[C]"}
    drawn = split.assign(cases.assign(year=np.arange(90) % 20 + 2000), cohort(**options), seed=7)
    assert set(drawn.loc[drawn["center"] == "C", "part"]) == {"external:C"}
    assert (drawn.loc[drawn["center"] != "C", "part"] == "test").sum() == (
        drawn.query("center != 'C'")["year"] >= 2015
    ).sum()


@pytest.mark.parametrize(
    "values, start, sentence",
    [
        (
            ["2019-05-01"] * 89 + ["12.03.2019"],
            "2018-01-01",
            "Patient p089: scanned is 12.03.2019, which is no date: .*YYYY-MM-DD",
        ),
        (["2019-05-01"] * 89 + [None], "2018-01-01", "Patient p089 has no scanned: fill it in"),
        (["2019-05-01"] * 90, "2021-01-01", "nobody has a scanned of 2021-01-01 or later.*the latest is 2019-05-01"),
        (
            ["2019-05-01"] * 90,
            "2018-01-01",
            "everybody has a scanned of 2018-01-01 or later.*the earliest is 2019-05-01",
        ),
        ([2019] * 90, "2018-01-01", "from is 2018-01-01, but scanned holds numbers"),
        (["2019-05-01"] * 90, "soon", "from is soon, which is no date"),
    ],
)
def test_times_that_cannot_split_end_the_run_with_a_sentence(cases, values, start, sentence):
    with pytest.raises(RadiogramError, match=sentence):
        dated(cases, values, start)


@pytest.mark.slow
def test_an_unknown_time_column_is_named(cases):
    with pytest.raises(RadiogramError, match="names the column scan_date, but the sheet has no such column"):
        split.assign(cases, cohort(temporal="{column: scan_date, from: 2018-01-01}"), seed=7)


def test_only_one_rule_may_say_who_is_test(cases):
    with pytest.raises(RadiogramError, match="cohort.temporal and cohort.test_centers both say"):
        split.assign(cases, cohort(temporal="{column: year, from: 2015}", test_centers="[A]"), seed=7)


def test_the_rule_of_a_split_by_time_is_told_as_it_was_written(cases):
    settings = cohort(temporal="{column: scan_date, from: 2018-01-01}")
    told = split.temporal_rule(settings.temporal)
    assert told.startswith("patients whose scan date is 2018-01-01 or later form the test part")
    assert settings.model_dump(mode="json")["temporal"] == {"column": "scan_date", "from": "2018-01-01"}


def test_a_time_of_the_sheet_splits_a_study_and_is_no_feature(write_study, tmp_path):
    from helpers.cohort import enroll, summary

    rng = np.random.default_rng(2)
    sheet = pd.DataFrame(
        {"patient": [f"q{i:02d}" for i in range(40)], "label": [0, 1] * 20, "year": [2010 + i // 4 for i in range(40)]}
    )
    sheet["T1_original_firstorder_Mean"] = rng.normal(size=40)
    sheet.to_csv(tmp_path / "sheet.csv", index=False)
    endpoints, time = "[{name: label, positive: p, negative: n}]", "{column: year, from: 2017}"
    text = f"title: t\ncohort: {{source: features, endpoints: {endpoints}, temporal: {time}}}"
    study_file = write_study(text + "\nmodeling: {folds: 2}\n")
    enrolled = enroll.enroll(study.load(study_file, overrides=[f"cohort.features={tmp_path / 'sheet.csv'}"]))
    assert (enrolled.cases["part"] == "test").sum() == 12 and "year" not in enrolled.cases
    assert list(enrolled.features.columns) == ["case", "reader", "T1_original_firstorder_Mean"]
    settings = study.load(study_file).parameters.cohort
    assert "the split is by time: patients whose year is 2017 or later" in summary._split(enrolled.cases, settings)
