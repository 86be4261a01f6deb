"""Networks and fusions beside the models of the stages before: their rows of the tables `predictions` and `fits`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from helpers.learning import dlrn, record
from helpers.learning.endpoint import FINAL
from helpers.study import Study
from helpers.tables import empty

MODELING, PRETRAINING = "05_modeling", "05_pretraining"
OBJECT = {"predictions": "model", "fits": "object"}  # the column that names what was fitted
ENCODER = "encoder"


def together(study: Study, *fitted: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Tables predictions and fits: those of the stages before in this run, then each of `fitted` in order."""
    found = {}
    for name in OBJECT:
        before = [_modeled(study, name), *([_encoder(study)] if name == "fits" else [])]
        frames = [frame for frame in (*before, *(each[name] for each in fitted)) if len(frame)]
        found[name] = pd.concat(frames, ignore_index=True) if frames else empty(name)
    return found


def write(study: Study, *fitted: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Hand over predictions and fits of everything, and the other tables of the first of `fitted`; returns them by name."""
    tables = {**fitted[0], **together(study, *fitted)}
    return {name: study.tables.write(name, frame) for name, frame in tables.items()}


def _modeled(study: Study, name: str) -> pd.DataFrame:
    """Rows of signatures and nomogram, if the study fits them; networks of an older run are left behind."""
    if MODELING not in study.parameters.notebooks:
        return empty(name)
    known = {*dlrn.wanted(study.parameters), dlrn.NOMOGRAM}
    table = study.tables.read(name)
    return table[table[OBJECT[name]].isin(known)].reset_index(drop=True)


def _encoder(study: Study) -> pd.DataFrame:
    """The patients whose images the encoder saw, as any other fit; none where it learned from a folder."""
    if PRETRAINING not in study.parameters.notebooks:
        return empty("fits")
    from helpers.learning.pretraining import pretrain

    seen = frozenset(pretrain.about(study)["patients"])
    return record.fit_rows("", [ENCODER], {FINAL: seen}) if seen else empty("fits")
