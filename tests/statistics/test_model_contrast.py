"""The model against readers is a contrast of one DeLong matrix, judged against a margin where one is given."""

import numpy as np
import pytest
from scipy import stats

from helpers.statistics import discrimination as d
from helpers.statistics import readers as r


@pytest.fixture(scope="module")
def against(van_dyke):
    """The first reader on spin echo stands in for a model, against five readers on CINE."""
    truth, ratings = van_dyke
    return truth, ratings[0], ratings[1, 0]


def test_each_reader_is_compared_by_paired_delong(against):
    truth, ratings, score = against
    found = r.readers_against_model(truth, ratings, score)
    for own, rating in zip(found.per_reader, ratings, strict=True):
        expected = d.compare_paired(truth, score, rating)
        assert (own.estimate, own.low, own.high, own.p) == pytest.approx(
            (expected.estimate, expected.low, expected.high, expected.p)
        )
    assert found.model == pytest.approx(0.94782609, abs=6e-9)
    assert found.readers == pytest.approx([0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066], abs=6e-9)


def test_mean_of_readers_is_the_contrast_of_their_covariance(against):
    truth, ratings, score = against
    found = r.readers_against_model(truth, ratings, score).mean_of_readers
    areas, covariance = d.delong(truth, np.vstack([ratings, score]))
    weights = np.array([-0.2] * 5 + [1])
    z = weights @ areas / np.sqrt(weights @ covariance @ weights)
    assert found.estimate == pytest.approx(0.94782609 - 0.8970370, abs=6e-8)
    assert (found.statistic, found.p) == pytest.approx((z, 2 * stats.norm.sf(z)))


def test_one_reader_is_the_mean_of_readers(against):
    truth, ratings, score = against
    found = r.readers_against_model(truth, ratings[:1], score)
    assert found.mean_of_readers.p == pytest.approx(found.per_reader[0].p)


def test_a_model_against_itself_differs_by_nothing(against):
    truth, ratings, _ = against
    found = r.readers_against_model(truth, ratings[[2, 2]], ratings[2], margin=0.05)
    assert found.mean_of_readers.estimate == 0
    assert np.isnan(found.mean_of_readers.p)
    assert not found.non_inferior.shown


def test_sensitivity_of_model_and_readers_has_the_variance_of_paired_proportions(against):
    truth, ratings, score = against
    found = r.readers_against_model(truth, ratings >= 3, score >= 3, metric="sensitivity").per_reader[0]
    gap = (score >= 3)[truth == 1].astype(float) - (ratings[0] >= 3)[truth == 1]
    assert found.estimate == pytest.approx(gap.mean())
    assert found.statistic == pytest.approx(gap.mean() / stats.sem(gap))


def test_non_inferiority_is_the_shifted_one_sided_test():
    comparison = d.Comparison(-0.01, -0.01 - 1.959964 * 0.02, -0.01 + 1.959964 * 0.02, -0.5, np.nan, 0.617, "")
    found = r.non_inferiority(comparison, margin=0.05)
    assert found.statistic == pytest.approx(0.04 / 0.02, abs=1e-6)
    assert found.p == pytest.approx(stats.norm.sf(2), abs=1e-7)
    assert found.bound == comparison.low
    assert found.shown


@pytest.mark.parametrize("estimate", [-0.06, -0.02, -0.011, -0.0107, 0.0, 0.03])
def test_non_inferiority_is_shown_when_its_p_is_below_the_level(estimate):
    comparison = d.Comparison(estimate, estimate - 1.959963985 * 0.02, estimate + 1.959963985 * 0.02, 0, 0, 0, "")
    found = r.non_inferiority(comparison, margin=0.05)
    assert found.shown == (found.p < 0.025) == (found.bound > -0.05)


def test_ratings_of_one_kind_only(against):
    truth, ratings, score = against
    with pytest.raises(ValueError, match="margin"):
        r.readers_against_model(truth, ratings, score, margin=0)
    with pytest.raises(ValueError, match="must be \\(readers"):
        r.readers_against_model(truth, ratings[0], score)
    with pytest.raises(ValueError, match="not an AUC"):
        r.readers_against_model(truth, ratings >= 3, score >= 3)
    with pytest.raises(ValueError, match="calls of 0 and 1"):
        r.readers_against_model(truth, ratings >= 3, score, metric="specificity")
