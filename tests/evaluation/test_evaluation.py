from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers import prose
from helpers.errors import RadiogramError
from helpers.evaluation import (
    benefit,
    comparison_printed,
    comparisons,
    curves,
    headline,
    order,
    performance,
    performance_printed,
    reclassified,
    thresholds,
    unfitted,
)


@pytest.fixture
def chosen(predictions, fits, parameters):
    return thresholds.choose(predictions, fits, statistics=parameters.statistics)


def test_threshold_cannot_see_test_rows(predictions, fits, parameters, chosen):
    """Turning every test label and probability around moves no threshold."""
    turned = predictions.copy()
    test = turned["part"] == "test"
    turned.loc[test, "truth"] = 1 - turned.loc[test, "truth"]
    turned.loc[test, "probability"] = 1 - turned.loc[test, "probability"]
    again = thresholds.choose(turned, fits, statistics=parameters.statistics)
    assert {key: t.value for key, t in again.items()} == {key: t.value for key, t in chosen.items()}


def test_training_predictions_of_a_model_that_saw_the_patient_are_no_basis_for_a_threshold(
    predictions, fits, parameters
):
    leaky = fits.assign(patients="\n".join(predictions["patient"].unique()))
    with pytest.raises(ValueError, match="scored by a model fitted on them"):
        thresholds.choose(predictions, leaky, statistics=parameters.statistics)


@pytest.fixture
def scored(predictions, chosen, parameters):
    return performance.scores(predictions, thresholds=chosen, statistics=parameters.statistics, seed=1)


def test_auc_equals_scikit_learn(predictions, scored):
    table = scored
    own = table[(table["model"] == "radiomics") & (table["part"] == "test") & (table["metric"] == "auc")]
    rows = predictions[(predictions["model"] == "radiomics") & (predictions["part"] == "test")]
    assert own["estimate"].item() == pytest.approx(roc_auc_score(rows["truth"], rows["probability"]), abs=1e-12)


def test_a_baseline_is_judged_on_all_patients_in_its_declared_direction(cases, parameters):
    table = unfitted.baselines(cases, None, parameters=parameters)
    whole = table[table["part"] == "all"].iloc[0]
    known = cases.dropna(subset="age")
    assert whole["estimate"] == pytest.approx(roc_auc_score(known["progression"], -known["age"]))
    assert whole["n"] == 119


def test_a_baseline_of_an_unknown_column_is_named(cases, parameters):
    wrong = parameters.cohort.baselines[0].model_copy(update={"column": "volume"})
    with pytest.raises(RadiogramError, match="Baseline age: no column volume"):
        unfitted.baseline_values(cases, None, wrong)


def test_delong_is_refused_in_training_and_the_likelihood_ratio_test_offered(predictions):
    with pytest.raises(RadiogramError, match="likelihood-ratio test"):
        comparisons.delong(predictions, endpoint="progression", part="train", pair=("nomogram", "radiomics"))


def test_holm_adjusts_within_the_declared_family_only(predictions):
    table = comparisons.comparisons(predictions, confirmatory=(("nomogram", "clinical"),))
    declared = table[table["family"] == "confirmatory"]
    assert len(declared) == 1 and declared["p"].item() == declared["p_holm"].item()
    exploratory = table[table["family"] == "exploratory"]
    assert (exploratory["p_holm"] >= exploratory["p"]).all()


def test_nri_at_the_frozen_thresholds_is_the_gain_in_sensitivity_plus_specificity(
    predictions, chosen, parameters, scored
):
    moved = reclassified.reclassification(
        predictions, pairs=(("nomogram", "clinical"),), thresholds=chosen, statistics=parameters.statistics, seed=1
    )
    nri = moved.loc[moved["measure"] == "categorical NRI", "estimate"].iloc[0]
    table = scored.query("part == 'test'").set_index(["model", "metric"])["estimate"]
    gain = [table["nomogram", m] - table["clinical", m] for m in ("sensitivity", "specificity")]
    assert nri == pytest.approx(sum(gain), abs=1e-12)


def test_scores_that_are_no_probabilities_get_an_auc_but_no_calibration(predictions, parameters):
    raw = predictions.assign(probability=predictions["probability"] * 10)
    table = performance.scores(raw, thresholds={}, statistics=parameters.statistics, seed=1)
    assert set(table["metric"]) == {"auc", "auc_wald", "auc_logit", "auc_bootstrap", "partial_auc"}
    assert curves.calibration(raw, replicates=0, seed=1).empty


def test_net_benefit_at_prevalence_of_treating_all_is_zero(predictions):
    here = predictions[predictions["part"] == "test"]
    prevalence = here["truth"].mean()
    table = benefit.decision(here, decision_range=(round(prevalence, 2), 0.9))
    assert abs(table["treat_all"].iloc[0]) < 0.02


def test_every_printed_table_is_a_table(predictions, chosen, parameters, cases):
    scores = performance.with_baselines(predictions, cases, None, thresholds=chosen, parameters=parameters)
    tests = comparisons.comparisons(predictions, confirmatory=parameters.statistics.comparisons)
    shown = (
        performance_printed.essential(scores),
        performance_printed.secondary(scores),
        performance_printed.baselines(scores),
        comparison_printed.comparisons(tests),
    )
    for frame in shown:
        lines = prose.markdown_table(frame).splitlines()
        assert len({line.count(" | ") for line in lines}) == 1 and len(lines) > 2


def test_prose_leads_with_test_patients_and_the_nomogram(predictions, fits, chosen, scored, parameters):
    frozen = thresholds.table(predictions, fits, chosen, statistics=parameters.statistics, seed=1)
    told = headline.numbers(scored, frozen, lead="nomogram", parameters=parameters)
    assert told["judged"].startswith("40 test patients")
    assert order.lead(predictions) == "nomogram"
    assert np.isfinite(float(told["auc"][:4]))


def test_the_no_information_rate_comes_with_the_test_of_the_accuracy(scored):
    table = performance_printed.secondary(scored)
    row = table[table[""] == "No-information rate"].iloc[0]
    assert all("; P " in cell for cell in row.iloc[1:])
