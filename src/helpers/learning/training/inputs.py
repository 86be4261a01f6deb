"""How the columns of a case become a network's inputs: what stands in for missing values, and scales, from training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.imaging.volumes import PLAN, plan_columns
from helpers.learning import clinical
from helpers.learning.clinical import Variable
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.networks.batch import Shape
from helpers.learning.rows import rows_from_tables
from helpers.parameters import Network, Parameters
from helpers.tables import empty


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of a number among the training rows that have it."""

    mean: float
    deviation: float

    def apply(self, values: FloatArray) -> FloatArray:
        return (values - self.mean) / self.deviation


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs(Fitted):
    """The shape a network is built for, and how the columns of a case are coded and scaled for it."""

    shape: Shape
    variables: tuple[Variable, ...]
    clinical_scales: tuple[Scale, ...]
    plan_scales: tuple[Scale, ...]

    def clinical(self, cases: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """Standardized values (n, variables), 0 where unknown, and whether they are known."""
        values, known = [], []
        for variable in self.variables:
            values.append(variable.encode(cases[variable.name]))
            known.append(np.repeat(_known(variable, cases[variable.name])[:, None], len(variable.columns), axis=1))
        nothing = np.empty((len(cases), 0))
        return _scaled(np.hstack([nothing, *values]), np.hstack([nothing.astype(bool), *known]), self.clinical_scales)

    def plan(self, cases: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """Standardized plan numbers (n, numbers), 0 where unknown, and whether they are known."""
        values = cases[[PLAN + name for name in self.shape.plan]].to_numpy(dtype=np.float64)
        return _scaled(values, np.isfinite(values), self.plan_scales)

    def labels(self, cases: pd.DataFrame) -> FloatArray:
        """(n, endpoints) of 0, 1, and NaN where a label is not known."""
        return cases[list(self.shape.endpoints)].to_numpy(dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        scales = {name: [asdict(s) for s in getattr(self, name)] for name in ("clinical_scales", "plan_scales")}
        variables = [asdict(variable) for variable in self.variables]
        return {"seen": sorted(self.seen), "shape": asdict(self.shape), "variables": variables, **scales}


def fit(network: Network, training: pd.DataFrame, *, parameters: Parameters) -> Inputs:
    """From training rows: cases with their endpoints, clinical variables and the columns of table `volumes`.

    A plan number that no training row has is left out. Raises RadiogramError for rows outside part train, and for a
    sequence or endpoint that the study does not have.
    """
    variables, coded = _coding(network, training, parameters)
    names = [c for c in plan_columns(parameters) if training[c].notna().any()] if "plan" in network.inputs else []
    shape = Shape(
        sequences=sequences(network, parameters),
        size=parameters.volumes.size,
        clinical=tuple(column.term for variable in variables for column in variable.columns),
        plan=tuple(name.removeprefix(PLAN) for name in names),
        endpoints=endpoints(network, parameters),
    )
    numbers = training[names].to_numpy(dtype=np.float64)
    return Inputs(
        what=f"network {network.name}",
        seen=frozenset(training["patient"].astype(str)),
        shape=shape,
        variables=variables,
        clinical_scales=_scales(coded, parts=_parts(variables, training)),
        plan_scales=_scales(numbers, parts=np.isfinite(numbers)),
    )


def from_json(told: dict[str, Any], *, what: str) -> Inputs:
    """What `to_json` wrote."""
    shape = {name: tuple(value) for name, value in told["shape"].items()}
    levels = [tuple(v["levels"]) if v["levels"] is not None else None for v in told["variables"]]
    return Inputs(
        what=what,
        seen=frozenset(told["seen"]),
        shape=Shape(**shape),
        variables=tuple(Variable(v["name"], v["fill"], own) for v, own in zip(told["variables"], levels, strict=True)),
        clinical_scales=tuple(Scale(**s) for s in told["clinical_scales"]),
        plan_scales=tuple(Scale(**s) for s in told["plan_scales"]),
    )


def sequences(network: Network, parameters: Parameters) -> tuple[str, ...]:
    """The network's sequences, in the order of the study. Raises RadiogramError for one the study does not have."""
    return _chosen(network, "sequences", network.sequences, parameters.cohort.sequences)


def endpoints(network: Network, parameters: Parameters) -> tuple[str, ...]:
    """The network's endpoints, in the order of the study. Raises RadiogramError for one the study does not have."""
    return _chosen(network, "endpoints", network.endpoints, [e.name for e in parameters.cohort.endpoints])


def _chosen(network: Network, what: str, named: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in named if name not in known]
    if unknown:
        raise RadiogramError(
            f"networks.models, {network.name}, {what}: the study has no {unknown[0]} in cohort.{what} "
            f"({', '.join(known)}): correct the name, or add it there."
        )
    return tuple(name for name in known if not named or name in named)


def _coding(
    network: Network, training: pd.DataFrame, parameters: Parameters
) -> tuple[tuple[Variable, ...], FloatArray]:
    """Coded variables as in the clinical model, and their design (n, columns) on the training rows."""
    names = parameters.cohort.clinical if "clinical" in network.inputs else ()
    anchor = endpoints(network, parameters)[0]
    filled = training.assign(**{anchor: training[anchor].fillna(0)})  # the labels are not looked at
    rows = rows_from_tables(filled, empty("features"), endpoint=anchor, clinical=tuple(names))
    coding = clinical.coding(rows)
    return coding.variables, coding.apparent(rows)


def _known(variable: Variable, values: pd.Series) -> FloatArray:
    """(n,) whether a value is there, and for a category whether training had it."""
    if variable.levels is None:
        return np.isfinite(values.to_numpy(dtype=np.float64))
    levels = {*variable.levels, variable.fill}
    return np.array([not pd.isna(value) and str(value) in levels for value in values], dtype=bool)


def _parts(variables: Sequence[Variable], cases: pd.DataFrame) -> FloatArray:
    known = [np.repeat(_known(v, cases[v.name])[:, None], len(v.columns), axis=1) for v in variables]
    return np.hstack([np.empty((len(cases), 0), dtype=bool), *known])


def _scales(values: FloatArray, *, parts: FloatArray) -> tuple[Scale, ...]:
    """Of each column, over the rows that have it; a constant is only centered."""
    found = []
    for column, known in zip(values.T, parts.T, strict=True):
        own = column[known]
        deviation = float(own.std()) if own.size else 0.0
        found.append(Scale(float(own.mean()) if own.size else 0.0, deviation if deviation > 1e-9 else 1.0))
    return tuple(found)


def _scaled(values: FloatArray, known: FloatArray, scales: Sequence[Scale]) -> tuple[FloatArray, FloatArray]:
    columns = [scale.apply(column) for scale, column in zip(scales, values.T, strict=True)]
    standardized = np.column_stack(columns) if columns else values
    return np.where(known, np.nan_to_num(standardized), 0.0), known
