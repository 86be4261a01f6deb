"""What each reader reaches in each modality, and how these numbers vary together over the cases they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, binary_truth, require_both_classes
from .discrimination import delong, placements

METRICS = ("auc", "sensitivity", "specificity")
COVARIANCES = ("delong", "jackknife", "unbiased")


def checked_ratings(truth: ArrayLike, ratings: ArrayLike, *, metric: str) -> tuple[BoolArray, FloatArray]:
    """Truth (cases,) and ratings (..., cases) as arrays fit for the metric.

    Raises ValueError for an unknown metric, one class only, missing ratings, binary ratings where an area is
    asked for, or ratings other than 0 and 1 where a sensitivity or specificity is.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {metric!r}")
    events, ratings = binary_truth(truth), np.asarray(ratings, dtype=float)
    require_both_classes(events)
    if ratings.size == 0 or ratings.shape[-1] != events.size:
        raise ValueError(f"ratings must have {events.size} cases last, not the shape {ratings.shape}")
    if not np.isfinite(ratings).all():
        raise ValueError("every reader must rate every case in every modality")
    if metric == "auc" and np.unique(ratings).size < 3:
        raise ValueError("ratings are binary: report sensitivity and specificity, not an AUC")
    if metric != "auc" and not np.isin(ratings, (0.0, 1.0)).all():
        raise ValueError(f"{metric} needs calls of 0 and 1, not ratings")
    return events, ratings


def with_covariance(
    events: BoolArray, ratings: FloatArray, *, metric: str, covariance: str
) -> tuple[FloatArray, FloatArray, str]:
    """Values (k,) of the metric for ratings (k, cases), their covariance (k, k), and the method that gave it.

    Areas take `covariance`; sensitivity and specificity always the jackknife. Raises ValueError for an
    unknown covariance.
    """
    if covariance not in COVARIANCES:
        raise ValueError(f'covariance must be "delong", "jackknife" or "unbiased", not "{covariance}"')
    if metric != "auc":
        return *jackknife_share(events, ratings, of_events=metric == "sensitivity"), "jackknife"
    method = {"delong": delong, "jackknife": jackknife, "unbiased": unbiased}[covariance]
    return *method(events, ratings), covariance


def jackknife(truth: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Areas (k,) and their leave-one-case-out covariance (k, k) for scores (k, n)."""
    events, scores = binary_truth(truth), np.asarray(scores, dtype=float)
    of_events, of_nonevents = placements(events, scores)
    areas, n = of_events.mean(axis=1, keepdims=True), events.size
    left_out = [
        (part.shape[1] * areas - part) / (part.shape[1] - 1) if part.shape[1] > 1 else part * np.nan
        for part in (of_events, of_nonevents)
    ]
    deviation = np.concatenate(left_out, axis=1)
    deviation = deviation - deviation.mean(axis=1, keepdims=True)
    return areas[:, 0], (n - 1) / n * deviation @ deviation.T


def jackknife_share(truth: ArrayLike, calls: ArrayLike, *, of_events: bool) -> tuple[FloatArray, FloatArray]:
    """Sensitivities (k,), or specificities, of calls (k, n) and their jackknife covariance (k, k).

    Leaving out the events, or the nonevents, one at a time: the sample covariance of right calls over their
    number, as MRMCaov gives it for binary_sens. NaN covariance when the class has one case.
    """
    events, calls = binary_truth(truth), np.asarray(calls, dtype=float)
    right = calls[:, events] if of_events else 1 - calls[:, ~events]
    k, m = right.shape
    if m < 2:
        return right.mean(axis=1), np.full((k, k), np.nan)
    return right.mean(axis=1), np.reshape(np.cov(right) / m, (k, k))


def unbiased(truth: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Areas (k,) and their unbiased covariance (k, k) for scores (k, n); NaN with fewer than two of a class.

    Gallas, Pennello and Myers 2007 (doi 10.1364/JOSAA.24.000B70): products of areas are averaged over pairs
    of different events and different nonevents only.
    """
    events, scores = binary_truth(truth), np.asarray(scores, dtype=float)
    gap = scores[:, events][:, :, None] - scores[:, ~events][:, None, :]
    wins = (np.sign(gap) + 1) / 2
    k, m, n = wins.shape
    areas = wins.mean(axis=(1, 2))
    if min(m, n) < 2:
        return areas, np.full((k, k), np.nan)
    of_events, of_nonevents, flat = wins.sum(axis=2), wins.sum(axis=1), wins.reshape(k, -1)
    total = np.outer(flat.sum(axis=1), flat.sum(axis=1))
    sharing = of_events @ of_events.T + of_nonevents @ of_nonevents.T - flat @ flat.T
    return areas, np.outer(areas, areas) - (total - sharing) / (m * (m - 1) * n * (n - 1))
