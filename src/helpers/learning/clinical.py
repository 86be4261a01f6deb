"""Clinical variables as columns of numbers: imputed, coded against the commonest level, all from training rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, require_training


@dataclass(frozen=True)
class Column:
    """One column of the design: a numeric variable, or a level of a categorical one against its reference."""

    term: str
    variable: str
    level: str | None


@dataclass(frozen=True)
class Variable:
    """How one variable is coded: what stands in for a missing value, and its other levels, if categorical."""

    name: str
    fill: float | str
    levels: tuple[str, ...] | None

    @property
    def columns(self) -> list[Column]:
        if self.levels is None:
            return [Column(self.name, self.name, None)]
        return [Column(f"{self.name}={level}", self.name, level) for level in self.levels]

    def encode(self, values: pd.Series) -> FloatArray:
        """(n, columns); a missing value, or a level that training never had, becomes the median or the mode."""
        if self.levels is None:
            numbers = values.to_numpy(dtype=np.float64)
            return np.where(np.isfinite(numbers), numbers, self.fill)[:, None]
        known = {*self.levels, self.fill}
        words = [str(value) if str(value) in known and not pd.isna(value) else self.fill for value in values]
        return np.array([[float(word == level) for level in self.levels] for word in words]).reshape(len(words), -1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Coding(Fitted):
    """Imputation and coding of the clinical variables, learned from the training rows."""

    variables: tuple[Variable, ...]

    @property
    def columns(self) -> list[Column]:
        return [column for variable in self.variables for column in variable.columns]

    def transform(self, rows: Rows) -> FloatArray:
        """Design (n, columns) of new patients; raises RadiogramError for those it was fitted on."""
        self.refuse(rows.patient.tolist())
        return self._design(rows)

    def apparent(self, rows: Rows) -> FloatArray:
        """Design (n, columns) of the rows it was fitted on."""
        self.require_seen(rows)
        return self._design(rows)

    def _design(self, rows: Rows) -> FloatArray:
        blocks = [variable.encode(rows.clinical[variable.name]) for variable in self.variables]
        return np.hstack([np.empty((len(rows), 0)), *blocks])


def coding(rows: Rows, names: tuple[str, ...] | None = None) -> Coding:
    """Fit on training rows: median, or most frequent level, for what is missing.

    The most frequent level (ties: the first by name) is the reference. Raises RadiogramError for rows outside
    part train.
    """
    require_training(rows, "imputation of clinical variables")
    names = tuple(rows.clinical.columns) if names is None else names
    variables = tuple(_variable(name, rows.clinical[name]) for name in names)
    return Coding(what="imputation of clinical variables", seen=rows.patients, variables=variables)


def _variable(name: str, values: pd.Series) -> Variable:
    if pd.api.types.is_numeric_dtype(values):
        finite = values.to_numpy(dtype=np.float64)[np.isfinite(values.to_numpy(dtype=np.float64))]
        return Variable(name, float(np.median(finite)) if finite.size else 0.0, None)
    counts = Counter(str(value) for value in values if not pd.isna(value))
    ordered = sorted(counts, key=lambda level: (-counts[level], level))
    return Variable(name, ordered[0] if ordered else "", tuple(sorted(ordered[1:])))
