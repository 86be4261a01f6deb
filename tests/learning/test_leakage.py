"""Test rows cannot reach anything fitted: each way in is tried and refused."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from helpers.errors import RadiogramError
from helpers.learning import (
    clinical,
    crossfit,
    dlrn,
    lasso,
    nomogram,
    recalibration,
    resampling,
    selection,
    signatures,
    stability,
)
from helpers.learning.endpoint import model_endpoint
from helpers.statistics.thresholds import OutOfFold, Threshold


def in_sample(rows):
    """Scores that claim to be out-of-fold but whose model saw everyone."""
    return OutOfFold(rows.patient, rows.truth, rows.truth * 1.0, np.zeros(len(rows), int), (rows.patients,))


def ways_in(parameters):
    rules = parameters().selection
    return {
        "constant filter": lambda rows: selection.usable(rows, rows.names("radiomics")),
        "gate": lambda rows: stability.gate(rows, rows.names("radiomics"), selection=rules),
        "redundancy": lambda rows: selection.distinct(rows, rows.names("radiomics"), limit=0.9),
        "scaler": lambda rows: selection.scaler(rows, rows.names("radiomics")),
        "imputation": clinical.coding,
        "signature": lambda rows: signatures.fit("radiomics", rows, parameters=parameters(), seed=1),
        "clinical signature": lambda rows: signatures.fit("clinical", rows, parameters=parameters(), seed=1),
        "cross-fitting": lambda rows: crossfit.cross_fit(rows, lambda r: None, folds=3, seed=1),
        "nomogram": lambda rows: nomogram.fit(rows, {}, clinical=("age",)),
        "DLRN": lambda rows: dlrn.fit(rows, parameters=parameters(), seed=1),
        "bootstrap sample": lambda rows: resampling.draw(rows, generator=np.random.default_rng(1)),
    }


WAYS = [
    "constant filter",
    "gate",
    "redundancy",
    "scaler",
    "imputation",
    "signature",
    "clinical signature",
    "cross-fitting",
    "nomogram",
    "DLRN",
    "bootstrap sample",
]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_fitted_on_rows_outside_training(every_row, parameters, way):
    with pytest.raises(RadiogramError, match="training rows only"):
        ways_in(parameters)[way](every_row)


@pytest.mark.parametrize("way", ["gate", "scaler", "imputation", "clinical signature"])
def test_the_same_call_accepts_training_rows(rows, parameters, way):
    assert ways_in(parameters)[way](rows) is not None


def test_lasso_refuses_test_rows_even_with_a_scaler_of_training_rows(rows, every_row):
    scaler = selection.scaler(rows, rows.names("radiomics"))
    with pytest.raises(RadiogramError, match="training rows only"):
        lasso.lasso(every_row, scaler, lasso_folds=5, length=20, rule="min", seed=1)


def test_lasso_refuses_a_scaler_of_other_patients(rows):
    half = np.arange(len(rows)) < len(rows) // 2
    scaler = selection.scaler(rows.take(half), rows.names("radiomics"))
    with pytest.raises(RadiogramError, match="was not fitted on patient"):
        lasso.lasso(rows, scaler, lasso_folds=5, length=20, rule="min", seed=1)


@pytest.mark.parametrize("name", ["radiomics", "deep", "clinical"])
def test_a_signature_refuses_to_score_its_own_patients_as_frozen(rows, every_row, parameters, name):
    fitted = signatures.fit(name, rows, parameters=parameters(), seed=1)
    with pytest.raises(RadiogramError, match="was fitted on patient P000: its rows cannot be scored as frozen"):
        fitted.score(every_row)
    assert np.isfinite(fitted.score(every_row.take(every_row.part == "test"))).all()


def test_apparent_scores_are_for_the_fitted_patients_only(rows, every_row, parameters):
    fitted = signatures.fit("clinical", rows, parameters=parameters(), seed=1)
    assert fitted.apparent(rows).shape == (len(rows),)
    with pytest.raises(RadiogramError, match="was not fitted on patient P002"):
        fitted.apparent(every_row)


def test_scaler_and_imputation_refuse_to_transform_their_own_patients_as_new(rows):
    with pytest.raises(RadiogramError, match="was fitted on patient"):
        selection.scaler(rows, rows.names("deep")).transform(rows)
    with pytest.raises(RadiogramError, match="was fitted on patient"):
        clinical.coding(rows).transform(rows)


def test_the_dlrn_refuses_its_own_patients(rows, parameters):
    model = dlrn.fit(rows, parameters=parameters(), seed=1)
    with pytest.raises(RadiogramError, match="was fitted on patient"):
        model.probabilities(rows)


def test_a_patient_in_both_parts_is_refused(cohort, parameters):
    cases, features = cohort()
    cases.loc[cases["case"] == "P002", "patient"] = "P000"
    with pytest.raises(RadiogramError, match="fitted on patient P000"):
        model_endpoint(cases, features, endpoint="label", parameters=parameters(), seed=1)


@pytest.mark.parametrize("second_stage", [
    lambda rows, score: nomogram.fit(rows, {"radiomics": score}),
    lambda rows, score: recalibration.recalibrate(score, what="radiomics"),
])  # fmt: skip
def test_a_second_stage_does_not_take_plain_scores(rows, second_stage):
    with pytest.raises(TypeError, match="fitted on an OutOfFold, not on ndarray"):
        second_stage(rows, np.linspace(0, 1, len(rows)))


def test_in_sample_scores_cannot_be_dressed_as_out_of_fold(rows):
    with pytest.raises(ValueError, match="scored by a model fitted on them"):
        in_sample(rows)


def test_the_nomogram_refuses_out_of_fold_scores_of_other_rows(rows, parameters):
    one = partial(signatures.fit, "clinical", parameters=parameters(), seed=1)
    oof = crossfit.cross_fit(rows, one, folds=3, seed=1)
    with pytest.raises(RadiogramError, match="belongs to other rows"):
        nomogram.fit(rows.take(np.arange(len(rows))[::-1]), {"clinical": oof})


def test_the_threshold_takes_cross_fitted_scores_and_nothing_else(rows, parameters):
    one = partial(signatures.fit, "clinical", parameters=parameters(), seed=1)
    oof = crossfit.cross_fit(rows, one, folds=3, seed=1)
    assert Threshold.choose(oof).fitted_on >= rows.patients
    with pytest.raises(TypeError, match="OutOfFold"):
        Threshold.choose(one(rows).apparent(rows))


def test_changing_test_rows_changes_nothing_that_was_fitted(cohort, parameters):
    cases, features = cohort()
    options = {
        "endpoint": "label",
        "parameters": parameters(**{"modeling.signatures": "[radiomics, clinical]"}),
        "seed": 1,
    }
    before = model_endpoint(cases, features, **options)
    test = cases["part"] == "test"
    cases.loc[test, "label"] = 1 - cases.loc[test, "label"]
    cases.loc[test, "age"] = 0.0
    columns = features.columns[2:]
    features.loc[features["case"].isin(cases["case"][test]), columns] = 7.0
    after = model_endpoint(cases, features, **options)
    assert before.to_json() == after.to_json()
    for name in ("reproducibility", "funnel", "selected", "lasso", "lasso_path", "nomogram", "fits"):
        assert before.tables[name].equals(after.tables[name]), name
    oof = [m.tables["predictions"].query("kind != 'frozen'") for m in (before, after)]
    assert oof[0].equals(oof[1])
