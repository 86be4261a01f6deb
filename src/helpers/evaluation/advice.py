"""The model beside the readers, where a study has one: its scores and calls on the cases that were read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.evaluation import order
from helpers.evaluation.crossed import Crossed
from helpers.statistics.arrays import FloatArray
from helpers.study import Study
from helpers.tables import empty


@dataclass(frozen=True, eq=False)
class Advice:
    """The leading model's scores (cases,), and its calls at the frozen threshold; None without a threshold."""

    model: str
    score: FloatArray
    call: np.ndarray | None


def tables(study: Study, *names: str) -> list[pd.DataFrame]:
    """Tables of the model by name; empty in a study of readers alone, which has no model."""
    there = [study.entry != "readings" and study.tables.exists(name) for name in names]
    return [study.tables.read(name) if held else empty(name) for name, held in zip(names, there, strict=True)]


def leading(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows of the model that the report leads with; none where there is no model."""
    return predictions if predictions.empty else predictions[predictions["model"] == order.lead(predictions)]


def advice(predictions: pd.DataFrame, thresholds: pd.DataFrame, study: Crossed) -> Advice | None:
    """What one model said of the cases read; None without a model. Only frozen predictions count.

    Raises RadiogramError for a case that was read and has no frozen prediction.
    """
    own = leading(predictions)
    own = own[(own["endpoint"] == study.endpoint) & (own["kind"] == "frozen")]
    if own.empty:
        return None
    model, score = own["model"].iloc[0], own.set_index("case")["probability"]
    for case in study.cases:
        if case not in score.index:
            raise RadiogramError(f"Readings: case {case} was read, but {model} has no prediction of it.")
    score = score.loc[list(study.cases)].to_numpy(dtype=float)
    cut = thresholds.loc[(thresholds["endpoint"] == study.endpoint) & (thresholds["model"] == model), "threshold"]
    return Advice(model, score, (score >= cut.iloc[0]).astype(int) if len(cut) else None)
