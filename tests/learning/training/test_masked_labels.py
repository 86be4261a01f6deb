"""Labels that a sheet leaves open reach the masked loss of a network of two endpoints, and its predictions, as unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.cohort import enroll
from helpers.learning import network_models
from helpers.learning.training import all_trainings, dataset, inputs, losses

MODELS = "[{name: both, architecture: resnet10}]"


@pytest.fixture(scope="module")
def told(trial, tmp_path_factory):
    """A trial, and its cases enrolled from a sheet in which `other` is unknown in every fifth patient."""
    made = trial(name="masked", n=32, networks__models=MODELS, networks__seeds=1)
    gaps = made.cases.index % 5 == 2
    path = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    sheet = made.cases.assign(other=made.cases["other"].astype(float).mask(gaps), size=1.0)
    sheet.to_csv(path, index=False)
    changed = {"source": "features", "features": path, "part_column": "part"}
    cohort = made.study.parameters.cohort.model_copy(update=changed)
    parameters = made.study.parameters.model_copy(update={"cohort": cohort})
    cases = enroll.enroll(replace(made.study, parameters=parameters)).cases
    return made, cases, set(made.cases.loc[gaps, "case"])


def test_a_batch_says_which_labels_are_known(told):
    made, cases, unknown = told
    network = made.study.parameters.networks.models[0]
    held = all_trainings.job(made.study, network, cases, made.volumes)
    assert set(held.cases["case"]) == set(made.cases["case"])
    training = held.cases[held.fold >= 0]
    fitted = inputs.fit(network, training, parameters=made.study.parameters)
    loaded = dataset.Cases(training, fitted, study=made.study)
    batch, _ = loaded.__getitems__(range(len(loaded)))
    expected = [[True, case not in unknown] for case in loaded.case]
    np.testing.assert_array_equal(batch.labeled.numpy(), expected)
    weights = losses.objective(fitted.labels(training), imbalance="weights", endpoints=fitted.shape.endpoints).weights
    known = training["other"].dropna()
    np.testing.assert_allclose(weights[1], [len(known) / (2 * (known == k).sum()) for k in (0, 1)], rtol=1e-6)


def test_one_network_of_both_is_trained_and_scores_nobody_whose_label_is_unknown(told):
    made, cases, unknown = told
    found = network_models.fit(made.study, cases, made.volumes, mapper=made.mapper).tables
    scored = found["predictions"].groupby("endpoint")["case"].agg(set)
    assert scored["label"] == set(cases["case"])
    assert scored["other"] == set(cases["case"]) - unknown
    assert found["predictions"]["probability"].between(0, 1).all()
