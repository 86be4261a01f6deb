"""Operating points, frozen: chosen from training out-of-fold predictions whose evidence lies in the table `fits`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.parameters import Statistics
from helpers.statistics.cutoff import cutoff_uncertainty
from helpers.statistics.thresholds import OutOfFold, Threshold
from helpers.tables import DECLARED

SUPPLIED = "supplied as out-of-fold"


def out_of_fold(predictions: pd.DataFrame, fits: pd.DataFrame | None, *, endpoint: str, model: str) -> OutOfFold | None:
    """The out-of-fold predictions of one model with the patients that each fold's fit saw; None without such rows.

    Without `fits` (a study that starts at scores) the predictions are taken at the word of whoever supplied them.
    """
    rows = predictions[
        (predictions["endpoint"] == endpoint) & (predictions["model"] == model) & (predictions["kind"] == "oof")
    ]
    if rows.empty:
        return None
    patients, truth, score = (rows[c].to_numpy() for c in ("patient", "truth", "probability"))
    if fits is None:
        everyone = frozenset(patients)
        return OutOfFold(patients, truth, score, np.arange(len(rows)), tuple(everyone - {p} for p in patients))
    seen = _seen(fits, endpoint=endpoint, model=model)
    fold = [next((k for k, group in enumerate(seen) if p not in group), 0) for p in patients]
    return OutOfFold(patients, truth, score, np.array(fold), seen)


def _seen(fits: pd.DataFrame, *, endpoint: str, model: str) -> tuple[frozenset[str], ...]:
    folds = fits[(fits["endpoint"] == endpoint) & (fits["object"] == model) & (fits["fold"] >= 0)].sort_values("fold")
    return tuple(frozenset(text.split("\n")) for text in folds["patients"])


def choose(
    predictions: pd.DataFrame, fits: pd.DataFrame | None, *, statistics: Statistics
) -> dict[tuple[str, str], Threshold]:
    """A threshold for every endpoint and model that has out-of-fold probabilities of more than one value."""
    chosen = {}
    target = statistics.target_sensitivity if statistics.threshold_rule == "sensitivity" else None
    for endpoint, model in predictions[["endpoint", "model"]].drop_duplicates().itertuples(index=False):
        oof = out_of_fold(predictions, fits, endpoint=endpoint, model=model)
        if oof is not None and np.unique(oof.score).size > 1:
            chosen[endpoint, model] = Threshold.choose(oof, rule=statistics.threshold_rule, sensitivity=target)
    return chosen


def table(
    predictions: pd.DataFrame,
    fits: pd.DataFrame | None,
    chosen: dict[tuple[str, str], Threshold],
    *,
    statistics: Statistics,
    seed: int,
) -> pd.DataFrame:
    """Table `thresholds`: each frozen value, and how far the rule would have moved it with other training patients."""
    target = statistics.target_sensitivity if statistics.threshold_rule == "sensitivity" else None
    rows = []
    for (endpoint, model), threshold in chosen.items():
        oof = out_of_fold(predictions, fits, endpoint=endpoint, model=model)
        options = {"rule": statistics.threshold_rule, "sensitivity": target, "level": statistics.level}
        moved = cutoff_uncertainty(oof, replicates=statistics.bootstrap, seed=seed, **options).value
        origin = threshold.chosen_on if fits is not None else threshold.chosen_on.replace("out-of-fold", SUPPLIED)
        rows.append((endpoint, model, threshold.rule, threshold.value, moved.low, moved.high, origin))
    return pd.DataFrame(rows, columns=list(DECLARED["thresholds"].names))
