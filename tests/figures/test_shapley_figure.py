"""The figure of Shapley values shows every patient, the weightiest variable first, and no words over one another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.figures import shapley
from helpers.tables import empty

WEIGHTS = {"ConvNeXt": 1.0, "ConvNeXt for ki67_high": 0.2, "radiomics": 0.6, "days_since_rt": 0.4, "sex": 0.1}


@pytest.fixture
def contributions():
    rng, frames = np.random.default_rng(0), []
    for endpoint in ("idh", "ki67_high"):
        for variable, weight in WEIGHTS.items():
            score = rng.normal(size=60)
            value = np.where(score > 0, "male", "female") if variable == "sex" else [f"{v:.6g}" for v in score]
            value = np.where(np.arange(60) % 20 == 3, "missing", value) if variable == "days_since_rt" else value
            columns = {"case": [f"P{i}" for i in range(60)], "variable": variable, "value": value}
            frames.append(
                pd.DataFrame(columns | {"contribution": weight * score, "endpoint": endpoint, "model": "fusion"})
            )
    return pd.concat(frames, ignore_index=True)


def test_every_patient_is_a_dot_and_the_weightiest_variable_is_on_top(contributions):
    figure = shapley.shapley(contributions)
    panels = figure.axes[:-1]
    assert len(panels) == 2
    for ax in panels:
        labels = [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]
        assert labels == ["ConvNeXt", "Radiomics score", "Days since RT", "ConvNeXt for Ki-67 high", "Sex"]
        assert [len(dots.get_offsets()) for dots in ax.collections] == [60] * 5
        for line, dots in enumerate(ax.collections):
            assert np.abs(dots.get_offsets()[:, 1] - line).max() < 0.5


def test_darker_is_more_and_gray_is_missing(contributions):
    own = contributions.query("endpoint == 'idh' and variable == 'days_since_rt'")
    dots = shapley.shapley(contributions).axes[0].collections[2]
    colors = dots.get_facecolors()[:, :3] @ [0.3, 0.6, 0.1]
    known = (own["value"] != "missing").to_numpy()
    order = np.argsort(own["value"][known].astype(float).to_numpy())
    assert (np.diff(colors[known][order]) <= 1e-9).all()
    assert len(np.unique(dots.get_facecolors()[~known], axis=0)) == 1


def test_dots_of_one_place_do_not_lie_on_one_another():
    spread = shapley._stacked(np.zeros(25), 1.0)
    assert len(np.unique(spread)) == 25 and np.abs(spread).max() <= 1.0


def test_no_words_overlap_or_are_cut(contributions, layout):
    assert not layout.faults(shapley.shapley(contributions))


def test_a_study_without_a_fusion_of_models_says_so():
    texts = [t.get_text() for t in shapley.shapley(empty("contributions")).texts]
    assert texts == ["No fusion combines models."] and shapley.alt_shapley(empty("contributions")) == texts[0]


def test_the_alternative_text_has_the_numbers(contributions):
    told = shapley.alt_shapley(contributions)
    mean = contributions.query("endpoint == 'idh' and variable == 'radiomics'")["contribution"].abs().mean()
    assert f"Radiomics score {mean:.2f}" in told and "ki67 high, " in told
