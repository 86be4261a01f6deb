"""Logistic regression with Firth's penalty against published estimates and known limits."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.tools import add_constant

from helpers.learning import regression

# Endometrial cancer, Heinze & Schemper 2002, doi 10.1002/sim.1047: NV, PI, EH, HG (data as in R's brglm2).
ENDOMETRIAL = """
0 13 1.64 0,0 16 2.26 0,0 8 3.14 0,0 34 2.68 0,0 20 1.28 0,0 5 2.31 0,0 17 1.8 0,0 10 1.68 0,0 26 1.56 0,0 17 2.31 0,
0 8 2.01 0,0 7 1.89 0,0 20 3.15 0,0 10 1.23 0,0 18 1.27 0,0 16 1.76 0,0 18 2 0,0 8 2.64 1,0 29 0.88 1,0 12 1.27 1,
0 20 1.37 1,1 38 0.97 1,1 22 1.14 1,1 7 0.88 1,1 25 0.91 1,1 15 0.58 1,0 7 0.97 1,0 28 1.5 0,0 11 1.33 0,0 19 2.37 0,
0 10 1.82 0,0 10 3.13 0,0 18 1.31 0,0 14 1.92 0,0 21 1.64 0,0 11 2.01 0,0 17 1.88 0,0 25 1.93 0,0 16 2.11 0,0 19 1.29 0,
0 15 1.72 0,0 33 0.75 0,0 24 1.92 0,0 48 1.84 1,0 12 1.11 1,0 19 1.61 1,0 2 1.18 1,1 22 1.44 1,1 40 1.18 1,1 5 0.93 1,
1 0 1.17 1,0 21 1.19 1,0 15 1.06 1,0 29 2.02 0,0 15 2.29 0,0 12 2.33 0,0 3 2.9 0,0 20 1.7 0,0 23 1.41 0,0 12 2.25 0,
0 22 1.54 0,0 42 1.97 0,0 15 1.75 0,0 13 2.16 0,0 14 2.57 0,0 19 1.37 0,0 12 3.61 0,0 13 2.04 0,0 10 2.17 0,0 12 1.69 1,
1 49 0.27 1,0 6 1.84 1,0 5 1.3 1,0 17 0.96 1,1 11 1.01 1,1 21 0.98 1,0 5 0.35 1,1 19 1.02 1,0 33 0.85 1
"""


def test_separated_data_give_the_published_firth_estimates():
    """R logistf and brglm2: 3.77456 2.92927 -0.03475 -2.60416, SE 1.48869 1.55076 0.03958 0.77602."""
    table = np.array([row.split() for row in ENDOMETRIAL.replace("\n", "").split(",")], dtype=float)
    assert table.shape == (79, 4)
    fitted = regression.fit(table[:, :3], table[:, 3])
    assert fitted.method == "Firth"
    np.testing.assert_allclose(fitted.coefficients, [3.77456, 2.92927, -0.03475, -2.60416], atol=1e-5)
    np.testing.assert_allclose(fitted.standard_errors, [1.48869, 1.55076, 0.03958, 0.77602], atol=1e-4)


def test_firth_in_a_two_by_two_table_adds_one_half_to_each_cell():
    a, b, c, d = 10, 0, 5, 12
    x = np.repeat([1.0, 1.0, 0.0, 0.0], [a, b, c, d])[:, None]
    y = np.repeat([1, 0, 1, 0], [a, b, c, d])
    expected = np.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5)))
    assert regression.fit(x, y).coefficients[1] == pytest.approx(expected, abs=1e-8)


def test_without_separation_it_is_maximum_likelihood_as_in_statsmodels(rows):
    x = rows.features[rows.names("deep")[:3]].to_numpy() * [1, 100, 0.01] + [0, 5000, 3]
    ours, theirs = regression.fit(x, rows.truth), Logit(rows.truth, add_constant(x)).fit(disp=0, tol=1e-12)
    assert ours.method == "maximum likelihood"
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-6)
    np.testing.assert_allclose(ours.standard_errors, theirs.bse, rtol=1e-6)
    low, high, p = ours.wald(level=0.95)
    np.testing.assert_allclose(np.column_stack([low, high]), theirs.conf_int(), rtol=1e-6)
    np.testing.assert_allclose(p, theirs.pvalues, rtol=1e-5)


def test_a_column_that_others_determine_is_left_out_and_the_first_stays(rows):
    x = rows.features[rows.names("deep")[:2]].to_numpy()
    wide = np.column_stack([x, x.sum(axis=1) * 3 + 1, np.full(len(x), 4.0)])
    fitted, plain = regression.fit(wide, rows.truth), regression.fit(x, rows.truth)
    assert fitted.kept.tolist() == [True, True, False, False]
    np.testing.assert_allclose(fitted.coefficients[:3], plain.coefficients, rtol=1e-8)
    assert np.isnan(fitted.standard_errors[3:]).all()


def test_without_columns_it_is_the_prevalence(rows):
    fitted = regression.fit(np.empty((len(rows), 0)), rows.truth)
    assert fitted.coefficients[0] == pytest.approx(np.log(rows.truth.mean() / (1 - rows.truth.mean())))
