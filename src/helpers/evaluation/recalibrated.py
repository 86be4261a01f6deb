"""Table `recalibration`, and recalibrated predictions: intercept and slope learned in training, applied where models are frozen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.evaluation.performance import probabilities_judged
from helpers.statistics.calibration import calibration, recalibrate
from helpers.statistics.logistic import logistic
from helpers.statistics.panel import bootstrap_panel
from helpers.statistics.smoothers import clipped_logit
from helpers.tables import DECLARED

AS_GIVEN, RECALIBRATED = "as given", "recalibrated"
COLUMNS = list(DECLARED["recalibration"].names)


def recalibrated(predictions: pd.DataFrame) -> pd.DataFrame:
    """Frozen predictions moved by the logistic recalibration (Cox 1958, Biometrika 45:562) of the training's out-of-fold ones.

    Models without out-of-fold probabilities, or whose recalibration has no estimate, are left out.
    """
    usable = probabilities_judged(predictions)
    pieces = []
    for _, rows in usable.groupby(["endpoint", "model"], sort=False):
        training, frozen = rows[rows["kind"] == "oof"], rows[rows["kind"] == "frozen"]
        if training.empty or frozen.empty:
            continue
        x = clipped_logit(training["probability"].to_numpy())
        fit = logistic(np.column_stack([np.ones(len(x)), x]), training["truth"].to_numpy())
        if not fit.problem:
            moved = recalibrate(*fit.coefficients, frozen["probability"].to_numpy())
            pieces.append(frozen.assign(probability=moved))
    return pd.concat(pieces, ignore_index=True) if pieces else predictions.iloc[:0]


def recalibration(predictions: pd.DataFrame, *, replicates: int, seed: int, level: float = 0.95) -> pd.DataFrame:
    """Calibration of every frozen model as given and recalibrated."""
    moved = recalibrated(predictions)
    if moved.empty:
        return pd.DataFrame(columns=COLUMNS)
    known = moved[["endpoint", "model"]].drop_duplicates()
    given = predictions[predictions["kind"] == "frozen"].merge(known)
    rows = []
    for version, table in ((AS_GIVEN, given), (RECALIBRATED, moved)):
        for (endpoint, model, part), own in table.groupby(["endpoint", "model", "part"], sort=False):
            truth, probability = own["truth"].to_numpy(), own["probability"].to_numpy()
            found = calibration(truth, probability, level=level)
            panel = bootstrap_panel(truth, probability, replicates=replicates, seed=seed, level=level)
            values = {
                "calibration_in_the_large": found.in_the_large,
                "calibration_slope": found.slope,
                "observed_expected": found.observed_expected,
                **{name: panel.interval(0, name) for name in ("ici", "brier", "scaled_brier")},
            }
            rows += [(endpoint, model, part, version, name, v.estimate, v.low, v.high) for name, v in values.items()]
    return pd.DataFrame(rows, columns=COLUMNS)
