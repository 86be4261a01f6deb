"""The leak detector: on cohorts without any signal the whole path must find none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers import study
from helpers.cohort import phantom, split
from helpers.learning.endpoint import model_endpoint
from helpers.statistics.discrimination import hanley_mcneil_se

SETTINGS = [
    "phantom.entry=features", "phantom.features=500", "phantom.patients=300", "modeling.signatures=[radiomics, clinical]",
    "modeling.nomogram=[radiomics, clinical]",
]  # fmt: skip


def nomogram_test_auc(*, seed: int, signal: float):
    """Test AUC of the nomogram, the number of test events, and the Bayes-optimal AUC."""
    parameters = study.load("demo", overrides=[*SETTINGS, f"seed={seed}", f"phantom.signal={signal}"]).parameters
    drawn = phantom.draw(parameters)
    cases = split.assign(drawn.cases, parameters.cohort, seed=seed)
    features = phantom.feature_table(drawn, parameters)
    learned = model_endpoint(cases, features, endpoint="progression", parameters=parameters, seed=seed)
    judged = learned.tables["predictions"].query("model == 'nomogram' and kind == 'frozen'")
    events = int(judged["truth"].sum())
    return (
        roc_auc_score(judged["truth"], judged["probability"]),
        events,
        len(judged) - events,
        drawn.truth["bayes_auc"].iloc[0],
    )


@pytest.mark.slow
def test_twenty_null_cohorts_average_to_chance():
    aucs = [nomogram_test_auc(seed=seed, signal=0)[0] for seed in range(20)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
def test_with_signal_the_nomogram_finds_it_but_not_more_than_there_is():
    auc, events, nonevents, bayes = nomogram_test_auc(seed=1, signal=1)
    assert 0.6 < auc < bayes + 1.96 * hanley_mcneil_se(bayes, events, nonevents)
