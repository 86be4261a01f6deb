from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.figures import pretraining, texts_pretraining, theme
from helpers.learning.pretraining.probe import verdicts

ABOUT = {"patients": ["a"], "groups": 20, "images": 30, "held_out": 8, "volumes": 40, "repeated": 2, "testing": 0,
         "unusable": 0, "kept": 2}  # fmt: skip


@pytest.fixture
def epochs():
    rows = [
        ("restore_contrast", epoch, part, 1 / (epoch + 1), 0.5, 0.4, 15.0 + epoch, 0.6, 1.0)
        for epoch in range(3)
        for part in ("train", "held out")
    ]
    names = ["objective", "epoch", "part", "loss", "restoration", "contrast", "psnr", "spread", "seconds"]
    return pd.DataFrame(rows, columns=names)


def probed(gain):
    generator = np.random.default_rng(0)
    rows = [
        (endpoint, encoder, 20, repeat, 0.55 + gain * (encoder == "pretrained") + 0.01 * generator.normal())
        for endpoint in ("progression", "idh")
        for repeat in range(5)
        for encoder in ("pretrained", "random", "volume")
    ]
    return pd.DataFrame(rows, columns=["endpoint", "encoder", "labels", "repeat", "auc"])


def found(table):
    cases = pd.DataFrame({"progression": np.arange(50) % 2, "idh": np.arange(50) % 2})
    return verdicts(table, cases=cases)


def test_the_figures_are_the_same_bytes_each_time(epochs):
    for draw in (lambda: pretraining.curves(epochs), lambda: pretraining.probe(probed(0.1))):
        assert theme.svg(draw()) == theme.svg(draw())


def test_the_probe_shows_a_dot_for_each_repeat_of_each_encoder():
    figure = pretraining.probe(probed(0.1))
    drawn = [len(line.get_xdata()) for ax in figure.axes for line in ax.lines if line.get_linestyle() == "None"]
    assert sorted(drawn) == [5] * 6


def test_restored_slices_stand_beside_each_other_as_a_picture():
    pictures = np.random.default_rng(0).normal(size=(2, 3, 8, 8))
    pictures[0, 1, :4] = np.nan
    figure = pretraining.restored(pictures)
    assert len(figure.axes) == 6
    assert set(theme.bundle(figure)) == {"image/png"}


def test_nothing_to_show_is_said():
    empty = pd.DataFrame(columns=["endpoint", "part", "epoch"])
    for figure in (pretraining.curves(empty), pretraining.probe(empty), pretraining.restored(np.zeros((0, 3, 8, 8)))):
        assert figure.texts


def test_the_report_says_whether_pretraining_helped():
    told = [
        " ".join(texts_pretraining.verdict(v, level=0.95) for v in found(probed(gain))) for gain in (0.2, 0.0, -0.2)
    ]
    assert told[0].count("Pretraining helped") == 2
    assert told[1].count("Pretraining did not help") == 2
    assert told[2].count("Pretraining did harm") == 2


def test_what_was_learned_from_and_left_out_is_said(epochs):
    said = texts_pretraining.corpus(ABOUT)
    assert "30 images" in said and "8 held out, of 20 training patients" in said
    assert "2 held the same voxels as another" in said and "outside" not in said
    folder = texts_pretraining.corpus({**ABOUT, "patients": [], "testing": 3})
    assert "3 were scans of patients outside the training part" in folder and "study's own" not in folder


def test_the_course_says_when_the_encoder_collapsed(epochs):
    assert "has not collapsed" in texts_pretraining.course(epochs, kept=2)
    assert "rose from 15.0 dB after the first epoch to 17.0 dB in epoch 3" in texts_pretraining.course(epochs, kept=2)
    assert "the encoder has collapsed" in texts_pretraining.course(epochs.assign(spread=0.01), kept=2)


def test_every_number_that_the_notebook_names_is_recorded(epochs):
    table = probed(0.1)
    told = texts_pretraining.numbers(ABOUT, epochs, table, found(table), level=0.95)
    assert set(told) == {"corpus", "course", "verdict", "alt_curves", "alt_restored", "alt_probe"}
    assert texts_pretraining.table(table, found(table), level=0.95).shape == (6, 5)
