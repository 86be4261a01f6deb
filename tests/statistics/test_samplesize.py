"""The unit tests of R's pmsampsize and pmvalsampsize, and the worked numbers of the statistics note."""

import numpy as np
import pytest
from scipy import special, stats

from helpers.statistics import samplesize as s
from helpers.statistics import validation_size as v
from helpers.statistics.logistic import logistic

PMSAMPSIZE = [
    (0.288, 24, 0.174, (623, 662, 221)),
    (0.55, 24, 0.174, (255, 532, 221)),
    (0.288, 36, 0.174, (934, 992, 221)),
    (0.288, 24, 0.25, (623, 590, 289)),
]


@pytest.mark.parametrize(("r2", "parameters", "prevalence", "expected"), PMSAMPSIZE)
def test_three_criteria_equal_pmsampsize(r2, parameters, prevalence, expected):
    found = s.development_sample_size(parameters=parameters, prevalence=prevalence, r2=r2)
    assert (found.shrinkage, found.optimism, found.intercept) == expected
    assert found.required == max(expected)


def test_ceiling_of_r_squared():
    assert s.max_r2(0.174) == pytest.approx(0.6032087, abs=6e-8)


def test_r_squared_of_an_area():
    assert s.c_to_r2(0.89, 0.174) == pytest.approx(0.29095, abs=6e-6)
    assert s.c_to_r2(0.5, 0.3) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("parameters", "n"), [(5, 369), (20, 607), (100, 3033), (1200, 36396)])
def test_radiomics_candidates_ask_for_thousands(parameters, n):
    found = s.development_sample_size(parameters=parameters, prevalence=0.4, c=0.8)
    assert found.required == n
    assert found.events_per_parameter == pytest.approx(0.4 * n / parameters)


@pytest.mark.parametrize("options", [{}, {"r2": 0.2, "c": 0.8}, {"r2": 0.9}, {"c": 0.4}, {"c": 1.0}, {"r2": 0.0}])
def test_an_impossible_effect_raises(options):
    with pytest.raises(ValueError, match="r2|R squared|c must"):
        s.development_sample_size(parameters=5, prevalence=0.2, **options)


# A sample so even that its mean is the integral.
QUANTILE = (np.arange(100_000) + 0.5) / 100_000
NORMAL = -5 + 2.5 * special.ndtri(QUANTILE)
BETA = special.logit(stats.beta.ppf(QUANTILE, 0.5, 0.5))


def test_precision_of_a_validation_equals_pmvalsampsize():
    found = v.validation_sample_size(
        prevalence=0.018, c=0.8, linear_predictor=NORMAL, observed_expected_width=1, slope_width=0.2, auc_width=0.1
    )
    assert (found.observed_expected, found.auc) == (905, 4252)
    # A million simulated patients gave the authors' program 4563, which we integrate.
    assert found.slope == pytest.approx(4563, rel=0.003)
    assert found.required == found.slope
    assert found.events == pytest.approx(0.018 * found.slope)


def test_slope_of_a_beta_distributed_risk_is_near_that_of_pmvalsampsize():
    # Its unit test prints 1641 from 1000 simulated patients.
    found = v.validation_sample_size(prevalence=0.018, c=0.8, linear_predictor=BETA, observed_expected_width=1)
    assert found.slope == pytest.approx(1641, rel=0.03)
    assert (found.observed_expected, found.required) == (905, 4252)


def test_expected_width_of_the_slope_is_that_of_simulated_validations():
    rng = np.random.default_rng(5)
    spread, n, slopes = np.sqrt(2) * special.ndtri(0.8), 1000, []
    for _ in range(400):
        truth = rng.random(n) < 0.4
        score = special.logit(0.4) + spread**2 * (truth - 0.5) + spread * rng.normal(size=n)
        slopes.append(logistic(np.column_stack([np.ones(n), score]), truth).coefficients[1])
    found = v.expected_precision(n=n, events=400, auc=0.8)
    assert found.slope == pytest.approx(1.959964 * np.std(slopes), rel=0.1)


def test_expected_widths_of_area_and_ratio_by_their_formulas():
    found = v.expected_precision(n=113, events=41, auc=0.731368563685637)
    assert found.auc == pytest.approx(1.959964 * 0.0512481, abs=1e-7)
    error = np.sqrt((1 - 41 / 113) / 41)
    assert found.observed_expected == pytest.approx((np.exp(1.959964 * error) - np.exp(-1.959964 * error)) / 2)


def test_the_sample_asked_for_has_the_precision_asked_for():
    asked = v.validation_sample_size(prevalence=0.3, c=0.75)
    events = round(0.3 * asked.slope)
    assert v.expected_precision(n=asked.slope, events=events, auc=0.75).slope == pytest.approx(0.1, rel=1e-3)
    assert asked.required == max(asked.observed_expected, asked.slope, asked.auc)


@pytest.mark.parametrize(
    "options",
    [{"prevalence": 0.0}, {"c": 0.5}, {"c": 1.0}, {"slope_width": 0.0}, {"linear_predictor": [1.0]}],
)
def test_an_impossible_validation_raises(options):
    with pytest.raises(ValueError, match="prevalence|area|widths|linear_predictor"):
        v.validation_sample_size(**({"prevalence": 0.3, "c": 0.8} | options))
    with pytest.raises(ValueError, match="events"):
        v.expected_precision(n=10, events=10, auc=0.8)
