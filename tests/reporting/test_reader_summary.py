"""The first screen and the methods of a study of readers alone, from its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers import study as studies
from helpers.evaluation import reader_agreement, reader_tests, readers
from helpers.evaluation.crossed import crossed
from helpers.reporting import methods, reader_summary, summary

STUDY = """
title: Two modalities
notebooks: [01_cohort, 07_readers]
cohort:
  source: readings
  readings: readings.csv
  endpoints: [{name: truth, positive: dissection, negative: no dissection}]
readers: {conditions: ["1", "2"]}
report: {sections: [summary-readers, readings, methods]}
"""


@pytest.fixture
def make_study(write_study):
    """A finished reader study of so many readers; with `gain` they read better in the second modality."""

    def make(count=5, *, gain=1.0, calls=True):
        study = studies.load(write_study(STUDY))
        rng = np.random.default_rng(8)
        cases = pd.DataFrame({"case": [str(i) for i in range(60)], "center": "not stated", "part": "test"})
        cases = cases.assign(patient=cases["case"], truth=np.arange(60) % 3 == 0).astype({"truth": "int8"})
        rows = []
        for reader in range(1, count + 1):
            for condition, strength in (("1", 0.8), ("2", 0.8 + gain)):
                rating = np.clip(np.round(2 + strength * cases["truth"] + rng.normal(size=60)), 1, 5)
                call = (rating >= 3).astype(float) if calls else np.nan
                given = {
                    "reader": str(reader),
                    "condition": condition,
                    "rating": rating,
                    "call": call,
                    "seconds": np.nan,
                }
                rows.append(cases[["case"]].assign(**given))
        read = crossed(pd.concat(rows), cases, endpoint="truth", conditions=("1", "2"))
        tables = {
            "cases": cases, "exclusions": pd.DataFrame(columns=["case", "stage", "reason"]), "reader_scores": readers.scores(read),
            "reader_comparisons": reader_tests.comparisons(read, None, settings=study.parameters.readers),
            "reader_agreement": reader_agreement.agreement(read),
        }  # fmt: skip
        for name, table in tables.items():
            study.tables.write(name, table)
        return study

    return make


def test_the_answer_is_in_plain_words_with_estimate_interval_and_test(make_study):
    study = make_study()
    text, found = summary.first_screen(study, []), reader_summary.lead(study)
    times = [f"{100 * found.area(c):.0f} times in 100 in condition {c}" for c in ("2", "1")]
    assert f"Readers ranked a case with dissection above one with no dissection {times[0]} and {times[1]}" in text
    assert "95 % CI" in text and "P " in text


def test_few_readers_are_not_told_as_readers_in_general(make_study):
    assert "Inference is to these 2 readers only" in summary.first_screen(make_study(2), [])
    assert "how others would read is unknown" in summary.limits(make_study(2))
    assert "random sample of readers" in summary.first_screen(make_study(5), [])


def test_an_interval_around_zero_is_compatible_with_no_difference(make_study):
    assert "compatible with none" in reader_summary.panels(reader_summary.lead(make_study(gain=0.0)))
    assert "beyond what chance explains" in reader_summary.panels(reader_summary.lead(make_study(gain=3.0)))


def test_what_was_not_given_is_said_not_to_be_judged(make_study):
    text = reader_summary.panels(reader_summary.lead(make_study(calls=False)))
    assert "no calls in two conditions" in text and "uadratic-weighted kappa" in text


def test_a_single_reader_is_told_as_one(make_study):
    text = summary.first_screen(make_study(1), [])
    assert "The reader ranked" in text and "Inference is to this reader only" in text
    assert "1 of 1 had a higher AUC" in text


def test_methods_tell_readings_and_nothing_of_models(make_study):
    text = methods.methods(make_study(), versions={})
    assert "## Radiologists" in text and "Obuchowski-Rockette" in text
    for heading in ("## Model", "## Selection", "## Performance", "## Comparisons"):
        assert heading not in text
