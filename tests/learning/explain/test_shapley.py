"""Shapley values of a fusion: they add up, agree with brute force, and rest on out-of-fold scores."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from helpers.errors import RadiogramError
from helpers.learning import folds, fusion, record
from helpers.learning.explain import shapley
from helpers.learning.explain.importance import importance
from helpers.learning.rows import rows_from_tables
from helpers.statistics.attribution import linear_shap


@pytest.fixture(scope="module")
def given(cohort, parameters):
    """A study with a fusion of two models and the clinical variables, and the tables it reads."""
    cases = cohort(180, radiomics=5, deep=2)[0]
    rows = rows_from_tables(cases, pd.DataFrame({"case": [], "reader": []}), endpoint="label")
    training, others = rows.take(rows.part == "train"), rows.take(rows.part != "train")
    fold = folds.draw(training, folds=3, seed=1, purpose="outer")
    rng, names = np.random.default_rng(0), ["net", "radiomics"]
    told = {name: expit(1.2 * (rows.truth - 0.5) + rng.normal(size=len(rows))) for name in names}
    predictions = pd.concat(
        [
            record.prediction_rows(training, {n: p[rows.part == "train"] for n, p in told.items()}, kind="oof"),
            record.prediction_rows(others, {n: p[rows.part != "train"] for n, p in told.items()}, kind="frozen"),
        ]
    )
    fits = record.fit_rows("label", names, {k: frozenset(training.patient[fold != k].tolist()) for k in range(3)})
    fusions = "[{name: both, members: [net, radiomics], clinical: true}, {name: age only, clinical: [age]}]"
    study = SimpleNamespace(parameters=parameters(**{"networks.fusions": fusions}))
    return study, cases, predictions, fits


@pytest.fixture(scope="module")
def both(given):
    return next(fusion.fused(given[0].parameters, *given[1:]))


def test_a_patients_contributions_and_the_average_add_up_to_the_log_odds(given, both):
    table = shapley.contributions(*given)
    design = both.final.fitted_design(both.training, both.scores.oof)
    whole = both.final.linear_predictor(design)
    added = table.groupby("case", sort=False)["contribution"].sum().loc[both.training.case]
    np.testing.assert_allclose(added + whole.mean(), whole, atol=1e-10)


def test_values_are_those_of_brute_force_over_every_order_of_the_columns(both):
    design = both.final.fitted_design(both.training, both.scores.oof)
    parts, base = shapley.values(both.final, design)
    k = design.shape[1]
    for row in (0, 7):
        reference = np.zeros(k)
        orders = list(permutations(range(k)))
        for order in orders:
            mixed = design.copy()
            before = both.final.linear_predictor(mixed).mean()
            for column in order:
                mixed[:, column] = design[row, column]
                after = both.final.linear_predictor(mixed).mean()
                reference[column] += (after - before) / len(orders)
                before = after
        np.testing.assert_allclose(parts[row], reference, atol=1e-10)
    exact = linear_shap(
        both.final.regression.coefficients[1:],
        design,
        design.mean(axis=0),
        intercept=both.final.regression.coefficients[0],
    )
    np.testing.assert_allclose(parts, exact.values, atol=1e-12)
    assert base == pytest.approx(exact.base)


def test_the_background_is_everyone_and_not_a_hundred_of_them(both):
    design = both.final.fitted_design(both.training, both.scores.oof)
    assert len(design) > 100
    np.testing.assert_allclose(shapley.values(both.final, design)[0].mean(axis=0), 0, atol=1e-10)


def test_parts_that_do_not_add_up_are_refused():
    parts, whole = np.ones((3, 2)), np.array([2.5, 2.5, 2.5])
    shapley.require_additive(parts, 0.5, whole, what="fusion f")
    with pytest.raises(RadiogramError, match="Shapley values of fusion f miss its log odds by up to 0.2"):
        shapley.require_additive(parts, 0.0, whole, what="fusion f")
    with pytest.raises(RadiogramError, match="miss its log odds"):
        shapley.require_additive(parts * np.nan, 0.5, whole, what="fusion f")


def test_a_variable_with_levels_is_one_variable_and_a_model_of_age_alone_is_not_explained(given):
    table = shapley.contributions(*given)
    assert table["model"].unique().tolist() == ["both"]
    assert table["variable"].unique().tolist() == ["net", "radiomics", "age", "sex"]
    assert set(table.loc[table["variable"] == "sex", "value"]) == {"female", "male", "missing"}
    assert len(table) == 4 * (given[1]["part"] == "train").sum()


def test_what_a_case_had_is_written_beside_what_it_adds(given):
    _, cases, *_ = given
    table = shapley.contributions(*given).query("variable == 'age'").set_index("case")
    ages = cases.set_index("case")["age"]
    known = [case for case in table.index if not np.isnan(ages[case])]
    np.testing.assert_allclose(table.loc[known, "value"].astype(float), ages[known], rtol=1e-5)
    assert set(table.drop(known)["value"]) == {"missing"}


def test_importance_is_the_mean_absolute_contribution_and_its_share(given):
    table = shapley.contributions(*given)
    found = importance(table)
    assert found["share"].sum() == pytest.approx(1) and found["mean_absolute"].is_monotonic_decreasing
    for row in found.itertuples():
        assert row.mean_absolute == pytest.approx(
            table.loc[table["variable"] == row.variable, "contribution"].abs().mean()
        )


def test_a_study_without_fusions_has_an_empty_table(given, parameters):
    table = shapley.contributions(SimpleNamespace(parameters=parameters()), *given[1:])
    assert table.empty and list(table) == shapley.COLUMNS
