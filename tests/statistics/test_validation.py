"""Optimism and .632+ in numbers worked by hand, and on pminternal's example."""

import numpy as np
import pytest
from scipy.special import expit

from helpers.statistics import calibration as c
from helpers.statistics import discrimination as d
from helpers.statistics import validation as v
from helpers.statistics.logistic import logistic


@pytest.fixture(scope="module")
def pminternal(r_random):
    """A4, the README of pminternal: 800 patients, ten predictors, five of them real."""
    r = r_random(2345)
    x = r.rnorm(8000).reshape(10, 800).T
    truth = r.bernoulli(expit(-1 + x[:, :5].sum(axis=1)))
    return np.column_stack([np.ones(800), x]), truth


def test_apparent_performance_equals_pminternal(pminternal):
    design, truth = pminternal
    risk = expit(design @ logistic(design, truth).coefficients)
    assert d.auc(truth, risk).estimate == pytest.approx(0.8566895635, abs=6e-11)
    assert c.brier(truth, risk) == pytest.approx(0.1423394923, abs=6e-11)


def test_optimism_of_the_area_is_near_that_of_pminternal(pminternal):
    design, truth = pminternal
    rng = np.random.default_rng(0)
    own, original = [], []
    for _ in range(100):
        rows = rng.integers(800, size=800)
        score = design @ logistic(design[rows], truth[rows]).coefficients
        own.append(d.delong(truth[rows], score[rows])[0][0])
        original.append(d.delong(truth, score)[0][0])
    found = v.optimism_corrected(0.8566895635, own, original)
    # pminternal prints .0093 from 100 replicates of its own.
    assert found.optimism == pytest.approx(0.0093, abs=0.003)
    assert found.low < found.corrected < found.high


def test_correction_and_shifted_interval_by_hand():
    found = v.optimism_corrected(0.9, [0.9, 1.0, np.nan], [0.8, 0.8, 0.7])
    assert (found.optimism, found.corrected, found.replicates) == pytest.approx((0.15, 0.75, 2))
    assert (found.low, found.high) == pytest.approx((0.9025 - 0.15, 0.9975 - 0.15))


def test_no_finite_replicate_is_said_and_not_raised():
    found = v.optimism_corrected(0.9, [np.nan], [0.5])
    assert found.replicates == 0
    assert np.isnan(found.corrected)


def test_point632_of_the_example():
    # The note's .632 of .84807 fixes the out-of-bag area; .632+ and its weight then follow.
    outside = (0.84807 - 0.368 * 0.8566895635) / 0.632
    found = v.point632plus(0.8566895635, outside, no_information=0.5)
    assert found.point632 == pytest.approx(0.84807, abs=1e-12)
    assert found.point632_plus == pytest.approx(0.84795, abs=6e-6)
    assert (found.relative_overfitting, found.weight) == pytest.approx((0.0382, 0.6410), abs=6e-5)


def test_total_overfitting_is_no_information():
    found = v.point632plus(1.0, [0.45, 0.5], no_information=0.5)
    assert (found.relative_overfitting, found.weight, found.point632_plus) == pytest.approx((1, 1, 0.5))


def test_point632_plus_works_where_less_is_better():
    found = v.point632plus(0.1, 0.2, no_information=0.3)
    assert found.relative_overfitting == pytest.approx(0.5)
    assert 0.1 < found.point632 < found.point632_plus < 0.2


def test_instability_is_the_mean_distance_of_refitted_predictions():
    found = v.instability([0.5, 0.2], [[0.6, 0.2], [0.4, 0.4]])
    assert found.mean_absolute_error == pytest.approx([0.1, 0.1])
    assert found.average == pytest.approx(0.1)


@pytest.mark.parametrize("pair", [([0.1], [0.1, 0.2]), ([[0.1]], [[0.1]])])
def test_unequal_replicates_raise(pair):
    with pytest.raises(ValueError, match="equally long"):
        v.optimism_corrected(0.9, *pair)
