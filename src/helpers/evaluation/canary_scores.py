"""Table `canaries`: how far volume alone and center alone tell the endpoint, and whether the leading model beats them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.evaluation import order
from helpers.learning import baselines
from helpers.parameters import Parameters
from helpers.statistics.discrimination import auc, compare_paired
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["canaries"].names)
VOLUME, CENTER = "volume", "center"
FITTED = {VOLUME: baselines.VOLUME, CENTER: baselines.CENTER}
NONE = float("nan")
NO_LEAD = ("", NONE, NONE, NONE, NONE)


def table(
    cases: pd.DataFrame, features: pd.DataFrame | None, predictions: pd.DataFrame, *, parameters: Parameters
) -> pd.DataFrame:
    """Two of the fitted baselines, cross-fitted on the outer folds of the models, and frozen for every other part.

    A canary that cannot be fitted (no volume measured, one center only) has no row, nor has a part with one class only.
    """
    sung = baselines.fit(cases, features, parameters=parameters, names=tuple(FITTED.values())).predictions
    rows = []
    for endpoint in parameters.cohort.endpoints:
        for name, model in FITTED.items():
            own = sung[(sung["endpoint"] == endpoint.name) & (sung["model"] == model)]
            for (part, kind), here in own.groupby(["part", "kind"], sort=False):
                if here["truth"].nunique() == 2:
                    key = (endpoint.name, name, part, kind)
                    rows.append(_row(key, here, predictions, level=parameters.statistics.level))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(key: tuple, canary: pd.DataFrame, predictions: pd.DataFrame, *, level: float) -> tuple:
    """A canary's AUC in a part, and where it is frozen the leading model's minus it (paired DeLong)."""
    truth, score = canary["truth"].to_numpy(dtype=np.int64), canary["probability"].to_numpy(dtype=np.float64)
    found = auc(truth, score, level=level)
    endpoint, _, part, kind = key
    own = predictions[(predictions["endpoint"] == endpoint) & (predictions["part"] == part)]
    own, lead = own[own["kind"] == "frozen"], NO_LEAD
    if kind == "frozen" and len(own):
        model = order.lead(own)
        risk = own[own["model"] == model].set_index("case")["probability"].reindex(canary["case"])
        tested = compare_paired(truth, risk.to_numpy(dtype=np.float64), score, level=level)
        lead = (model, tested.estimate, tested.low, tested.high, tested.p)
    low = found.lower_bound if np.isnan(found.low) else found.low
    return *key, found.estimate, low, found.high, found.method, found.n, found.events, *lead
