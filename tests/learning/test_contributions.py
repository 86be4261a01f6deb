"""Worked examples of the nomogram: three patients by rule, whose parts add up to their log odds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.special import expit, logit

from helpers.errors import RadiogramError
from helpers.learning import crossfit, nomogram, signatures
from helpers.learning.contributions import contributions


@pytest.fixture
def scores(rows, parameters):
    one = partial(signatures.fit, "deep", parameters=parameters(**{"selection.lasso_path": 10}), seed=1)
    return {"deep": crossfit.cross_fit(rows, one, folds=3, seed=1)}


def test_the_parts_add_up_to_the_distance_from_the_average_patient(rows, scores):
    fitted = nomogram.fit(rows, scores, clinical=("age", "sex"))
    table = contributions(rows, fitted, scores)
    design = np.column_stack([scores["deep"].score, fitted.coding.apparent(rows)])
    predictor = fitted.regression.linear_predictor(design)
    for _, own in table.groupby("patient"):
        assert own["contribution"].sum() + predictor.mean() == pytest.approx(logit(own["risk"].iloc[0]))
    assert table["variable"].unique().tolist() == ["deep", "age", "sex"]


def test_the_patients_are_those_of_lowest_median_and_highest_risk(rows, scores):
    fitted = nomogram.fit(rows, scores, clinical=("age", "sex"))
    table = contributions(rows, fitted, scores)
    risks = table.drop_duplicates("patient").set_index("patient")["risk"]
    design = np.column_stack([scores["deep"].score, fitted.coding.apparent(rows)])
    every = np.sort(expit(fitted.regression.linear_predictor(design)))
    np.testing.assert_allclose(risks[["lowest", "median", "highest"]], every[[0, round(0.5 * (len(rows) - 1)), -1]])
    assert "value" not in table  # what a single patient had stays out


def test_only_the_rows_of_the_nomogram_are_worked(rows, every_row, scores):
    with pytest.raises(RadiogramError, match="was not fitted on patient"):
        contributions(every_row, nomogram.fit(rows, scores), scores)
