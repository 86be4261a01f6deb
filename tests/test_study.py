from __future__ import annotations

import re

import pytest
import yaml
from pydantic import ValidationError

from helpers import parameters, study
from helpers.errors import RadiogramError

MINIMAL = "title: Trial\ncohort: {sequences: [T1c]}\n"


def leaves(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and f"{prefix}{key}" not in (
            "presets",
            "imaging.normalize",
            "radiomics.settings",
            "cohort.external",
        ):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_defaults_hold_exactly_the_known_parameters(house):
    defaults = yaml.safe_load((house / "params" / "_defaults.yaml").read_text())
    assert sorted(leaves(defaults)) == sorted(parameters.known_parameters())


def test_every_parameter_has_a_comment(house):
    lines = (house / "params" / "_defaults.yaml").read_text().splitlines()
    bare = [line for line in lines if re.match(r"\s*\w+:\s*\S", line) and "#" not in line]
    assert not bare


def test_a_wrong_value_in_a_list_is_told_once():
    with pytest.raises(RadiogramError, match=r"contest\.classifiers\.0 is 'xgboost'") as told:
        study.load("demo", overrides=["contest.classifiers=[xgboost]"])
    assert "at least" not in str(told.value)


@pytest.mark.slow
def test_every_parameter_is_read_somewhere(house):
    code = "\n".join(p.read_text() for p in (house / "src").rglob("*.py") if p.name != "parameters.py")
    code += "\n".join(p.read_text() for p in (house / "notebooks").glob("*.ipynb"))
    code += (house / "src/helpers/parameters.py").read_text().split("class Parameters")[1]
    names = {name.rsplit(".", 1)[-1] for name in parameters.known_parameters()}
    unread = {n for n in names if not re.search(rf"\.{n}\b|[\"']{n}[\"']", code)}
    assert not unread


@pytest.mark.parametrize("name", study.shipped())
def test_every_shipped_study_is_valid_and_short(name, house):
    assert study.load(name).name == name
    assert len((house / "params" / f"{name}.yaml").read_text().splitlines()) <= 80


def test_a_study_states_only_what_differs(write_study):
    trial = study.load(write_study(MINIMAL))
    assert trial.parameters.title == "Trial"
    assert trial.parameters.modeling == study.load("demo").parameters.modeling


def test_an_override_wins_over_preset_and_file(write_study):
    path = write_study(MINIMAL + "presets: {quick: {modeling: {folds: 4}}}\nmodeling: {folds: 3}\n")
    assert study.load(path).parameters.modeling.folds == 4
    assert study.load(path, overrides=["modeling.folds=6"]).parameters.modeling.folds == 6


def test_parameters_are_frozen(write_study):
    with pytest.raises(ValidationError):
        study.load(write_study(MINIMAL)).parameters.modeling.folds = 7


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("modeling.fold=4", "unknown parameter modeling.fold. Did you mean modeling.folds?"),
        ("selektion.redundancy=0.8", "unknown parameter selektion. Did you mean selection"),
        ("modeling.folds=many", "parameter modeling.folds is 'many'"),
        ("selection.redundancy=2", "parameter selection.redundancy is 2"),
        ("modeling.folds", "write it as name=value"),
    ],
)
def test_a_wrong_override_gets_one_sentence(write_study, override, sentence):
    with pytest.raises(RadiogramError, match=re.escape(sentence)):
        study.load(write_study(MINIMAL), overrides=[override])


def test_unreadable_yaml_names_file_and_line(write_study):
    with pytest.raises(RadiogramError, match=r"trial\.yaml is not readable YAML at line 2"):
        study.load(write_study("title: x\n: [\n"))


def test_a_misspelled_study_suggests_the_nearest():
    with pytest.raises(RadiogramError, match="Did you mean demo"):
        study.load("dmeo")


def test_how_to_run_does_not_change_the_digest(write_study):
    path = write_study(MINIMAL)
    assert study.load(path).digest() == study.load(path, overrides=["execution.workers=2"]).digest()
    assert study.load(path).digest() != study.load(path, overrides=["seed=1"]).digest()
