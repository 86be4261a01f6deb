"""Rubin's rules, held to what R's mice prints and to arithmetic done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from helpers.statistics.rubin import pool, pooled_area

# Printed by print(mice::pool(fit)), R's package mice, in published tutorials and analyses: m, estimate, ubar, b, dfcom, and
# then t, df, riv, lambda, fmi. The first two: lm(Temp ~ Ozone + Solar.R + Wind) on R's airquality; the third: average slopes
# of a feglm on mtcars (documentation of marginaleffects, multiple imputation); the fourth: a mean of 7 patients; the last: a
# mixed model with 100 imputations, whose summary gives limits and P as well.
PRINTED = [
    (5, 72.55796363, 6.595501, 0.5750036463, 148, 7.285505, 101.97555, 0.1046174, 0.0947092, 0.1119569),
    (5, 0.16081480, 4.935193e-04, 0.0001610921, 148, 6.868298e-04, 34.09063, 0.3916979, 0.2814533, 0.3201987),
    (5, -0.134280454, 7.093304e-04, 2.347331e-03, 29, 3.526128e-03, 2.920745, 3.971065, 0.7988359, 0.8667882),
    (5, 6211.229, 1828879, 19853.5, 6, 1852703, 4.60578, 0.01302667, 0.01285915, 0.2724356),
    (100, 78.1180417, 1.3498897931, 0.854865045, 237, 2.213303489, 117.46021, 0.6396179, 0.3901018, 0.4002279),
]


def analyses(m: int, estimate: float, within: float, between: float) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and variances of m imputations with that mean, and those variances within and between."""
    z = np.linspace(-1, 1, m)
    return estimate + np.sqrt(between) * z / z.std(ddof=1), np.full(m, within)


@pytest.mark.parametrize("row", PRINTED, ids=range(len(PRINTED)))
def test_every_number_that_mice_prints_is_met(row):
    m, estimate, within, between, complete, total, df, increase, share, information = row
    found = pool(*analyses(m, estimate, within, between), complete_df=complete)
    assert np.isclose(found.estimate, estimate)
    assert np.allclose([found.total, found.df], [total, df], rtol=2e-6)
    assert np.allclose([found.increase, found.share], [increase, share], rtol=2e-6)
    assert np.isclose(found.missing_information, information, rtol=2e-6)


def test_the_limits_and_the_p_of_mices_summary_are_met():
    """summary(pool(fit), conf.int = TRUE) of the last model: its terms (Intercept) and arm1."""
    found = pool(*analyses(100, 78.1180417, 1.3498897931, 0.854865045), complete_df=237)
    assert np.allclose([found.interval().low, found.interval().high], [75.17181568, 81.0642677], atol=1e-6)
    found = pool(*analyses(100, -0.9982821, 1.2761079056, 0.408232730), complete_df=237)
    assert np.isclose(found.standard_error, 1.29939331, rtol=1e-6)
    assert np.isclose(found.p, 0.44345724483574, rtol=1e-6)


def test_without_variance_between_the_complete_data_decide():
    found = pool([1.0, 1.0, 1.0], [0.04, 0.04, 0.04], complete_df=20)
    assert (found.between, found.share) == (0, 0)
    assert np.isclose(found.df, 21 / 23 * 20)
    assert np.isinf(pool([1.0, 1.0], [0.04, 0.04]).df)


def test_the_degrees_of_freedom_never_exceed_those_of_the_complete_data():
    rng = np.random.default_rng(3)
    for _ in range(200):
        q, u, complete = rng.normal(0, rng.random(), 5), rng.random(5) + 0.01, rng.integers(3, 500)
        assert 0 < pool(q, u, complete_df=complete).df <= complete


def test_an_estimate_that_one_imputation_lacks_is_not_pooled():
    assert np.isnan(pool([1.0, np.nan], [0.1, 0.1]).estimate)


@pytest.mark.parametrize(("q", "u"), [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([[1.0, 2.0]], [[1.0, 2.0]])])
def test_shapes_are_checked(q, u):
    with pytest.raises(ValueError, match="two imputations or more"):
        pool(q, u)


def test_an_area_is_pooled_where_its_limits_stay_inside():
    found = pooled_area([0.95, 0.97, 0.99], [0.03, 0.03, 0.02])
    assert 0 < found.low < found.estimate < found.high < 1
    assert np.isclose(found.estimate, expit(np.mean(logit([0.95, 0.97, 0.99]))))


def test_equal_areas_give_the_logit_interval_of_one():
    found = pooled_area([0.8, 0.8], [0.05, 0.05])
    half = 1.959964 * 0.05 / 0.16
    assert np.allclose([found.low, found.high], expit(logit(0.8) + np.array([-half, half])), atol=1e-6)


def test_a_perfect_area_has_no_logit():
    assert np.isnan(pooled_area([1.0, 0.9], [0.0, 0.05]).estimate)
