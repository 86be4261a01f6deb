"""What is learned and judged of one endpoint does not depend on whether another one is known."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers import study as studies
from helpers.cohort import enroll
from helpers.errors import RadiogramError
from helpers.evaluation import crossed, performance, sample_size, subgroups, thresholds, unfitted
from helpers.learning import fusion, handover
from helpers.learning.rows import rows_from_tables

OVERRIDES = (
    "phantom.entry=features", "phantom.patients=150", "phantom.features=30", "phantom.informative_features=20",
    "cohort.baselines=[{name: age, column: age, direction: higher}]", "networks.models=[]", "selection.lasso_folds=4",
    "networks.fusions=[{name: Age alone, clinical: [age]}]", "modeling.folds=2", "selection.lasso_path=20",
    "statistics.bootstrap=100",
)  # fmt: skip


def worked(unknown: float) -> dict[str, pd.DataFrame]:
    """Tables of the whole study of two endpoints, from enrollment to statistics, the last endpoint unknown in this share."""
    study = studies.load("idh-ki67", overrides=[*OVERRIDES, f"phantom.unknown={unknown}"])
    enrolled = enroll.enroll(study)
    cases, features, parameters = enrolled.cases, enrolled.features, study.parameters
    learned = handover.models(study, cases, features)
    tables = {name: pd.concat([each.tables[name] for each in learned]) for name in learned[0].tables}
    fused = fusion.fit(study, cases, tables["predictions"], tables["fits"])
    for name in ("predictions", "fits"):
        tables[name] = pd.concat([tables[name], fused.tables[name]], ignore_index=True)
    chosen = thresholds.choose(tables["predictions"], tables["fits"], statistics=parameters.statistics)
    options = {"parameters": parameters}
    scores = performance.with_baselines(tables["predictions"], cases, features, thresholds=chosen, **options)
    within, between = subgroups.subgroups(tables["predictions"], cases, features, model="nomogram", **options)
    sizes = sample_size.sample_size(cases, features, scores, model="nomogram", **options)
    return tables | {
        "scores": scores,
        "subgroups": within,
        "subgroup_tests": between,
        "sample_size": sizes,
        "cases": cases,
    }


@pytest.fixture(scope="module")
def tables():
    return worked(0.0), worked(1 / 3)


@pytest.mark.slow
def test_every_table_of_an_endpoint_is_the_same_to_the_byte_whether_or_not_the_other_is_known(tables):
    whole, open_ = tables
    names = [name for name in whole if "endpoint" in whole[name]]
    assert {"predictions", "fits", "selected", "scores", "subgroups", "sample_size"} <= set(names)
    for name in names:
        pd.testing.assert_frame_equal(*(own(each[name], "idh") for each in tables), check_exact=True)


def own(table: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    return table[table["endpoint"] == endpoint].reset_index(drop=True)


@pytest.mark.slow
def test_nothing_is_predicted_or_fitted_of_patients_whose_label_is_unknown(tables):
    _, open_ = tables
    cases = open_["cases"]
    unknown = set(cases.loc[cases["ki67_high"].isna(), "case"])
    assert len(unknown) > 30
    predicted = own(open_["predictions"], "ki67_high")
    assert not unknown & set(predicted["case"])
    assert set(predicted["case"]) == set(cases["case"]) - unknown
    truth = cases.set_index("case")["ki67_high"]
    assert (predicted["truth"].to_numpy() == truth.loc[list(predicted["case"])].to_numpy()).all()
    fitted = {patient for text in own(open_["fits"], "ki67_high")["patients"] for patient in text.split("\n")}
    assert fitted and not unknown & fitted


def test_every_count_of_an_endpoint_is_of_patients_whose_label_is_known(tables):
    _, open_ = tables
    cases = open_["cases"]
    for part, rows in cases.groupby("part"):
        known = rows["ki67_high"].dropna()
        scores = own(open_["scores"], "ki67_high")
        here = scores[scores["part"] == part]
        fitted = here[here["kind"] != "unfitted"]
        assert set(fitted["n"]) == {len(known)} and set(fitted["events"]) == {int(known.sum())}
        assert (here.loc[here["kind"] == "unfitted", "n"] <= len(known)).all()
    training = cases.loc[cases["part"] == "train", "ki67_high"].notna().sum()
    needed = own(open_["sample_size"], "ki67_high")
    assert needed.loc[needed["purpose"].str.contains("developing"), "available"].iloc[0] == f"{training} patients"


def test_rows_leave_out_unknown_labels_with_their_measurements(cohort):
    cases, features = cohort(30)
    gaps = cases.assign(label=cases["label"].astype(float).mask(cases.index % 3 == 0))
    found = rows_from_tables(gaps, features, endpoint="label")
    expected = rows_from_tables(cases[cases.index % 3 != 0], features, endpoint="label")
    assert found.case.tolist() == expected.case.tolist() and found.truth.tolist() == expected.truth.tolist()
    pd.testing.assert_frame_equal(found.features, expected.features)


def test_an_unfitted_comparator_counts_only_known_labels(tables):
    _, open_ = tables
    study = studies.load("idh-ki67", overrides=OVERRIDES)
    cases = open_["cases"]
    found = unfitted.baselines(cases, None, parameters=study.parameters)
    everyone = found.query("endpoint == 'ki67_high' and part == 'all'")["n"].item()
    assert everyone == (cases["ki67_high"].notna() & cases["age"].notna()).sum()


def test_a_reading_of_a_case_of_unknown_truth_is_refused_where_it_would_be_judged():
    cases = pd.DataFrame({"case": ["c1", "c2"], "part": "test", "label": [1.0, None]})
    readings = pd.DataFrame({"case": ["c1", "c2"], "reader": "r", "condition": "unaided", "rating": [1.0, 2.0]})
    with pytest.raises(RadiogramError, match="Readings: label of case c2 is unknown"):
        crossed.crossed(readings.assign(call=1.0, seconds=1.0), cases, endpoint="label")
