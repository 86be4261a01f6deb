from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.learning.imputing import imputer
from helpers.learning.tabular import bare_rows


def rows_of(values):
    values = np.asarray(values, dtype=float)
    truth, patient = np.arange(len(values)) % 2, np.array([f"P{i}" for i in range(len(values))])
    return bare_rows(truth, patient, pd.DataFrame(values), endpoint="Target")


@pytest.fixture
def rows():
    nothing = np.nan
    return rows_of([[1, nothing, 5], [2, nothing, np.inf], [9, nothing, 7], [nothing, 4, 6], [100, 100, nothing]])


def test_the_median_of_the_training_rows_stands_in_and_held_out_rows_change_nothing(rows):
    fitted = imputer(rows.take(np.arange(4)))
    assert fitted.apparent(rows.take(np.arange(4))).features.to_numpy().tolist() == [[1, 5], [2, 6], [9, 7], [2, 6]]
    assert fitted.transform(rows.take(np.array([4]))).features.to_numpy().tolist() == [[100, 6]]


def test_a_feature_measured_in_fewer_than_half_of_the_training_rows_is_left_out(rows):
    assert imputer(rows.take(np.arange(4))).names == ("feature000000", "feature000002")


def test_patients_it_was_fitted_on_are_refused(rows):
    with pytest.raises(RadiogramError, match="cannot be scored as frozen"):
        imputer(rows).transform(rows)
