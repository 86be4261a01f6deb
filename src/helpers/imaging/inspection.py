"""A quick look at every scan and mask, before anything is measured in earnest and without leaving a trace."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from helpers.imaging import extract
from helpers.parameters import Parameters
from helpers.study import Study


def inspect(study: Study, images: pd.DataFrame, *, mapper: Callable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables exclusions and geometry as extraction would give them: every file read, aligned, discretized, not filtered.

    Raises RadiogramError, as extraction does, for parameters, weights or a table size that cannot work.
    """
    extract.preflight(study.parameters, cases=images["case"].nunique(), readers=images["reader"].nunique())
    with tempfile.TemporaryDirectory() as folder:
        light = Study(study.name, _light(study.parameters), Path(folder) / study.name)
        _, geometry, exclusions = extract.features(light, images, mapper=mapper)
    return exclusions, geometry


def _light(parameters: Parameters) -> Parameters:
    """Original intensities, first-order features and the masks as drawn, but discretized as the study will."""
    radiomics = parameters.radiomics.model_copy(update={"image_types": ("original",), "classes": ("firstorder",)})
    deep = parameters.deep.model_copy(update={"enabled": False})
    selection = parameters.selection.model_copy(update={"reproducibility": "none"})
    return parameters.model_copy(update={"radiomics": radiomics, "deep": deep, "selection": selection})
