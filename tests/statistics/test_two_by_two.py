"""Every measure of a two-by-two table meets epiR, caret, bdpv or statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from helpers.statistics import thresholds as t

# R's epi.tests: true and false positives, false and true negatives.
EPI = (670, 202, 74, 640)


def limits(interval):
    return interval.estimate, interval.low, interval.high


def test_balanced_accuracy_is_newcombes_interval_of_the_difference_moved():
    # Se + Sp - 1 is the difference of two independent proportions, which statsmodels gives as "newcomb".
    found = t.performance(*EPI).balanced_accuracy
    low, high = confint_proportions_2indep(670, 744, 202, 842, method="newcomb", compare="diff")
    assert limits(found) == pytest.approx(((0.900538 + 0.760095) / 2, (1 + low) / 2, (1 + high) / 2), abs=1e-6)


def test_newcombes_published_interval():
    # Newcombe 1998 (Stat Med 17:873): 56/70 - 48/80, 0.2 (0.0524, 0.3339), here as a balanced accuracy.
    found = t.performance(56, 48, 14, 32).balanced_accuracy
    assert (2 * found.low - 1, 2 * found.high - 1) == pytest.approx((0.0524, 0.3339), abs=6e-5)


def test_f1_transforms_the_wilson_limits_of_its_binomial_share():
    found = t.performance(*EPI).f1
    low, high = proportion_confint(670, 670 + 202 + 74, method="wilson")
    assert found.estimate == pytest.approx(2 * 670 / (2 * 670 + 202 + 74))
    assert (found.low, found.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)), abs=1e-12)


def test_matthews_variance_equals_that_of_the_phi_coefficient():
    # Bishop, Fienberg and Holland 1975, Discrete Multivariate Analysis, section 11.3.
    found, n = t.performance(*EPI).mcc, sum(EPI)
    table = np.array([[670, 202], [74, 640]]) / n
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    phi, gap_r, gap_c = found.estimate, rows[0] - rows[1], columns[0] - columns[1]
    spread = 1 - phi**2 + phi * (1 + phi**2 / 2) * gap_r * gap_c / np.sqrt(rows.prod() * columns.prod())
    spread -= 0.75 * phi**2 * (gap_r**2 / rows.prod() + gap_c**2 / columns.prod())
    half = 1.959963985 * np.sqrt(spread / n) / (1 - phi**2)
    expected = np.tanh(np.arctanh(phi) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-9)


def test_matthews_interval_covers_the_truth_as_often_as_it_says():
    share = np.array([0.24, 0.12, 0.08, 0.56])
    truth = (0.24 * 0.56 - 0.12 * 0.08) / np.sqrt(0.36 * 0.32 * 0.68 * 0.64)
    tables = np.random.default_rng(3).multinomial(150, share, size=1000)
    covered = [m.low <= truth <= m.high for m in (t.performance(*row).mcc for row in tables.tolist())]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def test_matthews_of_a_perfect_or_one_sided_table_has_no_limits():
    assert limits(t.performance(10, 0, 0, 10).mcc) == pytest.approx((1, np.nan, np.nan), nan_ok=True)
    assert np.isnan(t.performance(10, 10, 0, 0).mcc.estimate)


def test_diagnostic_odds_ratio_equals_statsmodels():
    found = t.performance(*EPI)
    expected = Table2x2(np.array([[670, 202], [74, 640]]))
    assert limits(found.diagnostic_odds_ratio) == pytest.approx((expected.oddsratio, *expected.oddsratio_confint()))
    assert not found.odds_ratio_corrected


def test_an_empty_cell_adds_one_half_and_is_flagged():
    found = t.performance(20, 0, 5, 30)
    expected = Table2x2(np.array([[20.5, 0.5], [5.5, 30.5]]))
    assert limits(found.diagnostic_odds_ratio) == pytest.approx((expected.oddsratio, *expected.oddsratio_confint()))
    assert found.odds_ratio_corrected
    absent = t.performance(20, 0, 5, 0)
    assert np.isnan(absent.diagnostic_odds_ratio.estimate)
    assert not absent.odds_ratio_corrected


def test_accuracy_against_the_no_information_rate_equals_caret():
    # Printed by caret::confusionMatrix: Accuracy .9183, No Information Rate .9041, P-Value [Acc > NIR] .008958.
    found = t.performance(2148, 176, 20, 54)
    assert (found.accuracy.estimate, found.no_information_rate) == pytest.approx((0.9183, 0.9041), abs=5e-5)
    assert found.p_above_no_information == pytest.approx(0.008958, abs=5e-7)


def test_predictive_values_follow_bayes():
    point = t.performance(90, 20, 10, 80)
    found = t.predictive_values(point, 0.1)
    assert (found.ppv.estimate, found.npv.estimate) == pytest.approx((0.09 / 0.27, 0.72 / 0.73))


def test_predictive_values_at_the_sample_prevalence_are_those_of_the_sample():
    point = t.performance(*EPI)
    found = t.predictive_values(point, 744 / 1586)
    expected = (point.ppv.estimate, point.npv.estimate)
    assert (found.ppv.estimate, found.npv.estimate) == pytest.approx(expected)


def test_predictive_values_of_an_empty_cell_equal_bdpv():
    # R: bdpv::BDtest(matrix(c(2, 4, 2, 0), ncol = 2), pr = 0.1), whose adjusted limits are printed.
    found = t.predictive_values(t.performance(2, 2, 4, 0), 0.1)
    assert (found.ppv.low, found.ppv.high) == pytest.approx((0.02475575, 0.1462819), abs=6e-8)
    # The estimate itself is 0, below the printed lower limit 0.58123420.
    assert (found.npv.low, found.npv.high) == pytest.approx((0, 0.9457484), abs=6e-8)
    assert found.adjusted


def test_predictive_values_of_the_apolipoprotein_study():
    # Mercaldo 2007, Table VIII: 240 of 418 cases and 87 of 375 controls positive; delta method on the logit.
    found = t.predictive_values(t.performance(240, 87, 178, 288), 0.03)
    se, sp = 240 / 418, 288 / 375
    error = np.sqrt((1 - se) / 240 + sp / 87)
    odds = np.exp(np.log(0.03 * se / (0.97 * (1 - sp))) + 1.959964 * np.array([-error, error]))
    assert (found.ppv.low, found.ppv.high) == pytest.approx(tuple(odds / (1 + odds)), abs=1e-6)
    assert not found.adjusted


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cells", [(20, 0, 5, 30), (0, 3, 5, 30), (20, 4, 0, 30), (5, 0, 0, 5)])
def test_limits_of_predictive_values_hold_their_estimate(cells):
    found = t.predictive_values(t.performance(*cells), 0.2)
    for value in (found.ppv, found.npv):
        assert 0 <= value.low <= value.estimate <= value.high <= 1


def test_predictive_values_without_a_class_or_a_call_are_missing():
    assert np.isnan(t.predictive_values(t.performance(3, 0, 1, 0), 0.2).ppv.estimate)
    assert np.isnan(t.predictive_values(t.performance(0, 0, 4, 9), 0.2).ppv.estimate)
    with pytest.raises(ValueError, match="prevalence"):
        t.predictive_values(t.performance(*EPI), 1.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cells", [(0, 0, 0, 0), (0, 0, 0, 9), (9, 0, 0, 0), (0, 9, 0, 0), (4, 0, 0, 0)])
def test_tables_of_one_class_are_no_crash(cells):
    assert t.performance(*cells).tp == cells[0]
