"""Negative controls: the whole pipeline on features of scans whose voxels were shuffled, beside the scans as they are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from helpers.learning.endpoint import model_endpoint
from helpers.learning.rows import FIRST_READER
from helpers.parameters import Parameters
from helpers.statistics.discrimination import auc
from helpers.tables import DECLARED, empty

ORIGINAL = "original"
TEXTURE = "texture"  # the model of features that need the order of voxels
ORDERLESS = ("_shape_", "_shape2D_", "_firstorder_")
COLUMNS = list(DECLARED["controls"].names)


def control_table(
    cases: pd.DataFrame, features: pd.DataFrame, controls: pd.DataFrame, *, parameters: Parameters
) -> pd.DataFrame:
    """The table `controls`: AUC of every model that reads images, on the scans as measured and on each control's.

    `features` and `controls` are the tables `features` and `control_features`. Every row of comparison is made alike:
    the same cases (those with every control), the same folds and seed, the masks of reader1 alone, and so no gate on
    reproducibility. `texture` is a signature of the features that are neither shape nor first-order. Out-of-fold and
    frozen predictions are judged, and a part of one class is left out. Raises RadiogramError as `model_endpoint` does.
    """
    if controls.empty:
        return empty("controls")
    measured = _by_control(features, controls)
    kept = set.intersection(*(set(frame["case"]) for frame in measured.values()))
    judged = cases[cases["case"].isin(kept)]
    rows: list[tuple] = []
    for endpoint in parameters.cohort.endpoints:
        for control, frame in measured.items():
            own = frame[frame["case"].isin(kept)]
            for predictions in _predictions(judged, own, endpoint=endpoint.name, parameters=parameters):
                rows += _areas(predictions, control, level=parameters.statistics.level)
    return pd.DataFrame(rows, columns=COLUMNS)


def texture_columns(features: pd.DataFrame) -> list[str]:
    """Radiomics features but for shape, which no shuffle changes, and first-order, which need no order of voxels."""
    names = [name for name in features.columns if name not in ("case", "reader") and "_deep_" not in name]
    return [name for name in names if not any(kind in name for kind in ORDERLESS)]


def _by_control(features: pd.DataFrame, controls: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Feature tables of reader1 by control, the scans as they are first."""
    found = {ORIGINAL: features[features["reader"] == FIRST_READER]}
    for control in dict.fromkeys(controls["control"]):
        own = controls[controls["control"] == control].drop(columns="control")
        found[control] = own.assign(reader=FIRST_READER)[list(features.columns)]
    return found


def _predictions(
    cases: pd.DataFrame, features: pd.DataFrame, *, endpoint: str, parameters: Parameters
) -> list[pd.DataFrame]:
    """Predictions of the study's models that read images, and of texture alone."""
    asked = parameters.modeling
    reading = [name for name in asked.signatures if name != "clinical"]
    found = [_model(cases, features, endpoint, _with(parameters, reading, asked.nomogram))] if reading else []
    texture = texture_columns(features)
    if texture and "radiomics" in reading:
        only = features[["case", "reader", *texture]]
        predictions = _model(cases, only, endpoint, _with(parameters, ["radiomics"], []))
        found.append(predictions.assign(model=TEXTURE))
    return found


def _model(cases: pd.DataFrame, features: pd.DataFrame, endpoint: str, parameters: Parameters) -> pd.DataFrame:
    learned = model_endpoint(cases, features, endpoint=endpoint, parameters=parameters, seed=parameters.seed)
    return learned.tables["predictions"]


def _with(parameters: Parameters, signatures: Sequence[str], nomogram: Sequence[str]) -> Parameters:
    modeling = parameters.modeling.model_copy(update={"signatures": tuple(signatures), "nomogram": tuple(nomogram)})
    selection = parameters.selection.model_copy(update={"reproducibility": "none"})
    return parameters.model_copy(update={"modeling": modeling, "selection": selection})


def _areas(predictions: pd.DataFrame, control: str, *, level: float) -> list[tuple]:
    rows = []
    judged = predictions[predictions["kind"] != "apparent"]
    for (endpoint, model, part, kind), own in judged.groupby(["endpoint", "model", "part", "kind"], sort=False):
        truth = own["truth"].to_numpy()
        if truth.min() == truth.max():
            continue
        found = auc(truth, own["probability"].to_numpy(), level=level)
        rows.append(
            (control, endpoint, model, part, kind, found.estimate, found.low, found.high, found.n, found.events)
        )
    return rows
