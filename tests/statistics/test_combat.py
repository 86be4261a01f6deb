"""ComBat against its published implementation, and what it must never do.

combat_reference.csv was printed by neuroCombat 0.2.12 (github Jfortin1/neuroCombat, commit ac82a06), run outside this
project under numpy 2.4.6, where `numpy.int` and `int()` of an array of one had to be given back. Its input are the rows of
`generated()`: neuroCombat(dat=values.T, covars=center, age, sex; batch_col="center") with parametric=False,
categorical_cols=["sex"] and continuous_cols=["age"], or ref_batch="B" as the variant says; for `frozen`,
neuroCombatFromTraining of the reversed rows times 1.5.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.statistics import combat

VARIANTS = {
    "parametric": {},
    "nonparametric": {"prior": "nonparametric"},
    "covariates": {"covariates": True},
    "nonparametric covariates": {"prior": "nonparametric", "covariates": True},
    "reference": {"reference": "B"},
    "reference covariates": {"reference": "B", "covariates": True},
    "reference nonparametric": {"reference": "B", "prior": "nonparametric"},
}


def generated():
    """18 patients of three centers, 6 features, age and sex: by Python's own generator, the same on every machine."""
    draw = random.Random(2007).random
    center = np.repeat(["A", "B", "C"], [7, 6, 5])
    age, sex = np.array([round(32 * draw()) / 4 for _ in range(18)]), np.arange(18) % 2
    values = np.array([[4 * draw() + 0.25 * age[i] + 0.5 * j * sex[i] for j in range(6)] for i in range(18)])
    scale = np.select([center == "A", center == "B"], [1.0, 1.5], 0.5)
    shift = np.select([center == "A", center == "B"], [0.0, 2.0], -1.0)
    return values * scale[:, None] + shift[:, None] * (1 + 0.25 * np.arange(6)), center, age, sex


def printed(variant):
    table = pd.read_csv(Path(__file__).parent / "combat_reference.csv")
    return table[table["variant"] == variant].drop(columns=["variant", "row"]).to_numpy()


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_equals_the_published_implementation(variant):
    values, center, age, sex = generated()
    options = {**VARIANTS[variant]}
    covariates = np.column_stack([sex, age]) if options.pop("covariates", False) else None
    found = combat.fit(values, center, covariates=covariates, **options)
    np.testing.assert_allclose(found.apply(values, center, covariates=covariates), printed(variant), rtol=1e-10)


def test_what_was_fitted_is_applied_to_new_rows_as_published():
    values, center, _, _ = generated()
    found = combat.fit(values, center)
    np.testing.assert_allclose(found.apply(values[::-1] * 1.5, center[::-1]), printed("frozen"), rtol=1e-10)


def test_the_rows_of_the_reference_stay_as_they_are():
    values, center, _, _ = generated()
    moved = combat.fit(values, center, reference="C").apply(values, center)
    assert (moved[center == "C"] == values[center == "C"]).all() and (
        moved[center != "C"] != values[center != "C"]
    ).all()


def test_a_row_moves_alike_whoever_moves_with_it():
    values, center, _, _ = generated()
    found = combat.fit(values, center)
    together = found.apply(values, center)
    assert all((found.apply(values[[i]], center[[i]])[0] == together[i]).all() for i in range(18))


def test_some_features_move_as_among_all_of_them():
    values, center, age, _ = generated()
    found = combat.fit(values, center, covariates=age)
    some = found.apply(values[:, [4, 1]], center, covariates=age, features=[4, 1])
    assert (some == found.apply(values, center, covariates=age)[:, [4, 1]]).all()


def planted(rng, features=40):
    """Three centers with their own shift and scale over the same biology; returns values, center and biology."""
    center, biology = np.repeat(["A", "B", "C"], 60), rng.normal(size=180)
    true = rng.normal(size=(180, features)) + biology[:, None]
    scale = np.repeat([1.0, 2.0, 0.6], 60)[:, None]
    return true * scale + np.repeat([0.0, 3.0, -2.0], 60)[:, None], center, biology


@pytest.mark.parametrize("prior", ["parametric", "nonparametric"])
def test_a_planted_shift_is_removed_and_the_biology_stays(prior):
    values, center, biology = planted(np.random.default_rng(5))
    moved = combat.fit(values, center, prior=prior).apply(values, center)
    means = np.array([moved[center == name].mean(axis=0) for name in "ABC"])
    spreads = np.array([moved[center == name].std(axis=0) for name in "ABC"])
    assert np.ptp(means, axis=0).max() < 0.6 and (spreads.max(axis=0) / spreads.min(axis=0)).max() < 1.3
    before, after = (np.corrcoef(each.mean(axis=1), biology)[0, 1] for each in (values, moved))
    assert after > 0.95 > before + 0.2


def test_biology_that_differs_between_centers_stays_when_it_is_preserved():
    rng = np.random.default_rng(6)
    center, age = np.repeat(["A", "B"], 100), np.r_[rng.normal(0, 1, 100), rng.normal(2, 1, 100)]
    values = rng.normal(size=(200, 30)) + age[:, None] + np.repeat([0.0, 1.0], 100)[:, None]
    slope = [
        np.polyfit(
            age, combat.fit(values, center, covariates=kept).apply(values, center, covariates=kept).mean(axis=1), 1
        )[0]
        for kept in (None, age)
    ]
    assert slope[0] < 0.75 and slope[1] == pytest.approx(1, abs=0.1)


def test_a_feature_without_spread_stays_as_it_is_and_does_not_disturb_the_others():
    values, center, _, _ = generated()
    with_constant = np.column_stack([values, np.full(18, 3.3), np.select([center == "A"], [1.0], 0.1)])
    found = combat.fit(with_constant, center)
    assert found.adjusted.tolist() == [True] * 6 + [False] * 2
    moved = found.apply(with_constant, center)
    assert (moved[:, 6:] == with_constant[:, 6:]).all()
    np.testing.assert_allclose(moved[:, :6], printed("parametric"), rtol=1e-10)


def test_a_feature_that_is_constant_in_one_batch_stays_finite():
    values, center, _, _ = generated()
    values[center == "B", 0] = 7.0
    for prior in combat.PRIORS:
        assert np.isfinite(combat.fit(values, center, prior=prior).apply(values, center)).all()


def test_a_missing_value_stays_missing_and_counts_nowhere():
    values, center, _, _ = generated()
    gap = values.copy()
    gap[0, 0], gap[12, 3] = np.nan, np.inf
    for prior in combat.PRIORS:
        moved = combat.fit(gap, center, prior=prior).apply(gap, center)
        assert (~np.isfinite(moved) == ~np.isfinite(gap)).all()
        # The other features are only touched through the prior that all share.
        assert np.abs(moved[:, 1] - combat.fit(values, center, prior=prior).apply(values, center)[:, 1]).max() < 0.5


def test_a_single_feature_is_harmonized_by_itself():
    values, center, _, _ = generated()
    moved = combat.fit(values[:, :1], center).apply(values[:, :1], center)
    assert np.ptp([moved[center == name].mean() for name in "ABC"]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"batch": ["A"] * 18}, "at least two batches"),
        ({"batch": ["A"] * 17 + ["B"]}, "batch B has one row"),
        ({"reference": "Z"}, "reference Z is none of the batches"),
        ({"covariates": np.repeat([1.0, 0, 0], [7, 6, 5])}, "confounded with the batches"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, sentence):
    values, center, _, _ = generated()
    options = {"batch": center, **change}
    with pytest.raises(ValueError, match=sentence):
        combat.fit(values, options.pop("batch"), **options)


def test_an_unknown_batch_is_refused():
    values, center, _, _ = generated()
    with pytest.raises(ValueError, match="batch D was not among"):
        combat.fit(values, center).apply(values[:1], ["D"])
