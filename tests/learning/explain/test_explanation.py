"""The networks that are explained are those that predicted, and every case is explained by those that never saw it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

from helpers.errors import RadiogramError
from helpers.imaging.volumes import CaseVolume
from helpers.learning.explain import explanation
from helpers.learning.networks.batch import Shape
from helpers.parameters import Network
from helpers.tables import Tables

pytestmark = pytest.mark.slow

CASES = [f"P{i:02d}" for i in range(24)]
SHIFT = 0.3


@pytest.fixture
def study(tmp_path, make, monkeypatch):
    """A study of one network, two folds and two seeds, whose predictions and volumes are kept in a folder."""
    batch = make.phantom(24, seed=2)
    nets = {}
    for fold in (0, 1):
        for seed in (0, 1):
            torch.manual_seed(10 * fold + seed)
            nets[fold, seed] = make.volumetric().eval()
    patients = np.array([f"p{case}" for case in CASES])
    seen = {fold: frozenset(patients[:12][np.arange(12) % 2 != fold]) for fold in (0, 1)}

    def load(study, *, model, fold, seed):
        shape = Shape(("T1c", "T2"), make.size, (), (), ("label",))
        return SimpleNamespace(
            net=nets[fold, seed],
            shape=shape,
            seen=seen[fold],
            shift=(SHIFT,),
            batch=lambda cases: batch.take(torch.tensor([CASES.index(c) for c in cases])),
        )

    monkeypatch.setattr(explanation.checkpoint, "load", load)
    monkeypatch.setattr(explanation.volumes, "load", lambda study, file: _volume(batch, CASES.index(file)))
    tables = Tables(tmp_path / "tables")
    with torch.no_grad():
        odds = {key: net(batch)[:, 0].double().numpy() + SHIFT for key, net in nets.items()}
    mean = np.mean(list(odds.values()), axis=0)
    for i in range(12):
        mean[i] = np.mean([odds[fold, s][i] for fold in (0, 1) for s in (0, 1) if patients[i] not in seen[fold]])
    predictions = pd.DataFrame(
        {"case": CASES, "patient": patients, "endpoint": "label", "model": "net", "part": ["train"] * 12 + ["test"] * 12,
         "kind": ["oof"] * 12 + ["frozen"] * 12, "truth": batch.labels[:, 0].int().numpy(), "probability": expit(mean)}
    )  # fmt: skip
    tables.write("predictions", predictions)
    tables.write(
        "thresholds",
        pd.DataFrame(
            {"endpoint": ["label"], "model": ["net"], "rule": "youden", "threshold": float(np.median(expit(mean))),
             "low": 0.1, "high": 0.9, "chosen_on": "train"}
        ),
    )  # fmt: skip
    about = {"case": CASES, "file": CASES, "sequences": "T1c, T2", "lesion_ml": 1.0, "lesion_share": 0.1, "note": ""}
    tables.write("volumes", pd.DataFrame(about))
    parameters = SimpleNamespace(
        seed=1,
        cohort=SimpleNamespace(endpoints=(SimpleNamespace(name="label"),), sequences=("T1c", "T2")),
        modeling=SimpleNamespace(folds=2),
        networks=SimpleNamespace(
            models=(
                Network(name="net", architecture="resnet10"),
                Network(name="words", architecture="transformer", inputs=("clinical",)),
            ),
            seeds=2,
            batch=5,
        ),
        explanation=SimpleNamespace(models=(), cases=1),
    )
    return SimpleNamespace(parameters=parameters, tables=tables, folder=tmp_path, nets=nets)


def _volume(batch, i):
    affine = np.diag([2.0, 2.5, 3.0, 1.0])
    nothing = np.zeros_like(batch.lesion[i].numpy())
    return CaseVolume(
        batch.images[i].numpy(), batch.present[i].numpy(), batch.lesion[i].numpy(), nothing, nothing,
        np.zeros(2, dtype=bool), affine,
    )  # fmt: skip


def test_the_networks_explained_are_those_that_predicted(study):
    found = explanation.explain(study)
    assert set(found.saliency["case"]) == set(CASES[12:])  # the test part
    assert found.saliency.groupby("method").size().to_dict() == {"Grad-CAM": 12, "integrated gradients": 12}
    study.nets[0, 0].head.bias.data += 3
    with pytest.raises(RadiogramError, match="not those that predicted"):
        explanation.explain(study)


def test_a_training_patient_is_explained_by_the_networks_that_never_saw_it(study):
    predictions = study.tables.read("predictions")
    study.tables.write("predictions", predictions[predictions["kind"] == "oof"])
    found = explanation.explain(study)
    assert set(found.saliency["case"]) == set(CASES[:12])
    study.nets[0, 0].head.bias.data += 3  # the networks of fold 0 scored some cases only
    with pytest.raises(RadiogramError, match="not those that predicted"):
        explanation.explain(study)


def test_the_same_study_is_explained_the_same(study):
    first, again = explanation.explain(study), explanation.explain(study)
    pd.testing.assert_frame_equal(first.saliency, again.saliency, check_exact=True)
    pd.testing.assert_frame_equal(first.randomization, again.randomization, check_exact=True)


def test_shown_cases_carry_slice_maps_and_numbers(study):
    found = explanation.explain(study)
    numbers = found.saliency.drop_duplicates("case")["number"].dropna()
    assert sorted(numbers) == [case.number for case in found.shown] == list(range(1, len(found.shown) + 1))
    for case in found.shown:
        assert case.pixel == (2.5, 2.0) and case.sequence == "T1c"
        assert case.lesion.sum() == max(_volume_area(study, case))
        assert set(case.maps) == {"Grad-CAM", "integrated gradients"}
        assert all(map_.min() >= 0 and map_.max() <= 1 for map_ in case.maps.values())
        own = found.saliency[(found.saliency["number"] == case.number) & (found.saliency["method"] == "Grad-CAM")]
        assert case.inside["Grad-CAM"] == pytest.approx(own["inside"].item(), nan_ok=True)


def test_the_guide_of_a_guided_network_is_shown_where_there_is_one(study, monkeypatch):
    study.parameters.networks.models = (Network(name="net", architecture="transformer", guide="dose"),)
    plain = explanation.volumes.load
    shown = explanation.explain(study).shown
    assert all(case.guide == "dose" and case.guide_map is None for case in shown)

    def irradiated(study, file):
        volume = plain(study, file)
        return replace(volume, dose=volume.lesion * 0.9, irradiated=np.array([True, False]))

    monkeypatch.setattr(explanation.volumes, "load", irradiated)
    for case in explanation.explain(study).shown:
        np.testing.assert_allclose(case.guide_map, 0.9 * case.lesion)


def _volume_area(study, case):
    name = study.tables.read("predictions")
    row = name[np.isclose(name["probability"], case.probability)].iloc[0]
    return explanation.volumes.load(study, row["case"]).lesion.sum(axis=(1, 2)).tolist()


def test_measured_cases_are_those_shown_and_others_over_the_whole_range_of_risk():
    rows = pd.DataFrame({"case": [f"P{i:03d}" for i in range(100)], "probability": np.linspace(0, 1, 100)})
    rows["number"] = pd.Series([1, 2, *[pd.NA] * 98], dtype="Int64")
    found = explanation.measured(rows, 12)
    assert len(found) == 12 and {"P000", "P001", "P002", "P099"} <= set(found["case"])
    assert len(explanation.measured(rows.iloc[:7], 12)) == 7


@pytest.mark.parametrize(
    ("asked", "match"), [(("other",), "No network is called other"), (("words",), "words, which sees no images")]
)
def test_what_cannot_be_explained_is_refused_by_name(study, asked, match):
    study.parameters.explanation = SimpleNamespace(models=asked, cases=1)
    with pytest.raises(RadiogramError, match=match):
        explanation.explain(study)


def test_a_study_without_images_is_told_what_to_do(study):
    study.parameters.networks.models = study.parameters.networks.models[1:]
    with pytest.raises(RadiogramError, match="take 09_explanation out of notebooks"):
        explanation.explain(study)
