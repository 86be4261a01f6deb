"""Everything that is learned about one endpoint, from the tables `cases` and `features` alone.

`select_endpoint` shows the selection; `model_endpoint` cross-fits the whole DLRN. Outer folds are independent, so
a mapper may fit them in several processes; results are put together in the order of the folds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from helpers.cluster import Outcome
from helpers.errors import RadiogramError
from helpers.learning import dlrn, folds, record, signatures
from helpers.learning.added_value import added_value
from helpers.learning.contributions import contributions
from helpers.learning.dlrn import DLRN
from helpers.learning.fitted import FloatArray
from helpers.learning.rows import Rows, require_training, rows_from_tables, training_rows
from helpers.learning.signatures import Signature
from helpers.parameters import Parameters
from helpers.statistics.thresholds import OutOfFold
from helpers.tables import empty

Mapper = Callable[[Callable[[Any], Any], list[Any]], Iterator[Outcome]]
# The item that stands for the fit on all training rows; outer folds count from 0.
FINAL = -1


@dataclass(frozen=True)
class FoldFit:
    """What one outer fold's fit gives: patients seen, scores and probabilities of those held out, features chosen."""

    seen: frozenset[str]
    scores: Mapping[str, FloatArray]
    probabilities: Mapping[str, FloatArray]
    selected: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class EndpointSelection:
    """The selection on all training rows: tables reproducibility, funnel, selected, lasso, lasso_path, by name."""

    endpoint: str
    tables: Mapping[str, pd.DataFrame]
    signatures: Mapping[str, Signature]


@dataclass(frozen=True)
class EndpointModels:
    """The models of one endpoint: `tables` by name, worked examples, and notes.

    Tables are those of the selection, nomogram, added_value, fits, predictions and first_stage. `worked` has what moves the risk of
    three training patients, and no row where there is no nomogram.
    """

    endpoint: str
    tables: Mapping[str, pd.DataFrame]
    worked: pd.DataFrame
    dlrn: DLRN
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The final models with their coefficients; no patient is named."""
        return {"endpoint": self.endpoint, **self.dlrn.to_json()}


def select_endpoint(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    *,
    endpoint: str,
    parameters: Parameters,
    seed: int,
    mapper: Mapper | None = None,
) -> EndpointSelection:
    """Fit the selecting signatures on all training rows, and once in each outer fold for how often each feature recurs.

    Raises RadiogramError as `model_endpoint` does.
    """
    rows, fold = prepared(cases, features, endpoint=endpoint, parameters=parameters, seed=seed)
    names = [name for name in dlrn.wanted(parameters) if name != "clinical"]
    task = partial(_select, rows=rows, fold=fold, names=names, parameters=parameters, seed=seed)
    final, *by_fold = mapped(task, [FINAL, *range(parameters.modeling.folds)], mapper)
    chosen = [dlrn.selected(each) for each in by_fold]
    return EndpointSelection(endpoint, record.selection_tables(endpoint, final, chosen), final)


def model_endpoint(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    *,
    endpoint: str,
    parameters: Parameters,
    seed: int,
    mapper: Mapper | None = None,
) -> EndpointModels:
    """Cross-fit the whole DLRN on the training rows, fit it on all of them, and score every other part frozen.

    Raises RadiogramError for one class only, a class smaller than the folds, a signature without features or
    variables, and a gate without a second measurement.
    """
    rows, fold = prepared(cases, features, endpoint=endpoint, parameters=parameters, seed=seed)
    options = {"rows": rows, "fold": fold, "parameters": parameters, "seed": seed}
    final, *by_fold = mapped(partial(fit_fold, **options), [FINAL, *range(parameters.modeling.folds)], mapper)
    with threadpool_limits(1):
        oof = {name: _out_of_fold(rows, fold, by_fold, name) for name in final}
        model = dlrn.assemble(rows, oof, final, parameters=parameters)
        new = _other_rows(cases, features, endpoint=endpoint, parameters=parameters)
        kinds = {"oof": pooled(rows, fold, by_fold), "apparent": model.apparent(rows)}
        frozen = model.probabilities(new) if len(new) else {}
    predictions = [record.prediction_rows(rows, values, kind=kind) for kind, values in kinds.items()]
    predictions += [record.prediction_rows(new, frozen, kind="frozen")] if len(new) else []
    seen = {FINAL: model.seen, **{k: each.seen for k, each in enumerate(by_fold)}}
    tables = record.selection_tables(endpoint, final, [each.selected for each in by_fold])
    tables["nomogram"] = _nomogram_table(endpoint, model)
    tables["added_value"] = _added_value_table(rows, model, oof)
    tables["fits"] = record.fit_rows(endpoint, kinds["oof"], seen)
    tables["predictions"] = pd.concat(predictions, ignore_index=True)
    entering = model.nomogram.signatures if model.nomogram else ()
    blocks = [(rows, {name: oof[name].score for name in entering}), (new, model.scores(new) if len(new) else {})]
    tables["first_stage"] = record.first_stage_rows(blocks, entering)
    worked = contributions(rows, model.nomogram, oof) if model.nomogram else pd.DataFrame()
    return EndpointModels(endpoint, tables, worked, model, (*model.notes, *_gaps(model, new)))


def prepared(
    cases: pd.DataFrame, features: pd.DataFrame, *, endpoint: str, parameters: Parameters, seed: int
) -> tuple[Rows, np.ndarray]:
    """Training rows, checked before anything is fitted, and their outer folds."""
    rows = training_rows(cases, features, **_options(endpoint, parameters))
    dlrn.require_fittable(rows, parameters=parameters)
    return rows, folds.draw(rows, folds=parameters.modeling.folds, seed=seed, purpose="outer")


def _options(endpoint: str, parameters: Parameters) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "clinical": parameters.cohort.clinical,
        "reproducibility": parameters.selection.reproducibility,
    }


def _other_rows(cases: pd.DataFrame, features: pd.DataFrame, *, endpoint: str, parameters: Parameters) -> Rows:
    others = cases[cases["part"] != "train"]
    return rows_from_tables(others, features[features["case"].isin(others["case"])], **_options(endpoint, parameters))


def mapped(task: Callable[[int], Any], items: list[int], mapper: Mapper | None, *, what: str = "Modeling") -> list[Any]:
    """Values of the final fit and the outer folds, in the order of the items; raises RadiogramError when one has none."""
    values = []
    for outcome in mapper(task, items) if mapper else (Outcome(item, task(item)) for item in items):
        if outcome.error is not None:
            where = "the final fit" if outcome.item == FINAL else f"fold {outcome.item + 1}"
            raise RadiogramError(f"{what} stopped in {where}: {outcome.error}.")
        values.append(outcome.value)
    return values


def _select(
    item: int, *, rows: Rows, fold: np.ndarray, names: Sequence[str], parameters: Parameters, seed: int
) -> dict[str, Signature]:
    with threadpool_limits(1):
        training = require_training(rows if item == FINAL else rows.take(fold != item), "selection")
        return {name: signatures.fit(name, training, parameters=parameters, seed=seed) for name in names}


def fit_fold(
    item: int, *, rows: Rows, fold: np.ndarray, parameters: Parameters, seed: int
) -> dict[str, Signature] | FoldFit:
    """All signatures on all rows for the final item, else the whole DLRN without a fold, applied to that fold."""
    if item == FINAL:
        names = dlrn.wanted(parameters)
        return _select(item, rows=rows, fold=fold, names=names, parameters=parameters, seed=seed)
    with threadpool_limits(1):
        model = dlrn.fit(rows.take(fold != item), parameters=parameters, seed=seed)
        held = rows.take(fold == item)
        return FoldFit(model.seen, model.scores(held), model.probabilities(held), model.selected)


def _out_of_fold(rows: Rows, fold: np.ndarray, by_fold: Sequence[FoldFit], name: str) -> OutOfFold:
    score = np.empty(len(rows))
    for k, each in enumerate(by_fold):
        score[fold == k] = each.scores[name]
    return OutOfFold(rows.patient, rows.truth, score, fold, tuple(each.seen for each in by_fold))


def pooled(rows: Rows, fold: np.ndarray, by_fold: Sequence[FoldFit]) -> dict[str, FloatArray]:
    """Out-of-fold probability (n,) of every model."""
    found = {model: np.empty(len(rows)) for model in by_fold[0].probabilities}
    for k, each in enumerate(by_fold):
        for model, values in each.probabilities.items():
            found[model][fold == k] = values
    return found


def _nomogram_table(endpoint: str, model: DLRN) -> pd.DataFrame:
    if model.nomogram is None:
        return empty("nomogram")
    return model.nomogram.table.assign(endpoint=endpoint)[["endpoint", *model.nomogram.table.columns]]


def _added_value_table(rows: Rows, model: DLRN, oof: Mapping[str, OutOfFold]) -> pd.DataFrame:
    if model.nomogram is None:
        return empty("added_value")
    found = added_value(rows, model.nomogram, oof)
    return found.assign(endpoint=rows.endpoint)[["endpoint", *found.columns]]


def _gaps(model: DLRN, new: Rows) -> list[str]:
    """Sentences on frozen rows for which a training value stands in."""
    counts = {name: signature.gaps(new) for name, signature in model.signatures.items() if len(new)}
    return [
        f"{name}: {count} of {len(new)} frozen rows lack a value the score needs; a training value stands in."
        for name, count in counts.items()
        if count
    ]
