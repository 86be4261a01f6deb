"""Fusions of a study: other models' scores and clinical variables in one equation, cross-fitted over the outer folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.learning import folds, members, record, stacking
from helpers.learning.endpoint import FINAL
from helpers.learning.fitted import FloatArray
from helpers.learning.members import Members
from helpers.learning.rows import Rows, rows_from_tables, training_rows
from helpers.learning.stacking import Stack
from helpers.parameters import Fusion, Parameters
from helpers.study import Study
from helpers.tables import empty

EQUATION = ["endpoint", "model", "term", "coefficient", "low", "high"]
FEW = 10  # events a term below which an equation is called thin (Peduzzi 1996, doi 10.1016/S0895-4356(96)00236-3)


@dataclass(frozen=True, eq=False)
class Fused:
    """A fusion of one endpoint: its rows, what it reads, the final equation, and the equation of every fold."""

    name: str
    training: Rows
    others: Rows
    scores: Members
    final: Stack
    fold: np.ndarray
    by_fold: tuple[Stack, ...]

    @property
    def endpoint(self) -> str:
        return self.training.endpoint

    def out_of_fold(self) -> FloatArray:
        """Probability (n,) of every training row by the equation fitted without its fold."""
        values = np.empty(len(self.training))
        for k, stack in enumerate(self.by_fold):
            held = self.fold == k
            scores = {name: oof.score[held] for name, oof in self.scores.oof.items()}
            values[held] = stack.probability(self.training.take(held), scores)
        return values

    def predictions(self) -> pd.DataFrame:
        """Rows of table `predictions`: oof of the training rows, frozen of all others."""
        oof = record.prediction_rows(self.training, {self.name: self.out_of_fold()}, kind="oof")
        frozen = {self.name: self.final.probability(self.others, self.scores.frozen)}
        return _stacked([oof, record.prediction_rows(self.others, frozen, kind="frozen")], oof)

    def fits(self) -> pd.DataFrame:
        """Rows of table `fits`."""
        seen = {FINAL: self.final.seen, **{k: stack.seen for k, stack in enumerate(self.by_fold)}}
        return record.fit_rows(self.endpoint, [self.name], seen)


@dataclass(frozen=True, eq=False)
class Fusions:
    """All fusions of a study: tables `predictions` and `fits`, the final equations, and notes."""

    tables: Mapping[str, pd.DataFrame]
    equations: pd.DataFrame
    notes: tuple[str, ...]


def fit(study: Study, cases: pd.DataFrame, predictions: pd.DataFrame, fits: pd.DataFrame) -> Fusions:
    """Every fusion of `networks.fusions`, for each endpoint that all its members predict.

    The equation of a fold is fitted on the out-of-fold scores of the other folds and applied to the fold's own. The
    networks behind those other scores have seen the fold's patients, which no cross-fitting short of training every
    network again within every fold avoids: out-of-fold results of a fusion of useless members come out slightly above
    chance, and the test rows, whose scores are frozen, decide. Raises RadiogramError as `fused` does.
    """
    found = list(fused(study.parameters, cases, predictions, fits))
    level = study.parameters.statistics.level
    equations = [
        each.final.equation(level=level).assign(endpoint=each.endpoint, model=each.name)[EQUATION] for each in found
    ]
    tables = {
        "predictions": _stacked([each.predictions() for each in found], empty("predictions")),
        "fits": _stacked([each.fits() for each in found], empty("fits")),
    }
    return Fusions(
        tables,
        _stacked(equations, pd.DataFrame(columns=EQUATION)),
        tuple(note for each in found for note in _notes(each)),
    )


def fused(
    parameters: Parameters, cases: pd.DataFrame, predictions: pd.DataFrame, fits: pd.DataFrame
) -> Iterator[Fused]:
    """The fusions of a study, one an endpoint each.

    Raises RadiogramError for a fusion of nothing, a name that another model has, a member without out-of-fold
    predictions, a row without a prediction, and a clinical variable that the study does not have.
    """
    for fusion in parameters.networks.fusions:
        _require_sound(fusion, parameters)
        if fusion.members:
            names = members.endpoints(predictions, fusion.members, parameters=parameters, fusion=fusion.name)
        else:
            names = [endpoint.name for endpoint in parameters.cohort.endpoints]
        for endpoint in names:
            yield _of_endpoint(fusion, endpoint, parameters, cases, predictions, fits)


def clinical(fusion: Fusion, parameters: Parameters) -> tuple[str, ...]:
    """The clinical variables that a fusion reads."""
    if isinstance(fusion.clinical, bool):
        return parameters.cohort.clinical if fusion.clinical else ()
    return fusion.clinical


def _of_endpoint(
    fusion: Fusion,
    endpoint: str,
    parameters: Parameters,
    cases: pd.DataFrame,
    predictions: pd.DataFrame,
    fits: pd.DataFrame,
) -> Fused:
    variables = clinical(fusion, parameters)
    cases = cases[cases[endpoint].notna()]
    nothing = pd.DataFrame({"case": [], "reader": []})
    training = training_rows(cases, nothing, endpoint=endpoint, clinical=variables)
    others = rows_from_tables(cases[cases["part"] != "train"], nothing, endpoint=endpoint, clinical=variables)
    given = {"predictions": predictions, "fits": fits, "parameters": parameters}
    scores = members.read(fusion.members, training, others, **given)
    fold = _folds(training, scores, parameters)
    options = {"own": scores.own, "clinical": variables, "what": f"fusion {fusion.name}"}
    by_fold = [
        stacking.fit(training.take(fold != k), stacking.take(scores.oof, fold != k), **options)
        for k in range(int(fold.max()) + 1)
    ]
    final = stacking.fit(training, scores.oof, **options)
    return Fused(fusion.name, training, others, scores, final, fold, tuple(by_fold))


def _folds(training: Rows, scores: Members, parameters: Parameters) -> np.ndarray:
    """The outer folds of the first member; without members those that any model of this endpoint has."""
    if scores.own:
        return scores.oof[scores.own[0]].fold
    return folds.draw(training, folds=parameters.modeling.folds, seed=parameters.seed, purpose="outer")


def _require_sound(fusion: Fusion, parameters: Parameters) -> None:
    fusions = [f.name for f in parameters.networks.fusions]
    modeled = (*parameters.modeling.signatures, "nomogram") if "05_modeling" in parameters.notebooks else ()
    if [*fusions, *(n.name for n in parameters.networks.models), *modeled].count(fusion.name) > 1:
        raise RadiogramError(f"networks.fusions: two models are called {fusion.name}: rename one.")
    nested = [name for name in fusion.members if name in fusions]
    if nested:
        raise RadiogramError(
            f"Fusion {fusion.name} has the fusion {nested[0]} as member: name that one's members instead."
        )
    variables = clinical(fusion, parameters)
    if not fusion.members and not variables:
        raise RadiogramError(f"Fusion {fusion.name} combines nothing: give it members, or clinical variables.")
    absent = [name for name in variables if name not in parameters.cohort.clinical]
    if absent:
        raise RadiogramError(f"Fusion {fusion.name} reads {absent[0]}, which cohort.clinical does not name.")


def _notes(each: Fused) -> list[str]:
    """What a reader should know of the final equation."""
    told = [f"{each.name}, {each.endpoint}: {note}" for note in (*each.scores.notes, *each.final.notes)]
    terms = int(each.final.regression.kept.sum())
    events = int(min(each.training.truth.sum(), len(each.training) - each.training.truth.sum()))
    if terms and events < FEW * terms:
        told.append(f"{each.name}, {each.endpoint}: {terms} terms rest on {events} patients of the rarer class.")
    return told


def _stacked(frames: list[pd.DataFrame], nothing: pd.DataFrame) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else nothing
