"""Tables `roc`, `calibration`, `decision` and `reclassification`: the points of every curve, ready to draw."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.evaluation.performance import are_probabilities, groups
from helpers.parameters import Statistics
from helpers.statistics import reclassification as nri
from helpers.statistics.calibration import calibration_curve
from helpers.statistics.decision import decision_curve
from helpers.statistics.discrimination import roc_curve
from helpers.statistics.thresholds import Threshold
from helpers.tables import DECLARED

KEY = ["endpoint", "model", "part", "kind"]


def _stack(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*KEY, *columns])


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
    return _stack(tables, ["threshold", "sensitivity", "specificity"])


def calibration(predictions: pd.DataFrame, *, replicates: int, seed: int) -> pd.DataFrame:
    """Flexible calibration curves with a bootstrap band; apparent predictions are calibrated by construction and left out."""
    tables = []
    for key, rows in groups(_judged(predictions)):
        truth, probability = rows["truth"].to_numpy(), rows["probability"].to_numpy()
        curve = calibration_curve(truth, probability, replicates=replicates, seed=seed)
        bounds = {"low": curve.low, "high": curve.high, "smoother": curve.smoother}
        tables.append(_points(key, predicted=curve.predicted, observed=curve.observed, **bounds))
    return _stack(tables, ["predicted", "observed", "low", "high", "smoother"])


def decision(predictions: pd.DataFrame, *, decision_range: tuple[float, float], level: float = 0.95) -> pd.DataFrame:
    """Net benefit over the declared range of risk thresholds, in steps of one percent."""
    low, high = decision_range
    at = np.round(np.arange(low, high + 1e-9, 0.01), 4)
    tables = []
    for key, rows in groups(_judged(predictions)):
        curve = decision_curve(rows["truth"].to_numpy(), rows["probability"].to_numpy(), thresholds=at, level=level)
        bounds = {"low": curve.low, "high": curve.high, "treat_all": curve.treat_all}
        tables.append(_points(key, threshold=curve.threshold, net_benefit=curve.net_benefit, **bounds))
    return _stack(tables, ["threshold", "net_benefit", "low", "high", "treat_all"])


def _judged(predictions: pd.DataFrame) -> pd.DataFrame:
    """Probabilities that are not apparent."""
    here = predictions[predictions["kind"] != "apparent"]
    usable = here.groupby(["endpoint", "model"])["probability"].transform(lambda p: are_probabilities(p.to_numpy()))
    return here[usable.astype(bool)] if len(here) else here


def reclassification(
    predictions: pd.DataFrame,
    *,
    pairs: tuple[tuple[str, str], ...],
    thresholds: dict[tuple[str, str], Threshold],
    statistics: Statistics,
    seed: int,
) -> pd.DataFrame:
    """NRI (categorical and continuous) and IDI of model_a over model_b in the parts no model was fitted on.

    Without declared risk categories each model is cut at its own frozen threshold: the categorical NRI is then the
    difference in sensitivity plus the difference in specificity.
    """
    frozen = _judged(predictions[predictions["kind"] == "frozen"])
    rows = []
    for (endpoint, part), here in frozen.groupby(["endpoint", "part"], sort=False):
        wide = here.pivot(index="case", columns="model", values="probability")
        truth = here.drop_duplicates("case").set_index("case")["truth"].loc[wide.index].to_numpy()
        for a, b in pairs:
            if {a, b} <= set(wide):
                new, old = wide[a].to_numpy(), wide[b].to_numpy()
                found = _measures(truth, old, new, _cuts(thresholds, endpoint, a, b, statistics), statistics, seed)
                rows += [(endpoint, part, a, b, *row) for row in found]
    return pd.DataFrame(rows, columns=list(DECLARED["reclassification"].names))


def _cuts(
    thresholds: dict[tuple[str, str], Threshold], endpoint: str, a: str, b: str, statistics: Statistics
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Risk categories of the new and of the old model; None when neither categories nor thresholds are at hand."""
    if statistics.reclassification_cuts:
        return statistics.reclassification_cuts, statistics.reclassification_cuts
    new, old = thresholds.get((endpoint, a)), thresholds.get((endpoint, b))
    return ((new.value,), (old.value,)) if new and old else None


def _measures(truth, old, new, cuts, statistics: Statistics, seed: int) -> list[tuple]:
    """Rows (measure, estimate, low, high, events, nonevents, method); NRI by Wald, the rest by bootstrap."""
    rows = []
    if cuts:
        steps = len(cuts[0]) + 1
        placed = [np.digitize(p, c) / steps for p, c in ((old, cuts[1]), (new, cuts[0]))]
        found = nri.categorical_nri(truth, *placed, cuts=(np.arange(1, steps) - 0.5) / steps, level=statistics.level)
        rows.append(("categorical NRI", found, (found.low, found.high), "Wald"))
    options = {"replicates": statistics.bootstrap, "seed": seed, "level": statistics.level}
    drawn = nri.bootstrap_reclassification(truth, old, new, cuts=(0.5,), **options)
    for name, found, bounds in (
        ("continuous NRI", nri.continuous_nri(truth, old, new), drawn.continuous),
        ("IDI", nri.idi(truth, old, new), drawn.idi),
    ):
        rows.append((name, found, (bounds.low, bounds.high), "bootstrap"))
    return [(name, f.estimate, *bounds, f.events, f.nonevents, method) for name, f, bounds, method in rows]
