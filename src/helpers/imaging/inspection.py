"""A quick look at every scan and mask, before anything is measured in earnest and without leaving a trace."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from helpers.imaging import extract, quality
from helpers.imaging.radiomics.settings import Settings
from helpers.parameters import Parameters
from helpers.study import Study


def inspect(study: Study, images: pd.DataFrame, *, mapper: Callable) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables exclusions, geometry and intensities as a run would give them: files read, aligned, discretized, not filtered.

    Raises RadiogramError, as extraction does, for parameters, weights or a table size that cannot work.
    """
    extract.preflight(study.parameters, cases=images["case"].nunique(), readers=images["reader"].nunique())
    with tempfile.TemporaryDirectory() as folder:
        light = Study(study.name, _light(study.parameters, Path(folder)), Path(folder) / study.name)
        features, geometry, exclusions = extract.features(light, images, mapper=mapper)
    return exclusions, geometry, quality.intensities(features, geometry, study.parameters.cohort.sequences)


def _light(parameters: Parameters, folder: Path) -> Parameters:
    """Original intensities, first-order features and the masks as drawn, but discretized as the study will."""
    files = {name: _lightened(path, folder) for name, path in parameters.radiomics.settings.items()}
    own = {"image_types": ("original",), "classes": ("firstorder",), "settings": files, "engine": "fast"}
    radiomics = parameters.radiomics.model_copy(update=own)
    deep = parameters.deep.model_copy(update={"enabled": False})
    selection = parameters.selection.model_copy(update={"reproducibility": "none"})
    return parameters.model_copy(update={"radiomics": radiomics, "deep": deep, "selection": selection})


def _lightened(path: Path, folder: Path) -> Path:
    """A settings file of the same name that asks for no more than first-order features of the original."""
    settings = replace(Settings.read(path), image_types=(("Original", {}),), classes=(("firstorder", ()),))
    light = folder / hashlib.sha256(str(path).encode()).hexdigest()[:8] / f"{path.stem}.json"
    light.parent.mkdir(exist_ok=True)
    light.write_text(json.dumps(settings.pyradiomics()), encoding="utf-8")
    return light
