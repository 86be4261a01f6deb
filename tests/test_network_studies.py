"""The shipped studies of networks, shrunken, from nothing to a report; and what their parameters promise."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

from helpers import study as studies
from helpers.cli import main

STUDIES = ("cnn3d", "idh-ki67", "ssl-fusion")
SMALL = (
    "phantom.patients=60", "phantom.shape=[28,44,40]", "phantom.spacing=[4.5,4.0,4.0]", "imaging.minimum_voxels=10",
    "volumes.size=[16,16,16]", "networks.width=4", "networks.epochs=2", "networks.seeds=2", "pretraining.epochs=2",
    "pretraining.width=24", "pretraining.depth=2", "pretraining.probe_labels=12", "statistics.bootstrap=100",
    "radiomics.image_types=[original]", "selection.lasso_folds=5", "report.renderer=pandoc",
)  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_trains_at_least_three_seeds_and_declares_comparisons_it_can_make(name):
    for preset in ("quick", "paper"):
        parameters = studies.load(name, overrides=f"preset={preset}").parameters
        settings = parameters.networks
        known = {m.name for m in (*settings.models, *settings.fusions)} | {*parameters.modeling.signatures}
        known |= {"nomogram"} if parameters.modeling.nomogram else set()
        assert settings.seeds >= 3
        assert {model for pair in parameters.statistics.comparisons for model in pair} <= known


@pytest.mark.parametrize("name", STUDIES)
def test_every_section_of_a_study_shows_notebooks_that_it_runs(name, house):
    from helpers.reporting import stage

    stage.require_notebooks(studies.load(name), reports=house / "reports")


@pytest.mark.parametrize("command", ["check", "report"])
def test_absent_weights_are_named_before_anything_runs(command, tmp_path, monkeypatch):
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path))
    models = "networks.models=[{name: R, architecture: resnet10, weights: nowhere.pth}]"
    done = CliRunner().invoke(main, [command, "cnn3d", "--set", models])
    assert done.exit_code == 2 and not list(tmp_path.iterdir())
    assert "networks.models, R: there is no file of weights nowhere.pth; give a path, or random" in done.output


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """Run a study once; returns its folder."""
    folder, done = tmp_path_factory.mktemp("studies"), {}

    def run(name):
        if name not in done:
            settings = [part for setting in SMALL for part in ("--set", setting)]
            program = [sys.executable, "-c", "from helpers.cli import main; main()", "report", name, *settings]
            environment = {**os.environ, "RADIOGRAM_RUNS": str(folder)}
            done[name] = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=3600)
        assert done[name].returncode == 0, done[name].stderr
        return folder / name

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_ends_in_a_report_that_announces_the_phantom_and_what_is_positive(run_of, name):
    page = html.unescape((run_of(name) / "report.html").read_text())
    words = re.sub(r"<[^>]+>", "", page)
    assert "Synthetic cohort" in words and "Paper reported" in words
    for endpoint in studies.load(name).parameters.cohort.endpoints:
        assert f"Positive means {endpoint.positive}" in words


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_network_and_fusion_predicts_every_patient_once_a_kind(run_of, name):
    folder, parameters = run_of(name), studies.load(name).parameters
    predictions = pd.read_parquet(folder / "tables" / "predictions.parquet")
    cases = pd.read_parquet(folder / "tables" / "cases.parquet")
    for network in parameters.networks.models:
        for endpoint in network.endpoints or [e.name for e in parameters.cohort.endpoints]:
            own = predictions[(predictions["model"] == network.name) & (predictions["endpoint"] == endpoint)]
            assert sorted(own["case"]) == sorted(cases["case"])
            assert set(own.loc[own["kind"] == "oof", "part"]) == {"train"}
    assert {f.name for f in parameters.networks.fusions} <= set(predictions["model"])
