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


def recalibrated(truth, score):
    """Intercept and slope of a logistic model on the linear predictor."""
    return logistic(np.column_stack([np.ones(score.size), score]), truth).coefficients


def measures(truth, score):
    """C, Brier score, calibration intercept and slope of a linear predictor."""
    return [d.delong(truth, score)[0][0], c.brier(truth, expit(score)), *recalibrated(truth, score)]


@pytest.fixture(scope="module")
def refits(pminternal):
    """Measures (100, 4) of refitted models on their own sample and on the original patients, and areas out of bag."""
    design, truth = pminternal
    rng = np.random.default_rng(0)
    own, original, outside = [], [], []
    for _ in range(100):
        rows = rng.integers(800, size=800)
        score = design @ logistic(design[rows], truth[rows]).coefficients
        own.append(measures(truth[rows], score[rows]))
        original.append(measures(truth, score))
        left = np.setdiff1d(np.arange(800), rows)
        outside.append(d.delong(truth[left], score[left])[0][0])
    return np.array(own), np.array(original), np.array(outside)


# pminternal prints these from 100 replicates of its own, so that only the size can agree.
PMINTERNAL = [
    (0, 0.8566895635, 0.0093, 0.003),
    (1, 0.1423394923, -0.0054, 0.0015),
    (2, 0, 0.0175, 0.03),
    (3, 1, 0.0529, 0.02),
]


@pytest.mark.parametrize(("column", "apparent", "optimism", "tolerance"), PMINTERNAL)
def test_optimism_is_near_that_of_pminternal(refits, column, apparent, optimism, tolerance):
    own, original, _ = refits
    assert own[:, 2:].mean(axis=0) == pytest.approx([0, 1], abs=1e-8)
    found = v.optimism_corrected(apparent, own[:, column], original[:, column])
    assert found.optimism == pytest.approx(optimism, abs=tolerance)
    assert found.corrected == pytest.approx(apparent - found.optimism)
    assert found.replicates == 100


def test_point632_of_the_refits_is_near_that_of_pminternal(refits):
    found = v.point632plus(0.8566895635, refits[2], no_information=0.5)
    assert (found.point632, found.point632_plus) == pytest.approx((0.84807, 0.84795), abs=0.003)
    assert found.relative_overfitting == pytest.approx(0.0382, abs=0.015)
    assert found.weight == pytest.approx(0.6410, abs=0.004)


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


def test_repeats_of_a_cross_validation_are_summarized_by_hand():
    found = v.repeated_cross_validation([0.70, 0.74, np.nan, 0.78])
    assert (found.mean, found.standard_deviation) == pytest.approx((0.74, 0.04))
    assert (found.smallest, found.largest, found.repeats) == (0.70, 0.78, 3)
    assert np.isnan(v.repeated_cross_validation([0.7]).standard_deviation)
    with pytest.raises(ValueError, match="finite"):
        v.repeated_cross_validation([np.nan])


def test_flipped_classes_are_counted_by_hand():
    found = v.classification_instability([0.6, 0.2, 0.5], [[0.4, 0.1, 0.5], [0.7, 0.6, 0.4]], threshold=0.5)
    assert found.index == pytest.approx([0.5, 0.5, 0.5])
    assert found.average == pytest.approx(0.5)
    assert v.classification_instability([0.6], [[0.5], [0.9]], threshold=0.5).average == 0
    with pytest.raises(ValueError, match="boot_predictions"):
        v.classification_instability([0.6], [0.5], threshold=0.5)


def test_a_refitted_model_that_is_the_model_has_its_calibration_curve(pminternal):
    design, truth = pminternal
    risk = expit(design @ logistic(design, truth).coefficients)
    grid = np.linspace(0.1, 0.9, 9)
    curves = v.calibration_instability(truth, np.stack([risk, risk / 2]), grid, smoother="logistic")
    # A logistic model is calibrated on the patients it was fitted to; one that halves its risks is not.
    assert curves[0] == pytest.approx(grid, abs=1e-6)
    assert (curves[1][grid < 0.45] > grid[grid < 0.45]).all()
    assert np.isnan(curves[1][grid > 0.5]).all()
