"""Internal validation of the whole pipeline: everything that learns is repeated in every bootstrap sample and fold.

Gate, filters, LASSO with its own cross-validation, cross-fitting, recalibration and nomogram are fitted anew each time
(Steyerberg 2001, doi 10.1016/s0895-4356(01)00341-9); only the threshold is not, since no measure here uses it.
Repetitions are independent, so a mapper may run them in several processes; results are put together in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from helpers.errors import RadiogramError
from helpers.learning import dlrn, folds, judged, resampling
from helpers.learning.endpoint import FoldFit, Mapper, fit_fold, pooled, prepared
from helpers.learning.fitted import FloatArray
from helpers.learning.resampling import Refit, derived_seed
from helpers.learning.rows import Rows
from helpers.parameters import Parameters

# Tasks for a mapper: enough to keep workers busy to the end, few enough that the rows they carry fit in memory.
PORTIONS = 64
TABLES = ("validation", "instability", "selection_frequency")


@dataclass(frozen=True)
class EndpointValidation:
    """Internal validation of one endpoint: tables validation, instability and selection_frequency, by name."""

    endpoint: str
    tables: Mapping[str, pd.DataFrame]


def validate_endpoint(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    predictions: pd.DataFrame,
    selected: pd.DataFrame,
    *,
    endpoint: str,
    parameters: Parameters,
    seed: int,
    thresholds: Mapping[str, float] | None = None,
    mapper: Mapper | None = None,
) -> EndpointValidation:
    """Bootstrap the pipeline and repeat its cross-validation as `parameters.validation` says.

    `predictions` and `selected` are the tables that `model_endpoint` gave for the same cases: the fit that is judged, and
    the first repeat of the cross-validation; `thresholds` are the frozen ones, by model. Raises RadiogramError as
    `model_endpoint` does, and for a repetition whose process died.
    """
    rows, _ = prepared(cases, features, endpoint=endpoint, parameters=parameters, seed=seed)
    settings = parameters.validation
    items = list(range(settings.bootstraps + settings.repeats * parameters.modeling.folds))
    found = _mapped(partial(repetition, rows=rows, parameters=parameters, seed=seed), items, mapper)
    refits = [each for each in found[: settings.bootstraps] if each is not None]
    repeats = _repeats(found[settings.bootstraps :], rows, parameters=parameters, seed=seed)
    given = {kind: _probabilities(predictions, rows, kind) for kind in ("apparent", "oof")}
    level = parameters.statistics.level
    values = judged.judge(rows.truth, given["apparent"], [given["oof"], *repeats], refits, level=level)
    spread = judged.instability_rows(rows.case, given["apparent"], refits, thresholds=thresholds or {}, level=level)
    chosen = selected[selected["endpoint"] == endpoint]
    tables = dict(zip(TABLES, (values, spread, judged.frequency_rows(chosen, refits)), strict=True))
    return EndpointValidation(endpoint, {name: judged.of_endpoint(name, t, endpoint) for name, t in tables.items()})


def repetition(item: int, *, rows: Rows, parameters: Parameters, seed: int) -> Refit | FoldFit | None:
    """One bootstrap sample, or, after those, one outer fold of one further repeat; None for a sample left out."""
    bootstraps, number = parameters.validation.bootstraps, parameters.modeling.folds
    with threadpool_limits(1):
        if item < bootstraps:
            own = derived_seed(seed, "bootstrap", item)
            fit = partial(dlrn.fit, parameters=parameters, seed=own)
            return resampling.refit(rows, fit, feasible=partial(folds.spread, folds=number), seed=own)
        repeat, k = divmod(item - bootstraps, number)
        own = derived_seed(seed, "repeat", repeat)
        return fit_fold(k, rows=rows, fold=_outer(rows, number, own), parameters=parameters, seed=own)


def _outer(rows: Rows, number: int, seed: int) -> np.ndarray:
    return folds.draw(rows, folds=number, seed=seed, purpose="outer")


def _repeats(fits: Sequence[FoldFit], rows: Rows, *, parameters: Parameters, seed: int) -> list[dict[str, FloatArray]]:
    """Out-of-fold probability (n,) of every model, one mapping a further repeat."""
    number, found = parameters.modeling.folds, []
    for repeat in range(parameters.validation.repeats):
        fold = _outer(rows, number, derived_seed(seed, "repeat", repeat))
        found.append(pooled(rows, fold, fits[repeat * number : (repeat + 1) * number]))
    return found


def _probabilities(predictions: pd.DataFrame, rows: Rows, kind: str) -> dict[str, FloatArray]:
    """Probability (n,) of every model on the training rows, in their order."""
    here = predictions[(predictions["endpoint"] == rows.endpoint) & (predictions["kind"] == kind)]
    wide = {model: of.set_index("case")["probability"] for model, of in here.groupby("model", sort=False)}
    if any(set(of.index) != set(rows.case) for of in wide.values()):
        raise RadiogramError("Table predictions has other training cases than table cases: run the modeling again.")
    return {model: of.loc[rows.case].to_numpy(dtype=np.float64) for model, of in wide.items()}


def _mapped(task: partial, items: list[int], mapper: Mapper | None) -> list[Refit | FoldFit | None]:
    """Results in the order of the items; a mapper gets them in portions, each of which carries the rows along once."""
    if mapper is None or not items:
        return [task(item) for item in items]
    portions = [portion.tolist() for portion in np.array_split(items, min(PORTIONS, len(items))) if portion.size]
    values: list[Refit | FoldFit | None] = []
    for outcome in mapper(partial(_several, task=task), portions):
        if outcome.error is not None:
            where = f"repetitions {outcome.item[0] + 1} to {outcome.item[-1] + 1}"
            raise RadiogramError(f"Internal validation stopped in {where}: {outcome.error}.")
        values += outcome.value
    return values


def _several(items: list[int], *, task: partial) -> list[Refit | FoldFit | None]:
    return [task(item) for item in items]
