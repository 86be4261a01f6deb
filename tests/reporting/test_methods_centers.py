"""The methods tell how centers were left out and features harmonized, where they were, and how a split by time was drawn."""

from __future__ import annotations

import pytest

from helpers.reporting import methods, methods_centers
from helpers.study import load


@pytest.fixture
def told():
    return lambda *overrides: methods_centers.centers(load("demo", overrides=overrides).parameters)


def test_without_harmonization_only_the_leaving_out_is_told(told):
    text = told()
    assert "harmonized between" not in text and "left out in turn" in text and "fewer than 5 events" in text
    assert told("report.sections=[summary]") == ""


@pytest.mark.parametrize(
    "override, words",
    [
        ("harmonization.prior=nonparametric", "with non-parametric empirical Bayes"),
        (
            "harmonization.preserve=[age, sex]",
            "The effect of age and sex was preserved; the outcome was never given to it.",
        ),
        ("harmonization.reference=center A", "brought to those of center A"),
        ("harmonization.unseen=location", "never their outcomes"),
        ("harmonization.unseen=none", "left as they are"),
        ("harmonization.unseen=refuse", "is refused"),
    ],
)
def test_every_choice_of_harmonization_is_told(told, override, words):
    text = told("harmonization.method=combat", override)
    assert words in text and "fitted on training rows only and anew in every fold" in text


def test_a_split_by_time_is_told_as_temporal_validation():
    settings = load("demo", overrides=["cohort.temporal={column: scan_date, from: 2019-07-01}"]).parameters
    text = methods._split(settings.cohort, seed=1)
    assert text == (
        "The split is by time (temporal validation): patients whose scan date is 2019-07-01 or later form the test part, those "
        "before the training part."
    )
