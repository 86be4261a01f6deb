"""Table `canaries`: how far volume alone and center alone tell the endpoint, and whether the leading model beats them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from helpers.evaluation import order
from helpers.evaluation.unfitted import baseline_values
from helpers.learning import canaries
from helpers.learning.crossfit import cross_fit
from helpers.learning.rows import FIRST_READER, Rows, rows_from_tables, training_rows
from helpers.parameters import Parameters
from helpers.statistics.crossvalidated import cross_validated_auc
from helpers.statistics.discrimination import auc, compare_paired
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["canaries"].names)
SHAPES = ("_shape_MeshVolume", "_shape_VoxelVolume")
NONE = float("nan")
NO_LEAD = ("", NONE, NONE, NONE, NONE)


def table(
    cases: pd.DataFrame, features: pd.DataFrame | None, predictions: pd.DataFrame, *, parameters: Parameters
) -> pd.DataFrame:
    """Each canary cross-fitted on the outer folds of the models, and frozen for every other part.

    A canary that cannot be fitted (no volume measured, one center only) has no row.
    """
    volumes = volume(cases, features, parameters)
    rows = []
    for endpoint in parameters.cohort.endpoints:
        for name in canaries.FITS:
            possible = volumes is not None if name == canaries.VOLUME else _centers(cases) > 1
            if possible:
                given = volumes if name == canaries.VOLUME else pd.DataFrame(columns=["case", "reader"])
                rows += _canary(name, cases, given, predictions, endpoint=endpoint.name, parameters=parameters)
    return pd.DataFrame(rows, columns=COLUMNS)


def volume(cases: pd.DataFrame, features: pd.DataFrame | None, parameters: Parameters) -> pd.DataFrame | None:
    """case, reader, volume: the baseline called volume, else the first measured volume; None where there is none."""
    named = [b for b in parameters.cohort.baselines if b.name == canaries.VOLUME]
    if named:
        values = baseline_values(cases, features, named[0]).to_numpy(dtype=float)
        return pd.DataFrame({"case": cases["case"], "reader": FIRST_READER, canaries.VOLUME: values})
    measured = [] if features is None else [c for c in features.columns if str(c).endswith(SHAPES)]
    if not measured:
        return None
    own = features[features["reader"] == FIRST_READER]
    return own[["case", "reader", measured[0]]].rename(columns={measured[0]: canaries.VOLUME})


def _centers(cases: pd.DataFrame) -> int:
    return cases.loc[cases["part"] == "train", "center"].nunique()


def _canary(
    name: str,
    cases: pd.DataFrame,
    volumes: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    endpoint: str,
    parameters: Parameters,
) -> Iterator[tuple]:
    options = {"endpoint": endpoint, "clinical": ("center",), "reproducibility": "none"}
    fit, level = canaries.FITS[name], parameters.statistics.level
    training = training_rows(cases, volumes, **options)
    drawn = {"folds": parameters.modeling.folds, "seed": parameters.seed, "purpose": "outer"}
    oof = cross_fit(training, fit, **drawn)
    found = cross_validated_auc(oof.truth, oof.score, oof.fold, cluster=oof.patient, level=level)
    key, counts = (endpoint, name, "train", "oof"), (found.method, found.n, found.events)
    yield *key, found.estimate, found.low, found.high, *counts, *NO_LEAD
    final = fit(training)
    for part in sorted(set(cases["part"]) - {"train"}):
        here = cases[cases["part"] == part]
        rows = rows_from_tables(here, volumes[volumes["case"].isin(here["case"])], **options)
        yield from _frozen((endpoint, name, part, "frozen"), rows, final.score(rows), predictions, level)


def _frozen(key: tuple, rows: Rows, score: np.ndarray, predictions: pd.DataFrame, level: float) -> Iterator[tuple]:
    """A part that has both classes: the canary's AUC, and the leading model's minus it (paired DeLong)."""
    if np.unique(rows.truth).size < 2:
        return
    found = auc(rows.truth, score, level=level)
    own = predictions[(predictions["endpoint"] == key[0]) & (predictions["part"] == key[2])]
    own = own[own["kind"] == "frozen"]
    lead = NO_LEAD
    if len(own):
        model = order.lead(own)
        risk = own[own["model"] == model].set_index("case")["probability"].reindex(rows.case)
        tested = compare_paired(rows.truth, risk.to_numpy(dtype=float), score, level=level)
        lead = (model, tested.estimate, tested.low, tested.high, tested.p)
    yield *key, found.estimate, found.low, found.high, found.method, found.n, found.events, *lead
