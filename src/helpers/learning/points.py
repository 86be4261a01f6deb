"""The geometry of a nomogram: values to points, total points to risk, as R's rms draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from scipy.special import expit

from helpers.learning.nomogram import INTERCEPT

FULL = 100.0


@dataclass(frozen=True)
class Axis:
    """One variable: its coefficient, or one for each level, and the range of its contribution in training."""

    variable: str
    coefficient: float
    levels: Mapping[str, float] | None
    limits: tuple[float, float]
    lowest: float
    highest: float

    def contribution(self, value: float | str) -> float:
        """Part of the linear predictor that this value brings; a level without a term counts as the reference."""
        return self.coefficient * float(value) if self.levels is None else self.levels.get(str(value), 0.0)


@dataclass(frozen=True)
class Geometry:
    """100 points are the widest contribution; 0 points are the lowest contribution of each variable."""

    intercept: float
    per_unit: float
    axes: tuple[Axis, ...]

    def points(self, variable: str, value: float | str) -> float:
        """Points of one variable's value; outside its training range they leave 0 to 100."""
        axis = next(axis for axis in self.axes if axis.variable == variable)
        return (axis.contribution(value) - axis.lowest) * self.per_unit

    def total(self, values: Mapping[str, float | str]) -> float:
        """Total points of a patient, from a value for every variable."""
        return sum(self.points(axis.variable, values[axis.variable]) for axis in self.axes)

    def linear_predictor(self, total: float) -> float:
        """What a total of points stands for on the scale of the log odds."""
        return self.intercept + sum(axis.lowest for axis in self.axes) + total / self.per_unit

    def probability(self, total: float) -> float:
        """Risk read off under a total of points."""
        return float(expit(self.linear_predictor(total)))

    def total_for(self, linear_predictor: float) -> float:
        """Total points at which the scale shows this log odds: where a tick of the risk axis goes."""
        return (linear_predictor - self.linear_predictor(0.0)) * self.per_unit

    @property
    def largest_total(self) -> float:
        return sum((axis.highest - axis.lowest) * self.per_unit for axis in self.axes)


def geometry(table: pd.DataFrame) -> Geometry:
    """Geometry of one endpoint's rows of table `nomogram` (Harrell, rms: nomogram).

    Without a term, or with terms that contribute nothing, a point is a unit of the log odds.
    """
    intercept = float(table.loc[table["term"] == INTERCEPT, "coefficient"].iloc[0])
    terms = table[table["term"] != INTERCEPT]
    axes = tuple(_axis(name, group) for name, group in terms.groupby("variable", sort=False))
    widest = max((axis.highest - axis.lowest for axis in axes), default=0.0)
    return Geometry(intercept, FULL / widest if widest > 0 else 1.0, axes)


def _axis(variable: str, terms: pd.DataFrame) -> Axis:
    if terms["level"].notna().any():
        levels = {str(level): float(b) for level, b in zip(terms["level"], terms["coefficient"], strict=True)}
        return Axis(variable, 0.0, levels, (0.0, 1.0), min(levels.values()), max(levels.values()))
    term = terms.iloc[0]
    limits = (float(term["minimum"]), float(term["maximum"]))
    ends = sorted(float(term["coefficient"]) * end for end in limits)
    return Axis(variable, float(term["coefficient"]), None, limits, *ends)
