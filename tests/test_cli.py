from __future__ import annotations

import pytest
from click.testing import CliRunner

from helpers import parameters, scaffold
from helpers import study as studies
from helpers.cli import main


@pytest.fixture
def radiogram():
    return lambda *arguments: CliRunner().invoke(main, list(map(str, arguments)))


def test_help_names_every_command(radiogram):
    text = radiogram("--help").output
    for command in ("report", "check", "new", "doctor", "evaluate", "tables"):
        assert command in text


def test_an_unknown_study_is_one_sentence_and_status_2(radiogram):
    result = radiogram("report", "dmeo")
    assert result.exit_code == 2
    assert result.output == "radiogram: No study dmeo: neither a YAML file nor a name in params/. Did you mean demo?\n"


def test_a_wrong_parameter_stops_before_anything_is_written(radiogram, tmp_path, monkeypatch):
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path / "runs"))
    result = radiogram("report", "demo", "--set", "models.folds=5")
    assert result.exit_code == 2 and "unknown parameter models" in result.output
    assert not (tmp_path / "runs").exists()


def test_doctor_says_versions_renderer_and_weights(radiogram):
    output = radiogram("doctor").output
    for word in ("pyradiomics 3.0.1", "Quarto", "Pandoc", "Cores", "Weights of demo: random"):
        assert word in output


def test_check_writes_nothing_and_counts(radiogram, tmp_path, monkeypatch):
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path / "runs"))
    result = radiogram("check", "demo")
    assert result.exit_code == 0, result.output
    assert "120 patients in the sheet, 120 enrolled from 3 center(s)" in result.output
    assert not (tmp_path / "runs").exists()


def test_a_new_study_is_valid_and_never_overwrites(tmp_path, monkeypatch, house, radiogram):
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "_defaults.yaml").write_text((house / "params" / "_defaults.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    assert radiogram("new", "mine").exit_code == 0
    assert studies.load("mine").parameters.cohort.manifest.name == "mine.csv"
    again = radiogram("new", "mine")
    assert again.exit_code == 2 and "params/mine.yaml is there already" in again.output


def test_a_new_study_shows_every_parameter(tmp_path, monkeypatch, house):
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "_defaults.yaml").write_text((house / "params" / "_defaults.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    text = scaffold.new("mine")[0].read_text()
    for name in parameters.known_parameters():
        assert f"{name.rsplit('.', 1)[-1]}:" in text


def test_evaluate_refuses_a_table_without_truth(radiogram, tmp_path):
    (tmp_path / "scores.csv").write_text("patient,part,model\na,train,0.2\n")
    result = radiogram("evaluate", tmp_path / "scores.csv", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "scores.csv has no column truth" in result.output
    assert not (tmp_path / "out").exists()
