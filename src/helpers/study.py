"""A study: parameters read from YAML, overlaid, validated and frozen."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from helpers.errors import RadiogramError
from helpers.parameters import Parameters, known_parameters
from helpers.tables import Tables

PATHS = ("root", "manifest", "features", "scores", "readings")  # of the group cohort


@dataclass(frozen=True)
class Study:
    """One study: its name, its frozen parameters, and the folder its run is kept in."""

    name: str
    parameters: Parameters
    folder: Path

    @cached_property
    def tables(self) -> Tables:
        return Tables(self.folder / "tables")

    @property
    def store(self) -> Path:
        """Extracted features by content, shared by all studies of the house."""
        return self.folder.parent / "store"

    @property
    def synthetic(self) -> bool:
        return self.parameters.cohort.source == "phantom"

    @property
    def entry(self) -> Literal["images", "features", "scores", "readings"]:
        """Where the study enters: at scans, a feature table, a table of predictions, or the readings of radiologists."""
        cohort = self.parameters.cohort
        if cohort.source == "phantom":
            return self.parameters.phantom.entry
        tables = {"features": "features", "ucsf_pdgm": "features", "scores": "scores", "readings": "readings"}
        return tables.get(cohort.source, "images")

    @property
    def random_weights(self) -> bool:
        deep = self.parameters.deep
        return self.entry == "images" and deep.enabled and deep.weights == "random"

    def digest(self) -> str:
        """SHA-256 of every value that can change a result; how to run (`execution`) and how to print are not."""
        values = self.parameters.model_dump(mode="json", exclude={"execution", "report"})
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def house() -> Path:
    """The project's root: the nearest folder above the working one, else above this file, with params/_defaults.yaml."""
    for start in (Path.cwd(), Path(__file__).resolve()):
        for folder in (start, *start.parents):
            if (folder / "params" / "_defaults.yaml").is_file():
                return folder
    raise RadiogramError("No params/_defaults.yaml above this folder: run radiogram inside its project folder.")


def load(study: str | Path, *, overrides: Sequence[str] | str = ()) -> Study:
    """Read a study by name or path, lay it over the defaults, apply `key=value` overrides, and validate.

    Its run is kept in runs/<study>, or below the folder that the environment variable RADIOGRAM_RUNS names.
    Raises RadiogramError for an unreadable file, an unknown parameter or a wrong type.
    """
    path = _find(study)
    own = _read_yaml(path)
    settings = [_parse_override(text) for text in _lines(overrides)]
    values = _overlay(_read_yaml(house() / "params" / "_defaults.yaml"), own)
    preset = dict(settings).get("preset", values["preset"])
    values = _overlay(values, (values.get("presets") or {}).get(preset, {}))
    for key, value in settings:
        values = _overlay(values, _nest(key, value))
    parameters = _validate(_with_settings(_anchored(values), beside=path.parent), where=path.name)
    runs = Path(os.environ.get("RADIOGRAM_RUNS") or house() / "runs").absolute()
    return Study(path.stem, parameters, runs / path.stem)


def shipped() -> list[str]:
    """Names of the studies in params/."""
    return sorted(p.stem for p in (house() / "params").glob("*.yaml") if not p.stem.startswith("_"))


def _anchored(values: Mapping[str, Any]) -> dict[str, Any]:
    """A relative path starts from the working folder if it leads somewhere from there, else from the project."""
    cohort = values.get("cohort")
    if not isinstance(cohort, Mapping):
        return dict(values)
    found = {name: _placed(cohort[name]) for name in PATHS if cohort.get(name)}
    if isinstance(cohort.get("external"), Mapping):
        found["external"] = {str(name): _placed(path) for name, path in cohort["external"].items() if path}
    return {**values, "cohort": {**cohort, **found}}


def _placed(written: Any) -> Path:
    path = Path(str(written)).expanduser()
    return path.absolute() if path.exists() else house() / path


def _with_settings(values: Mapping[str, Any], *, beside: Path) -> dict[str, Any]:
    """Settings files lie beside the study file, or where any other relative path may start from."""
    radiomics = values.get("radiomics")
    if not isinstance(radiomics, Mapping) or not isinstance(radiomics.get("settings"), Mapping):
        return dict(values)
    written = {name: Path(str(path)).expanduser() for name, path in radiomics["settings"].items() if path}
    places = {name: (beside.absolute() / path, path.absolute(), house() / path) for name, path in written.items()}
    found = {name: next((p for p in tried if p.exists()), tried[0]) for name, tried in places.items()}
    return {**values, "radiomics": {**radiomics, "settings": found}}


def _find(study: str | Path) -> Path:
    named = house() / "params" / f"{study}.yaml"
    for path in (Path(study), named):
        if path.suffix in {".yaml", ".yml"} and path.is_file():
            return path
    near = difflib.get_close_matches(str(study), shipped(), n=1)
    hint = f" Did you mean {near[0]}?" if near else f" Known studies: {', '.join(shipped())}."
    raise RadiogramError(f"No study {study}: neither a YAML file nor a name in params/.{hint}")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not text"
        raise RadiogramError(f"{path.name} is not readable YAML{line}: {problem}.") from error
    if not isinstance(values, dict):
        raise RadiogramError(f"{path.name} holds no parameters: write `name: value` lines.")
    return values


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _overlay(merged[key], value) if nested else value
    return merged


def _lines(overrides: Sequence[str] | str) -> list[str]:
    lines = overrides.splitlines() if isinstance(overrides, str) else list(overrides)
    return [line for line in lines if line.strip()]


def _parse_override(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise RadiogramError(f"--set {text}: write it as name=value, for example --set modeling.folds=5.")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RadiogramError(f"--set {text}: the value is not readable ({error}).") from error


def _nest(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _validate(values: Mapping[str, Any], *, where: str) -> Parameters:
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        places = [problem["loc"] for problem in error.errors()]
        # A list whose only value is wrong is also called empty: what is said of the value is enough.
        sentences = [_sentence(p) for p in error.errors() if not any(_within(place, p["loc"]) for place in places)]
        raise RadiogramError(f"{where}: " + " ".join(sentences)) from None


def _within(place: tuple, other: tuple) -> bool:
    """Whether a place lies deeper inside another one."""
    return len(place) > len(other) and place[: len(other)] == other


def _sentence(problem: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        names = {".".join(known.split(".")[: len(problem["loc"])]) for known in known_parameters()}
        near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.5)
        return f"unknown parameter {name}." + (f" Did you mean {near[0]}?" if near else "")
    if problem["type"] == "missing":
        return f"parameter {name} is missing."
    given = problem.get("input")
    return f"parameter {name} is {given!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}."
