"""The whole grid fitted on training rows: every contender, and the winner by inner cross-validation alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from helpers.learning.contest import blocks, classifiers, design, tuning
from helpers.learning.contest.classifiers import Machine, Settings
from helpers.learning.contest.design import Design
from helpers.learning.contest.tuning import Key, Tuned
from helpers.learning.fitted import Fitted, FloatArray, Scorer
from helpers.learning.recalibration import Recalibration, recalibrate
from helpers.learning.rows import Rows, require_training
from helpers.parameters import Parameters

WINNER = "winner"


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender(Scorer):
    """An input and a classifier, tuned and fitted; its values are probabilities."""

    key: Key
    settings: Settings
    inner_auc: float
    design: Design
    machine: Machine
    recalibration: Recalibration | None

    def _values(self, rows: Rows) -> FloatArray:
        """Risks; with nothing to read, the share of events."""
        values = self.machine.values(self.design._matrix(rows))
        return values if self.recalibration is None else self.recalibration.probability(values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid(Fitted):
    """Every contender by key, in the order in which ties are broken, and how many features LASSO kept of every block."""

    contenders: Mapping[Key, Contender]
    kept: Mapping[str, int]

    def best(self, name: str | None = None) -> Key:
        """The contender of the highest inner AUC, of one input or of all; the first of those that tie."""
        among = [key for key in self.contenders if name in (None, key[0])]
        areas = np.round([self.contenders[key].inner_auc for key in among], 12)
        return among[int(np.argmax(areas))]

    def models(self, carried: tuple[str, ...]) -> dict[str, Key]:
        """The models that leave the grid: the winner, and the best classifier of each carried input."""
        return {WINNER: self.best(), **{name: self.best(name) for name in carried}}


def fit(rows: Rows, *, parameters: Parameters, seed: int) -> Grid:
    """Tune every contender within these training rows, and fit it on all of them.

    Raises RadiogramError for rows outside part train.
    """
    require_training(rows, "contest")
    tuned = tuning.tune(rows, parameters=parameters, seed=seed)
    chosen = blocks.select(rows, parameters=parameters, seed=seed)
    designs = {each.name: design.fit(each, rows, chosen) for each in parameters.contest.inputs}
    trees = parameters.contest.trees
    contenders = {
        key: _contender(key, rows, designs[key[0]], own, trees=trees, seed=seed) for key, own in tuned.items()
    }
    return Grid(what="contest", seen=rows.patients, contenders=contenders, kept=blocks.kept(chosen))


def _contender(key: Key, rows: Rows, own: Design, tuned: Tuned, *, trees: int, seed: int) -> Contender:
    options = {"settings": tuned.settings, "trees": trees, "seed": tuning.seed_of(key, seed)}
    machine = classifiers.fit(key[1], own.apparent(rows), rows.truth, **options)
    what = f"{key[1]} on {key[0]}"
    # Platt's sigmoid on values of patients that the machine had not seen: a strong penalty, or votes of few neighbors, give
    # values that are no risks, and folds choose different contenders, whose risks must mean the same.
    sigmoid = None if machine.estimator is None else recalibrate(tuned.inner, what=what)
    return Contender(
        what=what,
        seen=rows.patients,
        key=key,
        settings=tuned.settings,
        inner_auc=tuned.auc,
        design=own,
        machine=machine,
        recalibration=sigmoid,
    )
