"""Area under the ROC curve of a repeated k-fold cross-validation, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, binary_truth, finite_scores, require_both_classes
from .clustered import clusters_of, placement_covariance
from .discrimination import ZERO_VARIANCE, placements
from .intervals import area_limits


@dataclass(frozen=True)
class CrossValidatedAUC:
    """Mean area within folds; standard_error, low and high are NaN where `method` says not estimable."""

    estimate: float
    standard_error: float
    low: float
    high: float
    method: str
    n: int
    events: int
    clusters: int
    repeats: int


def cross_validated_auc(
    truth: ArrayLike, scores: ArrayLike, folds: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> CrossValidatedAUC:
    """Area of out-of-fold scores (repeats, n) with folds (repeats, n), for rows of truth (n,) in clusters (n,).

    Rows are compared within a fold alone, and the areas averaged over folds and repeats (LeDell et al. 2015, doi
    10.1214/15-EJS1035): scores of different folds come from different models, and a fold with fewer events leaves its
    model more of them, so that an area over all rows falls below one half where there is nothing to find.

    The variance is DeLong's, of each row's placement averaged over the repeats (Obuchowski's where a cluster, the
    patient, has several rows), the limits are on the logit scale. With one fold and one repeat that is DeLong exactly. The
    interval is that of the models that were fitted: it knows the chance in who is scored, not all of the chance in who
    was learned from, which the averaging over overlapping training sets hides (Bates et al. 2024, doi
    10.1080/01621459.2023.2197686): read as an interval of the pipeline it is too narrow, most so where some folds keep no
    feature and their area is one half for sure. `benchmarks/tables.py --coverage` counts how often either is held.

    Raises ValueError for one class only, for shapes that do not match, and where no fold has both classes.
    """
    events = binary_truth(truth)
    require_both_classes(events)
    scores, folds = (np.atleast_2d(np.asarray(given)) for given in (scores, folds))
    if folds.shape != scores.shape:
        raise ValueError(f"folds must have the shape {scores.shape} of scores, not {folds.shape}")
    rows = [finite_scores(row, length=events.size) for row in scores]
    found = [_within(events, row, fold) for row, fold in zip(rows, folds, strict=True)]
    area = float(np.mean([value for areas, _ in found for value in areas]))
    label = np.arange(events.size) if cluster is None else clusters_of(events, cluster)
    placed = _averaged(np.array([place for _, place in found]), events)
    variance = float(placement_covariance(events, label, placed)[0, 0])
    counts = (events.size, int(events.sum()), int(label.max()) + 1, len(rows))
    if area in (0.0, 1.0) or not variance >= ZERO_VARIANCE:
        return CrossValidatedAUC(area, np.nan, np.nan, np.nan, "not estimable: no variance between patients", *counts)
    error = float(np.sqrt(variance))
    low, high = area_limits(area, error, interval="logit", level=level)
    return CrossValidatedAUC(area, error, low, high, "DeLong within folds, logit interval", *counts)


def _within(events: BoolArray, score: FloatArray, fold: np.ndarray) -> tuple[list[float], FloatArray]:
    """Area of every fold that has both classes, and the placement (n,) of every row within its fold, else NaN."""
    place, areas = np.full(events.size, np.nan), []
    for k in np.unique(fold):
        held = np.flatnonzero(fold == k)
        own = events[held]
        if own.all() or not own.any():
            continue
        place[held[own]], place[held[~own]] = (values[0] for values in placements(own, score[None, held]))
        areas.append(float(place[held[own]].mean()))
    if not areas:
        raise ValueError("no fold holds both events and nonevents")
    return areas, place


def _averaged(place: FloatArray, events: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Placements (1, m) of events and (1, n) of nonevents, averaged over repeats (r, m + n) that have one."""
    known = np.isfinite(place)
    mean = np.where(known, place, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    # A row that no repeat could compare tells nothing: it counts as an average one.
    for group in (events, ~events):
        never = group & ~known.any(axis=0)
        mean[never] = mean[group & ~never].mean()
    return mean[None, events], mean[None, ~events]
