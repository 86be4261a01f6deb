"""The Van Dyke study, as analyzed by MRMCaov and printed by OR-DBM MRMC 2.5."""

import numpy as np
import pytest

from helpers.statistics import discrimination as d
from helpers.statistics import readers as r
from helpers.statistics.reader_covariances import unbiased


@pytest.fixture(scope="module")
def delong(van_dyke):
    return r.mrmc(*van_dyke)


def test_reader_areas(delong):
    expected = [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
    assert delong.values == pytest.approx(np.array(expected), abs=6e-9)


def test_mean_squares(delong):
    found = (delong.ms_modality, delong.ms_reader, delong.ms_interaction)
    assert found == pytest.approx((0.004796171, 0.003836200, 0.0005510306), abs=6e-10)


def test_delong_covariances(delong):
    found = (delong.var, delong.cov1, delong.cov2, delong.cov3)
    assert found == pytest.approx((0.0007921325, 0.0003420090, 0.0003395265, 0.0002358497), abs=6e-11)


def test_random_readers(delong):
    found = delong.random_readers
    assert (found.statistic, found.df, found.p) == pytest.approx((4.484854, 15.06611, 0.05123303), abs=6e-6)
    expected = (-0.04380032, 0.0206825, -0.0878672, 0.0002665519)
    assert (found.difference, found.standard_error, found.low, found.high) == pytest.approx(expected, abs=6e-8)


def test_single_modalities(delong):
    found = delong.means_of_random_readers
    assert found.estimate == pytest.approx([0.8970370, 0.9408374], abs=6e-8)
    assert found.standard_error == pytest.approx([0.03307642, 0.02150464], abs=6e-9)
    assert found.df == pytest.approx([12.59597, 12.56530], abs=6e-6)
    assert found.low == pytest.approx([0.8253461, 0.8942155], abs=6e-8)
    assert found.high == pytest.approx([0.9687280, 0.9874592], abs=6e-8)


def test_fixed_readers(delong):
    found = delong.fixed_readers
    assert (found.statistic, found.p, found.df) == pytest.approx((5.545789, 0.018525, 1), abs=6e-7)
    assert found.standard_error == pytest.approx(0.01859926, abs=6e-9)


def test_fixed_readers_are_the_squared_delong_contrast(van_dyke, delong):
    truth, ratings = van_dyke
    areas, covariance = d.delong(truth, ratings.reshape(10, -1))
    contrast = np.repeat([0.2, -0.2], 5)
    z = contrast @ areas / np.sqrt(contrast @ covariance @ contrast)
    assert z == pytest.approx(-2.354950, abs=6e-7)
    assert z**2 == pytest.approx(delong.fixed_readers.statistic, abs=1e-9)


@pytest.mark.parametrize(("pair", "df"), [((0, 1), 7.55), ((0, 3), 42003), ((3, 4), 1.350)])
def test_two_readers_are_led_by_the_fixed_reader_result(van_dyke, pair, df):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[:, pair])
    assert found.random_readers.df == pytest.approx(df, rel=1e-3)
    assert found.leading == "fixed readers"


def test_two_readers_last_pair(van_dyke):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[:, (3, 4)])
    assert (found.random_readers.p, found.fixed_readers.p) == pytest.approx((0.308, 0.014), abs=6e-4)


def test_five_readers_are_led_by_the_random_reader_result(delong):
    assert delong.leading == "random readers"


def test_each_reader_is_compared_by_delong(van_dyke, delong):
    truth, ratings = van_dyke
    assert delong.per_reader[1] == d.compare_paired(truth, ratings[0, 1], ratings[1, 1])


def test_unbiased_covariance_equals_mrmcaov(van_dyke):
    found = r.mrmc(*van_dyke, covariance="unbiased")
    assert found.random_readers.p == pytest.approx(0.0511618, abs=6e-8)
    assert found.covariance == "unbiased"


def test_unbiased_covariance_is_right_on_average():
    # Two scores of six patients each: the mean of the estimates meets the variance of the areas themselves.
    rng = np.random.default_rng(0)
    truth = np.repeat([1, 0], 6)
    areas, estimates = [], []
    for _ in range(4000):
        shared = rng.normal(size=12)
        score = truth + shared + rng.normal(size=(2, 12))
        area, covariance = unbiased(truth, score)
        areas.append(area)
        estimates.append(covariance)
    assert np.mean(estimates, axis=0) == pytest.approx(np.cov(np.transpose(areas)), abs=0.0012)


def test_unknown_covariances_and_metrics_raise(van_dyke):
    with pytest.raises(ValueError, match="covariance"):
        r.mrmc(*van_dyke, covariance="bootstrap")
    with pytest.raises(ValueError, match="metric"):
        r.mrmc(*van_dyke, metric="accuracy")


def test_sensitivity_of_calls_equals_mrmcaov(van_dyke):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings >= 3, metric="sensitivity")
    random = found.random_readers
    assert (random.difference, random.df, random.p) == pytest.approx((-0.09777778, 15.71732, 0.02008822), abs=6e-6)
    assert random.p == pytest.approx(0.02008822, abs=6e-9)
    assert (found.covariance, found.leading) == ("jackknife", "random readers")


def test_specificity_is_the_sensitivity_of_the_turned_question(van_dyke):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings >= 3, metric="specificity")
    turned = r.mrmc(1 - truth, ratings < 3, metric="sensitivity")
    assert found.values == pytest.approx(turned.values)
    assert found.fixed_readers.p == pytest.approx(turned.fixed_readers.p)


def test_one_readers_calls_have_the_variance_of_paired_proportions(van_dyke):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[:, :1] >= 3, metric="sensitivity")
    first, second = (ratings[:, 0] >= 3)[:, truth == 1].astype(float)
    expected = np.sqrt(np.var(first - second, ddof=1) / first.size)
    assert found.fixed_readers.standard_error == pytest.approx(expected)
    assert found.per_reader[0].low == pytest.approx(found.fixed_readers.low)


def test_ratings_are_no_calls(van_dyke):
    with pytest.raises(ValueError, match="calls of 0 and 1"):
        r.mrmc(*van_dyke, metric="sensitivity")


def test_exchanged_modalities_turn_the_difference(van_dyke, delong):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[::-1]).fixed_readers
    assert found.difference == pytest.approx(-delong.fixed_readers.difference)
    assert found.p == pytest.approx(delong.fixed_readers.p)


def test_binary_ratings_are_refused(van_dyke):
    truth, ratings = van_dyke
    with pytest.raises(ValueError, match="ratings are binary: report sensitivity and specificity, not an AUC"):
        r.mrmc(truth, ratings >= 3)


@pytest.mark.filterwarnings("error")
def test_identical_modalities_and_a_single_reader_are_no_crash(van_dyke):
    truth, ratings = van_dyke
    same = r.mrmc(truth, ratings[[0, 0]])
    assert same.fixed_readers.difference == 0
    assert np.isnan(same.fixed_readers.p)
    single = r.mrmc(truth, ratings[:, :1])
    assert single.fixed_readers.statistic == pytest.approx(single.per_reader[0].statistic ** 2)
    assert np.isnan(single.random_readers.p)
    assert single.leading == "fixed readers"
    area = d.auc(truth, ratings[0, 0], interval="wald")
    assert (single.means.low[0], single.means.high[0]) == pytest.approx((area.low, area.high))


def test_three_modalities_have_a_test_and_no_single_difference(van_dyke):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[[0, 1, 0]] + np.arange(3)[:, None, None] * (ratings[[1, 0, 1]] == 3))
    assert found.fixed_readers.df == 2
    assert np.isfinite(found.fixed_readers.p)
    assert np.isnan(found.fixed_readers.difference)
    assert found.per_reader == ()


def test_switched_calls_are_counted_by_hand():
    truth = [1, 1, 1, 0, 0, 0]
    found = r.switches(truth, [1, 0, 0, 0, 1, 1], [0, 1, 0, 1, 1, 0], [0, 1, 1, 0, 1, 0])
    assert (found.right_to_right, found.right_to_wrong, found.wrong_to_right, found.wrong_to_wrong) == (
        0,
        2,
        2,
        2,
    )
    assert (found.automation_bias, found.rescued, found.ignored, found.model_wrong) == (1, 2, 1, 2)
