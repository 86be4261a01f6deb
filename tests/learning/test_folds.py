"""Folds by patient, stratified; classes too small for them are refused before any fitting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.errors import RadiogramError
from helpers.learning import folds


def with_truth(rows, events):
    return replace(rows, truth=(np.arange(len(rows)) < events).astype(np.int64))


def test_each_class_is_spread_evenly_and_folds_are_of_one_size(rows):
    fold = folds.draw(with_truth(rows, 23), folds=5, seed=1, purpose="outer")
    counts = np.bincount(fold[:23])
    assert counts.max() - counts.min() <= 1
    assert np.bincount(fold).tolist() == [12] * 5


def test_rows_of_one_patient_share_a_fold(rows):
    twice = replace(rows, patient=np.repeat(rows.patient[::2], 2))
    fold = folds.draw(twice, folds=4, seed=1, purpose="outer")
    assert (fold[::2] == fold[1::2]).all()


def test_folds_depend_on_seed_and_purpose_but_not_on_the_order_of_rows(rows):
    fold = folds.draw(rows, folds=4, seed=1, purpose="outer")
    order = np.random.default_rng(0).permutation(len(rows))
    assert (folds.draw(rows.take(order), folds=4, seed=1, purpose="outer") == fold[order]).all()
    assert (folds.draw(rows, folds=4, seed=2, purpose="outer") != fold).any()
    assert (folds.draw(rows, folds=4, seed=1, purpose="inner") != fold).any()


def test_one_class_is_refused(rows):
    with pytest.raises(
        RadiogramError, match="Endpoint label has 0 training patients with value 1: with one class only"
    ):
        folds.require_classes(with_truth(rows, 0), folds=5)


@pytest.mark.parametrize(
    ("events", "advice"), [(6, "set modeling.folds=4"), (5, "set modeling.folds=3"), (2, "enroll more")]
)
def test_a_class_smaller_than_the_folds_is_refused_with_what_would_do(rows, events, advice):
    message = (
        f"Endpoint label has {events} training patients with value 1, too few for 5 folds within 5 folds: {advice}"
    )
    with pytest.raises(RadiogramError, match=message):
        folds.require_classes(with_truth(rows, events), folds=5)


@pytest.mark.parametrize("events", range(3, 20))
@pytest.mark.parametrize("number", [2, 3, 5])
def test_what_is_accepted_leaves_both_classes_in_every_innermost_training_set(rows, events, number):
    rows = with_truth(rows, events)
    try:
        folds.require_classes(rows, folds=number)
    except RadiogramError:
        return
    outer = folds.draw(rows, folds=number, seed=1, purpose="outer")
    for k in range(number):
        training = rows.take(outer != k)
        inner = folds.draw(training, folds=number, seed=1, purpose="inner")
        assert all(training.truth[inner != j].sum() >= 2 for j in range(number))
