"""The npc study: what its parameters promise, and a shrunken run from nothing to a report led by the contest's winner."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys

import pandas as pd
import pytest

from helpers import study as studies
from helpers.learning.contest import running
from helpers.reporting import methods_contest, stage

SMALL = (
    "phantom.patients=72", "phantom.shape=[28,44,40]", "phantom.spacing=[4.5,4.0,4.0]", "imaging.minimum_voxels=10",
    "radiomics.image_types=[original]", "deep.backbone=test_convnext", "deep.size=64", "selection.lasso_folds=5",
    "modeling.folds=3", "integrity.permutations=2", "contest.classifiers=[logistic regression, k-nearest neighbors]", "contest.trees=20",
    "statistics.bootstrap=100", "report.renderer=pandoc", "execution.isolated=false",
)  # fmt: skip


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_the_study_has_the_papers_grid_and_declares_comparisons_it_can_make(preset, house):
    study = studies.load("npc", overrides=f"preset={preset}")
    parameters = study.parameters
    sequences = {name.split()[-1] for name in (each.name for each in parameters.contest.inputs)}
    assert len(parameters.contest.inputs) == 3 * len(sequences) and sequences == {"T1c", "T2", "T1c+T2"}
    assert len(parameters.contest.classifiers) == 5 and parameters.phantom.centers == 4
    running.require_names(parameters)
    known = {*parameters.modeling.signatures, *running.names(parameters)}
    assert {model for pair in parameters.statistics.comparisons for model in pair} <= known
    stage.require_notebooks(study, reports=house / "reports")


def test_the_paper_preset_has_the_papers_patients():
    parameters = studies.load("npc", overrides="preset=paper").parameters
    assert parameters.phantom.patients == 328
    assert round(328 * (1 - parameters.cohort.test_fraction)) in (229, 230)


def test_the_methods_name_every_input_and_every_setting_that_was_tried():
    told = methods_contest.contest(studies.load("npc"))
    assert "Model II T2: T2 radiomics and T2 deep" in told and "random forest (leaf 10, share sqrt)" in told
    assert not re.search(r"None|  |\{", told)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished, shrunken run."""
    runs = tmp_path_factory.mktemp("contest")
    settings = [part for setting in SMALL for part in ("--set", setting)]
    program = [sys.executable, "-c", "from helpers.cli import main; main()", "report", "npc", *settings]
    environment = {**os.environ, "RADIOGRAM_RUNS": str(runs)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr
    return runs / "npc"


@pytest.mark.slow
def test_the_report_is_led_by_the_winner_and_says_what_the_paper_reported(folder):
    words = re.sub(r"<[^>]+>", "", html.unescape((folder / "report.html").read_text()))
    words = re.sub(r"\s+", " ", words)
    assert "of them with recurrence, the winner of the contest reached an AUC of" in words
    assert "Synthetic cohort" in words and "Paper reported" in words and "By inner cross-validation alone" in words


@pytest.mark.slow
def test_the_models_that_leave_the_grid_predict_every_patient_once(folder):
    predictions = pd.read_parquet(folder / "tables" / "predictions.parquet")
    cases = pd.read_parquet(folder / "tables" / "cases.parquet")
    for model in running.names(studies.load("npc").parameters):
        own = predictions[predictions["model"] == model]
        assert sorted(own["case"]) == sorted(cases["case"])
        assert set(own.loc[own["kind"] == "oof", "part"]) == {"train"}


@pytest.mark.slow
def test_the_grid_and_the_families_hold_what_they_declare(folder):
    contest = pd.read_parquet(folder / "tables" / "contest.parquet")
    families = pd.read_parquet(folder / "tables" / "families.parquet")
    assert len(contest) == 9 * 2 * 2 and contest.groupby("part")["chosen"].sum().tolist() == [1, 1]
    assert {"winner", "radiomics", "deep", "clinical"} <= set(families["model"])
    assert {"volume only", "center only", "clinical only", "no information"} <= set(families["model"])


@pytest.mark.slow
def test_on_permuted_labels_the_contest_is_run_again_too(folder):
    null = pd.read_parquet(folder / "tables" / "permutation.parquet")
    assert {"winner", "radiomics", "deep", "clinical"} <= set(null["model"])
    assert (
        null.groupby("model")["permutation"].apply(sorted).map(list).tolist() == [[0, 1, 2]] * null["model"].nunique()
    )
    recipe = pd.read_parquet(folder / "tables" / "recipe.parquet").query("step == 'ours' and labels == 'true'")
    predictions = pd.read_parquet(folder / "tables" / "predictions.parquet").query(
        "model == 'winner' and part == 'test'"
    )
    called = predictions.groupby("truth")["probability"].apply(list)
    pairs = [(a > b) + (a == b) / 2 for a in called[1] for b in called[0]]
    assert recipe["auc"].item() == pytest.approx(sum(pairs) / len(pairs))
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.unescape((folder / "report.html").read_text())))
    assert "every model was fitted again, from imputation on" in words
