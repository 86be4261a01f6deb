"""Tuning: every contender and setting judged by cross-validation inside the training rows, selection and all.

The selection of a block is done once in each inner fold and shared by all inputs and classifiers. A setting's measure is
its mean AUC over the inner folds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from helpers.errors import RadiogramError
from helpers.learning import crossfit
from helpers.learning import folds as fold_room
from helpers.learning.contest import blocks, classifiers, design
from helpers.learning.contest.classifiers import SETTINGS, Settings
from helpers.learning.fitted import FloatArray
from helpers.learning.resampling import derived_seed
from helpers.learning.rows import Rows, require_training
from helpers.parameters import Contest, Parameters
from helpers.statistics.discrimination import delong
from helpers.statistics.thresholds import OutOfFold

Key = tuple[str, str]  # input and classifier


@dataclass(frozen=True, eq=False)
class Tuned:
    """The setting of a contender that did best inside, its mean inner AUC, and its inner out-of-fold values."""

    settings: Settings
    auc: float
    inner: OutOfFold


def keys(contest: Contest) -> list[Key]:
    """Every contender, in the order in which ties are broken."""
    return [(each.name, classifier) for each in contest.inputs for classifier in contest.classifiers]


def seed_of(key: Key, seed: int) -> int:
    """A contender's own seed: the same whichever other contenders there are."""
    return derived_seed(seed, f"contest {key[0]}, {key[1]}", 0)


def require_classes(rows: Rows, *, parameters: Parameters) -> None:
    """Raises RadiogramError when a class cannot be spread over the outer folds and, within each, the inner ones."""
    fold_room.require_classes(rows, folds=parameters.modeling.folds)
    outer, inner = parameters.modeling.folds, parameters.contest.folds
    for label in (1, 0):
        held = len({*rows.patient[rows.truth == label].tolist()})
        left = held - -(-held // outer)
        if left < inner or left - -(-left // inner) < 2:
            raise RadiogramError(
                f"Endpoint {rows.endpoint} has {held} training patients with value {label}, too few for {inner} inner folds "
                f"within {outer} outer folds: set contest.folds lower, or enroll more."
            )


def tune(rows: Rows, *, parameters: Parameters, seed: int) -> dict[Key, Tuned]:
    """The best setting of every contender by cross-validation within these training rows."""
    require_training(rows, "tuning of the contest")
    contest = parameters.contest
    fold = fold_room.draw(rows, folds=contest.folds, seed=seed, purpose="contest")
    values = {key: np.empty((len(SETTINGS[key[1]]), len(rows))) for key in keys(contest)}
    seen = []
    for k, (training, held) in enumerate(crossfit.splits(rows, fold)):
        for key, found in _inner(training, held, parameters=parameters, seed=seed).items():
            values[key][:, fold == k] = found
        seen.append(training.patients)
    return {key: _best(rows, fold, found, SETTINGS[key[1]], tuple(seen)) for key, found in values.items()}


def _inner(training: Rows, held: Rows, *, parameters: Parameters, seed: int) -> Mapping[Key, FloatArray]:
    """Values (settings, held) of every contender, fitted without the held-out rows."""
    contest, found = parameters.contest, {}
    chosen = blocks.select(training, parameters=parameters, seed=seed)
    for each in contest.inputs:
        own = design.fit(each, training, chosen)
        x, new = own.apparent(training), own.transform(held)
        for classifier in contest.classifiers:
            key = (each.name, classifier)
            options = {"trees": contest.trees, "seed": seed_of(key, seed)}
            found[key] = np.array(
                [
                    classifiers.fit(classifier, x, training.truth, settings=s, **options).values(new)
                    for s in SETTINGS[classifier]
                ]
            )
    return found


def _best(
    rows: Rows, fold: np.ndarray, values: FloatArray, settings: tuple[Settings, ...], seen: tuple[frozenset[str], ...]
) -> Tuned:
    """Of settings that tie, the first, which is the simplest."""
    areas = np.mean(
        [delong(rows.truth[fold == k], values[:, fold == k])[0] for k in range(int(fold.max()) + 1)], axis=0
    )
    best = int(np.argmax(np.round(areas, 12)))
    inner = OutOfFold(rows.patient, rows.truth, values[best], fold, seen)
    return Tuned(settings[best], float(areas[best]), inner)
