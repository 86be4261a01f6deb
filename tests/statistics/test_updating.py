"""Updating risks where a model is used: equal to statsmodels, honest out of fold, and no oftener than the data call for."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from scipy.stats import chi2

from helpers.statistics import updating
from helpers.statistics.calibration import calibration


def cohort(n: int, *, intercept: float = 0.0, slope: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes whose log odds are intercept + slope times those that the model gives."""
    rng = np.random.default_rng(seed)
    given = rng.normal(-0.3, 1.2, n)
    return (rng.random(n) < expit(intercept + slope * given)).astype(int), expit(given)


def test_both_updates_equal_statsmodels():
    truth, p = cohort(150, intercept=0.5, slope=0.6)
    free = sm.GLM(truth, sm.add_constant(logit(p)), family=sm.families.Binomial()).fit()
    found = updating.update(truth, p, step=updating.BOTH)
    assert np.allclose([found.intercept.estimate, found.slope.estimate], free.params, atol=1e-6)
    assert np.allclose([found.slope.low, found.slope.high], free.conf_int()[1], atol=1e-5)
    shifted = sm.GLM(truth, np.ones(150), offset=logit(p), family=sm.families.Binomial()).fit()
    found = updating.update(truth, p, step=updating.INTERCEPT)
    assert np.isclose(found.intercept.estimate, shifted.params[0], atol=1e-6)
    assert found.slope.estimate == 1.0 and np.isnan(found.slope.low)


def test_the_closed_tests_statistics_are_likelihood_ratios_of_statsmodels():
    truth, p = cohort(200, intercept=0.4, slope=0.7, seed=3)
    options = {"family": sm.families.Binomial()}
    free = sm.GLM(truth, sm.add_constant(logit(p)), **options).fit().llf
    shifted = sm.GLM(truth, np.ones(200), offset=logit(p), **options).fit().llf
    as_given = float(np.log(np.where(truth == 1, p, 1 - p)).sum())
    found = updating.closed_test(truth, p)
    assert np.allclose([found.joint, found.slope], [2 * (free - as_given), 2 * (free - shifted)], atol=1e-6)
    assert np.isclose(found.joint_p, chi2.sf(2 * (free - as_given), 2))


@pytest.mark.parametrize(
    ("truth_is", "step"),
    [({}, updating.NONE), ({"intercept": 1.0}, updating.INTERCEPT), ({"slope": 0.4}, updating.BOTH)],
)
def test_the_closed_test_finds_the_update_that_made_the_data(truth_is, step):
    assert updating.closed_test(*cohort(3000, **truth_is, seed=2)).step == step


def test_a_model_that_is_right_is_left_alone_as_often_as_the_level_says():
    kept = [updating.closed_test(*cohort(300, seed=s)).step == updating.NONE for s in range(400)]
    assert abs(np.mean(kept) - 0.95) < 0.033  # three standard errors


def test_a_patients_updated_risk_does_not_rest_on_the_patients_outcome():
    truth, p = cohort(80, slope=0.5)
    fold = np.arange(80) % 10
    for held in (0, 7, 33):
        flipped = truth.copy()
        flipped[fold == fold[held]] = 1 - flipped[fold == fold[held]]
        before, after = (updating._once(t == 1, logit(p), fold, updating.BOTH) for t in (truth, flipped))
        assert np.array_equal(before[fold == fold[held]], after[fold == fold[held]])
        assert not np.array_equal(before, after)


def test_an_update_in_sample_promises_a_slope_of_one_and_a_cross_fitted_one_says_what_is_left():
    slopes = []
    for seed in range(20):
        truth, p = cohort(60, slope=0.3, seed=seed)
        rng = np.random.default_rng(seed)
        slopes.append(calibration(truth, updating.cross_fitted(truth, p, step=updating.BOTH, rng=rng)).slope.estimate)
    assert np.mean(slopes) < 0.95


def test_cross_fitted_updates_mend_risks_that_are_far_too_extreme():
    truth, p = cohort(800, intercept=-1.0, slope=0.4, seed=5)
    moved = updating.cross_fitted(truth, p, step=updating.BOTH, rng=np.random.default_rng(1))
    assert calibration(truth, p).ici > 0.1
    assert calibration(truth, moved).ici < 0.04


def test_the_step_none_changes_nothing():
    truth, p = cohort(40)
    assert np.array_equal(updating.cross_fitted(truth, p, step=updating.NONE, rng=np.random.default_rng(1)), p)


def test_perfect_separation_gives_no_update_and_says_so():
    truth = np.repeat([0, 1], 20)
    p = np.where(truth == 1, 0.9, 0.1) + np.linspace(-0.05, 0.05, 40)
    assert updating.update(truth, p, step=updating.BOTH).problem
    assert updating.closed_test(truth, p).step == ""
    assert np.isnan(updating.cross_fitted(truth, p, step=updating.BOTH, rng=np.random.default_rng(1))).any()


def test_two_events_are_enough_to_cross_fit_an_intercept():
    truth = np.array([1, 1] + [0] * 30)
    moved = updating.cross_fitted(truth, np.full(32, 0.4), step=updating.INTERCEPT, rng=np.random.default_rng(1))
    assert np.isfinite(moved).all() and (moved < 0.4).all()


def test_an_unknown_step_is_refused():
    with pytest.raises(ValueError, match="a step is one of"):
        updating.update(*cohort(40), step="everything")
