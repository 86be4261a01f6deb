"""Contradictory numbers fail the run's integrity; numbers that merely ask for an explanation are counted."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers import study as studies
from helpers.evaluation import plausibility
from helpers.reporting import integrity
from helpers.tables import DECLARED, empty

STUDY = """
title: A marker
question: Does it tell?
cohort: {source: scores, endpoints: [{name: outcome, positive: poor, negative: good}]}
"""


@pytest.fixture
def check(write_study):
    """The check of plausibility, over scores given as (metric, estimate, low, high, part, kind); None writes no findings."""

    def run(*scores):
        study = studies.load(write_study(STUDY))
        study.tables.write("cases", pd.DataFrame({"case": ["a"], "patient": ["a"], "center": ["A"], "part": ["test"]}))
        study.tables.write("thresholds", empty("thresholds"))
        if scores != (None,):
            rows = [
                ("outcome", "m", part, kind, metric, *values, "", 100, 40) for metric, *values, part, kind in scores
            ]
            table = pd.DataFrame(rows, columns=list(DECLARED["scores"].names))
            study.tables.write("plausibility", plausibility.lint({"scores": table}))
        return next(c for c in integrity.checks(study) if c.claim == "The numbers are plausible")

    return run


def test_numbers_that_fit_together_pass(check):
    found = check(("auc", 0.8, 0.71, 0.89, "test", "frozen"))
    assert (found.state, found.section) == ("passed", "sec-plausibility")
    assert found.seen.endswith(" rules over 1 table, no contradiction, nothing to look at")


def test_a_contradiction_fails_the_run(check):
    found = check(("auc", 0.8, 0.85, 0.95, "test", "frozen"))
    assert found.state == "failed" and "1 contradiction, nothing" in found.seen


def test_what_asks_for_an_explanation_does_not_fail_the_run(check):
    found = check(("auc", 0.9, 0.84, 0.96, "train", "oof"), ("auc", 0.7, 0.6, 0.8, "test", "frozen"))
    assert found.state == "passed" and found.seen.endswith("no contradiction, 1 to look at")


def test_a_run_that_was_not_read_again_claims_nothing(check):
    assert check(None).state == "not applicable"
