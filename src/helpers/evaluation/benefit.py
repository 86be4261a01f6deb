"""Tables `decision`, `decision_adjusted` and `decision_differences`: whether acting on a model would help."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.evaluation.performance import groups, probabilities_judged
from helpers.statistics.decision import compare_net_benefit, decision_curve
from helpers.tables import DECLARED

KEY = ["endpoint", "model", "part", "kind"]
TREAT_ALL, TREAT_NONE = "treat all", "treat none"


def range_of(decision_range: tuple[float, float]) -> np.ndarray:
    """Risk thresholds over the declared range, in steps of one percent."""
    low, high = decision_range
    return np.round(np.arange(low, high + 1e-9, 0.01), 4)


def decision(
    predictions: pd.DataFrame,
    *,
    decision_range: tuple[float, float],
    prevalence: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Net benefit of every model over the declared range; a stated `prevalence` stands in for the sample's."""
    at, tables = range_of(decision_range), []
    for key, rows in groups(probabilities_judged(predictions)):
        truth, probability = rows["truth"].to_numpy(), rows["probability"].to_numpy()
        if prevalence is not None and len(set(truth)) < 2:
            continue
        curve = decision_curve(truth, probability, thresholds=at, prevalence=prevalence, level=level)
        columns = {
            "threshold": curve.threshold, "net_benefit": curve.net_benefit, "low": curve.low, "high": curve.high,
            "treat_all": curve.treat_all, "standardized": curve.standardized,
            "interventions_avoided": curve.interventions_avoided, "avoided_low": curve.avoided_low,
            "avoided_high": curve.avoided_high, "prevalence": curve.prevalence,
        }  # fmt: skip
        tables.append(pd.DataFrame({**dict(zip(KEY, key, strict=True)), **columns}))
    names = list(DECLARED["decision"].names)
    return pd.concat(tables, ignore_index=True)[names] if tables else pd.DataFrame(columns=names)


def adjusted(
    predictions: pd.DataFrame, *, prevalence: float | None, decision_range: tuple[float, float], level: float = 0.95
) -> pd.DataFrame:
    """Table `decision_adjusted`: decision curves at the stated prevalence; no rows where none is stated."""
    if prevalence is None:
        return pd.DataFrame(columns=list(DECLARED["decision_adjusted"].names))
    return decision(predictions, decision_range=decision_range, prevalence=prevalence, level=level)


def differences(
    predictions: pd.DataFrame,
    *,
    model: str,
    pairs: tuple[tuple[str, str], ...],
    decision_range: tuple[float, float],
    level: float = 0.95,
) -> pd.DataFrame:
    """Net benefit of `model` minus that of treating all, of treating none, and of the models it is declared against.

    Only in parts that no model was fitted on. The intervals describe; there is no test on purpose (Vickers 2023,
    doi 10.1186/s41512-023-00148-y).
    """
    frozen = probabilities_judged(predictions[predictions["kind"] == "frozen"])
    others = [b for a, b in pairs if a == model]
    at, rows = range_of(decision_range), []
    for (endpoint, part), here in frozen.groupby(["endpoint", "part"], sort=False):
        wide = here.pivot(index="case", columns="model", values="probability")
        if model not in wide:
            continue
        truth = here.drop_duplicates("case").set_index("case")["truth"].loc[wide.index].to_numpy()
        against = {TREAT_ALL: np.ones(len(wide)), TREAT_NONE: np.zeros(len(wide))}
        against |= {other: wide[other].to_numpy() for other in others if other in wide}
        for name, probability in against.items():
            found = compare_net_benefit(truth, wide[model].to_numpy(), probability, thresholds=at, level=level)
            values = {"threshold": at, "difference": found.difference, "low": found.low, "high": found.high}
            rows.append(pd.DataFrame({"endpoint": endpoint, "part": part, "model_a": model, "model_b": name, **values}))
    names = list(DECLARED["decision_differences"].names)
    return pd.concat(rows, ignore_index=True)[names] if rows else pd.DataFrame(columns=names)
