"""The whole pipeline on permuted labels: where there is nothing to find, whatever it finds has leaked.

Labels are dealt out anew among the patients of a part, so that every part keeps its events; features, clinical
variables and parts stay with their patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from zlib import crc32

import numpy as np
import pandas as pd

from helpers import cluster
from helpers.errors import RadiogramError
from helpers.learning.contest import outer, running
from helpers.learning.endpoint import Mapper, model_endpoint
from helpers.learning.resampling import derived_seed
from helpers.parameters import Parameters
from helpers.study import Study

# Fits of a second each from which further processes earn back the seconds of their start.
WORTH_PROCESSES = 60


@dataclass(frozen=True)
class Rerun:
    """One endpoint under one permutation: `cases` with the permuted labels, and tables predictions and fits."""

    endpoint: str
    number: int
    cases: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]


def permuted(truth: np.ndarray, patient: np.ndarray, seed: int, number: int) -> np.ndarray:
    """Truth (n,) dealt out anew, by patient where each patient has one; row by row where a patient has both."""
    generator = np.random.default_rng([seed, crc32(b"permutation"), number])
    _, first, position = np.unique(patient, return_index=True, return_inverse=True)
    if (truth[first][position] == truth).all():
        return generator.permutation(truth[first])[position]
    return generator.permutation(truth)


def permuted_cases(cases: pd.DataFrame, *, endpoint: str, seed: int, number: int) -> pd.DataFrame:
    """Table cases with the known labels of one endpoint dealt out anew within each part."""
    dealt = cases.copy()
    for _, here in cases[cases[endpoint].notna()].groupby("part", sort=True):
        labels = permuted(here[endpoint].to_numpy(), here["patient"].to_numpy(dtype=str), seed, number)
        dealt.loc[here.index, endpoint] = labels
    return dealt


def reruns(study: Study, cases: pd.DataFrame, features: pd.DataFrame) -> list[Rerun]:
    """Everything of 05_modeling once more, `integrity.permutations` times for each endpoint; the contest, if there is one, too.

    Raises RadiogramError as `model_endpoint` and `outer.fit` do, and for a permutation whose process died.
    """
    wanted = study.parameters.integrity.permutations
    items = [(e.name, number) for e in study.parameters.cohort.endpoints for number in range(1, wanted + 1)]
    task = partial(rerun, cases=cases, features=features, parameters=study.parameters)
    found = []
    for outcome in _mapper(study.parameters, len(items))(task, items):
        if outcome.error is not None:
            raise RadiogramError(
                f"The run on permuted labels stopped in permutation {outcome.item[1]}: {outcome.error}."
            )
        found.append(outcome.value)
    if not contested(study.parameters):
        return found
    return [contest_again(each, features, parameters=study.parameters) for each in found]


def contested(parameters: Parameters) -> bool:
    return "05_contest" in parameters.notebooks


def _mapper(parameters: Parameters, items: int) -> Mapper:
    """Several processes where there are fits enough to earn back their start, else this one."""
    many = items * (parameters.modeling.folds + 1) >= WORTH_PROCESSES
    execution = parameters.execution if many else parameters.execution.model_copy(update={"isolated": False})
    return partial(cluster.map_cases, execution=execution, label="permutations")


def rerun(item: tuple[str, int], *, cases: pd.DataFrame, features: pd.DataFrame, parameters: Parameters) -> Rerun:
    """One endpoint with one permutation of its labels, folds drawn anew."""
    endpoint, number = item
    dealt = permuted_cases(cases, endpoint=endpoint, seed=parameters.seed, number=number)
    own = derived_seed(parameters.seed, "permutation", number)
    learned = model_endpoint(dealt, features, endpoint=endpoint, parameters=parameters, seed=own)
    return Rerun(endpoint, number, dealt, {name: learned.tables[name] for name in ("predictions", "fits")})


def contest_again(each: Rerun, features: pd.DataFrame, *, parameters: Parameters) -> Rerun:
    """The rerun with the contest on its labels: the winner, and the inputs whose best classifier joined the statistics."""
    label = f"fits of the grid, permutation {each.number} of {parameters.integrity.permutations}"
    mapper = partial(cluster.map_cases, execution=parameters.execution, label=label)
    own = derived_seed(parameters.seed, "permutation", each.number)
    options = {"endpoint": each.endpoint, "parameters": parameters, "seed": own, "mapper": mapper}
    found = outer.fit(each.cases, features, **options)
    joined = {"predictions": running.predictions(found), "fits": running.fits(found)}
    tables = {name: pd.concat([each.tables[name], more], ignore_index=True) for name, more in joined.items()}
    return replace(each, tables=tables)
