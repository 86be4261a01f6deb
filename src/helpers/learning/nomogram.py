"""The nomogram: logistic regression on out-of-fold signature scores and the clinical variables themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.learning import regression
from helpers.learning.clinical import Coding, Column, coding
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.recalibration import constant_in_folds, require_out_of_fold
from helpers.learning.regression import Regression
from helpers.learning.rows import Rows, require_training
from helpers.statistics.thresholds import OutOfFold

INTERCEPT = "(intercept)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Nomogram(Fitted):
    """The fitted second stage; `table` has the columns of table `nomogram` but the endpoint."""

    signatures: tuple[str, ...]
    coding: Coding
    regression: Regression
    table: pd.DataFrame
    notes: tuple[str, ...]

    def linear_predictor(self, rows: Rows, scores: Mapping[str, FloatArray]) -> FloatArray:
        """(n,) of new patients from the first stage's scores; raises RadiogramError for patients it was fitted on."""
        self.refuse(rows.patient.tolist())
        return self._values(rows, scores)

    def apparent(self, rows: Rows, scores: Mapping[str, FloatArray]) -> FloatArray:
        """(n,) of the rows it was fitted on, and with in-sample scores: optimistic twice."""
        self.require_seen(rows)
        return self._values(rows, scores)

    def resampled(self, rows: Rows, scores: Mapping[str, FloatArray]) -> FloatArray:
        """(n,) of the training rows its bootstrap sample was drawn from, seen or not: for optimism alone."""
        self.require_population(rows)
        return self._values(rows, scores)

    def to_json(self) -> dict[str, Any]:
        """Terms with coefficients, how clinical variables are coded, and the fingerprint of the patients."""
        terms = self.table[["term", "coefficient"]].to_dict(orient="records")
        fills = {variable.name: variable.fill for variable in self.coding.variables}
        return {"terms": terms, "imputed": fills, "method": self.regression.method, "patients": self.fingerprint}

    @property
    def columns(self) -> list[Column]:
        """The columns of its design: a signature's score each, then the coded clinical variables."""
        return [*(Column(name, name, None) for name in self.signatures), *self.coding.columns]

    def fitted_design(self, rows: Rows, scores: Mapping[str, OutOfFold]) -> FloatArray:
        """Design (n, columns) it was fitted on: out-of-fold scores and coded variables of its own rows."""
        self.require_seen(rows)
        return self._design(rows, {name: scores[name].score for name in self.signatures})

    def _design(self, rows: Rows, scores: Mapping[str, FloatArray]) -> FloatArray:
        return np.column_stack([*(scores[name] for name in self.signatures), self.coding._design(rows)])

    def _values(self, rows: Rows, scores: Mapping[str, FloatArray]) -> FloatArray:
        design = self._design(rows, scores)
        return self.regression.coefficients[0] + (design * self.regression.coefficients[1:]).sum(axis=1)


def fit(
    rows: Rows, scores: Mapping[str, OutOfFold], *, clinical: tuple[str, ...] = (), level: float = 0.95
) -> Nomogram:
    """Fit on training rows, the out-of-fold score of every signature by name, and clinical variables.

    A score that is constant in every fold is left out, and so is a term that others determine; `notes` say so.
    Firth's penalty where the classes separate. Raises TypeError for anything but an OutOfFold, and
    RadiogramError for rows outside part train or scores of other rows.
    """
    require_training(rows, "nomogram")
    for name, oof in scores.items():
        _require_aligned(rows, oof, name)
    used = tuple(name for name, oof in scores.items() if not constant_in_folds(oof))
    notes = [f"{name} was left out: its score is constant." for name in scores if name not in used]
    coded = coding(rows, clinical)
    design = np.column_stack([*(scores[name].score for name in used), coded.apparent(rows)])
    fitted = regression.fit(design, rows.truth)
    columns = [*(Column(name, name, None) for name in used), *coded.columns]
    told = [column.term for column, kept in zip(columns, fitted.kept, strict=True) if not kept]
    notes += [f"{term} was left out: it is constant, or other terms determine it." for term in told]
    if fitted.method == "Firth":
        notes.append("The classes separate: coefficients carry Firth's penalty.")
    return Nomogram(
        what="nomogram",
        seen=rows.patients.union(*(scores[name].seen for name in used)),
        signatures=used,
        coding=coded,
        regression=fitted,
        table=_without_p(_table(fitted, columns, design, coded, level=level), used),
        notes=tuple(notes),
    )


def _require_aligned(rows: Rows, oof: OutOfFold, name: str) -> None:
    require_out_of_fold(oof, f"nomogram, score {name}")
    if not (np.array_equal(oof.patient, rows.patient) and np.array_equal(oof.truth, rows.truth)):
        raise RadiogramError(f"The out-of-fold {name} score belongs to other rows than those of the nomogram.")


def _table(
    fitted: Regression, columns: list[Column], design: FloatArray, coded: Coding, *, level: float
) -> pd.DataFrame:
    """One row a term, the intercept first; the reference level of a categorical variable has coefficient 0."""
    low, high, p = fitted.wald(level=level)
    table = pd.DataFrame(
        {
            "term": [INTERCEPT, *(c.term for c in columns)],
            "variable": [INTERCEPT, *(c.variable for c in columns)],
            "level": [None, *(c.level for c in columns)],
            "coefficient": fitted.coefficients,
            "standard_error": fitted.standard_errors,
            "odds_ratio": np.exp(fitted.coefficients),
            "low": np.exp(low),
            "high": np.exp(high),
            "p": p,
            "minimum": [np.nan, *design.min(axis=0)],
            "maximum": [np.nan, *design.max(axis=0)],
            "sd": [np.nan, *design.std(axis=0)],
        }
    )
    return _with_references(table[[True, *fitted.kept]], coded)


def _without_p(table: pd.DataFrame, scores: tuple[str, ...]) -> pd.DataFrame:
    """No P for a learned score: patients share the models that scored them, so that the Wald test of a useless score
    rejects in about 15 % instead of 5 % (Hoefling and Tibshirani 2008, doi 10.1214/07-AOAS152)."""
    return table.assign(p=table["p"].where(~table["term"].isin(scores)))


def _with_references(table: pd.DataFrame, coded: Coding) -> pd.DataFrame:
    """The reference level goes before the other levels of its variable, if any of those is in the model."""
    pieces, done = [], set()
    references = {v.name: v.fill for v in coded.variables if v.levels is not None}
    for row in table.to_dict(orient="records"):
        variable = row["variable"]
        if variable in references and variable not in done:
            reference = {**dict.fromkeys(table.columns, np.nan), "variable": variable, "level": references[variable]}
            reference |= {"term": f"{variable}={references[variable]}", "coefficient": 0.0, "odds_ratio": 1.0}
            pieces.append(reference | {"minimum": 0.0, "maximum": 1.0})
            done.add(variable)
        pieces.append(row)
    whole = pd.DataFrame(pieces, columns=table.columns)
    levels = [level if isinstance(level, str) else None for level in whole["level"]]
    return whole.assign(level=pd.Series(levels, dtype=object))
