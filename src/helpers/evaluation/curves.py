"""Tables `roc`, `roc_band`, `calibration` and `calibration_groups`: the points of the curves, ready to draw."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.evaluation.performance import groups, probabilities_judged
from helpers.evaluation.recalibrated import RECALIBRATED, recalibrated
from helpers.statistics.calibration import calibration_curve, grouped_calibration
from helpers.statistics.discrimination import roc_curve
from helpers.statistics.roc import roc_band, sensitivity_at
from helpers.tables import DECLARED

KEY = ["endpoint", "model", "part", "kind"]
MAIN, LOESS = "main", "loess"
SPECIFICITIES = np.linspace(0, 1, 101)


def _stack(name: str, tables: list[pd.DataFrame]) -> pd.DataFrame:
    columns = list(DECLARED[name].names)
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _points(key: tuple, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({**dict(zip(KEY, key, strict=True)), **columns})


def roc(predictions: pd.DataFrame) -> pd.DataFrame:
    """ROC points of every model, part and kind."""
    tables = []
    for key, rows in groups(predictions):
        curve = roc_curve(rows["truth"].to_numpy(), rows["probability"].to_numpy())
        tables.append(
            _points(key, threshold=curve.threshold, sensitivity=curve.sensitivity, specificity=curve.specificity)
        )
    return _stack("roc", tables)


def band(predictions: pd.DataFrame, *, model: str, replicates: int, seed: int, level: float = 0.95) -> pd.DataFrame:
    """Pointwise bootstrap band of one model's ROC curve, over specificities in steps of one percent."""
    own = predictions[(predictions["model"] == model) & (predictions["kind"] != "apparent")]
    tables = []
    for key, rows in groups(own):
        truth, score = rows["truth"].to_numpy(), rows["probability"].to_numpy()
        options = {"specificity_grid": SPECIFICITIES, "replicates": replicates, "seed": seed, "level": level}
        low, high = roc_band(truth, score, **options)
        middle = sensitivity_at(roc_curve(truth, score), SPECIFICITIES)
        tables.append(_points(key, specificity=SPECIFICITIES, sensitivity=middle, low=low, high=high))
    return _stack("roc_band", tables)


def calibration(predictions: pd.DataFrame, *, replicates: int, seed: int, level: float = 0.95) -> pd.DataFrame:
    """Flexible calibration curves: the main one with its bootstrap band, loess as sensitivity, and after recalibration.

    Apparent predictions are calibrated by construction and left out.
    """
    options = {"replicates": replicates, "seed": seed, "level": level}
    tables = []
    for version, table, own in (
        (MAIN, probabilities_judged(predictions), {"smoother": "auto", **options}),
        (LOESS, probabilities_judged(predictions), {"smoother": "loess"}),
        (RECALIBRATED, recalibrated(predictions), {"smoother": "auto", **options}),
    ):
        for key, rows in groups(table):
            curve = calibration_curve(rows["truth"].to_numpy(), rows["probability"].to_numpy(), **own)
            values = {"predicted": curve.predicted, "observed": curve.observed, "low": curve.low, "high": curve.high}
            tables.append(_points(key, version=version, **values, smoother=curve.smoother))
    return _stack("calibration", tables)


def calibration_groups(predictions: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Observed against predicted risk by tenth of predicted risk (fifth, below 100 patients), with Wilson limits."""
    tables = []
    for key, rows in groups(probabilities_judged(predictions)):
        number = 10 if len(rows) >= 100 else 5
        truth, probability = rows["truth"].to_numpy(), rows["probability"].to_numpy()
        found = grouped_calibration(truth, probability, groups=number, level=level)
        columns = ("predicted", "observed", "low", "high", "count", "events")
        tables.append(_points(key, **{name: getattr(found, name) for name in columns}))
    return _stack("calibration_groups", tables)
