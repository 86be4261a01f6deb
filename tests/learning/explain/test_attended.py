"""The figure of guided attention: which cases, which trainings speak, and where a patch lies."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.learning.explain import attended
from helpers.parameters import Network

CASES = [f"c{k}" for k in range(6)]


class Net:
    """Attends to one patch of eight alone."""

    grid = (2, 2, 2)

    def __init__(self, patch: int) -> None:
        self.patch = patch

    def attention(self, batch):
        rows = torch.zeros(len(batch.images), 4, 8)
        rows[:, :, self.patch] = 1.0
        return rows


def batch_of(cases):
    lesion = torch.zeros(len(cases), 4, 4, 4)
    lesion[:, 3, 1:3, 1:3] = 1.0
    images = torch.arange(64.0).reshape(1, 1, 4, 4, 4).repeat(len(cases), 2, 1, 1, 1)
    present = torch.tensor([[False, True]] * len(cases))
    return SimpleNamespace(images=images, lesion=lesion, dose=0.5 * lesion, present=present)


@pytest.fixture
def study(monkeypatch):
    """Two trainings; the first saw the patient of c4, and attends to patch 0, the second to patch 7."""
    models = (
        Network(name="Guided", architecture="transformer", guide="dose"),
        Network(name="Unguided", architecture="transformer"),
        Network(name="Joined", architecture="transformer", combine="concatenation", guide="dose"),
    )
    predictions = pd.DataFrame(
        {
            "case": CASES, "patient": CASES, "endpoint": "progression", "model": "Guided", "part": "test", "kind": "frozen",
            "truth": [1, 1, 1, 0, 0, 0], "probability": [0.9, 0.7, 0.8, 0.1, 0.3, 0.5],
        }
    )  # fmt: skip
    tables = {"predictions": predictions, "volumes": pd.DataFrame({"case": CASES, "file": CASES})}
    monkeypatch.setattr(
        attended.checkpoint,
        "load",
        lambda study, *, model, fold, seed: SimpleNamespace(
            net=Net(7 * fold),
            seen={"c4"} if fold == 0 else set(),
            batch=batch_of,
            shape=SimpleNamespace(sequences=("T1c", "FLAIR")),
        ),
    )
    monkeypatch.setattr(
        attended.volumes, "load", lambda study, file: SimpleNamespace(affine=np.diag([1.0, 2.0, 3.0, 1.0]))
    )
    return SimpleNamespace(
        parameters=SimpleNamespace(
            networks=SimpleNamespace(models=models, seeds=1),
            modeling=SimpleNamespace(folds=2),
            cohort=SimpleNamespace(endpoints=(SimpleNamespace(name="progression"),)),
        ),
        tables=SimpleNamespace(read=tables.__getitem__),
    )


def test_only_networks_that_attend_under_a_guide_are_shown(study):
    assert [network.name for network in attended.guided_networks(study)] == ["Guided"]


def test_a_case_of_median_risk_with_and_one_without_the_event_are_shown(study):
    with_event, without = attended.attended(study)
    assert (with_event.event, with_event.probability) == (True, 0.8)
    assert (without.event, without.probability) == (False, 0.3)
    assert with_event.pixel == (2.0, 1.0) and with_event.sequence == "FLAIR"


def test_trainings_that_saw_the_patient_have_no_say(study):
    with_event, without = attended.attended(study)
    # the lesion is in the last slice, where patch 7 lies and patch 0 does not
    for shown in (with_event, without):
        assert shown.attention[3, 3] == 1.0 and shown.attention[0, 0] == 0.0
        assert shown.lesion.sum() == 4 and shown.share.max() == 0.5
    total = attended.on_voxels(Net(0), batch_of(["c0"]))[0]
    assert total[:2, :2, :2].min() == 1.0 and total.sum() == 8.0


def test_without_predictions_nothing_is_shown(study):
    study.tables.read("predictions")["model"] = "Unguided"
    assert attended.attended(study) == []
