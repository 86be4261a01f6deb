"""Calibration meets R's pmcalibration and ResourceSelection, and stays calm on tiny cohorts."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from statsmodels.stats.diagnostic_gen import test_chisquare_binning as chisquare_binning

from helpers.statistics import calibration as c
from helpers.statistics.discrimination import auc
from helpers.statistics.logistic import logistic


@pytest.fixture(scope="module")
def readme(r_random):
    """A2, the README of pmcalibration: 1000 patients whose model lacks an interaction."""
    r = r_random(2345)
    x1, x2 = r.rnorm(1000), r.rnorm(1000)
    assert x1[:2] == pytest.approx([-1.19142464, 0.54930055], abs=5e-9)
    truth = r.bernoulli(expit(-1 + x1 + x2 + x1 * x2))
    return truth, expit(-1 + x1 + x2)


@pytest.fixture(scope="module")
def birthwt(read_anchor):
    """The birth weights of Hosmer and Lemeshow, coded as in MASS (help page of birthwt), with the fitted risks."""
    table = read_anchor("statistics/birthwt_MASS.csv")
    columns = [table["age"], table["lwt"], table["race"] == 2, table["race"] == 3, table["smoke"], table["ptl"] > 0]
    columns += [table["ht"], table["ui"], table["ftv"] == 1, table["ftv"] > 1]
    design = np.column_stack([np.ones(len(table)), *columns]).astype(float)
    fit = logistic(design, table["low"])
    return table["low"].to_numpy(int), expit(design @ fit.coefficients), fit


@pytest.fixture(scope="module")
def hoslem(r_random):
    """A1, the help page of hoslem.test: 500 patients and the fitted risks of their own logistic model."""
    r = r_random(123)
    x = r.rnorm(500)
    truth = r.bernoulli(expit(0.1 + 0.5 * x))
    design = np.column_stack([np.ones(500), x])
    return truth, expit(design @ logistic(design, truth).coefficients)


def test_calibration_in_the_large_equals_pmcalibration(readme):
    found = c.calibration(*readme).in_the_large
    assert found.estimate == pytest.approx(-0.10973479, abs=6e-9)
    # R keeps the weights of the last iteration but one, hence the eighth digit.
    assert (found.high - found.low) / 2 / 1.959963985 == pytest.approx(0.07973523, abs=2e-8)
    assert (found.low, found.high) == pytest.approx((-0.2660, 0.0465), abs=6e-5)


def test_slope_equals_pmcalibration(readme):
    found = c.calibration(*readme).slope
    assert found.estimate == pytest.approx(1.06228946, abs=6e-9)
    # R keeps the weights of the last iteration but one, hence the seventh digit.
    assert (found.high - found.low) / 2 / 1.959963985 == pytest.approx(0.07800459, abs=1e-7)


def test_slope_is_compared_with_one_and_the_free_intercept_is_another_number(readme):
    found = c.calibration(*readme)
    error = (found.slope.high - found.slope.low) / 2 / 1.959963985
    assert (found.slope.estimate - 1) / error == pytest.approx(0.7985, abs=6e-5)
    truth, risk = readme
    free = logistic(np.column_stack([np.ones(1000), logit(risk)]), truth)
    assert free.coefficients[0] == pytest.approx(-0.07620201, abs=6e-9)
    # The statistic D of the README is the null deviance less that of the risks as given.
    null = logistic(np.ones((1000, 1)), truth).log_likelihood
    assert 2 * (free.log_likelihood - null) - c.recalibration_tests(truth, risk).joint == pytest.approx(
        281.217, abs=6e-4
    )
    assert auc(truth, risk).estimate == pytest.approx(0.8133197, abs=6e-8)


def test_likelihood_ratio_tests_equal_pmcalibration(readme):
    found = c.recalibration_tests(*readme)
    assert (found.joint, found.in_the_large, found.slope) == pytest.approx((2.565660, 1.911699, 0.653961), abs=6e-7)
    assert found.joint_p == pytest.approx(0.27725, abs=6e-6)


SMOOTHED = {
    "rcs5": (0.0544644, 0.0590573, 0.0831845, 0.1382175),
    "loess": (0.0514003, 0.0534668, 0.0891173, 0.1147365),
}


@pytest.mark.parametrize("smoother", SMOOTHED)
def test_curve_distances_equal_pmcalibration(readme, smoother):
    found = c.calibration(*readme, smoother=smoother)
    assert (found.ici, found.e50, found.e90, found.emax) == pytest.approx(SMOOTHED[smoother], abs=6e-8)
    assert found.smoother == smoother


def test_lowess_distances_equal_those_of_rms(readme):
    """A2: Eavg, E90 and Emax of val.prob, to the digits printed."""
    found = c.calibration(*readme, smoother="lowess")
    assert (found.ici, found.e90, found.emax) == pytest.approx((0.043914, 0.073118, 0.145251), abs=5e-7)
    assert found.smoother == "lowess"


def test_calibration_index_equals_pmcalibration(readme):
    found = c.calibration(*readme)
    assert found.smoother == "rcs5"
    assert found.eci == pytest.approx(0.3678317, abs=6e-8)


def test_brier_and_spiegelhalter_equal_rms(readme):
    found = c.calibration(*readme)
    assert found.brier == pytest.approx(0.1481233, abs=6e-8)
    assert (found.spiegelhalter_z, found.spiegelhalter_p) == pytest.approx((-2.238331, 0.025199), abs=6e-7)


def test_hosmer_lemeshow_equals_resourceselection(hoslem):
    found = c.hosmer_lemeshow(*hoslem, fitted_here=True)
    assert (found.statistic, found.df) == (pytest.approx(4.522718729048184, abs=1e-10), 8)
    assert found.p == pytest.approx(0.8071558888546801, abs=1e-11)


def test_hosmer_lemeshow_counts_the_groups_that_ties_leave(hoslem):
    truth, risk = hoslem
    found = c.hosmer_lemeshow(truth, np.round(risk, 1), fitted_here=True)
    assert (found.statistic, found.p) == pytest.approx((0.9515976, 0.9170), abs=5e-5)
    assert (found.groups, found.df) == (6, 4)


def test_hosmer_lemeshow_keeps_all_degrees_of_freedom_on_new_patients(hoslem):
    assert c.hosmer_lemeshow(*hoslem, fitted_here=False).df == 10


def test_logistic_regression_of_birth_weights_equals_mass(birthwt):
    published = [0.82302, -0.03723, -0.01565, 1.19241, 0.74068, 0.75553, 1.34376, 1.91317, 0.68019, -0.43638, 0.17901]
    assert birthwt[2].coefficients == pytest.approx(published, abs=6e-6)
    assert -2 * birthwt[2].log_likelihood == pytest.approx(195.48, abs=6e-3)


def test_hosmer_lemeshow_of_birth_weights_equals_statsmodels(birthwt):
    # No printed value of this test on these data was found that groups as R does, hence the library.
    truth, risk, _ = birthwt
    found = c.hosmer_lemeshow(truth, risk, fitted_here=True)
    group = np.asarray(pd.qcut(risk, 10, labels=False))
    observed, expected = (np.bincount(group, weights=part) for part in (truth, risk))
    count = np.bincount(group)
    peer = chisquare_binning(np.c_[count - observed, observed], np.c_[count - expected, expected])
    assert found.statistic == pytest.approx(peer.statistic, abs=1e-9)
    assert (found.df, found.groups) == (8, 10)
    assert found.smallest_expected == pytest.approx(expected.min(), abs=1e-9)
    assert found.note.startswith("an expected count is below 5")


def test_hosmer_lemeshow_warns_of_sizes_that_mislead():
    rng = np.random.default_rng(1)
    notes = {}
    for n in (60, 500, 2000):
        risk = rng.uniform(0.3, 0.7, n)
        notes[n] = c.hosmer_lemeshow(rng.random(n) < risk, risk, groups=5, fitted_here=False).note
    assert "fewer than 100" in notes[60]
    assert notes[500] == ""
    assert "more than 1000" in notes[2000]


def test_a_logistic_model_is_perfectly_calibrated_on_its_own_data(hoslem):
    found = c.calibration(*hoslem)
    assert found.slope.estimate == pytest.approx(1, abs=1e-9)
    assert found.in_the_large.estimate == pytest.approx(0, abs=1e-9)
    assert found.observed_expected.estimate == pytest.approx(1, abs=1e-9)


def test_brier_of_grouped_risks_is_calibration_plus_refinement():
    rng = np.random.default_rng(5)
    risk = rng.choice([0.1, 0.3, 0.6, 0.8], 400)
    truth = (rng.random(400) < 0.9 * risk).astype(int)
    groups = c.grouped_calibration(truth, risk, groups=400)
    share = groups.count / 400
    reliability = np.sum(share * (groups.predicted - groups.observed) ** 2)
    refinement = np.sum(share * groups.observed * (1 - groups.observed))
    assert c.brier(truth, risk) == pytest.approx(reliability + refinement, abs=1e-12)


def test_predicting_the_prevalence_has_a_scaled_brier_of_zero():
    assert c.scaled_brier([0, 0, 0, 1], [0.25] * 4) == pytest.approx(0)
    assert np.isnan(c.scaled_brier([1, 1], [0.5, 0.5]))


def test_observed_over_expected_of_equal_risks_has_the_binomial_log_interval():
    """With one risk for all, expected events do not vary: Debray's error, but for n - 1."""
    found = c.observed_expected([1, 1, 0, 0, 0], [0.2] * 5)
    half = 1.959963985 * np.sqrt(0.6 / 2) * np.sqrt(5 / 4)
    assert (found.estimate, found.low) == pytest.approx((2, 2 * np.exp(-half)))


def test_observed_over_expected_is_narrower_where_risks_follow_the_patients(readme):
    truth, risk = readme
    found = c.observed_expected(truth, risk)
    binomial = 2 * 1.959963985 * np.sqrt((1 - truth.mean()) / truth.sum())
    assert np.log(found.high / found.low) < binomial


def test_grouped_points_hold_every_patient(readme):
    found = c.grouped_calibration(*readme, groups=10)
    assert (found.count.sum(), found.events.sum()) == (1000, readme[0].sum())
    assert (np.diff(found.predicted) > 0).all()
    assert ((found.low <= found.observed) & (found.observed <= found.high)).all()


def test_curve_of_a_calibrated_model_lies_on_the_diagonal():
    rng = np.random.default_rng(0)
    risk = expit(rng.normal(size=20000))
    curve = c.calibration_curve(rng.random(20000) < risk, risk, grid=[0.2, 0.5, 0.8])
    assert curve.observed == pytest.approx(curve.predicted, abs=0.02)
    assert np.isnan(curve.low).all()


def test_curve_band_holds_the_curve_and_repeats_with_its_seed(hoslem):
    curve = c.calibration_curve(*hoslem, replicates=60, seed=2)
    assert ((curve.low <= curve.observed) & (curve.observed <= curve.high)).mean() > 0.95
    np.testing.assert_array_equal(curve.low, c.calibration_curve(*hoslem, replicates=60, seed=2).low)
    assert curve.predicted.shape == (100,)


def test_curve_band_is_that_of_refitted_samples(hoslem):
    truth, risk = hoslem
    at = np.array([0.4, 0.5, 0.6])
    curve = c.calibration_curve(truth, risk, smoother="logistic", grid=at, replicates=400, seed=3)
    rng = np.random.default_rng(8)
    rows = []
    for _ in range(400):
        drawn = rng.integers(500, size=500)
        design = np.column_stack([np.ones(500), logit(risk[drawn])])
        rows.append(expit(np.column_stack([np.ones(3), logit(at)]) @ logistic(design, truth[drawn]).coefficients))
    assert curve.low == pytest.approx(np.quantile(rows, 0.025, axis=0), abs=0.02)
    assert curve.high == pytest.approx(np.quantile(rows, 0.975, axis=0), abs=0.02)


def test_loess_checks_the_curve_and_has_no_band(hoslem):
    curve = c.calibration_curve(*hoslem, smoother="loess", replicates=20, seed=1)
    assert np.isnan(curve.low).all()
    assert np.isfinite(curve.observed).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("smoother", ["auto", "rcs5", "loess"])
def test_tiny_cohorts_never_crash(seed, smoother):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 30))
    truth = np.r_[1, 0, rng.integers(2, size=n - 2)]
    risk = np.round(rng.random(n), rng.integers(1, 4))
    found = c.calibration(truth, risk, smoother=smoother)
    curve = c.calibration_curve(truth, risk, smoother=smoother, replicates=5)
    assert curve.smoother == found.smoother
    c.hosmer_lemeshow(truth, np.clip(risk, 0.01, 0.99), groups=3, fitted_here=False)


@pytest.mark.filterwarnings("error")
def test_separation_is_said_and_not_raised():
    found = c.calibration([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    assert np.isnan(found.slope.estimate)
    assert "slope not estimable: the outcome is separated" in found.method
    assert np.isfinite(found.in_the_large.estimate)
    assert found.smoother == "not estimable"
    assert np.isnan(found.ici)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("truth", [[0] * 10, [1] * 10])
def test_one_class_is_said_and_not_raised(truth):
    found = c.calibration(truth, np.linspace(0.1, 0.9, 10))
    assert "one outcome class only" in found.method
    assert np.isnan([found.slope.estimate, found.ici, found.scaled_brier]).all()


@pytest.mark.filterwarnings("error")
def test_constant_risks_have_no_slope():
    found = c.calibration([0, 1, 0, 1, 1], [0.5] * 5)
    assert np.isnan(found.slope.estimate)
    assert "constant" in found.method


def test_few_distinct_values_fall_back_to_a_named_logistic_curve():
    rng = np.random.default_rng(1)
    risk = rng.choice([0.2, 0.6], 60)
    found = c.calibration((rng.random(60) < risk).astype(int), risk, smoother="rcs5")
    assert found.smoother == "logistic"


def test_fields_are_plain_numbers(hoslem):
    flat = dataclasses.asdict(c.calibration(*hoslem))
    assert all(type(flat[name]) is float for name in ("ici", "e50", "e90", "emax", "brier", "spiegelhalter_z"))


@pytest.mark.parametrize(("risk", "options"), [([0.1, 1.2], {}), ([0.1, 0.2], {"smoother": "spline"})])
def test_bad_arguments_raise(risk, options):
    with pytest.raises(ValueError, match="probability|smoother"):
        c.calibration([0, 1], risk, **options)
