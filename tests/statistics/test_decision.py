"""Decision curves equal those of dcurves, in R and in Python."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from helpers.statistics import decision as d

THRESHOLDS = [0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35]


@pytest.fixture(scope="module")
def cancer(read_anchor):
    table = read_anchor("statistics/dca_df_binary.csv")
    return (
        table["cancer"].to_numpy(int),
        table["cancerpredmarker"].to_numpy(float),
        table["famhistory"].to_numpy(float),
    )


def test_net_benefit_equals_dcurves(cancer):
    truth, risk, _ = cancer
    curve = d.decision_curve(truth, risk, thresholds=THRESHOLDS)
    expected = [0.10554386, 0.08740741, 0.07921569, 0.06733333, 0.064, 0.05466667, 0.05015385]
    assert curve.net_benefit == pytest.approx(expected, abs=6e-9)
    assert curve.treat_all[:4] == pytest.approx([0.09473684, 0.04444444, -0.01176471, -0.075], abs=6e-9)
    assert d.net_benefit(truth, risk, 0.1) == pytest.approx(0.08740741, abs=6e-9)


def test_limits_of_interventions_avoided_are_those_of_the_paired_difference(cancer):
    truth, risk, _ = cancer
    curve = d.decision_curve(truth, risk, thresholds=[0.1, 0.2])
    # Anchor C3: the difference to treating all has the standard error 0.0062859 at 0.10; the odds there are 1/9.
    half = 100 * 9 * 1.959963985 * 0.0062859
    assert curve.avoided_high[0] - curve.avoided_low[0] == pytest.approx(2 * half, rel=0.05)
    drawn = np.random.default_rng(1).integers(750, size=(1000, 750))
    rows = [d.decision_curve(truth[r], risk[r], thresholds=[0.2]).interventions_avoided[0] for r in drawn]
    assert (curve.avoided_low[1], curve.avoided_high[1]) == pytest.approx(np.quantile(rows, [0.025, 0.975]), abs=2.0)


def test_interventions_avoided_at_a_target_prevalence_stay_exact(cancer):
    truth, risk, _ = cancer
    plain = d.decision_curve(truth, risk, thresholds=THRESHOLDS)
    targeted = d.decision_curve(truth, risk, thresholds=THRESHOLDS, prevalence=truth.mean())
    assert targeted.interventions_avoided == pytest.approx(plain.interventions_avoided, abs=1e-10)
    rare = d.decision_curve(truth, risk, thresholds=[0.1], prevalence=0.3)
    assert rare.interventions_avoided[0] == pytest.approx(100 * 9 * (0.22529839 - (0.3 - 0.7 / 9)), abs=6e-6)
    assert rare.avoided_low[0] < rare.interventions_avoided[0] < rare.avoided_high[0]


@pytest.mark.filterwarnings("error")
def test_nothing_is_avoided_by_treating_all_and_nothing_defined_at_threshold_zero():
    curve = d.decision_curve([0, 1, 0, 1], np.ones(4), thresholds=[0.0, 0.3])
    assert np.isnan([curve.interventions_avoided[0], curve.avoided_low[0], curve.avoided_high[0]]).all()
    assert curve.interventions_avoided[1] == pytest.approx(0)
    assert np.isnan([curve.avoided_low[1], curve.avoided_high[1]]).all()  # nobody was spared: no interval


def test_interventions_avoided_and_standardized_benefit_equal_dcurves(cancer):
    truth, risk, _ = cancer
    curve = d.decision_curve(truth, risk, thresholds=[0.1, 0.2])
    assert curve.interventions_avoided == pytest.approx([38.6667, 56.9333], abs=6e-5)
    assert curve.standardized[0] == pytest.approx(0.624339, abs=6e-7)


def test_target_prevalence_equals_dcurves(cancer):
    truth, risk, _ = cancer
    curve = d.decision_curve(truth, risk, thresholds=[0.1, 0.2], prevalence=0.3)
    assert curve.net_benefit == pytest.approx([0.22529839, 0.18769657], abs=6e-9)


def test_family_history_equals_the_r_benchmark(cancer, read_anchor):
    truth, _, history = cancer
    table = read_anchor("statistics/dca_r_famhistory.csv")
    for name, risk in (("famhistory", history), ("all", np.ones_like(history))):
        rows = table[(table["variable"] == name) & (table["threshold"] > 0) & (table["threshold"] < 1)]
        curve = d.decision_curve(truth, risk, thresholds=rows["threshold"])
        assert curve.net_benefit == pytest.approx(rows["net_benefit"].to_numpy(), abs=1e-12)


def test_family_history_has_the_printed_values(cancer):
    truth, _, history = cancer
    curve = d.decision_curve(truth, history, thresholds=[0.05, 0.10, 0.15, 0.20])
    assert curve.net_benefit == pytest.approx([0.025614, 0.018519, 0.010588, 0.001667], abs=6e-7)


def test_standard_errors_are_those_of_a_mean(cancer):
    truth, risk, _ = cancer
    curve = d.decision_curve(truth, risk, thresholds=[0.1, 0.2])
    assert curve.standard_error == pytest.approx([0.0122030, 0.0117627], abs=6e-8)
    assert curve.high - curve.low == pytest.approx(2 * 1.959963985 * curve.standard_error, rel=0.01)


def test_limits_at_threshold_zero_are_those_of_the_prevalence(cancer):
    """There a false positive costs nothing, and what is left is a share: Wilson."""
    truth, risk, _ = cancer
    curve = d.decision_curve(truth, risk, thresholds=[0.0])
    expected = proportion_confint(truth.sum(), truth.size, method="wilson")
    assert (curve.low[0], curve.high[0]) == pytest.approx(expected, abs=1e-12)


def test_limits_against_treating_all_hold_where_hardly_anybody_is_spared():
    """One patient spared, no event missed: a mean's error would be near 0 below; the share's is not."""
    truth = np.r_[np.ones(20), np.zeros(40)]
    risk = np.r_[np.full(20, 0.6), 0.05, np.full(39, 0.6)]
    found = d.compare_net_benefit(truth, risk, np.ones(60), thresholds=[0.1])
    assert found.difference[0] == pytest.approx(0.1 / 0.9 / 60)
    assert found.low[0] < 0 < found.difference[0] < found.high[0]
    low, high = proportion_confint(1, 60, method="wilson")
    assert found.high[0] > 0.1 / 0.9 * high * 0.9 and found.low[0] < -0.03  # up to 6 % of events may be missed


def test_difference_to_treating_all_has_a_paired_error(cancer):
    truth, risk, _ = cancer
    found = d.compare_net_benefit(truth, risk, np.ones_like(risk), thresholds=[0.1])
    assert found.difference[0] == pytest.approx(0.08740741 - 0.04444444, abs=2e-8)
    assert found.standard_error[0] == pytest.approx(0.0062859, abs=6e-8)
    assert found.trade_off[0] == pytest.approx(1 / found.difference[0])
    assert np.isnan(d.compare_net_benefit(truth, risk, risk, thresholds=[0.1]).trade_off[0])


def test_sample_prevalence_as_target_changes_nothing_but_the_error(cancer):
    truth, risk, _ = cancer
    plain = d.decision_curve(truth, risk, thresholds=THRESHOLDS)
    targeted = d.decision_curve(truth, risk, thresholds=THRESHOLDS, prevalence=truth.mean())
    assert targeted.net_benefit == pytest.approx(plain.net_benefit, abs=1e-12)


def test_a_perfect_model_gains_the_prevalence():
    truth = np.array([0, 0, 0, 1, 0])
    assert d.net_benefit(truth, truth, 0.2) == pytest.approx(0.2)


def test_treating_all_gains_nothing_at_the_prevalence():
    truth = np.array([0, 0, 0, 1, 0])
    assert d.decision_curve(truth, truth, thresholds=[0.2]).treat_all[0] == pytest.approx(0)


def test_useful_range_is_where_the_model_beats_both_defaults(cancer):
    truth, risk, _ = cancer
    grid = np.arange(1, 100) / 100
    found = d.useful_range(d.decision_curve(truth, risk, thresholds=grid))
    run = (grid >= found.low) & (grid <= found.high)
    assert found.better[run].all()
    assert found.low <= 0.1 < 0.35 <= found.high


def test_treating_all_is_never_useful():
    truth = np.array([0, 1, 0, 1])
    found = d.useful_range(d.decision_curve(truth, np.ones(4), thresholds=[0.1, 0.5, 0.9]))
    assert np.isnan(found.low)
    assert not found.better.any()


@pytest.mark.parametrize("thresholds", [[1.0], [-0.1], [], [np.nan]])
def test_thresholds_outside_their_range_raise(thresholds):
    with pytest.raises(ValueError, match="threshold"):
        d.decision_curve([0, 1], [0.2, 0.8], thresholds=thresholds)
