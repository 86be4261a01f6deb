"""Columns that results are told by and no model reads: kept beside the cases, refused as an input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from helpers import study as studies
from helpers.cohort import baseline, enroll, phantom
from helpers.errors import RadiogramError
from helpers.learning.rows import rows_from_tables
from helpers.learning.training import inputs
from helpers.parameters import Network


def large(**overrides):
    options = ["phantom.patients=4000", "phantom.missing_fraction=0", *(f"{k}={v}" for k, v in overrides.items())]
    return studies.load("idh-ki67", overrides=options)


@pytest.fixture(scope="module")
def drawn():
    return phantom.draw(large().parameters)


def test_no_shipped_study_hands_a_stratum_to_a_model():
    for name in studies.shipped():
        parameters = studies.load(name).parameters
        read = {*parameters.cohort.clinical, *parameters.cohort.plan, *parameters.cohort.sequences}
        for fusion in parameters.networks.fusions:
            read |= set(fusion.clinical) if isinstance(fusion.clinical, tuple) else set()
        assert not read & set(parameters.cohort.strata)
    assert "grade" in studies.load("idh-ki67").parameters.cohort.strata


def test_neither_signatures_nor_networks_get_the_grade():
    study = studies.load("idh-ki67", overrides=["phantom.entry=features", "phantom.patients=60", "cohort.baselines=[]"])
    enrolled, parameters = enroll.enroll(study), study.parameters
    assert "grade" in enrolled.cases and "grade" not in enrolled.features
    rows = rows_from_tables(enrolled.cases, enrolled.features, endpoint="idh", clinical=parameters.cohort.clinical)
    assert "grade" not in rows.clinical and "grade" not in rows.features
    network = Network(name="all", architecture="transformer", inputs=("images", "clinical"))
    fitted = inputs.fit(network, enrolled.cases[enrolled.cases["part"] == "train"], parameters=parameters)
    assert not any("grade" in term for term in fitted.shape.clinical)


@pytest.mark.parametrize("group", ["clinical", "plan"])
def test_a_stratum_that_a_model_would_read_is_refused(group):
    study = studies.load("idh-ki67", overrides=[f"cohort.{group}=[grade]"])
    with pytest.raises(RadiogramError, match=f"cohort.strata and cohort.{group} both name grade"):
        enroll.enroll(study)


def test_a_stratum_that_the_sheet_or_the_phantom_lacks_is_named(tmp_path):
    with pytest.raises(RadiogramError, match="cohort.strata names stage, which the phantom cannot generate"):
        phantom.draw(large(**{"cohort.strata": "[stage]"}).parameters)
    path = tmp_path / "f.csv"
    path.write_text("patient,center,label,f\n" + "".join(f"p{i},X,{i % 2},{i}\n" for i in range(20)))
    options = ["cohort.source=features", f"cohort.features={path}", "cohort.clinical=[]", "cohort.strata=[grade]"]
    endpoints = "cohort.endpoints=[{name: label, positive: p, negative: n}]"
    with pytest.raises(RadiogramError, match="no column grade, which cohort.strata names"):
        enroll.enroll(studies.load("demo", overrides=[*options, endpoints]))


def test_a_sheets_stratum_is_no_feature(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("patient,center,label,f,grade\n" + "".join(f"p{i},X,{i % 2},{i},{2 + i % 3}\n" for i in range(40)))
    options = ["cohort.source=features", f"cohort.features={path}", "cohort.clinical=[]", "cohort.strata=[grade]"]
    endpoints = "cohort.endpoints=[{name: label, positive: p, negative: n}]"
    enrolled = enroll.enroll(studies.load("demo", overrides=[*options, endpoints, "modeling.folds=2"]))
    assert list(enrolled.features.columns) == ["case", "reader", "f"]
    assert enrolled.cases["grade"].tolist() == [2.0 + int(case[1:]) % 3 for case in enrolled.cases["case"]]


def test_a_study_that_asks_for_no_grade_has_the_cohort_it_had(drawn):
    plain = phantom.draw(large(**{"cohort.strata": "[]"}).parameters)
    pd.testing.assert_frame_equal(drawn.cases.drop(columns="grade"), plain.cases)
    pd.testing.assert_frame_equal(drawn.truth, plain.truth)


def test_grade_goes_with_the_endpoint_and_age_as_in_glioma(drawn):
    cases = drawn.cases
    wild, mutant = (cases.loc[cases["idh"] == value, "grade"] for value in (1, 0))
    assert set(cases["grade"]) == {2.0, 3.0, 4.0}
    assert (wild == 4).mean() > 0.65 and (mutant == 4).mean() < 0.35
    assert spearmanr(cases["grade"], cases["age"]).statistic > 0.1
    assert spearmanr(cases["grade"], cases["ki67_high"]).statistic > 0.1
    within = cases[cases["grade"] == 4]
    assert within["idh"].mean() == pytest.approx(0.7, abs=0.15)  # both outcomes are there to be told apart


def test_table_one_has_the_grade_level_by_level(drawn):
    endpoint = large().parameters.cohort.endpoints[0]
    cases = drawn.cases.assign(part="train")
    table = baseline.table_one(cases, endpoint=endpoint, clinical=("age",), strata=("grade",))
    below = table.iloc[np.flatnonzero(table["Variable"] == "Grade")[0] + 1 :]
    assert below["Level"].tolist() == ["2", "3", "4"]
    shown = below.filter(like=endpoint.positive).iloc[:, 0].str.split(" ").str[0].astype(int)
    assert shown.tolist() == [int(((cases["grade"] == g) & (cases["idh"] == 1)).sum()) for g in (2, 3, 4)]


def test_the_shipped_cohort_has_a_grade_in_which_both_endpoints_can_be_judged():
    """Known before any model is fitted: ten of either outcome among the test patients of grade 4."""
    study = studies.load("idh-ki67")
    cases = enroll.enroll(study).cases
    within = cases[(cases["part"] == "test") & (cases["grade"] == 4)]
    for endpoint in ("idh", "ki67_high"):
        assert within[endpoint].value_counts().min() >= study.parameters.statistics.subgroup_events
