from __future__ import annotations

import numpy as np
import pytest

from helpers.evaluation import (
    benefit,
    calibration_tests,
    comparison_printed,
    comparisons,
    curves,
    performance_printed,
    recalibrated,
    reclassified,
    thresholds,
)
from helpers.statistics.decision import net_benefit

PAIRS = (("nomogram", "clinical"),)
RANGE = {"decision_range": (0.1, 0.6)}


@pytest.fixture
def chosen(predictions, fits, parameters):
    return thresholds.choose(predictions, fits, statistics=parameters.statistics)


def test_difference_in_net_benefit_is_that_of_the_two_curves(predictions):
    net = benefit.decision(predictions, **RANGE).query("part == 'test'").set_index(["model", "threshold"])
    table = benefit.differences(predictions, model="nomogram", pairs=PAIRS, **RANGE)
    for other, column in (("clinical", "net_benefit"), (benefit.TREAT_ALL, "treat_all")):
        own = table[table["model_b"] == other].set_index("threshold")["difference"]
        second = net.loc["clinical"][column]
        assert np.allclose(own, net.loc["nomogram"]["net_benefit"] - second, atol=1e-12)
    nobody = table[table["model_b"] == benefit.TREAT_NONE]["difference"].to_numpy()
    assert np.allclose(nobody, net.loc["nomogram"]["net_benefit"], atol=1e-12)


def test_a_stated_prevalence_reweights_sensitivity_and_specificity(predictions):
    own = predictions.query("part == 'test' and model == 'nomogram'")
    table = benefit.adjusted(own, prevalence=0.1, **RANGE)
    at = table[np.isclose(table["threshold"], 0.3)].iloc[0]
    called, truth = own["probability"].to_numpy() >= 0.3, own["truth"].to_numpy() == 1
    by_hand = called[truth].mean() * 0.1 - called[~truth].mean() * 0.9 * 0.3 / 0.7
    assert at["net_benefit"] == pytest.approx(by_hand, abs=1e-12)
    assert benefit.adjusted(own, prevalence=None, **RANGE).empty


def test_standardized_benefit_is_benefit_over_prevalence(predictions):
    table = benefit.decision(predictions, **RANGE)
    assert np.allclose(table["standardized"], table["net_benefit"] / table["prevalence"])
    own = predictions.query("part == 'test' and model == 'nomogram'")
    at = table.query("part == 'test' and model == 'nomogram' and threshold == 0.3").iloc[0]
    assert at["net_benefit"] == pytest.approx(net_benefit(own["truth"], own["probability"], 0.3), abs=1e-12)


def test_recalibration_is_learned_from_training_rows_alone(predictions):
    turned = predictions.copy()
    test = turned["part"] == "test"
    turned.loc[test, "truth"] = 1 - turned.loc[test, "truth"]
    first, second = recalibrated.recalibrated(predictions), recalibrated.recalibrated(turned)
    assert np.array_equal(first["probability"], second["probability"])
    assert set(first["kind"]) == {"frozen"}


def test_recalibration_repairs_risks_that_are_too_extreme(predictions):
    extreme = predictions.assign(
        probability=1 / (1 + np.exp(-9 * np.log(predictions["probability"] / (1 - predictions["probability"]))))
    )
    table = recalibrated.recalibration(extreme, replicates=50, seed=1).set_index(["model", "version", "metric"])
    given, moved = (table.loc[("nomogram", v, "calibration_slope"), "estimate"] for v in ("as given", "recalibrated"))
    assert abs(moved - 1) < abs(given - 1)
    assert performance_printed.recalibration(table.reset_index()).shape[0] == 6


def test_hosmer_lemeshow_loses_degrees_of_freedom_only_where_the_model_was_fitted(predictions):
    both = predictions.assign(kind=predictions["kind"].replace("oof", "apparent"))
    table = calibration_tests.calibration_tests(both)
    grouped = table[table["test"] == calibration_tests.HOSMER_LEMESHOW].set_index(["kind", "model"])["df"]
    assert grouped["apparent", "nomogram"] == 8 and grouped["frozen", "nomogram"] == 10
    assert set(table.loc[table["kind"] == "apparent", "test"]) == {calibration_tests.HOSMER_LEMESHOW}


def test_reclassification_table_counts_every_patient_once(predictions, chosen, parameters):
    table = reclassified.reclassification_table(
        predictions, pairs=PAIRS, thresholds=chosen, statistics=parameters.statistics
    )
    test = predictions.query("part == 'test' and model == 'nomogram'")
    counts = table.groupby("outcome")["count"].sum()
    assert counts["events"] == test["truth"].sum() and counts["nonevents"] == (1 - test["truth"]).sum()
    assert len(comparison_printed.reclassification_table(table)) == 6


def test_reclassification_is_withheld_where_the_new_model_is_miscalibrated(predictions, chosen, parameters):
    extreme = predictions.assign(
        probability=1 / (1 + np.exp(-9 * np.log(predictions["probability"] / (1 - predictions["probability"]))))
    )
    table = reclassified.reclassification(
        extreme, pairs=PAIRS, thresholds=chosen, statistics=parameters.statistics, seed=1
    )
    assert table["estimate"].isna().all() and table["method"].str.startswith("withheld").all()


def test_calls_of_two_models_are_compared_in_events_and_non_events(predictions, chosen):
    table = comparisons.comparisons(predictions, confirmatory=PAIRS, thresholds=chosen)
    calls = table[table["family"] == "operating point"]
    assert [t.split(",")[0] for t in calls["test"]] == ["difference in sensitivity", "difference in specificity"]
    test = predictions[predictions["part"] == "test"].pivot(index="case", columns="model", values="probability")
    truth = predictions.drop_duplicates("case").set_index("case")["truth"].loc[test.index]
    found = [(test.loc[truth == 1, m] >= chosen["progression", m].value).mean() for m in ("nomogram", "clinical")]
    assert calls["estimate"].iloc[0] == pytest.approx(found[0] - found[1], abs=1e-12)


def test_each_model_is_compared_with_itself_between_parts(predictions):
    table = comparisons.comparisons(predictions, confirmatory=PAIRS)
    across = table[table["family"] == "between parts"]
    assert list(across["model_a"]) == list(across["model_b"]) and len(across) == 3
    assert (across["df"] > 2).all()  # Welch's, not normal


def test_all_models_are_compared_at_once(predictions):
    table = comparisons.comparisons(predictions, confirmatory=PAIRS)
    row = table[table["family"] == "global"].iloc[0]
    assert row["df"] == 2 and np.isnan(row["estimate"]) and 0 <= row["p"] <= 1


def test_the_band_holds_the_curve(predictions):
    band = curves.band(predictions, model="nomogram", replicates=200, seed=1)
    inside = (band["low"] <= band["sensitivity"] + 1e-12) & (band["sensitivity"] <= band["high"] + 1e-12)
    assert inside.mean() > 0.97 and set(band["model"]) == {"nomogram"}


def test_every_curve_has_its_versions(predictions):
    table = curves.calibration(predictions, replicates=50, seed=1)
    assert set(table["version"]) == {"main", "loess", "recalibrated"}
    assert set(table.loc[table["version"] == "recalibrated", "kind"]) == {"frozen"}
    assert table.loc[table["version"] == "main", "low"].notna().any()


def test_groups_hold_every_patient(predictions):
    table = curves.calibration_groups(predictions)
    counts = table.groupby(["model", "part"])["count"].sum()
    assert counts["nomogram", "train"] == 80 and counts["nomogram", "test"] == 40


def test_a_threshold_comes_with_the_interval_of_its_choice(predictions, fits, chosen, parameters):
    table = thresholds.table(predictions, fits, chosen, statistics=parameters.statistics, seed=1)
    assert ((table["low"] <= table["threshold"]) & (table["threshold"] <= table["high"])).all()
    assert len(performance_printed.thresholds(table)) == 3


def test_net_benefit_is_printed_at_tenths_of_risk(predictions):
    net = benefit.decision(predictions, **RANGE)
    table = performance_printed.benefit(net, model="nomogram")
    assert table["Risk threshold"].tolist() == ["0.10", "0.20", "0.30", "0.40", "0.50", "0.60"]
    at = net.query("part == 'test' and model == 'nomogram' and threshold == 0.3").iloc[0]
    assert table.iloc[2]["Standardized"] == f"{at['net_benefit'] / at['prevalence']:.2f}"
