"""Multiple imputation: nothing of the outcome of new patients, unbiased where values are missing at random, and pooled as it should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from helpers.errors import RadiogramError
from helpers.learning import conditional, missing_data, multiple_imputation, regression
from helpers.learning.endpoint import model_endpoint
from helpers.learning.rows import Rows
from helpers.statistics.rubin import pool

TRUE = np.array([-0.4, 1.0, -0.7])  # intercept, and the log odds of a and b
SETTINGS = {"imputations": 5, "iterations": 4, "seed": 3}


def drawn(n: int, *, seed: int, missing: float = 0.3, part: str = "train", mechanism: str = "random") -> Rows:
    """Two correlated numbers and a word; the outcome follows the numbers. `a` goes missing, at random or with the outcome."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    b = 0.6 * a + 0.8 * rng.normal(size=n)
    word = np.where(rng.random(n) < expit(b), "high", "low").astype(object)
    truth = (rng.random(n) < expit(TRUE[0] + TRUE[1] * a + TRUE[2] * b)).astype(np.int64)
    chance = missing if mechanism == "random" else missing * np.where(truth == 1, 1.8, 0.2)
    a = np.where(rng.random(n) < chance, np.nan, a)
    word[rng.random(n) < missing / 3] = None
    names = np.array([f"{part}{i:04d}" for i in range(n)])
    table = pd.DataFrame({"a": a, "b": b, "word": pd.Series(word, dtype=object)})
    return Rows("y", names, names, np.full(n, part), truth, pd.DataFrame(index=range(n)), (), table)


def numbers(rows: Rows) -> Rows:
    return replace(rows, clinical=rows.clinical[["a", "b"]])


def pooled(rows: Rows, imputations: int, seed: int) -> list:
    found = multiple_imputation.fit(rows, imputations=imputations, iterations=6, seed=seed)
    fits = [regression.fit(frame[["a", "b"]].to_numpy(), rows.truth) for frame in found.apparent(rows)]
    return [
        pool([f.coefficients[i] for f in fits], [f.covariance[i, i] for f in fits], complete_df=len(rows) - 3)
        for i in range(3)
    ]


def test_what_was_measured_stays_and_nothing_is_missing():
    rows = drawn(120, seed=1)
    for frame in multiple_imputation.fit(rows, **SETTINGS).apparent(rows):
        assert frame.notna().all(axis=None)
        for name in frame:
            known = rows.clinical[name].notna()
            assert (frame.loc[known, name] == rows.clinical.loc[known, name]).all()


def test_imputed_numbers_were_really_measured_and_words_are_of_training():
    rows, new = drawn(150, seed=1), drawn(60, seed=2, part="test")
    found = multiple_imputation.fit(rows, **SETTINGS)
    for frame in found.transform(new):
        gone = new.clinical["a"].isna()
        assert set(frame.loc[gone, "a"]) <= set(rows.clinical["a"].dropna())
        assert set(frame["word"]) == {"high", "low"}


def test_imputations_differ_where_values_are_missing():
    rows = drawn(120, seed=1)
    frames = multiple_imputation.fit(rows, **SETTINGS).apparent(rows)
    gone = rows.clinical["a"].isna()
    assert len({tuple(frame.loc[gone, "a"]) for frame in frames}) == len(frames)


def test_the_outcome_of_a_new_patient_is_never_looked_at():
    rows, new = drawn(150, seed=1), drawn(60, seed=2, part="test")
    found = multiple_imputation.fit(rows, **SETTINGS)
    flipped = replace(new, truth=1 - new.truth)
    for one, other in zip(found.transform(new), found.transform(flipped), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_the_outcome_of_training_patients_is_a_predictor():
    rows = drawn(200, seed=1)
    other = replace(rows, truth=1 - rows.truth)
    one, two = (multiple_imputation.fit(r, **SETTINGS).apparent(r)[0]["a"] for r in (rows, other))
    assert not one.equals(two)


def test_a_patient_is_imputed_alike_whoever_stands_beside():
    rows, new = drawn(150, seed=1), drawn(60, seed=2, part="test")
    found = multiple_imputation.fit(rows, **SETTINGS)
    whole, few = found.transform(new), found.transform(new.take(np.arange(20, 30)))
    for one, other in zip(whole, few, strict=True):
        pd.testing.assert_frame_equal(one.iloc[20:30].reset_index(drop=True), other)


def test_the_same_seed_gives_the_same_values_and_another_one_others():
    rows = drawn(120, seed=1)
    frames = [multiple_imputation.fit(rows, **SETTINGS | {"seed": s}).apparent(rows)[2] for s in (3, 3, 4)]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert not frames[0].equals(frames[2])


def test_rows_it_was_fitted_on_are_no_new_patients_and_test_rows_cannot_be_fitted_on():
    rows = drawn(120, seed=1)
    with pytest.raises(RadiogramError, match="was fitted on patient train0000"):
        multiple_imputation.fit(rows, **SETTINGS).transform(rows)
    with pytest.raises(RadiogramError, match="is fitted on training rows only"):
        multiple_imputation.fit(drawn(80, seed=2, part="test"), **SETTINGS)


def test_a_word_that_training_never_had_is_missing():
    rows, new = drawn(150, seed=1), drawn(40, seed=2, part="test")
    new.clinical["word"] = pd.Series(["unheard of"] * 40, dtype=object)
    assert set(multiple_imputation.fit(rows, **SETTINGS).transform(new)[0]["word"]) <= {"high", "low"}


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        (lambda truth: np.ones(len(truth), bool), "a is missing in every training patient: nothing can be imputed"),
        (lambda truth: truth == 1, "a is missing in every training patient with the endpoint y"),
        (lambda truth: truth == 0, "a is missing in every training patient without the endpoint y"),
    ],
)
def test_a_variable_that_cannot_be_imputed_is_named(gone, sentence):
    rows = drawn(100, seed=1)
    rows.clinical["a"] = rows.clinical["a"].where(~gone(rows.truth), np.nan)
    with pytest.raises(RadiogramError, match=sentence):
        multiple_imputation.fit(rows, **SETTINGS)


def test_a_category_keeps_the_shares_of_its_equation():
    """Where nothing predicts it, three levels are drawn as often as they are seen."""
    rng = np.random.default_rng(5)
    words = np.repeat(np.array(["x", "y", "z"], dtype=object), [300, 200, 100])
    x = rng.normal(size=(600, 1))
    equation = conditional.category(x, words, np.random.default_rng(1))
    drawn_words = equation.draw(rng.normal(size=(6000, 1)), rng.random(6000))
    shares = [np.mean(drawn_words == level) for level in ("x", "y", "z")]
    assert np.allclose(shares, [1 / 2, 1 / 3, 1 / 6], atol=0.06)


def test_a_level_that_separates_still_gives_finite_draws():
    x = np.linspace(-1, 1, 30)[:, None]
    words = np.where(x[:, 0] > 0.9, "rare", "common").astype(object)
    assert np.isfinite(conditional.category(x, words, np.random.default_rng(1)).drawn).all()


def test_matching_takes_a_donor_near_the_prediction():
    x = np.linspace(0, 1, 200)[:, None]
    values = 10 * x[:, 0]
    equation = conditional.matching(x, values, np.random.default_rng(1))
    wanted = np.array([[0.0], [0.5], [1.0]])
    for uniform in (0.0, 0.5, 0.999):
        assert np.allclose(equation.draw(wanted, np.full(3, uniform)), [0, 5, 10], atol=0.3)


@pytest.mark.slow
def test_the_three_handlings_stand_side_by_side_and_the_median_is_the_studys_own(cohort, parameters):
    options = parameters(
        **{"modeling.signatures": "[radiomics, clinical]", "modeling.nomogram": "[radiomics, clinical]"}
    )
    cases, features = cohort(150)
    models = model_endpoint(cases, features, endpoint="label", parameters=options, seed=1)
    found = missing_data.tables(cases, models.tables["first_stage"], endpoint="label", parameters=options, seed=1)
    table = found["missing_data"]
    assert set(table["handling"]) == set(missing_data.HANDLINGS) and set(table["model"]) == {"clinical", "nomogram"}
    own = models.tables["nomogram"].set_index("term")["coefficient"]
    median = table.query("model == 'nomogram' and handling == @missing_data.MEDIAN and quantity == 'coefficient'")
    assert np.allclose(median["estimate"], own.loc[median["term"]], atol=1e-8)
    frozen = models.tables["predictions"].query("kind == 'frozen' and model == 'nomogram'")
    from helpers.statistics.discrimination import auc

    area = table.query("model == 'nomogram' and handling == @missing_data.MEDIAN and quantity == 'auc'")
    assert np.isclose(area["estimate"].item(), auc(frozen["truth"], frozen["probability"]).estimate)
    complete = table.query("handling == @missing_data.COMPLETE and quantity == 'auc'")
    assert (complete["n"] == cases.query("part == 'test'")[["age", "sex"]].notna().all(axis=1).sum()).all()


def test_who_lacks_what_is_counted_by_outcome():
    cases = pd.DataFrame({"case": list("abcdefgh"), "part": "train", "label": [1, 1, 1, 1, 0, 0, 0, 0]})
    cases["age"] = [np.nan, np.nan, np.nan, np.nan, 1.0, 2.0, 3.0, 4.0]
    row = missing_data._counted(cases, "label", "age")
    assert row[2:8] == (8, 4, 4, 4, 4, 0)
    assert np.isclose(row[8], 1 / 35)  # Fisher's exact test, two-sided: 2 of the 70 tables


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", ["random", "with the outcome"])
def test_pooled_coefficients_are_unbiased_and_their_intervals_cover(mechanism):
    """Complete cases are biased where missing goes with the outcome and another variable; imputation is not, b being complete."""
    covered, estimates = [], []
    for seed in range(150):
        rows = numbers(drawn(300, seed=seed, mechanism=mechanism))
        found = pooled(rows, imputations=10, seed=seed)
        estimates.append([each.estimate for each in found])
        covered.append([each.interval().low <= t <= each.interval().high for each, t in zip(found, TRUE, strict=True)])
    error = np.std(estimates, axis=0) / np.sqrt(150)
    # Maximum likelihood itself is biased by some 2 % at 300 patients.
    assert (np.abs(np.mean(estimates, axis=0) - TRUE) < 3 * error + 0.03).all()
    assert (np.mean(covered, axis=0) > 0.90).all() and (np.mean(covered, axis=0) <= 1).all()


@pytest.mark.slow
def test_pooled_estimates_agree_with_statsmodels_chained_equations():
    """An independent implementation (statsmodels.imputation.mice, predictive mean matching) on the same rows."""
    from statsmodels.imputation.mice import MICEData

    rows = numbers(drawn(1500, seed=11))
    chain = MICEData(rows.clinical.assign(y=rows.truth).astype(float), k_pmm=5, rng=1)
    estimates, variances = [], []
    for _ in range(100):
        chain.update_all(5)
        fit = sm.Logit(chain.data["y"], sm.add_constant(chain.data[["a", "b"]])).fit(disp=0)
        estimates.append(fit.params.to_numpy())
        variances.append(np.diag(fit.cov_params()))
    theirs = [pool(np.array(estimates)[:, i], np.array(variances)[:, i]) for i in range(3)]
    for own, other in zip(pooled(rows, imputations=100, seed=5), theirs, strict=True):
        assert abs(own.estimate - other.estimate) < 0.5 * other.standard_error
        assert np.isclose(own.standard_error, other.standard_error, rtol=0.15)
        assert abs(own.missing_information - other.missing_information) < 0.15
