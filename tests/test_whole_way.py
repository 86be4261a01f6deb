"""From nothing to a report, as a user would: the command in a process of its own, tables compared byte for byte."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

pytestmark = pytest.mark.slow

TRIAL = """
title: A small synthetic cohort
notebooks: [01_cohort, 02_extraction, 03_participants, 04_selection, 05_modeling, 06_statistics, 07_readers]
cohort:
  source: phantom
  endpoints: [{name: progression, positive: true progression, negative: pseudoprogression}]
  sequences: [T1c, FLAIR]
  clinical: [age, sex]
  baselines: [{name: volume, column: T1c_original_shape_MeshVolume, direction: higher}]
phantom: {patients: 60, shape: [28, 44, 40], spacing: [4.5, 4.0, 4.0]}
radiomics: {image_types: [original], classes: [shape, firstorder, glcm]}
deep: {slices: 1, size: 64}
imaging: {minimum_voxels: 10}
statistics: {bootstrap: 100}
modeling: {folds: 3}
selection: {lasso_folds: 5}
report:
  renderer: pandoc
  sections: [summary-readers, participants, images, selection, model, performance, comparisons, readers, methods, provenance]
"""


def command(study: Path, runs: Path, *settings: str) -> list[str]:
    program = [sys.executable, "-c", "from helpers.cli import main; main()", "report", str(study)]
    return [*program, *[part for setting in settings for part in ("--set", setting)]]


def run(study: Path, runs: Path, *settings: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "RADIOGRAM_RUNS": str(runs)}
    return subprocess.run(command(study, runs, *settings), env=environment, capture_output=True, text=True, timeout=900)


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((folder / "tables").glob("*.parquet"))}


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """The study file and a finished run of it on one worker."""
    folder = tmp_path_factory.mktemp("whole")
    study = folder / "trial.yaml"
    study.write_text(TRIAL)
    done = run(study, folder / "runs", "execution.workers=1")
    assert done.returncode == 0, done.stderr
    return study, folder / "runs" / "trial", done.stdout


def test_the_command_prints_the_report_and_the_seconds_of_every_stage(trial):
    study, folder, output = trial
    assert f"Report: {folder / 'report.html'}" in output
    for name in ("01_cohort", "02_extraction", "07_readers", "report"):
        assert re.search(rf"{name}: [\d.]+ s", output)


def test_the_report_announces_what_is_synthetic_and_random(trial):
    page = (trial[1] / "report.html").read_text()
    assert "Synthetic cohort" in page and "random weights" in page


def test_two_workers_give_the_same_bytes_as_one(trial, tmp_path):
    study, folder, _ = trial
    done = run(study, tmp_path / "runs", "execution.workers=2")
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "runs" / "trial") == digests(folder)


def test_nothing_is_computed_again_when_nothing_changed(trial):
    study, folder, _ = trial
    before = digests(folder)
    again = run(study, folder.parent)
    assert again.stdout.count("unchanged, kept") == 7
    assert digests(folder) == before


def test_a_changed_parameter_redoes_the_stages_that_follow_and_reuses_the_features(trial, tmp_path):
    study, folder, _ = trial
    shutil.copytree(folder.parent, tmp_path / "runs")
    done = run(study, tmp_path / "runs", "statistics.bootstrap=150")
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "runs" / "trial")["features.parquet"] == digests(folder)["features.parquet"]


def test_a_killed_extraction_goes_on_where_it_was(trial, tmp_path):
    study, folder, _ = trial
    runs = tmp_path / "runs"
    environment = {**os.environ, "RADIOGRAM_RUNS": str(runs)}
    process = subprocess.Popen(command(study, runs), env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    stored = wait_for_entries(runs / "store", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert stored and not (runs / "trial" / "tables" / "features.parquet").exists()
    ages = {path: path.stat().st_mtime_ns for path in (runs / "store").rglob("*") if path.is_file()}
    done = run(study, runs)
    assert done.returncode == 0, done.stderr
    kept = [path for path, age in ages.items() if path.is_file() and path.stat().st_mtime_ns == age]
    assert len(kept) >= stored
    assert digests(runs / "trial") == digests(folder)


def wait_for_entries(store: Path, process: subprocess.Popen, *, at_least: int = 8) -> int:
    """Let extraction put some entries into the store; how many there are when it is stopped."""
    for _ in range(3000):
        entries = [p for p in store.rglob("*") if p.is_file() and not p.name.startswith(".")]
        if len(entries) >= at_least or process.poll() is not None:
            return len(entries)
        time.sleep(0.05)
    return 0


def test_the_report_opens_without_network_and_the_console_is_silent(trial, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no Chromium on this machine")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}",
             "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--dump-dom"]  # fmt: skip
    page = trial[1] / "report.html"
    seen = subprocess.run([browser, *flags, page.as_uri()], capture_output=True, text=True, timeout=120)
    assert "A small synthetic cohort" in seen.stdout
    assert "CONSOLE" not in seen.stderr


def test_jupyterlab_shows_the_drawings_of_the_notebooks_of_a_run(trial):
    """It hides drawings in notebooks without the signature of whoever opens them."""
    executed = sorted((trial[1] / "notebooks").glob("*.ipynb"))
    notary = NotebookNotary()
    assert executed and all(notary.check_signature(nbformat.read(path, as_version=4)) for path in executed)


def test_every_notebook_runs_as_it_stands(tmp_path, trial, house, monkeypatch):
    """A notebook opened first runs the stages before it by itself."""
    import papermill

    study, folder, _ = trial
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path / "runs"))
    shutil.copytree(folder.parent / "store", tmp_path / "runs" / "store")
    source = house / "notebooks" / "06_statistics.ipynb"
    parameters = {"study": str(study), "overrides": ""}
    papermill.execute_notebook(
        source, tmp_path / "out.ipynb", parameters=parameters, progress_bar=False, kernel_name="python3"
    )
    assert digests(tmp_path / "runs" / "trial")["scores.parquet"] == digests(folder)["scores.parquet"]
