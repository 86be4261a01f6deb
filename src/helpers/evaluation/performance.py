"""Table `scores`: what every model reaches in every part, each number with its interval and its method."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.parameters import Baseline, Parameters
from helpers.statistics.calibration import calibration
from helpers.statistics.discrimination import auc
from helpers.statistics.thresholds import Threshold, operating_point
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["scores"].names)
PROPORTIONS = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
Row = tuple[str, float, float, float, str]
NONE = float("nan")


def groups(predictions: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str, str], pd.DataFrame]]:
    """Predictions by endpoint, model, part and kind, in the order in which they stand in the table."""
    yield from predictions.groupby(["endpoint", "model", "part", "kind"], sort=False)


def scores(
    predictions: pd.DataFrame, *, thresholds: dict[tuple[str, str], Threshold], level: float = 0.95
) -> pd.DataFrame:
    """Discrimination, calibration and operating points of every model, part and kind of prediction.

    Apparent predictions get an AUC only; models whose values are no probabilities get no calibration.
    """
    tables = []
    for key, rows in groups(predictions):
        truth, probability = rows["truth"].to_numpy(), rows["probability"].to_numpy()
        found = [_auc(truth, probability, level)]
        if key[3] != "apparent":
            found += _calibration(truth, probability)
            independent = rows["patient"] if key[3] == "frozen" else None
            found += _operating_point(truth, probability, thresholds.get((key[0], key[1])), independent, level)
        tables.append(_table(key, found, truth))
    return pd.concat(tables, ignore_index=True)


def are_probabilities(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _table(key: tuple[str, str, str, str], found: list[Row], truth: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame([(*key, *row, len(truth), int(truth.sum())) for row in found], columns=COLUMNS)


def _auc(truth: np.ndarray, score: np.ndarray, level: float) -> Row:
    found = auc(truth, score, level=level)
    return ("auc", found.estimate, found.low, found.high, found.method)


def _calibration(truth: np.ndarray, probability: np.ndarray) -> list[Row]:
    if not are_probabilities(probability):
        return []
    found = calibration(truth, probability)
    named = {
        "calibration_in_the_large": found.in_the_large,
        "calibration_slope": found.slope,
        "observed_expected": found.observed_expected,
    }
    with_limits = [(name, v.estimate, v.low, v.high, "logistic recalibration") for name, v in named.items()]
    single = {"ici": found.ici, "emax": found.emax, "brier": found.brier, "scaled_brier": found.scaled_brier}
    return with_limits + [(name, value, NONE, NONE, found.smoother) for name, value in single.items()]


def _operating_point(
    truth: np.ndarray, probability: np.ndarray, threshold: Threshold | None, patients: pd.Series | None, level: float
) -> list[Row]:
    """Naming the patients claims that none of them shaped the threshold; the claim is checked."""
    if threshold is None:
        return []
    point = operating_point(truth, probability, threshold=threshold, patients=patients, level=level)
    proportions = [(name, p.estimate, p.low, p.high, "Wilson") for name in PROPORTIONS for p in [getattr(point, name)]]
    single = ("balanced_accuracy", "mcc", "f1", "no_information_rate")
    return proportions + [(name, getattr(point, name), NONE, NONE, "at the frozen threshold") for name in single]


def with_baselines(
    predictions: pd.DataFrame,
    cases: pd.DataFrame,
    features: pd.DataFrame | None,
    *,
    thresholds: dict[tuple[str, str], Threshold],
    parameters: Parameters,
) -> pd.DataFrame:
    """Table `scores`: every fitted model, then the unfitted comparators."""
    level = parameters.statistics.level
    unfitted = baselines(cases, features, parameters=parameters, level=level)
    fitted = scores(predictions, thresholds=thresholds, level=level)
    return pd.concat([fitted, unfitted], ignore_index=True) if len(unfitted) else fitted


def baselines(
    cases: pd.DataFrame, features: pd.DataFrame | None, *, parameters: Parameters, level: float = 0.95
) -> pd.DataFrame:
    """AUC of each unfitted comparator (volume, age, ...) in every part, and on all patients together (part `all`).

    Patients without a value are left out and counted out of `n`. Raises RadiogramError for an unknown column.
    """
    tables = [pd.DataFrame(columns=COLUMNS)]
    for baseline in parameters.cohort.baselines:
        values = baseline_values(cases, features, baseline)
        for endpoint in parameters.cohort.endpoints:
            for part, rows in _parts(cases):
                known = rows.index[values[rows.index].notna()]
                truth = cases.loc[known, endpoint.name].to_numpy()
                key = (endpoint.name, baseline.name, part, "unfitted")
                if 0 < truth.sum() < len(truth):
                    tables.append(_table(key, [_auc(truth, values[known].to_numpy(), level)], truth))
    filled = [t for t in tables if len(t)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _parts(cases: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", cases
    yield from cases.groupby("part")


def baseline_values(cases: pd.DataFrame, features: pd.DataFrame | None, baseline: Baseline) -> pd.Series:
    """The comparator's value of every case, turned so that higher means more likely."""
    if baseline.column in cases:
        values = cases[baseline.column]
    elif features is not None and baseline.column in features:
        own = features[features["reader"] == "reader1"].set_index("case")[baseline.column]
        values = cases["case"].map(own)
    else:
        raise RadiogramError(
            f"Baseline {baseline.name}: no column {baseline.column} among the features or the clinical variables."
        )
    if not pd.api.types.is_numeric_dtype(values):
        raise RadiogramError(f"Baseline {baseline.name}: column {baseline.column} is not a number; a baseline must be.")
    return values if baseline.direction == "higher" else -values
