"""The common recipe claims too much, step by step, and most where there is nothing to find."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.errors import RadiogramError
from helpers.learning import common_recipe
from helpers.learning.rows import rows_from_tables


@pytest.fixture
def noise(cohort):
    """Rows of all parts with labels that nothing tells."""
    rows = rows_from_tables(*cohort(signal=0.0, radiomics=60), endpoint="label", clinical=("age", "sex"))
    return rows, rows.part == "test"


def steps(rows, test, parameters, **options):
    found = common_recipe.claims(rows, test, parameters=parameters, seed=1, **options)
    return {claim.step: claim for claim in found}


def test_every_step_that_moves_the_area_claims_more(noise, parameters):
    rows, test = noise
    found = steps(rows, test, parameters(**{"integrity.splits": 8}))
    assert list(found) == list(common_recipe.STEPS)
    area = [found[step].auc for step in common_recipe.STEPS]
    assert area[0] == area[1] < area[2] < area[3] and area[3] > 0.7


def test_one_score_alone_is_not_refitted_as_its_area_would_not_move(noise, parameters):
    rows, test = noise
    single = parameters(**{"modeling.signatures": "[radiomics]", "modeling.nomogram": "[]", "integrity.splits": 2})
    found = steps(rows, test, single)
    assert list(found) == [step for step in common_recipe.STEPS if step != common_recipe.REFIT]
    assert found[common_recipe.BEST].auc >= found[common_recipe.THRESHOLD].auc


def test_a_threshold_chosen_on_the_test_rows_has_the_highest_youden_index(noise, parameters):
    rows, test = noise
    found = steps(rows, test, parameters(**{"integrity.splits": 1}))
    youden = {step: claim.sensitivity + claim.specificity for step, claim in found.items()}
    assert youden[common_recipe.THRESHOLD] >= youden[common_recipe.SELECTION]


def test_one_split_is_the_given_one(noise, parameters):
    rows, test = noise
    found = steps(rows, test, parameters(**{"integrity.splits": 1}))
    assert found[common_recipe.BEST].auc == found[common_recipe.REFIT].auc


def test_the_same_seed_claims_the_same(noise, parameters):
    rows, test = noise
    settings = parameters(**{"integrity.splits": 3})
    assert steps(rows, test, settings) == steps(rows, test, settings)


def test_a_test_part_of_one_class_is_refused(noise):
    rows, _ = noise
    only = rows.truth == 1
    with pytest.raises(RadiogramError, match="have one class only"):
        common_recipe.require_both(rows, only)


def test_splits_keep_patients_whole_and_the_classes_in_number(noise):
    rows, test = noise
    doubled = rows.take(np.repeat(np.arange(len(rows)), 2))
    for drawn in common_recipe._other_splits(doubled, np.repeat(test, 2), number=3, seed=0):
        assert (drawn[::2] == drawn[1::2]).all()
        assert doubled.truth[drawn].sum() == 2 * rows.truth[test].sum() and drawn.sum() == 2 * test.sum()
