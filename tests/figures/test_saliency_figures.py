"""Figures of saliency: every outcome has its place, nothing is cut, nobody is named, and words say what the figures show."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import saliency_printed
from helpers.figures import saliency, texts_saliency, theme

pytestmark = pytest.mark.slow

METHODS = ("Grad-CAM", "integrated gradients")
LAYERS = ("none", "head", "attention over sequences", "layer2", "layer1", "conv1")


def a_case(outcome, number, *, model="ResNet10", endpoint="necrosis", guide="none", methods=METHODS):
    y, x = np.mgrid[:32, :24]
    lesion = (((y - 14) ** 2 + (x - 12) ** 2) < 40).astype("float32")
    maps = {m: np.exp(-((y - 16) ** 2 + (x - 12) ** 2) / (30.0 + 60 * i)) for i, m in enumerate(methods)}
    share = np.linspace(0, 1.1, 32)[:, None] * np.ones((1, 24))
    return SimpleNamespace(
        endpoint=endpoint, model=model, number=number, outcome=outcome, probability=0.31, sequence="T1c",
        image=np.random.default_rng(number).normal(size=(32, 24)), lesion=lesion, pixel=(2.5, 2.0), maps=maps,
        inside={m: 0.4 + 0.1 * i for i, m in enumerate(methods)}, guide=guide,
        guide_map=share if guide != "none" else None,
    )  # fmt: skip


def table(models=("ResNet10",), endpoints=("necrosis",), times=4.0):
    rng, rows = np.random.default_rng(0), []
    for endpoint in endpoints:
        for model in models:
            for method in METHODS:
                for i in range(12):
                    share = rng.uniform(0.05, 0.2)
                    outcome = list(saliency.OUTCOMES)[i % 4]
                    number = i + 1 if i < 4 else pd.NA
                    rows.append((endpoint, model, method, f"SECRET{i}", number, outcome, 0.5, times * share, share))
    columns = ["endpoint", "model", "method", "case", "number", "outcome", "probability", "inside", "volume_share"]
    return pd.DataFrame(rows, columns=columns)


def cascade(left=0.1, models=("ResNet10",)):
    rows = [
        ("necrosis", model, method, depth, layer, 1 - (1 - left) * depth / 5, 0.5 - 0.08 * depth)
        for model in models
        for method in METHODS
        for depth, layer in enumerate(LAYERS)
    ]
    return pd.DataFrame(rows, columns=["endpoint", "model", "method", "depth", "layer", "similarity", "inside"])


@pytest.fixture(scope="module")
def drawn():
    four = [a_case(outcome, i + 1) for i, outcome in enumerate(saliency.OUTCOMES)]
    several = ("ResNet10", "ConvNeXt of a very long name, with attention over everything")
    return {
        "cases": saliency.cases(four),
        "cases, two a kind, guided": saliency.cases(
            [a_case(o, i, guide="dose", methods=("attention", METHODS[1])) for i, o in enumerate(("TP", "TP", "TN"), 1)]
        ),
        "inside": saliency.inside(table()),
        "inside, many": saliency.inside(table(several, ("idh", "ki67_high"))),
        "randomization": saliency.randomization(cascade(), table()),
        "randomization, two": saliency.randomization(cascade(models=several), table(several)),
    }


def test_no_word_is_cut_overlaps_another_or_is_smaller_than_eight_points(drawn, layout):
    assert not {name: wrong for name, figure in drawn.items() if (wrong := layout.faults(figure))}


def test_every_outcome_has_a_column_and_a_missing_one_says_so(drawn, layout):
    found = [text for text, _, _ in layout.words(drawn["cases, two a kind, guided"])]
    assert set(saliency.OUTCOMES.values()) <= set(found)
    assert found.count("none") == 3 * 2 + 3 * 3  # no FP and no FN; the second block has a TP alone


def test_a_column_shows_the_slice_and_each_method(drawn, layout):
    images = [len(ax.images) for ax in drawn["cases"].axes]
    assert images == [1, 2, 2] * 4
    assert any("40 %" in text for text, _, _ in layout.words(drawn["cases"]))


def test_only_the_figure_of_scans_is_a_picture_and_each_is_the_same_bytes_each_time(drawn):
    assert set(theme.bundle(drawn["cases"])) == {"image/png"}
    assert theme.png(drawn["cases"], dpi=50) == theme.png(drawn["cases"], dpi=50)
    assert set(theme.bundle(drawn["inside"])) == set(theme.bundle(drawn["randomization"])) == {"image/svg+xml"}


def test_nothing_to_show_says_so():
    nothing = saliency.inside(table().iloc[:0]), saliency.cases([]), saliency.randomization(cascade().iloc[:0], table())
    assert [len(figure.texts) for figure in nothing] == [1, 1, 1]
    assert texts_saliency.alt_cases([]) and texts_saliency.alt_inside(table().iloc[:0])
    assert texts_saliency.alt_randomization(cascade().iloc[:0])


def test_alternative_texts_give_the_numbers_and_no_name():
    texts = [
        texts_saliency.alt_cases([a_case("TP", 1)]),
        texts_saliency.alt_inside(table()),
        texts_saliency.alt_randomization(cascade()),
    ]
    assert "number 1, true positive, risk 0.31 (Grad-CAM 40 % inside" in texts[0]
    assert "12 of 12 (100 %) above the line" in texts[1]
    assert "rank correlation 0.10 and 10 % inside with all of 5 layers new, against 50 % trained" in texts[2]
    assert "SECRET" not in "".join(texts)


@pytest.mark.parametrize(
    ("times", "verdict"),
    [(4.0, "lies in the lesion"), (1.2, "lies only a little more in the lesion"), (0.7, "lies no more in the lesion")],
)
def test_the_verdict_follows_the_counts(times, verdict):
    parameters = SimpleNamespace(explanation=SimpleNamespace(cases=1), networks=SimpleNamespace(models=()))
    told = saliency_printed.numbers(table(times=times), cascade(), parameters)
    assert told["answer"].count(verdict) == 2 and told["cases"] == "12 cases"
    assert "SECRET" not in str(told)


@pytest.mark.parametrize(("left", "verdict"), [(0.1, "hang on what was learned"), (0.9, "hardly hang on")])
def test_maps_that_survive_new_weights_are_called_so(left, verdict):
    parameters = SimpleNamespace(explanation=SimpleNamespace(cases=2), networks=SimpleNamespace(models=()))
    told = saliency_printed.numbers(table(), cascade(left), parameters)
    assert told["check"].count(f"necrosis {verdict}") == 2
    assert "2 cases of median confidence are shown" in told["chosen"]


def test_an_outcome_that_never_occurs_is_said():
    parameters = SimpleNamespace(explanation=SimpleNamespace(cases=1), networks=SimpleNamespace(models=()))
    rows = table()
    told = saliency_printed.numbers(rows[rows["outcome"] != "FP"], cascade(), parameters)
    assert told["chosen"].endswith("Without any: false positives.")
    assert len(saliency_printed.table(rows)) == 2
