"""Networks, fusions and the contest beside the models of the stages before: their rows of the tables `predictions` and `fits`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from helpers.learning import dlrn, record
from helpers.learning.contest import running
from helpers.learning.endpoint import FINAL
from helpers.parameters import Parameters
from helpers.study import Study
from helpers.tables import empty

MODELING, PRETRAINING, NETWORKS, CONTEST = "05_modeling", "05_pretraining", "06_networks", "05_contest"
OBJECT = {"predictions": "model", "fits": "object"}  # the column that names what was fitted
ENCODER = "encoder"


def together(study: Study, *fitted: Mapping[str, pd.DataFrame], stage: str = NETWORKS) -> dict[str, pd.DataFrame]:
    """Tables predictions and fits: those of the stages before `stage` in this run, then each of `fitted` in order."""
    found = {}
    for name in OBJECT:
        before = [_before(study, name, stage), *([_encoder(study)] if name == "fits" else [])]
        frames = [frame for frame in (*before, *(each[name] for each in fitted)) if len(frame)]
        found[name] = pd.concat(frames, ignore_index=True) if frames else empty(name)
    return found


def write(study: Study, *fitted: Mapping[str, pd.DataFrame], stage: str = NETWORKS) -> dict[str, pd.DataFrame]:
    """Hand over predictions and fits of everything, and the other tables of the first of `fitted`; returns them by name."""
    tables = {**fitted[0], **together(study, *fitted, stage=stage)}
    return {name: study.tables.write(name, frame) for name, frame in tables.items()}


def models(parameters: Parameters, stage: str) -> list[str]:
    """What a stage writes into `predictions`."""
    networks = parameters.networks
    written = {
        MODELING: lambda: [*dlrn.wanted(parameters), dlrn.NOMOGRAM],
        NETWORKS: lambda: [each.name for each in (*networks.models, *networks.fusions)],
        CONTEST: lambda: running.names(parameters),
    }
    return written[stage]() if stage in written else []


def _before(study: Study, name: str, stage: str) -> pd.DataFrame:
    """Rows of the models of stages before this one; what an older run, or this stage itself, wrote is left behind."""
    notebooks = study.parameters.notebooks
    earlier = notebooks[: notebooks.index(stage)] if stage in notebooks else notebooks
    known = {model for each in earlier if each != stage for model in models(study.parameters, each)}
    if not known:
        return empty(name)
    table = study.tables.read(name)
    return table[table[OBJECT[name]].isin(known)].reset_index(drop=True)


def _encoder(study: Study) -> pd.DataFrame:
    """The patients whose images the encoder saw, as any other fit; none where it learned from a folder."""
    if PRETRAINING not in study.parameters.notebooks:
        return empty("fits")
    from helpers.learning.pretraining import pretrain

    seen = frozenset(pretrain.about(study)["patients"])
    return record.fit_rows("", [ENCODER], {FINAL: seen}) if seen else empty("fits")
