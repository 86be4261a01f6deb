"""The equation of a fusion: a logistic regression on other models' out-of-fold log odds and clinical variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from helpers.errors import RadiogramError
from helpers.learning import regression
from helpers.learning.clinical import Coding, Column, coding
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.recalibration import LEAST_SLOPE, constant_in_folds, require_out_of_fold
from helpers.learning.regression import Regression
from helpers.learning.rows import Rows, require_training
from helpers.statistics.logistic import logistic
from helpers.statistics.thresholds import OutOfFold


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack(Fitted):
    """A fitted second stage; `scores` are the columns it reads, `seen` the patients its equation was fitted on."""

    scores: tuple[str, ...]
    coding: Coding
    regression: Regression
    notes: tuple[str, ...]

    @property
    def columns(self) -> list[Column]:
        """The columns of its design: a score each, then the coded clinical variables."""
        return [*(Column(name, name, None) for name in self.scores), *self.coding.columns]

    def probability(self, rows: Rows, scores: Mapping[str, FloatArray]) -> FloatArray:
        """(n,) of patients its equation was not fitted on; raises RadiogramError for those it was."""
        self.refuse(rows.patient.tolist())
        return expit(self.linear_predictor(self._design(rows, scores)))

    def fitted_design(self, rows: Rows, scores: Mapping[str, OutOfFold]) -> FloatArray:
        """Design (n, columns) of the rows it was fitted on, from their out-of-fold scores."""
        self.require_seen(rows)
        return self._design(rows, {name: scores[name].score for name in self.scores})

    def linear_predictor(self, design: FloatArray) -> FloatArray:
        """Log odds (n,) of a design (n, columns), summed row by row so that no row depends on its neighbors."""
        return self.regression.coefficients[0] + (design * self.regression.coefficients[1:]).sum(axis=1)

    def equation(self, *, level: float) -> pd.DataFrame:
        """term, coefficient, low, high: log odds a unit, and its Wald interval; the intercept comes first."""
        low, high, _ = self.regression.wald(level=level)
        terms = ["(intercept)", *(column.term for column in self.columns)]
        return pd.DataFrame({"term": terms, "coefficient": self.regression.coefficients, "low": low, "high": high})

    def _design(self, rows: Rows, scores: Mapping[str, FloatArray]) -> FloatArray:
        return np.column_stack(
            [np.empty((len(rows), 0)), *(scores[name] for name in self.scores), self.coding._design(rows)]
        )


def fit(
    rows: Rows, scores: Mapping[str, OutOfFold], *, own: Sequence[str], clinical: tuple[str, ...], what: str
) -> Stack:
    """Fit on training rows, out-of-fold scores by column, and clinical variables by name.

    The weight of a score of the same endpoint (`own`) is never below 0, as in Breiman's stacking (1996, doi
    10.1007/BF00117832): out-of-fold scores lean against the labels by chance, and a free weight turns them around. A
    score whose weight would be is left out; if nothing remains, the mean of the own scores keeps its ranking at a slope
    near 0. Firth's penalty where the classes separate. Raises TypeError for anything but an OutOfFold, RadiogramError
    for rows outside part train and for scores of other rows.
    """
    require_training(rows, what)
    for name, oof in scores.items():
        _require_aligned(rows, oof, name, what)
    used = [name for name, oof in scores.items() if not constant_in_folds(oof)]
    notes = [f"{name} was left out: its score is constant." for name in scores if name not in used]
    coded = coding(rows, clinical)
    encoded = coded.apparent(rows)
    while True:
        fitted = regression.fit(
            np.column_stack([encoded[:, :0], *(scores[n].score for n in used), encoded]), rows.truth
        )
        turned = {name: w for name, w in zip(used, fitted.coefficients[1:], strict=False) if name in own and w < 0}
        if not turned:
            break
        worst = min(turned, key=lambda name: turned[name] * scores[name].score.std())
        used.remove(worst)
        notes.append(f"{worst} was left out: beside the others its weight would be below 0.")
    if not used and not encoded.shape[1]:
        used, fitted = list(own), _nearly_constant(rows, [scores[name].score for name in own])
        notes.append("No member tells anything out of fold: their mean keeps its ranking, at a slope near 0.")
    if fitted.method == "Firth":
        notes.append("The classes separate: coefficients carry Firth's penalty.")
    return Stack(what=what, seen=rows.patients, scores=tuple(used), coding=coded, regression=fitted, notes=tuple(notes))


def take(scores: Mapping[str, OutOfFold], index: np.ndarray) -> dict[str, OutOfFold]:
    """The same evidence of some rows, those where `index` (n,) is true."""
    return {
        name: OutOfFold(oof.patient[index], oof.truth[index], oof.score[index], oof.fold[index], oof.fitted_on)
        for name, oof in scores.items()
    }


def _require_aligned(rows: Rows, oof: OutOfFold, name: str, what: str) -> None:
    require_out_of_fold(oof, f"{what}, score {name}")
    if not (np.array_equal(oof.patient, rows.patient) and np.array_equal(oof.truth, rows.truth)):
        raise RadiogramError(f"The out-of-fold {name} score belongs to other rows than those of the {what}.")


def _nearly_constant(rows: Rows, scores: Sequence[FloatArray]) -> Regression:
    """The mean score at the least slope, around the prevalence."""
    slope = LEAST_SLOPE / len(scores)
    offset = slope * np.sum(scores, axis=0)
    intercept = logistic(np.ones((len(rows), 1)), rows.truth, offset=offset).coefficients[0]
    size = len(scores) + 1
    coefficients = np.array([intercept, *[slope] * len(scores)])
    return Regression(coefficients, np.full((size, size), np.nan), np.ones(len(scores), dtype=bool), "least slope")
