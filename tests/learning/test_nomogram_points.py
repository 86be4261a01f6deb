"""The nomogram's table, and its geometry: reading points off and inverting gives the model back."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from helpers.learning import crossfit, nomogram, points, signatures
from helpers.statistics.thresholds import OutOfFold


@pytest.fixture
def fitted(rows, parameters):
    names = ("radiomics", "deep")
    options = {"parameters": parameters(**{"selection.lasso_rule": "min"}), "seed": 1}
    scores = {n: crossfit.cross_fit(rows, partial(signatures.fit, n, **options), folds=3, seed=1) for n in names}
    return scores, nomogram.fit(rows, scores, clinical=("age", "sex"))


def test_the_table_has_a_row_a_term_with_the_reference_before_its_levels(fitted):
    table = fitted[1].table
    assert table["term"].tolist()[:4] == ["(intercept)", "radiomics", "deep", "age"]
    reference, level = table.iloc[4], table.iloc[5]
    assert (reference["variable"], level["variable"], len(table)) == ("sex", "sex", 6)
    assert reference["coefficient"] == 0 and {reference["level"], level["level"]} == {"female", "male"}
    assert table["level"].iloc[:4].isna().all()
    terms = table.drop(4).iloc[1:]
    assert (np.log(terms["low"]) < terms["coefficient"]).all() and (terms["coefficient"] < np.log(terms["high"])).all()


def test_ranges_are_those_of_the_training_rows(fitted, rows):
    scores, model = fitted
    table = model.table.set_index("term")
    assert table.loc["deep", ["minimum", "maximum"]].tolist() == [
        scores["deep"].score.min(),
        scores["deep"].score.max(),
    ]
    assert table.loc["age", "maximum"] == np.nanmax(rows.clinical["age"])


def test_reading_points_off_and_inverting_gives_the_models_probability(fitted):
    model = fitted[1]
    geometry = points.geometry(model.table)
    b = model.table.set_index("term")["coefficient"]
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = {
            "radiomics": rng.normal(),
            "deep": rng.normal(),
            "age": rng.uniform(20, 90),
            "sex": rng.choice(["female", "male"]),
        }
        predictor = (
            b["(intercept)"] + sum(b[n] * values[n] for n in ("radiomics", "deep", "age")) + b[f"sex={values['sex']}"]
        )
        total = geometry.total(values)
        assert geometry.probability(total) == pytest.approx(1 / (1 + np.exp(-predictor)), abs=1e-12)
        assert geometry.total_for(predictor) == pytest.approx(total, abs=1e-9)


def test_the_widest_variable_spans_100_points_and_none_goes_below_0(fitted):
    geometry = points.geometry(fitted[1].table)
    ends = []
    for axis in geometry.axes:
        values = axis.limits if axis.levels is None else tuple(axis.levels)
        ends += [geometry.points(axis.variable, value) for value in values]
    assert min(ends) == pytest.approx(0)
    assert max(ends) == pytest.approx(100)
    assert geometry.largest_total <= 100 * len(geometry.axes)


def test_a_score_that_is_constant_in_every_fold_is_left_out_and_said(rows):
    fold = np.arange(len(rows)) % 3
    others = tuple(frozenset(rows.patient[fold != k].tolist()) for k in range(3))
    flat = OutOfFold(rows.patient, rows.truth, fold * 0.1, fold, others)
    model = nomogram.fit(rows, {"radiomics": flat}, clinical=("age",))
    assert model.table["term"].tolist() == ["(intercept)", "age"]
    assert model.notes == ("radiomics was left out: its score is constant.",)


def test_without_any_term_the_nomogram_gives_the_prevalence(rows, every_row):
    model = nomogram.fit(rows, {})
    new = every_row.take(every_row.part == "test")
    np.testing.assert_allclose(1 / (1 + np.exp(-model.linear_predictor(new, {}))), rows.truth.mean())
    assert points.geometry(model.table).probability(0.0) == pytest.approx(rows.truth.mean())


def test_separating_scores_get_firths_penalty_and_a_note(rows):
    fold = np.arange(len(rows)) % 3
    others = tuple(frozenset(rows.patient[fold != k].tolist()) for k in range(3))
    perfect = OutOfFold(rows.patient, rows.truth, rows.truth * 4.0 + np.linspace(0, 1, len(rows)), fold, others)
    model = nomogram.fit(rows, {"radiomics": perfect})
    assert np.isfinite(model.table["coefficient"]).all()
    assert "Firth" in model.notes[0]
