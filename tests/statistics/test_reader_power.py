"""Power of reader studies equals the unit tests of R's RJafroc on the Van Dyke study."""

import numpy as np
import pytest

from helpers.statistics import readers as r
from helpers.statistics.reader_power import INFERENCES, detectable_difference, reader_power


@pytest.fixture(scope="module")
def found(van_dyke):
    return r.mrmc(*van_dyke, covariance="jackknife")


RJAFROC = [
    ("random readers", 10, 165, 0.80541995),
    ("fixed readers", 10, 131, 0.80091813),
    ("fixed cases", 10, 53, 0.80496663),
    ("random readers", 6, 111, 0.5526116),
]


@pytest.mark.parametrize(("inference", "readers", "cases", "expected"), RJAFROC)
def test_power_equals_rjafroc(found, inference, readers, cases, expected):
    power = reader_power(found, -0.043800322, inference=inference, readers=readers, cases=cases)
    assert power == pytest.approx(expected, abs=6e-8)


def test_six_readers_need_251_cases_as_in_rjafroc(found):
    options = {"inference": "random readers", "readers": 6}
    assert reader_power(found, 0.043800322, cases=251, **options) >= 0.8
    assert reader_power(found, 0.043800322, cases=250, **options) < 0.8


@pytest.mark.parametrize("inference", INFERENCES)
def test_detectable_difference_has_the_power_it_promises(found, inference):
    difference = detectable_difference(found, inference=inference, power=0.9)
    assert reader_power(found, difference, inference=inference) == pytest.approx(0.9, abs=1e-6)
    assert reader_power(found, 0.0, inference=inference) == pytest.approx(0.05)


def test_a_single_reader_has_power_among_cases_only(van_dyke):
    truth, ratings = van_dyke
    single = r.mrmc(truth, ratings[:, :1])
    assert 0 < detectable_difference(single, inference="fixed readers") < 0.2
    with pytest.raises(ValueError, match="too few"):
        reader_power(single, 0.05, inference="random readers")


def test_a_study_without_variance_promises_nothing(van_dyke):
    truth, ratings = van_dyke
    same = r.mrmc(truth, ratings[[0, 0]])
    assert np.isnan(reader_power(same, 0.05, inference="fixed readers"))
    assert np.isnan(detectable_difference(same, inference="fixed readers"))


def test_impossible_questions_raise(found):
    with pytest.raises(ValueError, match="inference"):
        reader_power(found, 0.05, inference="fixed")
    with pytest.raises(ValueError, match="power"):
        detectable_difference(found, inference="fixed readers", power=0.01)
