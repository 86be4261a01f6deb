"""The contest, networks and the models before them share two tables, in any order and however often they run."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.learning import beside
from helpers.study import load
from helpers.tables import DECLARED

STUDY = """
title: trial
notebooks: {notebooks}
contest: {{carried: [Model I]}}
networks: {{models: [{{name: net, architecture: resnet10}}], fusions: [{{name: fusion, members: [net]}}]}}
"""


def written(*models):
    rows = {name: [f"{name} {i}" for i in range(len(models))] for name in DECLARED["predictions"].names}
    predictions = pd.DataFrame({**rows, "model": models, "truth": 1, "probability": 0.5})
    fits = pd.DataFrame({name: "x" for name in DECLARED["fits"].names} | {"object": models, "fold": 0})
    return {"predictions": predictions, "fits": fits}


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path))

    def make(*notebooks):
        (tmp_path / "trial.yaml").write_text(STUDY.format(notebooks=f"[{', '.join(notebooks)}]"))
        opened = load(tmp_path / "trial.yaml")
        for name, table in written("radiomics", "deep", "clinical", "nomogram").items():
            opened.tables.write(name, table)
        return opened

    return make


CONTEST, NETWORKS = ("winner", "Model I"), ("net", "fusion")


@pytest.mark.parametrize("order", [("05_contest", "06_networks"), ("06_networks", "05_contest")])
def test_each_stage_keeps_what_stages_before_it_wrote_and_writes_its_own_once(study, order):
    own = {"05_contest": CONTEST, "06_networks": NETWORKS}
    opened = study("05_modeling", *order)
    for _ in range(2):
        for stage in order:
            beside.write(opened, written(*own[stage]), stage=stage)
    models = opened.tables.read("predictions")["model"].tolist()
    assert models == ["radiomics", "deep", "clinical", "nomogram", *own[order[0]], *own[order[1]]]
    assert opened.tables.read("fits")["object"].tolist() == models


def test_models_of_an_older_run_are_left_behind(study):
    opened = study("05_modeling", "05_contest")
    for name, table in written("radiomics", "an older winner").items():
        opened.tables.write(name, table)
    found = beside.write(opened, written(*CONTEST), stage="05_contest")
    assert found["predictions"]["model"].tolist() == ["radiomics", *CONTEST]


def test_a_contest_alone_needs_no_models_before_it(study):
    opened = study("05_contest")
    found = beside.write(opened, written(*CONTEST), stage="05_contest")
    assert found["predictions"]["model"].tolist() == list(CONTEST)
