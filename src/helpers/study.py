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
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from helpers.errors import RadiogramError
from helpers.tables import Tables

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


def _anchored(path: Path) -> Path:
    """A relative path starts from the working folder if it leads somewhere from there, else from the project."""
    return path.absolute() if path.expanduser().is_absolute() or path.exists() else house() / path


Anchored = Annotated[Path, AfterValidator(_anchored)]


class Group(BaseModel):
    """Frozen values; an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Endpoint(Group):
    name: str
    positive: str
    negative: str


class Baseline(Group):
    name: str
    column: str
    direction: Literal["higher", "lower"]


class Cohort(Group):
    source: Literal["phantom", "manifest", "features", "scores", "sts", "ucsf_pdgm"]
    root: Anchored | None
    manifest: Anchored | None
    features: Anchored | None
    scores: Anchored | None
    readings: Anchored | None
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]
    sequences: tuple[str, ...]
    clinical: tuple[str, ...]
    baselines: tuple[Baseline, ...]
    part_column: str | None
    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    test_centers: tuple[str, ...]
    external_centers: tuple[str, ...]
    max_excluded_fraction: Fraction


class Phantom(Group):
    patients: Annotated[int, Field(ge=20)]
    centers: Count
    prevalence: Annotated[float, Field(gt=0, lt=1)]
    signal: Annotated[float, Field(ge=0)]
    second_prevalence: Annotated[float, Field(gt=0, lt=1)]
    entry: Literal["images", "features"]
    features: Count
    informative_features: Annotated[int, Field(ge=0)]
    shape: tuple[Count, Count, Count]
    spacing: tuple[Positive, Positive, Positive]
    missing_fraction: Fraction
    readers: Count
    reader_auc: Annotated[float, Field(gt=0.5, lt=1)]
    reader_trust: Fraction


class Imaging(Group):
    spacing: tuple[Positive, Positive, Positive] | None
    normalize: dict[str, Literal["zscore", "none"]]
    clip_sd: Positive
    mask_label: Count
    geometry_tolerance: Annotated[float, Field(ge=0)]
    minimum_voxels: Annotated[int, Field(ge=2)]
    perturbations: Count


FeatureClass = Literal["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]


class Radiomics(Group):
    enabled: bool
    image_types: tuple[Literal["original", "log", "wavelet"], ...]
    log_sigma: tuple[Positive, ...]
    classes: tuple[FeatureClass, ...]
    bin_count: Annotated[int, Field(ge=2)] | None
    bin_width: Positive | None
    maximum_levels: Annotated[int, Field(ge=2)]


class Deep(Group):
    enabled: bool
    backbone: str
    weights: str
    slices: Count
    margin: Annotated[float, Field(ge=0)]
    size: Annotated[int, Field(ge=32)]


class Selection(Group):
    reproducibility: Literal["reader", "perturbation", "none"]
    icc_threshold: Fraction
    icc_bound: Literal["low", "estimate"]
    redundancy: Annotated[float, Field(gt=0, le=1)]
    lasso_folds: Annotated[int, Field(ge=3)]
    lasso_rule: Literal["1se", "min"]
    lasso_path: Annotated[int, Field(ge=10)]


Signature = Literal["radiomics", "deep", "clinical"]


class Modeling(Group):
    signatures: tuple[Signature, ...]
    nomogram: tuple[Signature, ...]
    folds: Annotated[int, Field(ge=2)]


class Statistics(Group):
    level: Annotated[float, Field(gt=0.5, lt=1)]
    bootstrap: Annotated[int, Field(ge=100)]
    threshold_rule: Literal["youden", "sensitivity"]
    target_sensitivity: Fraction
    decision_range: tuple[Fraction, Fraction]
    decision_rationale: str
    reclassification_cuts: tuple[Fraction, ...]
    comparisons: tuple[tuple[str, str], ...]


class Report(Group):
    sections: tuple[str, ...]
    renderer: Literal["auto", "quarto", "pandoc"]
    maximum_megabytes: Positive


class Execution(Group):
    workers: Annotated[int, Field(ge=0)]
    scheduler: str | None
    retries: Annotated[int, Field(ge=0)]
    case_minutes: Positive
    case_gigabytes: Positive


class Parameters(Group):
    title: str
    question: str
    seed: int
    preset: Literal["quick", "paper"]
    presets: dict[str, Any]
    notebooks: tuple[str, ...]
    cohort: Cohort
    phantom: Phantom
    imaging: Imaging
    radiomics: Radiomics
    deep: Deep
    selection: Selection
    modeling: Modeling
    statistics: Statistics
    report: Report
    execution: Execution


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
    def entry(self) -> Literal["images", "features", "scores"]:
        """Where the study enters: at scans, at a feature table, or at a table of predictions."""
        cohort = self.parameters.cohort
        if cohort.source == "phantom":
            return self.parameters.phantom.entry
        return {"features": "features", "ucsf_pdgm": "features", "scores": "scores"}.get(cohort.source, "images")

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
    parameters = _validate(values, where=path.name)
    runs = Path(os.environ.get("RADIOGRAM_RUNS") or house() / "runs").absolute()
    return Study(path.stem, parameters, runs / path.stem)


def shipped() -> list[str]:
    """Names of the studies in params/."""
    return sorted(p.stem for p in (house() / "params").glob("*.yaml") if not p.stem.startswith("_"))


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
        sentences = [_sentence(problem) for problem in error.errors()]
        raise RadiogramError(f"{where}: " + " ".join(sentences)) from None


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


def known_parameters(model: type[BaseModel] = Parameters, prefix: str = "") -> list[str]:
    """Dotted names of every parameter."""
    names = []
    for field, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names += known_parameters(info.annotation, f"{prefix}{field}.")
        else:
            names.append(f"{prefix}{field}")
    return names
