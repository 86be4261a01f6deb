from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.statistics.clustered import clustered_auc
from helpers.statistics.crossvalidated import cross_validated_auc
from helpers.statistics.discrimination import auc


def drawn(rng, n=90):
    truth = np.arange(n) % 3 == 0
    return truth.astype(int), truth + rng.normal(size=n)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def test_one_fold_and_one_repeat_are_delong(rng):
    truth, score = drawn(rng)
    ours, theirs = cross_validated_auc(truth, score, np.zeros(90)), auc(truth, score, interval="logit")
    assert [ours.estimate, ours.low, ours.high] == pytest.approx([theirs.estimate, theirs.low, theirs.high], abs=1e-12)


def test_with_several_rows_a_patient_it_is_obuchowskis(rng):
    truth, score = drawn(rng)
    patient = np.arange(90) // 2
    ours = cross_validated_auc(truth, score, np.zeros(90), cluster=patient)
    assert ours.standard_error == pytest.approx(clustered_auc(truth, score, patient).standard_error, abs=1e-12)


def test_the_area_is_the_mean_of_scikit_learns_over_folds_and_repeats(rng):
    truth, score = drawn(rng)
    scores, folds = (
        np.array([score, score + rng.normal(size=90)]),
        np.array([np.arange(90) // 3 % 5, np.arange(90) // 18]),
    )
    each = [roc_auc_score(truth[f == k], s[f == k]) for s, f in zip(scores, folds, strict=True) for k in range(5)]
    assert cross_validated_auc(truth, scores, folds).estimate == pytest.approx(np.mean(each), abs=1e-12)


def test_a_shift_of_a_folds_scores_changes_nothing(rng):
    truth, score = drawn(rng)
    fold = np.arange(90) // 3 % 5
    assert cross_validated_auc(truth, score, fold) == cross_validated_auc(truth, score + 100.0 * fold, fold)


def test_models_of_the_intercept_alone_have_one_half_and_no_interval():
    truth, fold = np.arange(50) % 2, np.arange(50) // 10
    found = cross_validated_auc(truth, -fold.astype(float), fold)
    assert found.estimate == 0.5 and np.isnan(found.low) and found.method.startswith("not estimable")


def test_a_fold_of_one_class_is_left_out_and_no_comparable_fold_is_refused(rng):
    truth, score = drawn(rng)
    fold = np.where(truth == 1, 0, np.arange(90) % 2)
    held = fold == 0
    assert cross_validated_auc(truth, score, fold).estimate == pytest.approx(roc_auc_score(truth[held], score[held]))
    with pytest.raises(ValueError, match="no fold holds both"):
        cross_validated_auc(truth, score, truth)


def test_folds_of_another_shape_are_refused(rng):
    truth, score = drawn(rng)
    with pytest.raises(ValueError, match="shape"):
        cross_validated_auc(truth, score, np.zeros((2, 90)))
