"""An endpoint with a cut is a column of numbers, positive from the cut on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers import study as studies
from helpers.cohort import enroll, manifest, phantom
from helpers.errors import RadiogramError
from helpers.parameters import Endpoint

KI67 = Endpoint(name="ki67", positive="10 % or more", negative="below 10 %", cut=10)


def coded(values):
    column = pd.Series(values, dtype=object)
    return manifest.binary(column, pd.Series(range(len(values))), KI67, where="m.csv").to_numpy()


def test_the_cut_itself_is_positive_and_what_is_missing_stays_missing():
    np.testing.assert_array_equal(coded([9.9, 10, 35, None, "12"]), [0, 1, 1, np.nan, 1])


def test_words_are_refused_in_one_sentence():
    with pytest.raises(RadiogramError, match="m.csv: column ki67 holds high, which is no number"):
        coded([5, "high"])


def test_the_phantom_measures_in_the_endpoints_own_unit_and_keeps_every_label():
    """With the cut taken away the phantom draws the same labels, which the numbers give back."""
    study = studies.load("idh-ki67", overrides="phantom.patients=80")
    endpoints = [e.model_copy(update={"cut": None}) for e in study.parameters.cohort.endpoints]
    cohort = study.parameters.cohort.model_copy(update={"endpoints": tuple(endpoints)})
    plain = phantom.draw(study.parameters.model_copy(update={"cohort": cohort})).cases
    measured = phantom.draw(study.parameters).cases
    assert measured["ki67_high"].between(0, 100).all() and measured["ki67_high"].nunique() > 5
    cases = enroll.enroll(study).cases.set_index("case")
    pd.testing.assert_series_equal(
        cases["ki67_high"], plain.set_index("case").loc[cases.index, "ki67_high"], check_names=False
    )
