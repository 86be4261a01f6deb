"""Cross-fitting: each row scored by a model that never saw its patient, the whole fit repeated in every fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from helpers.learning import folds as fold_room
from helpers.learning.fitted import Scorer
from helpers.learning.rows import Rows, require_training
from helpers.statistics.thresholds import OutOfFold


def splits(rows: Rows, fold: np.ndarray) -> Iterator[tuple[Rows, Rows]]:
    """Training and held-out rows of every fold, from 0."""
    for k in range(int(fold.max()) + 1):
        yield rows.take(fold != k), rows.take(fold == k)


def cross_fit(rows: Rows, fit: Callable[[Rows], Scorer], *, folds: int, seed: int, purpose: str = "inner") -> OutOfFold:
    """Out-of-fold scores of `fit`, which does everything that learns: selection, scaling, its own tuning.

    Folds are drawn by patient and stratified by endpoint. Raises RadiogramError for rows outside part train.
    """
    require_training(rows, "cross-fitted model")
    fold = fold_room.draw(rows, folds=folds, seed=seed, purpose=purpose)
    score, seen = np.empty(len(rows)), []
    for k, (training, held) in enumerate(splits(rows, fold)):
        model = fit(training)
        score[fold == k] = model.score(held)
        seen.append(model.seen)
    return OutOfFold(rows.patient, rows.truth, score, fold, tuple(seen))
