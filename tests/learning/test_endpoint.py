"""One endpoint through the whole path: tables, determinism, signal found and none invented."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.learning.endpoint import model_endpoint, select_endpoint
from helpers.learning.fitted import fingerprint
from helpers.tables import DECLARED, Tables

SELECTION = ("reproducibility", "funnel", "selected", "lasso", "lasso_path")


def auc(table: pd.DataFrame) -> float:
    ranks, events = table["probability"].rank().to_numpy(), table["truth"].to_numpy() == 1
    n1, n0 = events.sum(), (~events).sum()
    return (ranks[events].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)


def of(models, model, kind):
    return models.tables["predictions"].query("model == @model and kind == @kind")


@pytest.fixture(scope="module")
def models(cohort, parameters):
    return model_endpoint(*cohort(), endpoint="label", parameters=parameters(), seed=1)


def test_every_table_is_as_declared(models, tmp_path):
    tables = Tables(tmp_path)
    for name, frame in models.tables.items():
        assert list(tables.write(name, frame).columns) == list(DECLARED[name].names)
        back = tables.read(name).astype(frame.dtypes).replace({np.nan: None})
        pd.testing.assert_frame_equal(back, frame.replace({np.nan: None}), check_dtype=False)
    assert set(models.tables) == {*SELECTION, "nomogram", "added_value", "fits", "predictions", "first_stage"}


def test_every_model_predicts_training_rows_twice_and_test_rows_once(models):
    counts = models.tables["predictions"].groupby(["model", "part", "kind"]).size().to_dict()
    kinds = {("train", "oof"): 60, ("train", "apparent"): 60, ("test", "frozen"): 30}
    names = ("radiomics", "deep", "clinical", "nomogram")
    assert counts == {(model, *kind): n for model in names for kind, n in kinds.items()}
    assert models.tables["predictions"]["probability"].between(0, 1).all()


def test_each_out_of_fold_prediction_comes_from_a_fit_that_did_not_see_the_patient(models):
    fits = models.tables["fits"]
    seen = [set(text.split("\n")) for text in fits.query("object == 'nomogram' and fold >= 0")["patients"]]
    for patient in of(models, "nomogram", "oof")["patient"]:
        assert sum(patient not in group for group in seen) == 1
    final = fits.query("object == 'nomogram' and fold == -1").iloc[0]
    assert final["fingerprint"] == fingerprint(of(models, "nomogram", "oof")["patient"])


def test_a_signal_is_found_out_of_sample(cohort, parameters):
    models = model_endpoint(*cohort(210, signal=3.0), endpoint="label", parameters=parameters(), seed=1)
    assert auc(of(models, "nomogram", "frozen")) > 0.8
    assert auc(of(models, "nomogram", "oof")) > 0.8
    assert auc(of(models, "radiomics", "apparent")) >= auc(of(models, "radiomics", "oof"))
    chosen = models.tables["selected"].query("signature == 'radiomics'")
    carriers = {f"T1c_original_firstorder_f{i:03d}" for i in range(0, 30, 3)}
    assert chosen.loc[chosen["frequency"] == 1, "feature"].isin(carriers).mean() > 0.6


def test_the_funnel_narrows_from_all_features_to_the_selected(models):
    funnel, selected = models.tables["funnel"], models.tables["selected"]
    for signature, steps in funnel.groupby("signature"):
        assert steps["features"].is_monotonic_decreasing
        assert steps["features"].iloc[-1] == (selected["signature"] == signature).sum()


@pytest.mark.slow
def test_permuted_labels_give_chance_through_the_whole_path(cohort, parameters):
    rng = np.random.default_rng(5)
    found = []
    for seed in range(6):
        cases, features = cohort(radiomics=20, deep=6, seed=seed)
        cases["label"] = rng.permutation(cases["label"])
        options = parameters(**{"selection.lasso_path": 12, "modeling.folds": 2})
        found.append(
            auc(
                of(
                    model_endpoint(cases, features, endpoint="label", parameters=options, seed=seed),
                    "nomogram",
                    "frozen",
                )
            )
        )
    assert abs(np.mean(found) - 0.5) < 0.12


def test_a_signature_that_keeps_nothing_is_the_intercept_and_stays_out_of_the_nomogram(cohort, parameters):
    cases, features = cohort(signal=0.0, seed=4)
    options = parameters(**{"selection.lasso_rule": "1se"})
    models = model_endpoint(cases, features, endpoint="label", parameters=options, seed=1)
    last = models.tables["funnel"].query("signature == 'radiomics'").iloc[-1]
    assert (last["step"], last["features"]) == ("LASSO: none, intercept only", 0)
    assert of(models, "radiomics", "frozen")["probability"].nunique() == 1
    assert "radiomics" not in set(models.tables["nomogram"]["term"])
    assert "The nomogram leaves radiomics out: its signature kept no feature." in models.notes


def test_a_gate_that_nothing_passes_is_no_crash(cohort, parameters):
    options = parameters(**{"selection.icc_threshold": 1.0})
    models = model_endpoint(*cohort(), endpoint="label", parameters=options, seed=1)
    assert models.tables["selected"].empty and models.tables["lasso"].empty
    assert models.tables["nomogram"]["term"].tolist()[:2] == ["(intercept)", "age"]


def test_the_same_inputs_give_the_same_tables(models, cohort, parameters):
    again = model_endpoint(*cohort(), endpoint="label", parameters=parameters(), seed=1)
    for name, frame in models.tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name], check_exact=True)


@pytest.mark.slow
def test_two_worker_processes_give_the_same_tables(models, cohort, parameters):
    def mapper(function, items):
        with ProcessPoolExecutor(2) as pool:
            for item, value in zip(items, pool.map(function, items), strict=True):
                yield SimpleNamespace(item=item, value=value, error=None)

    again = model_endpoint(*cohort(), endpoint="label", parameters=parameters(), seed=1, mapper=mapper)
    for name, frame in models.tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name], check_exact=True)


def test_a_fold_that_fails_stops_the_modeling_with_its_reason(cohort, parameters):
    def mapper(function, items):
        yield SimpleNamespace(item=0, value=None, error="its worker process died")

    with pytest.raises(RadiogramError, match="Modeling stopped in fold 1: its worker process died."):
        model_endpoint(*cohort(), endpoint="label", parameters=parameters(), seed=1, mapper=mapper)


def test_the_selection_alone_shows_what_the_models_use(models, cohort, parameters):
    alone = select_endpoint(*cohort(), endpoint="label", parameters=parameters(), seed=1)
    assert set(alone.tables) == set(SELECTION)
    for name, frame in alone.tables.items():
        pd.testing.assert_frame_equal(frame, models.tables[name], check_exact=True)


def test_the_model_as_json_names_no_patient(models):
    text = json.dumps(models.to_json())
    assert "P00" not in text
    assert {"radiomics", "deep", "clinical"} == {s["signature"] for s in json.loads(text)["signatures"]}


def test_a_study_without_deep_features_says_what_to_set(cohort, parameters):
    cases, features = cohort(deep=0)
    with pytest.raises(RadiogramError, match="no deep feature: take deep out of modeling.signatures"):
        model_endpoint(cases, features, endpoint="label", parameters=parameters(), seed=1)


def test_a_gate_without_a_second_reader_is_refused_before_any_fitting(cohort, parameters):
    def mapper(function, items):
        raise AssertionError("something was fitted")

    cases, features = cohort()
    once = features[features["reader"] == "reader1"]
    with pytest.raises(RadiogramError, match="no second reader's masks: set selection.reproducibility=none"):
        model_endpoint(cases, once, endpoint="label", parameters=parameters(), seed=1, mapper=mapper)


def test_clinical_variables_alone_make_a_model(cohort, parameters):
    cases, features = cohort()
    options = parameters(**{"modeling.signatures": "[clinical]", "modeling.nomogram": "[]"})
    models = model_endpoint(cases, features.iloc[:0], endpoint="label", parameters=options, seed=1)
    assert set(models.tables["predictions"]["model"]) == {"clinical"}
    assert models.tables["nomogram"].empty and models.tables["added_value"].empty


def test_clinical_without_variables_says_what_to_set(cohort, parameters):
    with pytest.raises(RadiogramError, match="cohort.clinical is empty"):
        model_endpoint(*cohort(), endpoint="label", parameters=parameters(**{"cohort.clinical": "[]"}), seed=1)


def test_a_case_without_features_is_named(cohort, parameters):
    cases, features = cohort()
    lost = features[~((features["case"] == "P003") & (features["reader"] == "reader1"))]
    with pytest.raises(RadiogramError, match="Case P003 has no features of reader1"):
        model_endpoint(cases, lost, endpoint="label", parameters=parameters(), seed=1)


def test_frozen_rows_that_lack_a_value_are_noted(cohort, parameters):
    cases, features = cohort()
    features.loc[(features["case"] == "P002") & (features["reader"] == "reader1"), features.columns[2:]] = np.nan
    models = model_endpoint(cases, features, endpoint="label", parameters=parameters(), seed=1)
    assert any(note.startswith("radiomics: 1 of 30 frozen rows lack a value") for note in models.notes)
