"""The bootstrap of the cut-off chooses on each resample as the threshold itself was chosen."""

import numpy as np
import pytest

from helpers.statistics import thresholds as t
from helpers.statistics.cutoff import cutoff_uncertainty


def out_of_fold(truth, score, *, rows=1):
    """Two-fold scores, `rows` of them a patient."""
    names = np.array([f"P{i // rows:03d}" for i in range(len(truth))])
    fold = (np.arange(len(truth)) // rows) % 2
    fitted_on = tuple(frozenset(names[fold != number].tolist()) for number in (0, 1))
    return t.OutOfFold(names, np.asarray(truth), np.asarray(score, dtype=float), fold, fitted_on)


def cohort(seed, n, *, rows=1):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    return out_of_fold(truth, np.round(truth + rng.normal(size=n), 1), rows=rows)


def resampled(oof, seed, replicates, **options):
    """The thresholds of the same resamples, chosen one by one."""
    names, patient = np.unique(oof.patient, return_inverse=True)
    times = np.random.default_rng(seed).multinomial(names.size, np.full(names.size, 1 / names.size), size=replicates)
    for drawn in times:
        rows = np.repeat(np.arange(patient.size), drawn[patient])
        fold = np.zeros(rows.size, dtype=int)
        again = t.OutOfFold(oof.patient[rows], oof.truth[rows], oof.score[rows], fold, (frozenset(),))
        yield t.Threshold.choose(again, **options).value


@pytest.mark.parametrize("options", [{}, {"rule": "sensitivity", "sensitivity": 0.9}])
@pytest.mark.parametrize("rows", [1, 3])
def test_interval_equals_choosing_on_every_resample(options, rows):
    oof = cohort(1, 60, rows=rows)
    found = cutoff_uncertainty(oof, seed=5, replicates=60, **options)
    chosen = list(resampled(oof, 5, 60, **options))
    assert (found.value.low, found.value.high) == pytest.approx(tuple(np.quantile(chosen, [0.025, 0.975])))
    assert found.value.estimate == t.Threshold.choose(oof, **options).value
    assert found.replicates == 60


def test_test_patients_are_judged_at_every_drawn_cutoff():
    oof, test = cohort(1, 80), cohort(2, 50)
    found = cutoff_uncertainty(oof, seed=5, replicates=80, test_truth=test.truth, test_score=test.score)
    events = test.score[test.truth == 1]
    shares = [(events >= value).mean() for value in resampled(oof, 5, 80)]
    expected = tuple(np.quantile(shares, [0.025, 0.975]))
    assert (found.sensitivity.low, found.sensitivity.high) == pytest.approx(expected)
    point = t.operating_point(test.truth, test.score, threshold=t.Threshold.choose(oof))
    assert found.sensitivity.estimate == pytest.approx(point.sensitivity.estimate)
    assert found.specificity.estimate == pytest.approx(point.specificity.estimate)
    assert found.specificity.low <= found.specificity.estimate <= found.specificity.high


def test_more_training_patients_hold_the_cutoff_still():
    few, many = (cutoff_uncertainty(cohort(3, n), seed=1, replicates=300).value for n in (40, 4000))
    # The cut-off converges by the cube root of n only.
    assert many.high - many.low < 0.7 * (few.high - few.low)


def test_without_test_patients_only_the_cutoff_is_known():
    found = cutoff_uncertainty(cohort(1, 40), seed=1, replicates=50)
    assert np.isnan([found.sensitivity.estimate, found.specificity.low]).all()


def test_resamples_of_one_class_are_not_counted():
    found = cutoff_uncertainty(out_of_fold([0, 1, 0], [1, 2, 3]), seed=1, replicates=200)
    assert 0 < found.replicates < 200


def test_same_seed_same_interval():
    assert cutoff_uncertainty(cohort(1, 40), seed=1) == cutoff_uncertainty(cohort(1, 40), seed=1)


def test_every_tied_candidate_is_reported():
    chosen = t.Threshold.choose(out_of_fold([0, 1, 0, 1], [1, 2, 3, 4]))
    assert (chosen.tied, chosen.value) == ((1.5, 3.5), 3.5)
    assert t.Threshold.choose(out_of_fold([0, 0, 1, 1], [1, 2, 3, 4])).tied == (2.5,)
