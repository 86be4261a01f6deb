"""Table `scores`: what every model reaches in every part, each number with its interval and its method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation import metrics
from helpers.evaluation.unfitted import baselines
from helpers.parameters import Parameters, Statistics
from helpers.statistics.calibration import calibration
from helpers.statistics.discrimination import auc, bootstrap_auc
from helpers.statistics.panel import Panel, bootstrap_panel
from helpers.statistics.partial import partial_auc
from helpers.statistics.thresholds import OperatingPoint, Threshold, operating_point, predictive_values
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["scores"].names)
PROPORTIONS = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
DRAWN = ("ici", "e50", "e90", "emax", "brier", "scaled_brier")  # metrics whose interval is a bootstrap's
Row = tuple[str, float, float, float, str]
NONE = float("nan")


def groups(predictions: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str, str], pd.DataFrame]]:
    """Predictions by endpoint, model, part and kind, in the order in which they stand in the table."""
    yield from predictions.groupby(["endpoint", "model", "part", "kind"], sort=False)


def are_probabilities(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def probabilities_judged(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions that are not apparent, of models whose every value is a probability."""
    here = predictions[predictions["kind"] != "apparent"]
    usable = here.groupby(["endpoint", "model"])["probability"].transform(lambda p: are_probabilities(p.to_numpy()))
    return here[usable.astype(bool)] if len(here) else here


def with_baselines(
    predictions: pd.DataFrame,
    cases: pd.DataFrame,
    features: pd.DataFrame | None,
    *,
    thresholds: Mapping[tuple[str, str], Threshold],
    parameters: Parameters,
) -> pd.DataFrame:
    """Table `scores`: every fitted model, then the unfitted comparators."""
    unfitted = baselines(cases, features, parameters=parameters, level=parameters.statistics.level)
    fitted = scores(predictions, thresholds=thresholds, statistics=parameters.statistics, seed=parameters.seed)
    return pd.concat([fitted, unfitted], ignore_index=True) if len(unfitted) else fitted


def scores(
    predictions: pd.DataFrame, *, thresholds: Mapping[tuple[str, str], Threshold], statistics: Statistics, seed: int
) -> pd.DataFrame:
    """Discrimination, calibration and operating points of every model, part and kind of prediction.

    Apparent predictions get an AUC only; models whose values are no probabilities get no calibration.
    """
    rows = []
    for key, here in groups(predictions):
        truth, probability = here["truth"].to_numpy(), here["probability"].to_numpy()
        found = [_auc(truth, probability, statistics.level)]
        if key[3] != "apparent":
            found += _discrimination(truth, probability, statistics, seed)
            found += _calibration(truth, probability, statistics, seed)
            independent = here["patient"] if key[3] == "frozen" else None
            found += _operating_point(truth, probability, thresholds.get(key[:2]), independent, statistics)
        rows += [(*key, *row, len(truth), int(truth.sum())) for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _auc(truth: np.ndarray, score: np.ndarray, level: float) -> Row:
    """At perfect separation there is a lower limit and no upper one."""
    found = auc(truth, score, level=level)
    low = found.lower_bound if np.isnan(found.low) else found.low
    return ("auc", found.estimate, low, found.high, found.method)


def _discrimination(truth: np.ndarray, score: np.ndarray, statistics: Statistics, seed: int) -> Iterator[Row]:
    """The AUC with other intervals, to see that the choice does not matter, and the partial AUC."""
    for name in ("wald", "logit"):
        found = auc(truth, score, interval=name, level=statistics.level)
        yield f"auc_{name}", found.estimate, found.low, found.high, found.method
    drawn = {"replicates": statistics.bootstrap, "seed": seed, "level": statistics.level}
    found = bootstrap_auc(truth, score, **drawn)
    yield "auc_bootstrap", found.estimate, found.low, found.high, found.method
    low, high = statistics.partial_range
    part = partial_auc(truth, score, focus=statistics.partial_focus, low=low, high=high, **drawn)
    value = part.corrected
    yield "partial_auc", value.estimate, value.low, value.high, f"McClish-corrected, {part.method}"


def _calibration(truth: np.ndarray, probability: np.ndarray, statistics: Statistics, seed: int) -> Iterator[Row]:
    if not are_probabilities(probability):
        return
    found = calibration(truth, probability, level=statistics.level)
    named = {
        "calibration_in_the_large": found.in_the_large,
        "calibration_slope": found.slope,
        "observed_expected": found.observed_expected,
    }
    for name, value in named.items():
        yield name, value.estimate, value.low, value.high, found.method
    panel = bootstrap_panel(truth, probability, replicates=statistics.bootstrap, seed=seed, level=statistics.level)
    for name in DRAWN:
        yield _drawn(panel, name)


def _drawn(panel: Panel, name: str) -> Row:
    value, lost = panel.interval(0, name), panel.left_out(0, name)
    method = f"{panel.smoother(0)}, percentile bootstrap" if name in DRAWN[:4] else "percentile bootstrap"
    return (
        name,
        value.estimate,
        value.low,
        value.high,
        method + (f", {lost} samples without an estimate" if lost else ""),
    )


def _operating_point(
    truth: np.ndarray,
    probability: np.ndarray,
    threshold: Threshold | None,
    patients: pd.Series | None,
    statistics: Statistics,
) -> Iterator[Row]:
    """Naming the patients claims that none of them shaped the threshold; the claim is checked."""
    if threshold is None:
        return
    point = operating_point(truth, probability, threshold=threshold, patients=patients, level=statistics.level)
    for name in PROPORTIONS:
        share = getattr(point, name)
        yield name, share.estimate, share.low, share.high, "Wilson"
    yield from _ratios(point)
    if statistics.prevalence is not None:
        moved = predictive_values(point, statistics.prevalence, level=statistics.level)
        for name, value in (("ppv_at_prevalence", moved.ppv), ("npv_at_prevalence", moved.npv)):
            yield (
                name,
                value.estimate,
                value.low,
                value.high,
                f"at a prevalence of {statistics.prevalence:g}, Mercaldo 2007",
            )
    yield (
        "no_information_rate",
        point.no_information_rate,
        NONE,
        NONE,
        f"accuracy above it: {prose.p_value(point.p_above_no_information)}",
    )
    for name in metrics.COUNTS:
        yield name, float(getattr(point, name)), NONE, NONE, "count"


def _ratios(point: OperatingPoint) -> Iterator[Row]:
    corrected = ", 0.5 added to every cell" if point.odds_ratio_corrected else ""
    for name, value, method in (
        ("lr_positive", point.lr_positive, "log method"),
        ("lr_negative", point.lr_negative, "log method"),
        ("diagnostic_odds_ratio", point.diagnostic_odds_ratio, f"log method{corrected}"),
        ("balanced_accuracy", point.balanced_accuracy, "MOVER of two Wilson intervals"),
        ("mcc", point.mcc, "Fisher z, delta method"),
        ("f1", point.f1, "Wilson, transformed"),
    ):
        yield name, value.estimate, value.low, value.high, method
