"""Radiologists: they see the truth dimly, and use the model's advice imperfectly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import logit, ndtr, ndtri

from helpers.cohort.phantom.chance import stream
from helpers.cohort.phantom.latents import best_auc, predictor_sd
from helpers.parameters import Parameters

SHARED = 0.4  # share of the variance of the readers' error that belongs to the case: hard cases are hard for both
REREAD = 0.25  # sd of a second look at the same case, in sd of the impression
IGNORES, ADOPTS = 0.2, 0.15  # at full trust, how often advice is ignored, and how often simply adopted
ADVICE_SCALE = 1.5  # log odds of the model that move a reader like one sd of their own impression

ADVISER = "nomogram"  # the model whose advice is read, where several are given


@dataclass(frozen=True)
class Radiologist:
    """threshold: of the call, on the scale of the impression. trust: mean weight of the advice. pace: median seconds
    unaided. change: factor on the seconds when aided, above or below 1."""

    name: str
    threshold: float
    trust: float
    pace: float
    change: float


def read_cases(
    cases: pd.DataFrame, truth: pd.DataFrame, predictions: pd.DataFrame, parameters: Parameters, *, seed: int
) -> pd.DataFrame:
    """Table `readings` of `phantom.readers` radiologists for the first endpoint: every case of `cases`, unaided and aided.

    Each has a normal decision variable: the true log odds plus an error, part of it the case's and shared by all, so
    large that the AUC is `phantom.reader_auc` over the population (or as near as the truth allows: in a null cohort
    they guess). Aided, they weigh in the model's probability by `phantom.reader_trust`, ignoring it at times and
    adopting it blindly at others. rating: 0 to 100 in steps of 5; call: 1 from 50 up; seconds are log-normal.
    `predictions` has case and probability (with endpoint and model where there are several; then the nomogram advises).
    Raises ValueError when a case has no truth or no prediction.
    """
    endpoint = parameters.cohort.endpoints[0].name
    odds = _by_case(truth[truth["endpoint"] == endpoint], cases, what="truth")
    advice = _by_case(_adviser(predictions, endpoint), cases, what="prediction")
    usual = float(logit(parameters.phantom.prevalence))
    sd = predictor_sd(parameters, 0)
    error = _error(parameters, sd)
    rows = []
    for radiologist in (_radiologist(i, parameters, seed) for i in range(parameters.phantom.readers)):
        for case, signal, model in zip(cases["case"], odds, advice, strict=True):
            draws = _Draws(case, radiologist.name, seed)
            impression = (signal - usual + error * draws.error) / np.hypot(sd, error)
            pushed = np.clip((model - usual) / ADVICE_SCALE, -2.5, 2.5)
            rows += _two_readings(case, radiologist, impression, pushed, draws)
    readings = pd.DataFrame(rows, columns=["case", "reader", "condition", "rating", "call", "seconds"])
    return readings.astype({"call": "int8"})


class _Draws:
    """The chances of one reader with one case; the same whatever other cases are read."""

    def __init__(self, case: str, reader: str, seed: int) -> None:
        common = stream(seed, "reading", case).standard_normal()
        rng = stream(seed, "reading", case, reader)
        own, self.reread, self.weight, *self.haste = rng.standard_normal(5)
        self.error = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
        self.luck = rng.random()


def _two_readings(case: str, reader: Radiologist, impression: float, advice: float, draws: _Draws) -> list[tuple]:
    """The case as the radiologist reads it alone, and again with the model's probability beside it."""
    again = impression + REREAD * draws.reread
    weight = _weight(reader, draws)
    aided = (1 - weight) * again + weight * advice
    rows = []
    for condition, value, factor, haste in (
        ("unaided", impression, 1.0, draws.haste[0]),
        ("aided", aided, reader.change, draws.haste[1]),
    ):
        certainty = abs(value - reader.threshold)
        seconds = reader.pace * factor * np.exp(0.3 * haste + 0.25 * np.exp(-(certainty**2)))
        rating = 5 * round(20 * float(ndtr((value - reader.threshold) / 0.8)))
        rows.append((case, reader.name, condition, float(rating), int(rating >= 50), round(float(seconds), 1)))
    return rows


def _weight(reader: Radiologist, draws: _Draws) -> float:
    """How far the advice counts in this reading: ignored, adopted outright (automation bias), or weighed in."""
    if draws.luck < IGNORES or reader.trust == 0:
        return 0.0
    if draws.luck > 1 - ADOPTS * reader.trust:
        return 1.0
    return float(np.clip(reader.trust + 0.12 * draws.weight, 0, 1))


def _radiologist(i: int, parameters: Parameters, seed: int) -> Radiologist:
    """Readers differ in where they draw the line, in trust, and in pace."""
    options, rng = parameters.phantom, stream(seed, "radiologist", str(i + 1))
    line, trust, pace, change = rng.standard_normal(4)
    return Radiologist(
        name=f"reader{i + 1}",
        threshold=float(ndtri(1 - options.prevalence) + 0.25 * line),
        trust=float(np.clip(options.reader_trust * (1 + 0.2 * trust), 0, 1)),
        pace=float(70 * np.exp(0.2 * pace)),
        change=float(np.exp(-0.08 + 0.2 * change)),
    )


def _error(parameters: Parameters, sd: float) -> float:
    """Sd of the error that brings the AUC of the true log odds down to the readers'; 1 where there is nothing to see."""
    prevalence, target = parameters.phantom.prevalence, parameters.phantom.reader_auc
    if sd == 0:
        return 1.0
    if best_auc(sd, prevalence) <= target:
        return 0.0
    return brentq(lambda error: best_auc(sd, prevalence, noise=error) - target, 1e-3 * sd, 100 * sd, rtol=1e-3)


def _adviser(predictions: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    if "endpoint" in predictions:
        predictions = predictions[predictions["endpoint"] == endpoint]
    if "model" in predictions and predictions["model"].nunique() > 1:
        predictions = predictions[predictions["model"] == ADVISER]
    return predictions


def _by_case(table: pd.DataFrame, cases: pd.DataFrame, *, what: str) -> np.ndarray:
    """Log odds of the probability of each case, in the order of `cases`."""
    if table["case"].duplicated().any():
        raise ValueError(f"more than one {what} a case")
    probability = table.set_index("case")["probability"].reindex(cases["case"])
    if probability.isna().any():
        raise ValueError(f"no {what} for case {probability.index[probability.isna()][0]}")
    return logit(probability.clip(1e-6, 1 - 1e-6).to_numpy())
