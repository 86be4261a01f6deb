"""The unit tests of R's pmsampsize, and the worked numbers of the statistics note."""

import pytest

from helpers.statistics import samplesize as s

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
