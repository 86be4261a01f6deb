"""Figures and words of centers: every center has its row, and what cannot be judged says why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from helpers.evaluation import centers_printed
from helpers.figures import centers, names, theme
from helpers.learning.centers import Confounding
from helpers.tables import empty

NONE = np.nan


@pytest.fixture
def judged():
    """Tables centers and center_pooled of one model in three centers, one of them of one class."""
    key = ("progression", "nomogram")
    rows = [
        (*key, "North", "left out", "auc", 0.7, 0.5, 0.85, "DeLong", 40, 15, ""),
        (*key, "North", "left out", "calibration_in_the_large", -0.8, -1.5, -0.1, "", 40, 15, ""),
        (*key, "South", "frozen", "auc", 0.9, 0.75, 0.97, "DeLong", 30, 12, ""),
        (*key, "South", "frozen", "calibration_in_the_large", 0.2, -0.6, 1.0, "", 30, 12, ""),
        (*key, "West", "left out", "auc", NONE, NONE, NONE, "", 9, 0, "no AUC: all patients are without the event"),
    ]
    columns = [
        "endpoint",
        "model",
        "center",
        "kind",
        "metric",
        "estimate",
        "low",
        "high",
        "method",
        "n",
        "events",
        "note",
    ]
    pooled = pd.DataFrame([(*key, 0.82, 0.3, 0.98, 0.1, 0.99, 0.5, 0.4, 3.1, 0.08, 3, "")])
    pooled.columns = ["endpoint", "model", "estimate", "low", "high", "prediction_low", "prediction_high", "tau", "i2", "q", "p",
                      "centers", "method"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns), pooled


@pytest.fixture
def compared():
    rows = []
    for version, area, share in (("as measured", 0.9, 0.8), ("harmonized", 0.5, 0.4)):
        key = ("progression", "radiomics", "train", "oof", version)
        rows.append((*key, "center_auc", area, area - 0.05, area + 0.05, "", 79, NONE))
        rows.append((*key, "center_accuracy", share, share - 0.1, share + 0.1, "", 79, NONE))
        rows.append((*key, "center_commonest", 0.5, NONE, NONE, "", 79, NONE))
        rows.append(("progression", "nomogram", "test", "frozen", version, "auc", area, area - 0.05, 0.97, "", 30, 12))
    columns = [
        "endpoint",
        "model",
        "part",
        "kind",
        "version",
        "metric",
        "estimate",
        "low",
        "high",
        "method",
        "n",
        "events",
    ]
    return pd.DataFrame(rows, columns=columns)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_the_forest_has_every_center_and_says_why_one_has_no_area(judged):
    told = words(centers.forest(*judged, model="nomogram"))
    for text in ("North", "South", "West", "no AUC: all patients are without the event", "0.70 (0.50 to 0.85)"):
        assert text in told
    assert "Pooled over 3 centers" in told and "0.10 to 0.99" in told
    assert told.count("fitted without it") == 2 and told.count("no patient of it in training") == 1


def test_nothing_is_drawn_outside_the_forest_or_over_other_words(judged, compared):
    for figure in (centers.forest(*judged, model="nomogram"), centers.traces(compared)):
        theme.svg(figure)
        renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
        whole = figure.bbox
        for ax in figure.axes:
            for text in ax.texts:
                box = text.get_window_extent(renderer)
                assert whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1, text.get_text()


def test_one_center_is_a_sentence_in_the_figure_the_table_and_the_text(compared):
    none = (empty("centers"), empty("center_pooled"))
    assert centers.NOBODY in [t.get_text() for t in centers.forest(*none, model="nomogram").texts]
    assert centers.NOT_COMPARED in [t.get_text() for t in centers.traces(empty("harmonization")).texts]
    assert max(names.width(text, theme.BODY) for text in (centers.NOBODY, centers.NOT_COMPARED)) < theme.SINGLE - 4
    assert centers_printed.centers(*none).iloc[0, 0] == centers_printed.ONE
    why = {"progression": "All training patients are from one center"}
    told = centers_printed.numbers(
        *none, empty("harmonization"), confounded={"progression": None}, why=why, method="none"
    )
    assert told["answer"] == centers_printed.ONE and all(told.values())
    assert told["both"] == "There is no harmonized version to compare them with."
    assert told["traces"].startswith("All training patients are from one center, so that")


def test_the_text_tells_range_pool_prediction_and_who_was_not_judged(judged, compared):
    found = Confounding(0.4, 0.001, ("North", 5, 40), ("South", 25, 30))
    told = centers_printed.numbers(*judged, compared, confounded={"progression": found}, why={}, method="combat")
    assert "lay between 0.70 (North) and 0.90 (South)" in told["answer"]
    assert "Pooled over 3 centers it is 0.82 (0.30 to 0.98)" in told["answer"]
    assert "expected between 0.10 and 0.99 (95 % prediction interval)" in told["answer"]
    assert "Not judged: West (all patients are without the event)" in told["answer"]
    assert told["confounded"].startswith("**Center and outcome go together**")
    assert "told right in 80 %, against 50 %" in told["traces"] and "harmonized in 40 %" in told["traces"]
    assert "0.90 (0.85 to 0.97) with features as measured and 0.50" in told["both"]
    assert told["own"] == "read features harmonized by ComBat"


def test_the_figures_are_told_in_words(judged, compared):
    assert "West (n = 9, 0 events) no AUC" in centers.alt_forest(*judged, model="nomogram")
    assert "as measured 0.90 (0.85 to 0.95), harmonized 0.50" in centers.alt_traces(compared)


def test_both_versions_stand_side_by_side(compared):
    table = centers_printed.harmonization(compared, "")
    assert table.iloc[0].tolist() == ["Nomogram", "Test", "30 (12)", "0.90 (0.85 to 0.97)", "0.50 (0.45 to 0.97)"]
    assert centers_printed.harmonization(empty("harmonization"), "one center").iloc[0, 0] == "Not compared: one center"
