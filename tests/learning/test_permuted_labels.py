"""The leak detector on a cohort with signal: once its labels are shuffled, the whole path must find none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers import study
from helpers.cohort import phantom, split
from helpers.learning.endpoint import model_endpoint

SETTINGS = [
    "phantom.entry=features", "phantom.features=100", "phantom.patients=160", "phantom.signal=1",
    "modeling.signatures=[radiomics, clinical]", "modeling.nomogram=[radiomics, clinical]",
]  # fmt: skip
ENDPOINT, SHUFFLES = "progression", 10


def area_of_every_model(cases, features, parameters, *, seed):
    """Area of each model on the test patients, everything fitted anew."""
    learned = model_endpoint(cases, features, endpoint=ENDPOINT, parameters=parameters, seed=seed)
    judged = learned.tables["predictions"].query("kind == 'frozen'")
    return {name: roc_auc_score(rows["truth"], rows["probability"]) for name, rows in judged.groupby("model")}


@pytest.mark.slow
def test_shuffled_labels_are_predicted_by_chance():
    parameters = study.load("demo", overrides=[*SETTINGS, "seed=3"]).parameters
    drawn = phantom.draw(parameters)
    features = phantom.feature_table(drawn, parameters)
    found = []
    for seed in range(SHUFFLES):
        labels = np.random.default_rng(seed).permutation(drawn.cases[ENDPOINT].to_numpy())
        cases = split.assign(drawn.cases.assign(**{ENDPOINT: labels}), parameters.cohort, seed=seed)
        found.append(area_of_every_model(cases, features, parameters, seed=seed))
    for name in found[0]:
        areas = np.array([areas[name] for areas in found])
        # Three standard errors of the mean: the areas are independent of each other but for the patients.
        assert abs(areas.mean() - 0.5) < 3 * areas.std(ddof=1) / np.sqrt(SHUFFLES), name
        assert areas.mean() == pytest.approx(0.5, abs=0.06), name
