"""Every measure of a two-by-two table, each with an interval that respects its range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .intervals import NOT_ESTIMABLE, Interval, Proportion, normal_quantile, proportion


@dataclass(frozen=True)
class OperatingPoint:
    """Performance at a frozen threshold; NaN where a denominator is 0.

    `no_information_rate` is the share of the larger class, `p_above_no_information` the one-sided exact
    binomial p of an accuracy no better than it. `odds_ratio_corrected` says that a cell was 0 and one half
    was added to each for the odds ratio.
    """

    sensitivity: Proportion
    specificity: Proportion
    ppv: Proportion
    npv: Proportion
    accuracy: Proportion
    balanced_accuracy: Interval
    mcc: Interval
    f1: Interval
    lr_positive: Interval
    lr_negative: Interval
    diagnostic_odds_ratio: Interval
    odds_ratio_corrected: bool
    no_information_rate: float
    p_above_no_information: float
    tp: int
    fp: int
    fn: int
    tn: int


def performance(tp: int, fp: int, fn: int, tn: int, *, method: str = "wilson", level: float = 0.95) -> OperatingPoint:
    """Every measure of a two-by-two table; proportions, and what is made of them, by `method`.

    Raises ValueError for a negative count, an unknown method or level.
    """
    n = tp + fp + fn + tn
    pairs = [(tp, tp + fn), (tn, tn + fp), (tp, tp + fp), (tn, tn + fn), (tp + tn, n)]
    shares = [proportion(k, total, method=method, level=level) for k, total in pairs]
    rate = max(tp + fn, fp + tn) / n if n else np.nan
    odds, corrected = odds_ratio(tp, fp, fn, tn, level=level)
    return OperatingPoint(
        *shares,
        balanced_accuracy=mean_of_two(shares[0], shares[1]),
        mcc=matthews(tp, fp, fn, tn, level=level),
        f1=_f1(tp, fp, fn, method, level),
        lr_positive=likelihood_ratio(tp, tp + fn, fp, fp + tn, level=level),
        lr_negative=likelihood_ratio(fn, tp + fn, tn, fp + tn, level=level),
        diagnostic_odds_ratio=odds,
        odds_ratio_corrected=corrected,
        no_information_rate=rate,
        p_above_no_information=float(stats.binom.sf(tp + tn - 1, n, rate)) if n else np.nan,
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
    )


def mean_of_two(first: Proportion, second: Proportion) -> Interval:
    """Mean of two independent proportions, as balanced accuracy, its limits recovered from theirs (MOVER).

    Zou and Donner 2008 (doi 10.1002/sim.3095); from Wilson limits this is Newcombe's interval of a difference.
    """
    below = np.hypot(first.estimate - first.low, second.estimate - second.low) / 2
    above = np.hypot(first.high - first.estimate, second.high - second.estimate) / 2
    mean = (first.estimate + second.estimate) / 2
    return Interval(float(mean), float(mean - below), float(mean + above))


def _f1(tp: int, fp: int, fn: int, method: str, level: float) -> Interval:
    """F1 = 2J/(1 + J), where J is the share of true positives among the patients who are not true negatives.

    J is a binomial proportion given their number, and F1 rises with it, so its limits transform exactly.
    """
    share = proportion(tp, tp + fp + fn, method=method, level=level)
    return Interval(*(2 * j / (1 + j) for j in (share.estimate, share.low, share.high)))


def matthews(tp: int, fp: int, fn: int, tn: int, *, level: float = 0.95) -> Interval:
    """Matthews correlation with Fisher's z limits (Itaya et al. 2025, doi 10.1002/sim.10303).

    The variance is that of a multinomial table by the delta method. Without a margin the estimate is NaN, and
    at -1 or 1 the variance is 0 and tells nothing: no limits.
    """
    table = np.array([[tp, fp], [fn, tn]], dtype=float)
    rows, columns, n = table.sum(axis=1), table.sum(axis=0), table.sum()
    margin = float(rows.prod() * columns.prod())
    if not margin:
        return NOT_ESTIMABLE
    estimate = (tp * tn - fp * fn) / margin**0.5
    if abs(estimate) >= 1 - 1e-12:
        return Interval(float(estimate), np.nan, np.nan)
    # Derivative by each cell's share: of the numerator, less half the estimate over both of its margins.
    numerator = np.array([[tn, -fn], [-fp, tp]]) / margin**0.5
    slope = n * (numerator - estimate / 2 * (1 / rows[:, None] + 1 / columns[None, :]))
    share = table / n
    variance = ((share * slope**2).sum() - (share * slope).sum() ** 2) / n
    half = normal_quantile(level) * np.sqrt(max(variance, 0.0)) / (1 - estimate**2)
    low, high = np.tanh(np.arctanh(estimate) + np.array([-half, half]))
    return Interval(float(estimate), float(low), float(high))


def odds_ratio(tp: int, fp: int, fn: int, tn: int, *, level: float = 0.95) -> tuple[Interval, bool]:
    """Diagnostic odds ratio by the log method, and whether one half was added to the cells because one is 0.

    Haldane 1956 and Anscombe 1956 add the half. NaN when a class is absent.
    """
    if not tp + fn or not fp + tn:
        return NOT_ESTIMABLE, False
    corrected = min(tp, fp, fn, tn) == 0
    a, b, c, d = (cell + 0.5 * corrected for cell in (tp, fp, fn, tn))
    ratio = a * d / (b * c)
    spread = normal_quantile(level) * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return Interval(float(ratio), float(ratio * np.exp(-spread)), float(ratio * np.exp(spread))), corrected


def likelihood_ratio(a: int, events: int, b: int, nonevents: int, *, level: float = 0.95) -> Interval:
    """(a/events) / (b/nonevents) by the log method (Simel 1991, doi 10.1016/0895-4356(91)90128-V).

    Without a count in either cell the interval is NaN, and the estimate 0, infinite or NaN.
    """
    if not events or not nonevents or (a == 0 and b == 0):
        return NOT_ESTIMABLE
    if a == 0 or b == 0:
        return Interval(np.inf if a else 0.0, np.nan, np.nan)
    ratio = (a / events) / (b / nonevents)
    spread = normal_quantile(level) * np.sqrt(1 / a - 1 / events + 1 / b - 1 / nonevents)
    return Interval(ratio, float(ratio * np.exp(-spread)), float(ratio * np.exp(spread)))
