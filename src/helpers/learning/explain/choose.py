"""Which cases are explained, by a rule that leaves no room for picking pretty ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

OUTCOMES = ("TP", "TN", "FP", "FN")
CERTAIN = 1e-6  # probabilities are kept this far from 0 and 1 where they become log odds


def judged(predictions: pd.DataFrame, *, endpoint: str, model: str) -> pd.DataFrame:
    """The predictions that a model is judged by first: of test patients, else of an external center, else out of fold.

    Rows of table `predictions`, in order of case; empty where the model predicted nothing of the endpoint.
    """
    own = predictions[(predictions["endpoint"] == endpoint) & (predictions["model"] == model)]
    frozen = own[own["kind"] == "frozen"]
    for part in ("test", *sorted(p for p in frozen["part"].unique() if p.startswith("external"))):
        if (frozen["part"] == part).any():
            return frozen[frozen["part"] == part].sort_values("case", kind="stable").reset_index(drop=True)
    return own[own["kind"] == "oof"].sort_values("case", kind="stable").reset_index(drop=True)


def outcomes(rows: pd.DataFrame, *, threshold: float) -> pd.DataFrame:
    """The rows with `outcome`: TP, TN, FP or FN at the frozen threshold, at which and above which a call is positive."""
    called, true = rows["probability"] >= threshold, rows["truth"] == 1
    right = (called == true).map({True: "T", False: "F"})
    return rows.assign(outcome=right + called.map({True: "P", False: "N"}))


def numbered(rows: pd.DataFrame, *, threshold: float, cases: int) -> pd.DataFrame:
    """The rows with `outcome` and `number`: 1, 2, ... for those shown, missing for the others.

    Of each outcome the `cases` whose confidence (distance of the log odds from those of the threshold) is nearest to the
    outcome's median are shown: neither the best examples nor the worst. Ties go to the case first by name.
    """
    judged = outcomes(rows, threshold=threshold)
    confidence = (_log_odds(judged["probability"]) - _log_odds(threshold)).abs()
    shown = [
        place
        for outcome in OUTCOMES
        for place in _nearest_median(confidence[judged["outcome"] == outcome], judged["case"], cases)
    ]
    number = pd.Series(pd.NA, index=judged.index, dtype="Int64")
    number[shown] = np.arange(1, len(shown) + 1)
    return judged.assign(number=number)


def _nearest_median(confidence: pd.Series, case: pd.Series, count: int) -> list[int]:
    """Index of the `count` rows nearest to the median, nearest first."""
    away = pd.DataFrame({"away": (confidence - confidence.median()).abs().round(9), "case": case[confidence.index]})
    return away.sort_values(["away", "case"]).index[:count].tolist()


def _log_odds(probability: float | pd.Series) -> float | pd.Series:
    kept = np.clip(probability, CERTAIN, 1 - CERTAIN)
    return np.log(kept / (1 - kept))
