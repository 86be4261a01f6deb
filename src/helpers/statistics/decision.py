"""Decision curves: net benefit of treating by a model, against treating all and treating none.

Vickers and Elkin 2006 (doi 10.1177/0272989X06295361). At a fixed threshold net benefit is a plain mean over
patients, so its standard error is that of a mean for a frozen model; its interval describes and does not test
(Vickers 2023, doi 10.1186/s41512-023-00148-y).

The limits are Wald limits, and too short where a few patients decide. In simulated cohorts of 50 to 300 with a third
of events, 95 % limits of net benefit held it in 93 to 95 % of studies, but in 81 to 92 % at threshold 0.80, where
fewer than two false positives, each worth four true ones, are left; those of interventions avoided in 93 to 95 %,
but in 55 to 93 % at thresholds of 0.05 to 0.20 that leave fewer than about four events untreated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, binary_truth, probabilities
from .intervals import normal_quantile, weighted_difference


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit at each threshold probability (t,); interventions avoided, with limits, per 100 patients."""

    threshold: FloatArray
    net_benefit: FloatArray
    low: FloatArray
    high: FloatArray
    treat_all: FloatArray
    standard_error: FloatArray
    interventions_avoided: FloatArray
    avoided_low: FloatArray
    avoided_high: FloatArray
    standardized: FloatArray
    prevalence: float


def _thresholds(thresholds: ArrayLike) -> FloatArray:
    values = np.atleast_1d(np.asarray(thresholds, dtype=float))
    if values.ndim != 1 or values.size == 0 or not ((values >= 0) & (values < 1)).all():
        raise ValueError("threshold probabilities must be a non-empty list in [0, 1)")
    return values


def _gains(events: BoolArray, p: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Contribution (t, n) of each patient to net benefit: 1 a true positive, -odds a false positive."""
    odds = (thresholds / (1 - thresholds))[:, None]
    return (p >= thresholds[:, None]) * np.where(events, 1.0, -odds)


def _variance_of_mean(gains: FloatArray) -> FloatArray:
    n = gains.shape[1]
    return gains.var(axis=1, ddof=1) / n if n > 1 else np.full(len(gains), np.nan)


def _mean_and_error(gains: FloatArray, events: BoolArray, prevalence: float | None) -> tuple[FloatArray, FloatArray]:
    """Mean and standard error of gains (t, n); at a stated prevalence the classes are weighted to it."""
    if prevalence is None:
        return gains.mean(axis=1), np.sqrt(_variance_of_mean(gains))
    mean, variance = np.zeros(len(gains)), np.zeros(len(gains))
    for group, weight in ((events, prevalence), (~events, 1 - prevalence)):
        if not group.any():
            raise ValueError("a target prevalence needs both events and nonevents")
        mean += weight * gains[:, group].mean(axis=1)
        variance += weight**2 * _variance_of_mean(gains[:, group])
    return mean, np.sqrt(variance)


def net_benefit(truth: ArrayLike, probability: ArrayLike, threshold: float) -> float:
    """TP/n - FP/n * odds(threshold) of treating at `probability >= threshold`, for arrays (n,)."""
    events = binary_truth(truth)
    p = probabilities(probability, length=events.size)
    return float(_gains(events, p, _thresholds(threshold)).mean())


def decision_curve(
    truth: ArrayLike,
    probability: ArrayLike,
    *,
    thresholds: ArrayLike,
    prevalence: float | None = None,
    level: float = 0.95,
) -> DecisionCurve:
    """Net benefit of probability (n,) at thresholds (t,) in [0, 1), with MOVER limits.

    A target `prevalence` reweights an enriched sample. `standardized` is net benefit over prevalence. Interventions
    avoided have limits of their own, NaN at threshold 0. Raises ValueError for thresholds or a prevalence outside their range.
    """
    events, at = binary_truth(truth), _thresholds(thresholds)
    if prevalence is not None and not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie in (0, 1), not {prevalence}")
    p = probabilities(probability, length=events.size)
    benefit, error = _mean_and_error(_gains(events, p, at), events, prevalence)
    share = float(events.mean()) if prevalence is None else prevalence
    odds = at / (1 - at)
    treat_all = share - (1 - share) * odds
    scale = np.divide(100, odds, out=np.full(at.shape, np.nan), where=odds > 0)
    against_all = _limits_against(events, p, at, treat_all=True, prevalence=prevalence, level=level)
    return DecisionCurve(
        at,
        benefit,
        *_limits_against(events, p, at, treat_all=False, prevalence=prevalence, level=level),
        treat_all,
        error,
        scale * (benefit - treat_all),
        *(scale * limit for limit in against_all),
        benefit / share if share else np.full(at.shape, np.nan),
        share,
    )


def _limits_against(
    events: BoolArray, p: FloatArray, at: FloatArray, *, treat_all: bool, prevalence: float | None, level: float
) -> tuple[FloatArray, FloatArray]:
    """Limits (t,) of net benefit minus that of treating all, or none: what is gained and lost are two kinds of patients.

    Against none they are true and false positives, against all true and false negatives. Where few patients are of a
    kind the standard error of the mean is far too small; Wilson limits of their shares are not. NaN where the model
    treats every patient as the default does: of a difference these patients tell nothing.
    """
    odds, called = at / (1 - at), p >= at[:, None]
    right = (called & events).sum(axis=1), (called & ~events).sum(axis=1)
    if treat_all:
        right = (~called & ~events).sum(axis=1), (~called & events).sum(axis=1)
    weights = (odds, np.ones(at.shape)) if treat_all else (np.ones(at.shape), odds)
    totals = (events.size, events.size)
    if prevalence is not None:
        shares = {True: prevalence, False: 1 - prevalence}
        kinds = (False, True) if treat_all else (True, False)  # whether events are gained, and whether they are lost
        weights = tuple(weight * shares[kind] for weight, kind in zip(weights, kinds, strict=True))
        totals = tuple(int((events == kind).sum()) for kind in kinds)
    low, high = weighted_difference(
        right[0], totals[0], right[1], totals[1], gain=weights[0], loss=weights[1], level=level
    )
    same = (right[0] == 0) & (right[1] == 0)
    return np.where(same, np.nan, low), np.where(same, np.nan, high)


@dataclass(frozen=True, eq=False)
class NetBenefitDifference:
    """First minus second net benefit at each threshold (t,); trade_off is tests per extra true positive."""

    threshold: FloatArray
    difference: FloatArray
    low: FloatArray
    high: FloatArray
    standard_error: FloatArray
    trade_off: FloatArray


def compare_net_benefit(
    truth: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    thresholds: ArrayLike,
    prevalence: float | None = None,
    level: float = 0.95,
) -> NetBenefitDifference:
    """Paired difference in net benefit of two models (n,); probabilities of 1 (or 0) stand for treating all (or none).

    Against such a default the limits are MOVER ones, between two models those of a mean.
    `trade_off` is 1/difference, NaN where the first model is no better. There is no p value on purpose.
    """
    events, at = binary_truth(truth), _thresholds(thresholds)
    gains = [_gains(events, probabilities(p, length=events.size), at) for p in (first, second)]
    difference, error = _mean_and_error(gains[0] - gains[1], events, prevalence)
    half = normal_quantile(level) * error
    low, high = difference - half, difference + half
    default = np.unique(np.asarray(second, dtype=float))
    if default.size == 1 and default[0] in (0.0, 1.0):
        p = probabilities(first, length=events.size)
        low, high = _limits_against(events, p, at, treat_all=default[0] == 1, prevalence=prevalence, level=level)
    trade_off = np.full(at.shape, np.nan)
    np.divide(1.0, difference, out=trade_off, where=difference > 0)
    return NetBenefitDifference(at, difference, low, high, error, trade_off)


@dataclass(frozen=True, eq=False)
class UsefulRange:
    """Longest run of thresholds where the model beats both defaults; NaN when there is none."""

    low: float
    high: float
    better: BoolArray
    contiguous: bool


def useful_range(curve: DecisionCurve) -> UsefulRange:
    """Thresholds at which the net benefit exceeds that of treating all and of treating none.

    `better` (t,) marks them all; `contiguous` is False when they form more than one run.
    """
    # Rounding must not turn a tie with a default into a win.
    better = curve.net_benefit > np.maximum(curve.treat_all, 0.0) + 1e-12
    edges = np.flatnonzero(np.diff(np.concatenate([[0], better.astype(int), [0]])))
    starts, ends = edges[::2], edges[1::2] - 1
    if starts.size == 0:
        return UsefulRange(np.nan, np.nan, better, True)
    longest = int(np.argmax(ends - starts))
    low, high = curve.threshold[starts[longest]], curve.threshold[ends[longest]]
    return UsefulRange(float(low), float(high), better, starts.size == 1)
