"""Predictive values where the disease is as common as stated, and not as in the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from .intervals import Interval, normal_quantile
from .two_by_two import OperatingPoint


@dataclass(frozen=True)
class PredictiveValues:
    """Positive and negative predictive value at a stated prevalence; `adjusted` when a cell was 0."""

    ppv: Interval
    npv: Interval
    prevalence: float
    adjusted: bool


def predictive_values(point: OperatingPoint, prevalence: float, *, level: float = 0.95) -> PredictiveValues:
    """Predictive values by Bayes' theorem with logit limits (Mercaldo 2007, doi 10.1002/sim.2677), as R's bdpv.

    Sensitivity and specificity are those of the point, the prevalence a known number. When a cell is 0 the
    limits come from the adjusted estimates of Mercaldo's Table II, reaching as far as the estimate itself;
    NaN without events, without nonevents, or for 0/0. Raises ValueError unless 0 < prevalence < 1.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie between 0 and 1, not {prevalence}")
    positives, negatives = (point.tp, point.fn), (point.tn, point.fp)
    adjusted = min(*positives, *negatives) == 0
    weight = normal_quantile(level) ** 2 if adjusted else 0.0
    odds = prevalence / (1 - prevalence)
    # Right calls of the class in question, then wrong calls of the other that look the same.
    ppv = _value(positives, negatives[::-1], odds, weight, level)
    npv = _value(negatives, positives[::-1], 1 / odds, weight, level)
    return PredictiveValues(ppv, npv, float(prevalence), adjusted)


def _value(right: tuple[int, int], wrong: tuple[int, int], odds: float, weight: float, level: float) -> Interval:
    """Share of right calls when the two classes stand in these odds; each pair is (called so, called otherwise)."""
    if not sum(right) or not sum(wrong) or not right[0] + wrong[0]:
        return Interval(np.nan, np.nan, np.nan)
    called, mistaken = right[0] / sum(right) * odds, wrong[0] / sum(wrong)
    estimate = called / (called + mistaken)
    m, n = sum(right) + weight, sum(wrong) + weight
    p, q = (right[0] + weight / 2) / m, (wrong[0] + weight / 2) / n
    center = np.log(p * odds / q)
    half = normal_quantile(level) * np.sqrt((1 - p) / (p * m) + (1 - q) / (q * n))
    low, high = special.expit([center - half, center + half])
    return Interval(float(estimate), float(min(low, estimate)), float(max(high, estimate)))
