"""Areas of clustered rows: DeLong with one row a patient, the published sums with several, and the truth in trials."""

import numpy as np
import pytest
from scipy.stats import norm

from helpers.statistics import clustered as c
from helpers.statistics import discrimination as d


def lesions(rng, patients=60, each=4, *, shared=1.0):
    """Rows of lesions whose scores share a patient's part, and whose truth differs within a patient."""
    cluster = np.repeat(np.arange(patients), each)
    truth = (rng.random(cluster.size) < 0.4).astype(int)
    score = truth + shared * rng.normal(size=patients)[cluster] + 0.7 * rng.normal(size=cluster.size)
    return truth, score, cluster


def obuchowski(truth, scores, cluster):
    """The sums of Obuchowski 1997 as printed, one comparison at a time: areas and their covariance."""
    present, absent = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
    m, n, names = present.size, absent.size, np.unique(cluster)
    with_both = [np.unique(cluster[rows]).size for rows in (present, absent)]
    areas, x, y = [], [], []
    for score in scores:
        wins = np.array([[(score[i] > score[j]) + 0.5 * (score[i] == score[j]) for j in absent] for i in present])
        areas.append(wins.mean())
        v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
        x.append([(v10[cluster[present] == k] - areas[-1]).sum() for k in names])
        y.append([(v01[cluster[absent] == k] - areas[-1]).sum() for k in names])
    covariance = np.empty((len(scores), len(scores)))
    for a in range(len(scores)):
        for b in range(len(scores)):
            s10 = with_both[0] / ((with_both[0] - 1) * m) * np.dot(x[a], x[b])
            s01 = with_both[1] / ((with_both[1] - 1) * n) * np.dot(y[a], y[b])
            s11 = names.size / (names.size - 1) * np.dot(x[a], y[b])
            s11_turned = names.size / (names.size - 1) * np.dot(x[b], y[a])
            covariance[a, b] = s10 / m + s01 / n + (s11 + s11_turned) / (m * n)
    return np.array(areas), covariance


def test_one_row_a_patient_is_delong(read_anchor):
    table = read_anchor("statistics/aSAH.csv")
    truth, scores = (table["outcome"] == "Poor").to_numpy(int), table[["wfns", "s100b", "ndka"]].to_numpy(float).T
    areas, covariance = c.clustered_covariance(truth, scores, np.arange(truth.size))
    expected = d.delong(truth, scores)
    assert areas == pytest.approx(expected[0], abs=1e-15)
    assert covariance == pytest.approx(expected[1], abs=1e-16)
    found, plain = c.clustered_auc(truth, scores[0], np.arange(truth.size)), d.auc(truth, scores[0])
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=1e-14)
    paired = c.compare_clustered(truth, scores[0], scores[1], np.arange(truth.size))
    assert (paired.statistic, paired.p) == pytest.approx((2.20898359144091, 0.0271757822291882), abs=1e-10)


def test_covariance_equals_the_published_sums():
    rng = np.random.default_rng(3)
    truth, score, cluster = lesions(rng, patients=15)
    scores = np.stack([np.round(score), score + rng.normal(size=score.size)])
    areas, covariance = c.clustered_covariance(truth, scores, [f"patient {k}" for k in cluster])
    expected = obuchowski(truth, scores, cluster)
    assert areas == pytest.approx(expected[0], abs=1e-14)
    assert covariance == pytest.approx(expected[1], abs=1e-15)


def test_standard_error_is_the_spread_over_repeated_studies():
    rng = np.random.default_rng(0)
    # Truth is the patient's, so rows of a patient are copies in all but noise and DeLong believes too much.
    found, area_of_population = [], norm.cdf(1 / np.sqrt(2 * (1 + 0.5**2)))
    for _ in range(500):
        truth, _, cluster = lesions(rng)
        truth = (truth[::4])[cluster]
        score = truth + rng.normal(size=60)[cluster] + 0.5 * rng.normal(size=240)
        clustered, plain = c.clustered_auc(truth, score, cluster), d.auc(truth, score)
        covered = clustered.low < area_of_population < clustered.high
        found.append((clustered.estimate, clustered.standard_error**2, plain.standard_error**2, covered))
    area, clustered, plain, covered = np.array(found, dtype=float).T
    assert area.mean() == pytest.approx(area_of_population, abs=0.01)
    assert clustered.mean() / area.var(ddof=1) == pytest.approx(1, abs=0.15)
    assert plain.mean() / area.var(ddof=1) < 0.45
    assert 0.91 < covered.mean() < 0.98


def test_doubled_rows_tell_nothing_new():
    rng = np.random.default_rng(5)
    truth, score = (rng.random(80) < 0.4).astype(int), rng.normal(size=80)
    score = score + truth
    once = c.clustered_auc(truth, score, np.arange(80), interval="wald")
    twice = c.clustered_auc(np.tile(truth, 2), np.tile(score, 2), np.tile(np.arange(80), 2), interval="wald")
    assert (twice.estimate, twice.standard_error) == pytest.approx((once.estimate, once.standard_error), abs=1e-12)
    assert (twice.n, twice.clusters) == (160, 80)


def test_scores_that_rank_alike_differ_by_nothing():
    truth, score, cluster = lesions(np.random.default_rng(2))
    found = c.compare_clustered(truth, score, np.exp(score), cluster)
    assert (found.estimate, found.low, found.high, found.p) == (0, 0, 0, 1)
    opposite = [c.compare_clustered(truth, *pair, cluster) for pair in ((score, -score), (-score, score))]
    assert opposite[0].statistic == pytest.approx(-opposite[1].statistic)


def test_names_and_order_of_patients_change_nothing():
    rng = np.random.default_rng(6)
    truth, score, cluster = lesions(rng)
    order = rng.permutation(truth.size)
    found = c.clustered_auc(truth[order], score[order], (1000 - cluster)[order])
    assert found.standard_error == pytest.approx(c.clustered_auc(truth, score, cluster).standard_error, abs=1e-14)


@pytest.mark.filterwarnings("error")
def test_without_two_patients_a_class_there_is_no_interval():
    found = c.clustered_auc([1, 1, 0, 0, 0], [3, 1, 2, 0, 1], ["a", "a", "b", "c", "d"])
    assert np.isnan([found.low, found.standard_error]).all()
    assert "not estimable" in found.method
    separated = c.clustered_auc([1, 1, 0, 0], [3, 4, 1, 2], [1, 2, 3, 4])
    assert separated.estimate == 1
    assert np.isnan(separated.high)


@pytest.mark.parametrize("options", [{"cluster": [1, 2]}, {"cluster": [1, 2, 3], "interval": "exact"}])
def test_bad_arguments_raise(options):
    with pytest.raises(ValueError, match="cluster|interval"):
        c.clustered_auc([0, 1, 1], [1, 2, 3], **options)
