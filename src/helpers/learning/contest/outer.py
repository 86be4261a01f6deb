"""The contest in every outer fold and on all training rows: predictions of every contender, and who won where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from helpers.learning import folds, harmonize
from helpers.learning.contest import blocks, classifiers, grid, tuning
from helpers.learning.contest.grid import Grid
from helpers.learning.contest.tuning import Key
from helpers.learning.endpoint import FINAL, Mapper, mapped
from helpers.learning.fitted import FloatArray
from helpers.learning.rows import Rows, rows_from_tables, training_rows
from helpers.parameters import Parameters


@dataclass(frozen=True)
class Outer:
    """One fit of the grid applied to the rows it never saw: probabilities, inner AUC, columns and settings by contender.

    `models` says which contender each model that leaves the grid is in this fit.
    """

    seen: frozenset[str]
    probabilities: Mapping[Key, FloatArray]
    inner: Mapping[Key, float]
    columns: Mapping[Key, int]
    settings: Mapping[Key, str]
    models: Mapping[str, Key]
    kept: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class EndpointContest:
    """The contest of one endpoint: training rows and their outer folds, all other rows, the final fit and the folds'."""

    training: Rows
    others: Rows
    fold: np.ndarray
    final: Outer
    by_fold: tuple[Outer, ...]

    def out_of_fold(self, key: Key) -> FloatArray:
        """Probability (n,) of every training row by a contender fitted without its fold."""
        return self._assembled(lambda outer: key)

    def model_out_of_fold(self, model: str) -> FloatArray:
        """The same of a model that leaves the grid: in each fold the contender that was chosen inside it."""
        return self._assembled(lambda outer: outer.models[model])

    def _assembled(self, key_of: Callable[[Outer], Key]) -> FloatArray:
        values = np.empty(len(self.training))
        for k, outer in enumerate(self.by_fold):
            values[self.fold == k] = outer.probabilities[key_of(outer)]
        return values


def fit(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    *,
    endpoint: str,
    parameters: Parameters,
    seed: int,
    mapper: Mapper | None = None,
) -> EndpointContest:
    """Fit the grid without each outer fold, and on all training rows; the folds are those of every other model.

    Raises RadiogramError for one class only, a class too small for the folds, a block without features, clinical inputs
    without variables, and a gate without a second measurement.
    """
    options = {
        "endpoint": endpoint,
        "clinical": parameters.cohort.clinical,
        "reproducibility": parameters.selection.reproducibility,
    }
    rows = training_rows(cases, features, **options)
    blocks.require(rows, parameters=parameters)
    harmonize.require(rows, parameters=parameters)
    tuning.require_classes(rows, parameters=parameters)
    elsewhere = cases[cases["part"] != "train"]
    others = rows_from_tables(elsewhere, features[features["case"].isin(elsewhere["case"])], **options)
    fold = folds.draw(rows, folds=parameters.modeling.folds, seed=seed, purpose="outer")
    task = partial(fit_fold, rows=rows, others=others, fold=fold, parameters=parameters, seed=seed)
    final, *by_fold = mapped(task, [FINAL, *range(parameters.modeling.folds)], mapper, what="The contest")
    return EndpointContest(rows, others, fold, final, tuple(by_fold))


def fit_fold(item: int, *, rows: Rows, others: Rows, fold: np.ndarray, parameters: Parameters, seed: int) -> Outer:
    """The grid without an outer fold, applied to that fold; for the final item on all rows, applied to the other parts."""
    with threadpool_limits(1):
        training = rows if item == FINAL else rows.take(fold != item)
        held = others if item == FINAL else rows.take(fold == item)
        return _applied(grid.fit(training, parameters=parameters, seed=seed), held, parameters.contest.carried)


def _applied(fitted: Grid, held: Rows, carried: tuple[str, ...]) -> Outer:
    contenders = fitted.contenders
    return Outer(
        seen=fitted.seen,
        probabilities={key: each.score(held) if len(held) else np.empty(0) for key, each in contenders.items()},
        inner={key: each.inner_auc for key, each in contenders.items()},
        columns={key: each.design.columns for key, each in contenders.items()},
        settings={key: classifiers.written(each.settings) for key, each in contenders.items()},
        models=fitted.models(carried),
        kept=fitted.kept,
    )
