"""The figures of guidance show every seed, the means, the guide's contour, and attention by patch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers.figures import guidance, theme
from helpers.tables import DECLARED, empty


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    centers = {"none": (0.65, 0.0, 0.05), "signal": (0.98, 0.5, 0.6), "elsewhere": (0.64, 0.1, 0.05)}
    rows = [
        (guide, seed, *(np.array(center) + 0.01 * rng.random(3)))
        for guide, center in centers.items()
        for seed in range(5)
    ]
    return pd.DataFrame(rows, columns=DECLARED["guidance"].names)


def case(**values):
    image = np.random.default_rng(1).normal(size=(32, 32))
    blob = np.zeros((32, 32))
    blob[10:20, 12:22] = 1.0
    attention = np.kron(np.linspace(0, 1, 16).reshape(4, 4), np.ones((8, 8)))
    usual = {
        "model": "Guided", "guide": "dose", "event": True, "probability": 0.71, "sequence": "T1c", "image": image,
        "lesion": blob, "share": blob * 1.02, "attention": attention, "pixel": (2.0, 2.0),
    }  # fmt: skip
    return SimpleNamespace(**(usual | values))


def test_every_seed_of_every_guide_is_a_mark_in_each_panel(table):
    figure = guidance.experiment(table)
    for ax, column in zip(figure.axes, ("auc", "attention", "beta"), strict=True):
        marks = np.concatenate([line.get_ydata() for line in ax.lines if line.get_marker() not in (None, "None", "")])
        assert sorted(marks) == pytest.approx(sorted(table[column]))
        low, high = ax.get_ylim()
        assert low <= marks.min() and marks.max() <= high


def test_the_figure_has_the_same_bytes_each_time(table):
    assert theme.svg(guidance.experiment(table)) == theme.svg(guidance.experiment(table))


def test_the_words_have_the_numbers_of_the_figure(table):
    words = guidance.alt_experiment(table)
    mean = table.loc[table["guide"] == "signal", "auc"].mean()
    assert f"Guide on the region: mean AUC {mean:.2f}" in words and "5 seeds" in words


def test_an_experiment_that_was_not_run_is_said():
    assert len(guidance.experiment(empty("guidance")).axes) == 0


def test_attention_lies_over_the_slice_and_the_guide_has_its_contour():
    figure = guidance.attention([case(), case(guide="lesion", event=False)])
    assert len(figure.axes) == 4 and getattr(figure, "radiogram_image", False)
    plain, heat = figure.axes[:2]
    assert len(plain.images) == 1 and len(heat.images) == 2
    assert len(plain.collections) == 2 and len(figure.axes[2].collections) == 1  # a guide by the lesion is its contour
    np.testing.assert_allclose(heat.images[1].get_array(), case().attention)
    assert plain.get_xlim() == heat.get_xlim()


def test_attention_is_told_in_words():
    assert "Guided, guided by the dose, event, risk 0.71" in guidance.alt_attention([case()])
    assert "No network" in guidance.alt_attention([])
