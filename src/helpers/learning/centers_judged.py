"""Tables `centers` and `center_pooled`: how well models do in centers they never saw, and in one that nobody has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.learning.centers import Confounding, Unseen, confounding, unseen_centers
from helpers.learning.rows import training_rows
from helpers.parameters import Parameters
from helpers.statistics.calibration import calibration
from helpers.statistics.discrimination import auc
from helpers.statistics.meta_analysis import pooled_auc
from helpers.tables import DECLARED

TABLES = ("centers", "center_pooled")


@dataclass(frozen=True)
class EndpointCenters:
    """Tables centers and center_pooled of one endpoint, by name, and how far the training centers tell the outcome."""

    endpoint: str
    tables: Mapping[str, pd.DataFrame]
    confounding: Confounding | None


def judge_endpoint(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    endpoint: str,
    parameters: Parameters,
    seed: int,
) -> EndpointCenters:
    """Leave out every center, judge it, and pool; one center only gives tables without rows."""
    options = {"endpoint": endpoint, "parameters": parameters, "seed": seed}
    found = unseen_centers(cases, features, predictions, **options)
    rows, pooled = judged(found, level=parameters.statistics.level)
    given = {"centers": rows, "center_pooled": pooled}
    tables = {name: frame.assign(endpoint=endpoint)[list(DECLARED[name].names)] for name, frame in given.items()}
    training = training_rows(cases, features, endpoint=endpoint, reproducibility="none")
    return EndpointCenters(endpoint, tables, confounding(training))


def judged(found: Sequence[Unseen], *, level: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `centers` and `center_pooled` but for the endpoint.

    A center that is not judged keeps a row of each model with its counts and note. Perfect separation leaves an area
    without a standard error: it is shown, and not pooled.
    """
    models = list(dict.fromkeys(model for each in found for model in each.probabilities)) or [""]
    rows, pooled = [], []
    for model in models:
        areas = []
        for each in found:
            counts = (each.truth.size, int(each.truth.sum()))
            key = (model, each.center, each.kind)
            if model not in each.probabilities:
                rows.append((*key, "auc", np.nan, np.nan, np.nan, "", *counts, each.note or "not scored by this model"))
                continue
            area = auc(each.truth, each.probabilities[model], level=level)
            areas.append((area.estimate, area.standard_error))
            note = "" if np.isfinite(area.standard_error) else "not pooled: the area has no standard error"
            rows.append((*key, "auc", area.estimate, area.low, area.high, area.method, *counts, note))
            rows += [(*key, *row, *counts, "") for row in _calibration(each.truth, each.probabilities[model], level)]
        pooled += [(model, *row) for row in _pooled(areas, level)]
    columns = [c for c in DECLARED["centers"].names if c != "endpoint"]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(pooled, columns=list(DECLARED["center_pooled"].names)[1:])


def _calibration(truth: np.ndarray, probability: np.ndarray, level: float) -> Iterator[tuple]:
    found = calibration(truth, probability, level=level)
    value = found.in_the_large
    yield "calibration_in_the_large", value.estimate, value.low, value.high, "intercept with the slope held at 1, Wald"


def _pooled(areas: Sequence[tuple[float, float]], level: float) -> Iterator[tuple]:
    """One row where at least two areas have a standard error."""
    known = [(area, error) for area, error in areas if np.isfinite(error)]
    if len(known) < 2:
        return
    p = pooled_auc(*map(np.array, zip(*known, strict=True)), level=level)
    method = "DerSimonian-Laird on the logit scale, Hartung-Knapp interval"
    yield p.estimate, p.low, p.high, p.prediction_low, p.prediction_high, p.tau, p.i2, p.q, p.p, p.centers, method
