"""Canaries know one thing, learn it from training rows alone, and never score whom they saw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.learning import canaries
from helpers.learning.crossfit import cross_fit
from helpers.learning.rows import rows_from_tables


def cohort(n=60, *, seed=0):
    """Cases whose endpoint is commoner in center A, and whose volume tells it."""
    generator = np.random.default_rng(seed)
    center = np.where(np.arange(n) % 2, "A", "B")
    label = (generator.random(n) < np.where(center == "A", 0.8, 0.2)).astype("int8")
    name = [f"P{i:02d}" for i in range(n)]
    cases = pd.DataFrame({"case": name, "patient": name, "part": "train", "center": center, "label": label})
    volume = pd.DataFrame({"case": name, "reader": "reader1", "volume": 10.0 + 3 * label + generator.normal(size=n)})
    return cases, volume


def rows_of(cases, features):
    return rows_from_tables(cases, features, endpoint="label", clinical=("center",), reproducibility="none")


NO_FEATURES = pd.DataFrame(columns=["case", "reader"])


def test_a_center_has_the_log_odds_of_its_events():
    cases, _ = cohort()
    rows = rows_of(cases, NO_FEATURES)
    own = cases.loc[cases["center"] == "A", "label"]
    events, n = own.sum(), len(own)
    found = canaries.center_only(rows).apparent(rows)[cases["center"] == "A"]
    np.testing.assert_allclose(found, np.log((events + 0.5) / (n - events + 0.5)))


def test_an_unseen_center_has_the_odds_of_all():
    cases, _ = cohort()
    canary = canaries.center_only(rows_of(cases, NO_FEATURES))
    strange = cases.assign(center="C", patient="new", case="new").head(1).assign(part="test")
    assert canary.score(rows_of(strange, NO_FEATURES))[0] == pytest.approx(canary.overall)


def test_a_volume_that_is_missing_is_that_of_the_middle_patient():
    cases, volume = cohort()
    canary = canaries.volume_only(rows_of(cases, volume))
    new = cases.head(2).assign(case=["x", "y"], patient=["x", "y"], part="test")
    values = pd.DataFrame({"case": ["x", "y"], "reader": "reader1", "volume": [np.nan, volume["volume"].median()]})
    scores = canary.score(rows_of(new, values))
    assert scores[0] == pytest.approx(scores[1])


@pytest.mark.parametrize("name", list(canaries.FITS))
def test_canaries_are_cross_fitted_and_refuse_whom_they_saw(name):
    rows = rows_of(*cohort())
    oof = cross_fit(rows, canaries.FITS[name], folds=5, seed=1, purpose="outer")
    assert all(p not in oof.fitted_on[k] for p, k in zip(oof.patient, oof.fold, strict=True))
    with pytest.raises(RadiogramError, match="was fitted on patient"):
        canaries.FITS[name](rows).score(rows)


@pytest.mark.parametrize("name", list(canaries.FITS))
def test_canaries_are_fitted_on_training_rows_only(name):
    cases, volume = cohort()
    with pytest.raises(RadiogramError, match="fitted on training rows only"):
        canaries.FITS[name](rows_of(cases.assign(part="test"), volume))
