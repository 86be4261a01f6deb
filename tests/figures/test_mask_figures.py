"""The figure of other outlines: nothing cut, nothing over anything, and the flips of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.figures import masks
from helpers.tables import DECLARED, empty

pytestmark = pytest.mark.slow


def make_uncertainty(models=("nomogram", "radiomics", "deep", "clinical"), endpoints=("progression",), n=36):
    """One part test; the clinical model reads no outline, every third patient near 0.5 flips."""
    rng, found = np.random.default_rng(0), []
    for endpoint in endpoints:
        for model in models:
            first = rng.uniform(0.02, 0.98, n)
            moved = 0.0 if model == "clinical" else 0.08
            for i, risk in enumerate(first):
                low, high = max(risk - moved * rng.random(), 0), min(risk + moved * rng.random(), 1)
                flips = float((low < 0.5) != (high < 0.5))
                found.append((endpoint, model, f"P{i:03d}", "test", risk, low, high, 3, flips))
    return pd.DataFrame(found, columns=list(DECLARED["mask_uncertainty"].names))


def thresholds(table):
    keys = table[["endpoint", "model"]].drop_duplicates()
    return keys.assign(rule="youden", threshold=0.5, low=0.4, high=0.6, chosen_on="train")


@pytest.mark.parametrize("models", [("nomogram",), ("nomogram", "radiomics", "deep", "clinical")], ids=["one", "four"])
@pytest.mark.parametrize("endpoints", [("progression",), ("idh_mutation", "ki67_high")], ids=["one", "two"])
def test_nothing_is_cut_and_nothing_lies_over_anything(layout, models, endpoints):
    table = make_uncertainty(models, endpoints, n=400)
    assert layout.faults(masks.uncertainty(table, thresholds(table))) == []


def test_the_figure_says_how_many_calls_change_and_leaves_out_what_no_outline_moves(layout):
    table = make_uncertainty()
    told = layout.told(masks.uncertainty(table, thresholds(table)))
    for model in ("nomogram", "radiomics", "deep"):
        changed = int((table.loc[table["model"] == model, "flips"] > 0).sum())
        assert f"call changes in {changed}" in told
        assert f"call changes in {changed}." in masks.alt_uncertainty(table)
    assert "Clinical" not in told + masks.alt_uncertainty(table)


def test_without_other_outlines_a_sentence_stands_in():
    none = empty("mask_uncertainty")
    assert masks.uncertainty(none, thresholds(make_uncertainty())) is not None
    assert masks.alt_uncertainty(none) == "No patient was outlined twice."


def test_without_a_threshold_no_flip_is_drawn(layout):
    table = make_uncertainty(("nomogram",)).assign(flips=np.nan)
    assert "no threshold" in layout.told(masks.uncertainty(table, thresholds(table).iloc[:0]))
