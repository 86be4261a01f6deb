"""Area under the ROC curve, its variance by DeLong, and comparisons of areas.

DeLong et al. 1988 (doi 10.2307/2531595) with the midrank algorithm of Sun and Xu 2014
(doi 10.1109/LSP.2014.2337313); results equal those of R's pROC. The direction is fixed: a higher score
means an event, and an area below one half stays below one half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import BoolArray, FloatArray, binary_truth, finite_scores, require_both_classes
from .intervals import area_limits, normal_quantile, two_sided_p
from .power import hanley_mcneil_se, separation_bound
from .resampling import roc_counts, stratified_counts
from .roc import RocCurve, roc_band, roc_curve

__all__ = [
    "AUC",
    "Comparison",
    "RocCurve",
    "auc",
    "bootstrap_auc",
    "compare_all",
    "compare_paired",
    "compare_unpaired",
    "delong",
    "hanley_mcneil_se",
    "holm",
    "placements",
    "roc_band",
    "roc_curve",
]

# Below this a variance is rounding: even 10^5 patients a class leave variances near 10^-6.
ZERO_VARIANCE = 1e-14
SMALL_CLASS = 40


@dataclass(frozen=True)
class AUC:
    """Area under the ROC curve; low, high and standard_error are NaN where `method` says not estimable.

    `lower_bound` is the exact one-sided bound at perfect separation, and NaN everywhere else.
    """

    estimate: float
    standard_error: float
    low: float
    high: float
    method: str
    n: int
    events: int
    lower_bound: float = np.nan


@dataclass(frozen=True)
class Comparison:
    """A difference of areas and its test; `df` is NaN for a normal statistic."""

    estimate: float
    low: float
    high: float
    statistic: float
    df: float
    p: float
    method: str


def _checked(truth: ArrayLike, score: ArrayLike) -> tuple[BoolArray, FloatArray]:
    events = binary_truth(truth)
    require_both_classes(events)
    return events, finite_scores(score, length=events.size)


def placements(truth: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Placement values of events (k, m) and nonevents (k, n) for scores (k, m + n), in O(n log n)."""
    m, n = int(truth.sum()), int((~truth).sum())
    of_events, of_nonevents = np.empty((len(scores), m)), np.empty((len(scores), n))
    # One model at a time: ten models of a million patients then need no more memory than their results.
    for row, score in enumerate(scores):
        order = np.argsort(score)
        start = np.append(True, np.diff(score[order]) != 0)
        tie = np.cumsum(start) - 1
        events = np.bincount(tie, weights=truth[order])
        nonevents = np.bincount(tie) - events
        place = np.empty(score.size, dtype=np.intp)
        place[order] = tie
        of_events[row] = ((np.cumsum(nonevents) - nonevents / 2) / n)[place[truth]]
        of_nonevents[row] = ((m - np.cumsum(events) + events / 2) / m)[place[~truth]]
    return of_events, of_nonevents


def delong(truth: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Areas (k,) and their covariance (k, k) for scores (k, n) of the same patients.

    The covariance is NaN with fewer than two events or nonevents. Raises ValueError for one class only.
    """
    events = binary_truth(truth)
    require_both_classes(events)
    rows = [finite_scores(row, length=events.size) for row in np.atleast_2d(np.asarray(scores, dtype=float))]
    of_events, of_nonevents = placements(events, np.array(rows))
    areas, k = of_events.mean(axis=1), len(rows)
    if min(of_events.shape[1], of_nonevents.shape[1]) < 2:
        return areas, np.full((k, k), np.nan)
    covariance = np.cov(of_events) / of_events.shape[1] + np.cov(of_nonevents) / of_nonevents.shape[1]
    return areas, np.reshape(covariance, (k, k))


def auc(truth: ArrayLike, score: ArrayLike, *, interval: str = "auto", level: float = 0.95) -> AUC:
    """Area under the ROC curve of score (n,) with its DeLong interval.

    "wald" is what pROC prints; "logit" is preferred near 1 and in small samples; "auto" takes logit when the
    area exceeds 0.95 or a class has fewer than 40 patients, where the Wald interval held the truth in 87 to 93 % of
    simulated studies and the logit one in 94 to 96 %. At perfect separation the DeLong variance is 0
    and tells nothing, so there is no interval but a one-sided `lower_bound`. Raises ValueError for one class
    only or an unknown interval.
    """
    if interval not in ("auto", "wald", "logit"):
        raise ValueError(f'interval must be "auto", "wald" or "logit", not "{interval}"')
    events, score = _checked(truth, score)
    areas, covariance = delong(events, score)
    area, variance, m = float(areas[0]), float(covariance[0, 0]), int(events.sum())
    reason = _not_estimable(area, variance)
    if reason:
        bound = separation_bound(m, events.size - m, level=level) if area == 1 else np.nan
        return AUC(area, np.nan, np.nan, np.nan, reason, events.size, m, bound)
    if interval == "auto":
        interval = "logit" if area > 0.95 or min(m, events.size - m) < SMALL_CLASS else "wald"
    error = np.sqrt(variance)
    low, high = area_limits(area, error, interval=interval, level=level)
    return AUC(area, float(error), low, high, f"DeLong, {interval} interval", events.size, m)


def _not_estimable(area: float, variance: float) -> str:
    if area in (0.0, 1.0):
        return "not estimable: perfect separation"
    if np.isnan(variance):
        return "not estimable: fewer than two events or nonevents"
    return "not estimable: the score does not vary" if variance < ZERO_VARIANCE else ""


def normal_comparison(difference: float, variance: float, *, level: float, method: str) -> Comparison:
    """Test and interval of a difference with its variance; NaN where there is none."""
    if not variance >= ZERO_VARIANCE:
        nothing = (np.nan,) * 5
        return Comparison(difference, *nothing, f"{method}; not estimable: no variance")
    error = float(np.sqrt(variance))
    half, z = normal_quantile(level) * error, difference / error
    return Comparison(difference, difference - half, difference + half, z, np.nan, two_sided_p(z), method)


def compare_paired(truth: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, *, level: float = 0.95) -> Comparison:
    """AUC(a) - AUC(b) of two scores of the same patients: hypothesis of no difference, normal statistic.

    Scores that rank the patients alike differ by exactly 0, with p = 1. Only for models frozen before these
    patients were seen: on the training patients of nested models the test is invalid (Demler 2012,
    doi 10.1002/sim.5328). Raises ValueError for one class only.
    """
    events, score_a = _checked(truth, score_a)
    score_b = finite_scores(score_b, length=events.size)
    if np.array_equal(stats.rankdata(score_a), stats.rankdata(score_b)):
        return Comparison(0.0, 0.0, 0.0, 0.0, np.nan, 1.0, "paired DeLong; the scores rank alike")
    areas, covariance = delong(events, np.stack([score_a, score_b]))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    difference = float(areas[0] - areas[1])
    return normal_comparison(difference, float(variance), level=level, method="paired DeLong")


def compare_unpaired(
    truth_a: ArrayLike, score_a: ArrayLike, truth_b: ArrayLike, score_b: ArrayLike, *, level: float = 0.95
) -> Comparison:
    """AUC(a) - AUC(b) of two independent cohorts, as pROC: t with Welch-Satterthwaite degrees of freedom.

    Raises ValueError for one class only in either cohort.
    """
    a, b = auc(truth_a, score_a, interval="wald"), auc(truth_b, score_b, interval="wald")
    difference, method = a.estimate - b.estimate, "unpaired DeLong, Welch-Satterthwaite t"
    v_a, v_b = a.standard_error**2, b.standard_error**2
    if np.isnan(v_a + v_b):
        nothing = (np.nan,) * 5
        return Comparison(difference, *nothing, f"{method}; an area has no estimable variance")
    error = float(np.sqrt(v_a + v_b))
    df = (v_a + v_b) ** 2 / (v_a**2 / (a.n - 1) + v_b**2 / (b.n - 1))
    half, t = float(stats.t.ppf(0.5 + level / 2, df)) * error, difference / error
    p = float(2 * stats.t.sf(abs(t), df))
    return Comparison(difference, difference - half, difference + half, t, float(df), p, method)


def compare_all(truth: ArrayLike, scores: ArrayLike) -> Comparison:
    """Global hypothesis that all areas of scores (k, n) are equal: chi-square on k - 1 degrees of freedom.

    A redundant score lowers the degrees of freedom. There is no single difference: estimate, low and high
    are NaN. With 60 patients the test rejects a true hypothesis in 3.7 (areas of 0.9) to 6.3 % (areas of 0.7).
    Raises ValueError for one class only or fewer than two scores.
    """
    areas, covariance = delong(truth, scores)
    if areas.size < 2:
        raise ValueError("a global comparison needs at least two scores")
    contrast = np.eye(areas.size)[:-1] - np.eye(areas.size)[-1]
    difference, spread = contrast @ areas, contrast @ covariance @ contrast.T
    method = "global DeLong chi-square"
    if not np.isfinite(spread).all():
        return Comparison(*(np.nan,) * 6, f"{method}; not estimable: no variance")
    values, vectors = np.linalg.eigh(spread)
    kept = values > max(ZERO_VARIANCE, 1e-10 * values.max())
    if not kept.any():
        p = 1.0 if np.allclose(difference, 0) else np.nan
        return Comparison(np.nan, np.nan, np.nan, 0.0, 0.0, p, f"{method}; the areas do not vary")
    statistic, df = float(np.sum((vectors.T @ difference)[kept] ** 2 / values[kept])), float(kept.sum())
    p = float(stats.chi2.sf(statistic, df))
    return Comparison(np.nan, np.nan, np.nan, statistic, df, p, method)


def bootstrap_auc(truth: ArrayLike, score: ArrayLike, *, replicates: int = 2000, seed: int, level: float = 0.95) -> AUC:
    """Area with its stratified percentile bootstrap interval over patients; none at perfect separation."""
    events, score = _checked(truth, score)
    area, m = float(delong(events, score)[0][0]), int(events.sum())
    if area in (0.0, 1.0):
        return auc(events, score, level=level)
    blocks = stratified_counts(events, replicates=replicates, rng=np.random.default_rng(seed))
    values = np.concatenate([roc_counts(events, score, counts).area() for counts in blocks])
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    method = f"stratified percentile bootstrap, {replicates} replicates"
    return AUC(area, float(values.std(ddof=1)), float(low), float(high), method, events.size, m)


def holm(p: ArrayLike) -> FloatArray:
    """Holm 1979 adjusted p values (k,) of one family, in the given order; NaN stays NaN, uncounted."""
    p = np.asarray(p, dtype=float)
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p values must lie in [0, 1]")
    adjusted, known = np.full(p.shape, np.nan), np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
