"""SHAP values of a linear predictor add up to it, and equal those of the definition."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.statistics.attribution import linear_shap

VALUES = st.floats(-50, 50)


@given(arrays(float, 4, elements=VALUES), arrays(float, (6, 4), elements=VALUES), VALUES)
def test_contributions_and_base_add_up_to_the_linear_predictor(beta, x, intercept):
    found = linear_shap(beta, x, x.mean(axis=0), intercept=intercept)
    assert found.base + found.values.sum(axis=1) == pytest.approx(intercept + x @ beta, abs=1e-10)
    assert found.values.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-10)


def test_values_equal_the_average_over_all_orders_of_the_features():
    # Shapley's definition: features enter in every order, those absent stand at a background patient's values.
    rng = np.random.default_rng(0)
    background, patient, beta = rng.normal(size=(5, 3)), rng.normal(size=3), np.array([1.5, -2.0, 0.3])

    def value(present):
        mixed = np.where(np.isin(np.arange(3), present), patient, background)
        return float((mixed @ beta).mean())

    expected = np.zeros(3)
    for order in itertools.permutations(range(3)):
        for place, feature in enumerate(order):
            expected[feature] += value(order[: place + 1]) - value(order[:place])
    found = linear_shap(beta, patient[None, :], background.mean(axis=0))
    assert found.values[0] == pytest.approx(expected / math.factorial(3))


def test_shapes_must_match():
    with pytest.raises(ValueError, match="do not match"):
        linear_shap([1, 2], [[1, 2, 3]], [0, 0])
    with pytest.raises(ValueError, match="do not match"):
        linear_shap([1, 2], [1, 2], [0, 0])
