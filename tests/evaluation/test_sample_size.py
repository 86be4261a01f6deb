from __future__ import annotations

import pandas as pd
import pytest

from helpers.evaluation import comparison_printed, performance, sample_size, thresholds
from helpers.statistics.samplesize import development_sample_size


@pytest.fixture
def found(cases, predictions, fits, parameters):
    chosen = thresholds.choose(predictions, fits, statistics=parameters.statistics)
    scores = performance.scores(predictions, thresholds=chosen, statistics=parameters.statistics, seed=1)

    def of(features):
        return sample_size.sample_size(cases, features, scores, model="nomogram", parameters=parameters)

    return of


def _features(number):
    return pd.DataFrame({"case": ["p000"], "reader": ["reader1"], **{f"T1_{i}": [0.0] for i in range(number)}})


def test_candidates_are_counted_before_selection(found, cases, parameters):
    table = found(_features(500)).set_index("criterion")
    training = cases.loc[cases["part"] == "train", "progression"]
    candidates = 500 + len(parameters.cohort.clinical)
    note = table.loc["shrinkage of at least 0.90", "note"]
    assert f"{candidates} candidate parameters" in note
    c = float(note.rsplit(" ", 1)[1])
    asked = development_sample_size(parameters=candidates, prevalence=training.mean(), c=c)
    told = int(table.loc["shrinkage of at least 0.90", "needed"].split()[0].replace(",", ""))
    assert told == pytest.approx(asked.shrinkage, rel=0.1)  # the note rounds the AUC


def test_more_candidates_ask_for_more_patients(found):
    few, many = (found(_features(n)).set_index("criterion")["needed"] for n in (10, 500))
    count = [int(t["shrinkage of at least 0.90"].split()[0].replace(",", "")) for t in (few, many)]
    assert count[1] > 5 * count[0]


def test_what_this_test_part_can_show_is_told(found):
    table = found(None)
    judged = table[table["purpose"] == sample_size.VALIDATION]
    assert judged["note"].str.contains("expected here").sum() == 3
    assert judged["available"].str.startswith("40 patients").sum() == 3
    assert len(comparison_printed.sample_size(table)) == len(table)
