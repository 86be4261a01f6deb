"""Learning curves and AUC by seed show what their tables hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.figures import texts_training, theme, training
from helpers.tables import DECLARED, empty

MODELS = ("ResNet10", "VGG16", "MresNet-style", "ResNet10 late fusion")


@pytest.fixture
def trained():
    rows = [
        (m, fold, seed, epoch, part, 0.7 / epoch + 0.05 * i + 0.1 * (part == "inner"), 0.6, 2.0, epoch == 5)
        for i, m in enumerate(MODELS)
        for fold in range(3)
        for seed in range(3)
        for epoch in range(1, 7)
        for part in ("train", "inner")
    ]
    return pd.DataFrame(rows, columns=list(DECLARED["training"].names))


@pytest.fixture
def scored():
    parts = (("train", "oof", 60), ("test", "frozen", 30))
    rows = [("y", m, p, k, s, 0.8 + 0.02 * s) for m in MODELS for p, k, _ in parts for s in range(3)]
    rng = np.random.default_rng(1)
    predictions = [
        pd.DataFrame(
            {"truth": (truth := rng.integers(0, 2, n)), "probability": truth * 0.5 + 0.5 * rng.random(n)}
        ).assign(case="c", patient="p", endpoint="y", model=m, part=p, kind=k)
        for m in MODELS
        for p, k, n in parts
    ]
    return pd.DataFrame(rows, columns=list(DECLARED["seed_scores"].names)), pd.concat(predictions)


def words(figure):
    found = [text.get_text() for ax in figure.axes for text in ax.texts]
    return " ".join([*found, *(text.get_text() for text in figure.texts)])


def test_every_network_has_a_panel_with_the_number_of_its_trainings(trained):
    figure = training.learning(trained)
    assert all(m in words(figure) for m in MODELS) and words(figure).count("9 trainings") == len(MODELS)


def test_thick_lines_are_medians_and_circles_the_weights_kept(trained):
    ax = training.learning(trained).axes[0]
    thick = [line for line in ax.lines if line.get_linewidth() > 1.5]
    assert len(thick) == 2
    own = trained[(trained["model"] == MODELS[0]) & (trained["part"] == "inner")]
    np.testing.assert_allclose(thick[1].get_ydata(), own.groupby("epoch")["loss"].median())
    circles = next(line for line in ax.lines if line.get_marker() == "o")
    assert set(circles.get_xdata()) == {5}


def test_all_seeds_together_is_the_auc_of_the_predictions(scored):
    seed_scores, predictions = scored
    table = training.together(seed_scores, predictions)
    row = table[(table["seed"] == training.ALL_SEEDS) & (table["model"] == "VGG16") & (table["part"] == "test")]
    own = predictions[(predictions["model"] == "VGG16") & (predictions["part"] == "test")]
    positive, negative = (own.loc[own["truth"] == k, "probability"].to_numpy() for k in (1, 0))
    assert row["auc"].item() == pytest.approx((positive[:, None] > negative).mean())


def test_seeds_are_dots_in_both_parts(scored):
    figure = training.seeds(*scored)
    assert "Training (out-of-fold)" in words(figure) and "Test" in words(figure)
    assert theme.svg(figure) == theme.svg(training.seeds(*scored))


def test_alternative_texts_give_the_numbers(trained, scored):
    assert "weights kept of epochs 5 to 5" in texts_training.alt_learning(trained)
    assert "VGG16: training (out-of-fold) 0.80 to 0.84, together" in texts_training.alt_seeds(*scored)


def test_nothing_trained_is_said():
    assert "No network" in words(training.learning(empty("training")))
    assert "No network" in words(training.seeds(empty("seed_scores"), empty("predictions")))
