"""Fitted baselines are cross-fitted like any model, and say why where they cannot be fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.learning import baselines, folds
from helpers.learning.rows import training_rows
from helpers.study import load

STUDY = """
title: trial
notebooks: [05_contest]
cohort: {clinical: [age]}
modeling: {folds: 3}
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_text(STUDY)
    return load(path)


@pytest.fixture
def cases():
    rng = np.random.default_rng(4)
    n = 120
    case = [f"P{i:03d}" for i in range(n)]
    center = np.array(["A", "B", "C"])[np.arange(n) % 3]
    label = (rng.random(n) < np.where(center == "A", 0.8, 0.3)).astype("int8")
    part = np.where(np.arange(n) % 4 == 3, "test", "train")
    frame = {"case": case, "patient": case, "center": center, "part": part, "label": label, "age": rng.normal(60, 8, n)}
    return pd.DataFrame(frame)


@pytest.fixture
def features(cases):
    size = np.exp(np.random.default_rng(5).normal(size=len(cases)) + cases["label"])
    table = {"case": cases["case"], "reader": "reader1", "T1c_original_shape_MeshVolume": size}
    return pd.DataFrame(table)


def of(found, name, kind):
    own = found.predictions[(found.predictions["model"] == name) & (found.predictions["kind"] == kind)]
    return own.set_index("case")["probability"]


def test_a_center_has_its_share_of_events_with_one_patient_of_average_risk(study, cases, features):
    found = of(baselines.fit(cases, features, parameters=study.parameters), "center only", "frozen")
    training = cases[cases["part"] == "train"]
    own = training[training["center"] == "A"]["label"]
    expected = (own.sum() + training["label"].mean()) / (len(own) + 1)
    test = cases[(cases["part"] == "test") & (cases["center"] == "A")]["case"]
    assert found[test].to_numpy() == pytest.approx(expected)


def test_a_center_never_seen_gets_the_prevalence(study, cases, features):
    cases.loc[cases["part"] == "test", "center"] = "elsewhere"
    found = of(baselines.fit(cases, features, parameters=study.parameters), "center only", "frozen")
    assert found.to_numpy() == pytest.approx(cases.loc[cases["part"] == "train", "label"].mean())


def test_a_center_with_one_class_gets_a_risk_between_none_and_certain(study, cases, features):
    cases.loc[cases["center"] == "B", "label"] = 0
    found = baselines.fit(cases, features, parameters=study.parameters)
    assert of(found, "center only", "oof").between(0, 1, inclusive="neither").all()


def test_out_of_fold_values_are_those_of_fits_without_the_fold(study, cases, features):
    found = of(baselines.fit(cases, features, parameters=study.parameters), "no information", "oof")
    rows = training_rows(cases, pd.DataFrame({"case": [], "reader": []}), endpoint="label")
    fold = folds.draw(rows, folds=3, seed=study.parameters.seed, purpose="outer")
    for k in range(3):
        assert found[rows.case[fold == k]].to_numpy() == pytest.approx(rows.truth[fold != k].mean())


def test_one_center_and_no_volume_are_said_and_the_others_fitted(study, cases):
    cases["center"] = "A"
    found = baselines.fit(cases, None, parameters=study.parameters)
    assert set(found.absent) == {"volume only", "center only"}
    assert found.absent["center only"] == "not fitted: all training patients are of one center"
    assert set(found.predictions["model"]) == {"clinical only", "no information"}


def test_a_volume_of_zero_or_missing_does_not_stop_the_run(study, cases, features):
    features.loc[:5, "T1c_original_shape_MeshVolume"] = [0.0, np.nan, -1.0, 5.0, 0.0, 1.0]
    assert np.isfinite(of(baselines.fit(cases, features, parameters=study.parameters), "volume only", "oof")).all()


def test_a_baseline_refuses_patients_it_saw(cases):
    rows = training_rows(cases, pd.DataFrame({"case": [], "reader": []}), endpoint="label", clinical=("center",))
    with pytest.raises(RadiogramError, match="cannot be scored as frozen"):
        baselines.center_only(rows).score(rows)
