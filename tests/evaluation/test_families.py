"""Families of models beside fitted baselines: areas, one declared family of tests, and what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from helpers.evaluation import contest_printed, order
from helpers.evaluation.families import families
from helpers.figures import contest as figures
from helpers.figures import theme
from helpers.learning.contest import running


def predictions(models, *, n=80, seed=0):
    rng = np.random.default_rng(seed)
    frames = []
    for part, kind in (("train", "oof"), ("test", "frozen")):
        truth = rng.integers(0, 2, n)
        case = [f"{part}{i}" for i in range(n)]
        for model, signal in models.items():
            value = 1 / (1 + np.exp(-(signal * (truth - 0.5) + rng.normal(size=n))))
            own = {"case": case, "patient": case, "endpoint": "label", "model": model, "part": part, "kind": kind}
            frames.append(
                pd.DataFrame({**own, "truth": truth, "probability": value if model != "no information" else 0.4})
            )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def both():
    everything = predictions({"radiomics": 1.0, "deep": 0.6, "winner": 2.0, "volume only": 0.3, "no information": 0.0})
    baseline = everything["model"].isin(["volume only", "no information"])
    return everything[~baseline], everything[baseline]


def test_the_winner_leads_where_there_is_no_fusion_and_no_nomogram(both):
    assert order.lead(both[0]) == "winner"
    assert order.lead(pd.DataFrame({"model": ["winner", "radiomics", "nomogram"]})) == "nomogram"


@pytest.mark.slow
def test_every_area_is_that_of_its_rows_and_all_tests_of_the_frozen_part_are_one_holm_family(both):
    table = families(*both, {})
    for row in table[table["model"] != "no information"].itertuples():
        own = pd.concat(both)
        own = own[(own["model"] == row.model) & (own["part"] == row.part)]
        assert row.estimate == pytest.approx(roc_auc_score(own["truth"], own["probability"]))
    tested = table[table["p"].notna()]
    assert set(tested["kind"]) == {"frozen"} and len(tested) == 4 and "winner" not in set(tested["model"])
    assert tested["p_holm"].to_numpy() == pytest.approx(multipletests(tested["p"], method="holm")[1])


def test_no_information_has_an_area_of_one_half_by_definition_even_if_folds_differ(both):
    models, baselines = both
    baselines = baselines.copy()
    oof = (baselines["kind"] == "oof") & (baselines["model"] == "no information")
    baselines.loc[oof, "probability"] = np.where(np.arange(oof.sum()) % 2, 0.39, 0.41)
    table = families(models, baselines, {})
    own = table[table["model"] == "no information"]
    assert (own["estimate"] == 0.5).all() and own["low"].isna().all()
    assert "0.50 by definition" in contest_printed.families(table).to_string()


def test_a_baseline_that_could_not_be_fitted_says_why(both):
    table = families(*both, {"center only": "not fitted: all training patients are of one center"})
    assert "not fitted: all training patients are of one center" in contest_printed.families(table).to_string()
    assert "one center" in contest_printed._families(table)


def grid_table():
    rows = []
    for part, kind in (("train", "oof"), ("test", "frozen")):
        for i, inputs in enumerate(("Model I", "Model II")):
            for j, classifier in enumerate(("logistic regression", "random forest")):
                chosen, area = (
                    (i, j) == (1, 0),
                    0.7 + 0.05 * i - 0.02 * j + (0.2 if part == "test" and not i and j else 0),
                )
                values = ("auc", area, area - 0.1, area + 0.05, "DeLong", 0.8, chosen, 2 * chosen, 5, "C 1")
                gaps = (np.nan,) * 5 if chosen or kind == "oof" else (0.1, 0.0, 0.2, 0.04, 0.12)
                rows.append(("label", inputs, classifier, part, kind, *values, *gaps, 80, 40))
    return pd.DataFrame(rows, columns=running.COLUMNS)


def test_the_best_on_test_is_told_as_what_would_have_been_claimed_and_not_as_the_result():
    told = contest_printed._picked(grid_table(), "")
    assert "would claim 0.88 (random forest on Model I) instead of 0.75" in told


def test_the_grid_is_printed_with_the_winner_marked_and_drawn_with_every_contender():
    table = grid_table()
    printed = contest_printed.grid(table)
    assert len(printed) == 4 and printed["Classifier"].str.contains("winner").sum() == 1
    figure = figures.contenders(table)
    words = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert {"Model I", "Model II", "winner", "logistic regression", "random forest"} <= set(words)
    assert theme.svg(figure).startswith("<svg")


def test_the_figure_of_families_has_models_and_baselines(both):
    figure = figures.families(families(*both, {"center only": "one center"}))
    words = {text.get_text() for ax in figure.axes for text in ax.texts}
    assert {"Models", "Fitted baselines", "Contest winner", "Volume only", "0.50 by definition"} <= words
