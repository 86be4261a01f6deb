"""`radiogram tables`: the whole pipeline on every table of a folder, cross-validated, beside the common recipe."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from helpers import cluster, prose, surveyed
from helpers import study as studies
from helpers.cohort import anyfile, anytable
from helpers.errors import CaseError, RadiogramError
from helpers.learning import common_recipe, tabular
from helpers.learning.permutation import permuted
from helpers.learning.resampling import derived_seed
from helpers.learning.rows import Rows
from helpers.parameters import Parameters
from helpers.surveyed import Described, Done, Job, Page

# A bare table has one measurement of each feature and nothing clinical.
BARE = ("selection.reproducibility=none", "modeling.signatures=[radiomics]", "modeling.nomogram=[radiomics]")


def survey(
    place: Path, out: Path | None, *, target: str, permutations: int, repeats: int, overrides: Sequence[str] = ()
) -> Iterator[str]:
    """One line a table as it is done, and the files in `out`. A table that cannot be used is a line with its reason.

    The outcome is the column `target`, or COLUMN=VALUE. Raises RadiogramError when there is no table, or none can be used.
    """
    files, others = _files(place)
    if others:
        yield f"Not tables: {prose.listing(others[:6] + [f'{len(others) - 6} more'] * (len(others) > 6))}"
    study = studies.load(studies.house() / "params" / "_defaults.yaml", overrides=(*BARE, *overrides))
    parameters, names = study.parameters, surveyed.names(files)
    mapper = partial(cluster.map_cases, execution=parameters.execution)
    described = list(mapper(partial(_describe, target=target), files, label="tables read"))
    jobs = [job for found in described if not found.error for job in _jobs(found.item, permutations, repeats)]
    outcomes = mapper(partial(_run, target=target, parameters=parameters), jobs, label="cross-validations")
    page = Page(
        out or study.folder.parent / "tables",
        names=list(names.values()),
        permutations=permutations,
        level=parameters.statistics.level,
    )
    yield from page.head()
    for found in described:
        name = names[found.item]
        if found.error:
            yield page.unusable(name, found.error)
            continue
        own = [next(outcomes) for _ in _jobs(found.item, permutations, repeats)]
        yield page.add(name, found.value, own)
    yield from page.foot()
    if not page.usable:
        raise RadiogramError(f"No table of {place} could be used; the reasons stand above.")


def _files(place: Path) -> tuple[list[Path], list[str]]:
    if not place.exists():
        raise RadiogramError(f"No folder {place}: check the path.")
    files, others = anyfile.tables_in(place)
    if not files:
        endings = prose.listing(anyfile.SUFFIXES, "or")
        raise RadiogramError(f"{place} holds no table: files that end in {endings} are read.")
    return files, others


def _describe(path: Path, *, target: str) -> Described:
    with _told():
        found = _table(path, target)
    counts = (len(found.truth), np.unique(found.patient).size, int(found.truth.sum()))
    return Described(*counts, found.event, found.read, found.features.shape[1], found.row, found.patient, found.notes)


@contextmanager
def _told() -> Iterator[None]:
    """Whatever goes wrong with a table becomes that table's reason, as nobody is there to look."""
    try:
        yield
    except RadiogramError as error:
        raise CaseError(str(error).rstrip(".")) from error
    except Exception as error:
        raise CaseError(f"unexpected {type(error).__name__}, worth reporting: {error}") from error


def _jobs(path: Path, permutations: int, repeats: int) -> list[Job]:
    """The cross-validations of a table: each repeat and the common recipe, then the same once a permutation."""
    real = [Job(path, 0, (repeat,), common=False) for repeat in range(repeats)]
    real.append(Job(path, 0, tuple(range(repeats)), common=True))
    return real + [Job(path, i, (0,), common=c) for i in range(1, permutations + 1) for c in (False, True)]


@lru_cache(maxsize=1)
def _table(path: Path, target: str) -> anytable.FeatureTable:
    """The jobs of a table come one after the other: a process reads it once."""
    return anytable.table(path, target=target)


def _run(job: Job, *, target: str, parameters: Parameters) -> Done:
    started = time.process_time()
    with _told(), threadpool_limits(1):
        rows = _rows(job, target, parameters.seed)
        seeds = [derived_seed(parameters.seed, f"tables {job.permutation}", repeat) for repeat in job.repeats]
        if job.common:
            scored = common_recipe.out_of_fold(rows, parameters=parameters, seeds=seeds)
        else:
            scored = [tabular.out_of_fold(rows, parameters=parameters, seed=seed) for seed in seeds]
        return Done(tuple(scored), rows.truth, time.process_time() - started)


def _rows(job: Job, target: str, seed: int) -> Rows:
    found = _table(job.path, target)
    truth = found.truth if not job.permutation else permuted(found.truth, found.patient, seed, job.permutation)
    return tabular.bare_rows(truth, found.patient, found.features, endpoint=target)
