"""The contest of a study as tables: the whole grid, and of its models those that join the statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.learning import record
from helpers.learning.contest import outer
from helpers.learning.contest.grid import WINNER
from helpers.learning.contest.outer import EndpointContest
from helpers.learning.endpoint import FINAL, Mapper
from helpers.parameters import Parameters
from helpers.prose import count, listing
from helpers.statistics.discrimination import auc, compare_paired, holm
from helpers.study import Study
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["contest"].names)


@dataclass(frozen=True)
class Contested:
    """Tables contest, predictions and fits, and sentences for the reader."""

    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...]


def fit(study: Study, cases: pd.DataFrame, features: pd.DataFrame, *, mapper: Mapper | None = None) -> Contested:
    """Every contender of every endpoint; `mapper(function, items)` may fit the outer folds in several processes.

    Raises RadiogramError for names that clash, and as `outer.fit` does.
    """
    parameters = study.parameters
    require_names(parameters)
    options = {"parameters": parameters, "seed": parameters.seed, "mapper": mapper}
    found = [outer.fit(cases, features, endpoint=e.name, **options) for e in parameters.cohort.endpoints]
    level = parameters.statistics.level
    tables = {
        "contest": pd.DataFrame([row for each in found for row in grid_rows(each, level=level)], columns=COLUMNS),
        "predictions": pd.concat([predictions(each) for each in found], ignore_index=True),
        "fits": pd.concat([fits(each) for each in found], ignore_index=True),
    }
    return Contested(tables, tuple(note for each in found for note in _notes(each, several=len(found) > 1)))


def names(parameters: Parameters) -> list[str]:
    """The models that leave the grid for the statistics."""
    return [WINNER, *parameters.contest.carried]


def require_names(parameters: Parameters) -> None:
    """Raises RadiogramError for two inputs or models of one name, a carried input that is none, and an input of nothing."""
    inputs = [each.name for each in parameters.contest.inputs]
    doubled = [name for name in inputs if inputs.count(name) > 1]
    if doubled:
        raise RadiogramError(f"contest.inputs has {doubled[0]} more than once: every input needs a name of its own.")
    hollow = [each.name for each in parameters.contest.inputs if not each.blocks and not each.clinical]
    if hollow:
        raise RadiogramError(f"contest.inputs: {hollow[0]} reads nothing: give it blocks, or clinical: true.")
    unknown = [name for name in parameters.contest.carried if name not in inputs]
    if unknown:
        raise RadiogramError(f"contest.carried names {unknown[0]}, but contest.inputs has only {listing(inputs)}.")
    networks = parameters.networks
    others = {"radiomics", "deep", "clinical", "nomogram", WINNER, *(f.name for f in networks.fusions)}
    others |= {n.name for n in networks.models} if "06_networks" in parameters.notebooks else set()
    taken = sorted(others & set(parameters.contest.carried))
    if taken:
        raise RadiogramError(f"contest.inputs: {taken[0]} is also the name of another model: rename the input.")


def predictions(each: EndpointContest) -> pd.DataFrame:
    """Rows of table `predictions`: oof of the training rows, frozen of all others, of the models that leave the grid."""
    models = each.final.models
    oof = {model: each.model_out_of_fold(model) for model in models}
    frozen = {model: each.final.probabilities[key] for model, key in models.items()}
    frames = [
        record.prediction_rows(each.training, oof, kind="oof"),
        record.prediction_rows(each.others, frozen, kind="frozen"),
    ]
    return pd.concat([frame for frame in frames if len(frame)], ignore_index=True)


def fits(each: EndpointContest) -> pd.DataFrame:
    """Rows of table `fits`."""
    seen = {FINAL: each.final.seen, **{k: outer.seen for k, outer in enumerate(each.by_fold)}}
    return record.fit_rows(each.training.endpoint, each.final.models, seen)


def grid_rows(each: EndpointContest, *, level: float) -> Iterator[tuple]:
    """Rows of table `contest`: every contender in every part, with DeLong's interval, against the winner where frozen."""
    chosen = each.final.models[WINNER]
    won = [outer.models[WINNER] for outer in each.by_fold]
    for part, kind, where in _parts(each):
        truth = (each.training if kind == "oof" else each.others).truth[where]
        if len(set(truth.tolist())) < 2:
            continue
        values = {key: _values(each, key, kind)[where] for key in each.final.inner}
        tests = _against(truth, values, chosen, level) if kind == "frozen" else {}
        for key in values:
            found = auc(truth, values[key], level=level)
            low = found.lower_bound if np.isnan(found.low) else found.low
            known = (each.final.inner[key], key == chosen, won.count(key), each.final.columns[key])
            yield (
                each.training.endpoint, *key, part, kind, "auc", found.estimate, low, found.high, found.method, *known,
                each.final.settings[key], *tests.get(key, (np.nan,) * 5), len(truth), int(truth.sum()),
            )  # fmt: skip


def _parts(each: EndpointContest) -> Iterator[tuple[str, str, np.ndarray]]:
    yield "train", "oof", np.ones(len(each.training), dtype=bool)
    for part in dict.fromkeys(each.others.part.tolist()):
        yield part, "frozen", each.others.part == part


def _values(each: EndpointContest, key: tuple[str, str], kind: str) -> np.ndarray:
    return each.out_of_fold(key) if kind == "oof" else each.final.probabilities[key]


def _against(truth: np.ndarray, values: Mapping, chosen: tuple[str, str], level: float) -> dict[tuple, tuple]:
    """The winner minus each other contender: difference, limits, P, and P by Holm over all of them."""
    others = [key for key in values if key != chosen]
    tests = [compare_paired(truth, values[chosen], values[key], level=level) for key in others]
    adjusted = holm(np.array([t.p for t in tests])) if tests else []
    return {key: (t.estimate, t.low, t.high, t.p, p) for key, t, p in zip(others, tests, adjusted, strict=True)}


def _notes(each: EndpointContest, *, several: bool) -> list[str]:
    """What a reader must know of the selections behind the grid: what was kept, what was not, and what that leaves."""
    about = f" ({each.training.endpoint})" if several else ""
    kept = {block: n for block, n in each.final.kept.items() if n}
    told = (
        [f"On all training patients{about}, LASSO kept {listing([f'{n:,} of {block}' for block, n in kept.items()])}."]
        if kept
        else []
    )
    for block, n in each.final.kept.items():
        folds = sum(not outer.kept[block] for outer in each.by_fold)
        if not n:
            told.append(f"LASSO kept nothing of the block {block}{about}: inputs that read it go without.")
        elif folds:
            told.append(f"In {count(folds, 'outer fold')} LASSO kept nothing of the block {block}{about}.")
    hollow = list(dict.fromkeys(key[0] for key, columns in each.final.columns.items() if not columns))
    if hollow:
        told.append(f"Nothing is left to read for {listing(hollow)}{about}: everyone gets the share of events.")
    return told
