"""Every network x fold x seed of a study: which cases train it, which stop it, which it is applied to; each done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers.errors import RadiogramError
from helpers.imaging.store import digest
from helpers.learning import folds as fold_room
from helpers.learning.endpoint import Mapper
from helpers.learning.networks import build
from helpers.learning.rows import rows_from_tables
from helpers.learning.training import checkpoint, dataset, inputs, losses, one_training, trainer
from helpers.learning.training.checkpoint import Trained
from helpers.learning.training.epochs import seed_of
from helpers.parameters import Execution, Network
from helpers.study import Study
from helpers.tables import empty

# Of the group networks: what says which trainings there are and where they run, not what one of them comes to.
ELSEWHERE = {"models", "fusions", "seeds", "accelerator", "devices", "hours"}
PACKAGES = ("torch", "lightning", "monai", "timm", "numpy")
ROOMS = ("networks", "training")  # below learning: their code decides what a training comes to

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Item:
    """One training: of a network, without an outer fold, from a seed; both count from 0."""

    model: str
    fold: int
    seed: int


@dataclass(frozen=True, eq=False)
class Job:
    """What all trainings of a network share: its cases of every part, joined with their volumes, and their outer folds."""

    network: Network
    cases: pd.DataFrame
    fold: IntArray  # (n,), -1 outside part train


def job(study: Study, network: Network, cases: pd.DataFrame, volumes: pd.DataFrame) -> Job:
    """Cases with a volume and at least one label of the network's. Raises RadiogramError where none of them trains.

    Outer folds are drawn on all training cases, as for every other model: those without a volume leave gaps.
    """
    parameters = study.parameters
    endpoints = inputs.endpoints(network, parameters)
    fold = pd.Series(-1, index=cases["case"])
    training = cases[cases["part"] == "train"]
    drawn = draw(training, endpoints, folds=parameters.modeling.folds, seed=parameters.seed, purpose="outer")
    fold[training["case"].to_numpy()] = drawn
    found = checkpoint.joined(cases[cases[list(endpoints)].notna().any(axis=1)], volumes).reset_index(drop=True)
    if not (found["part"] == "train").any():
        raise RadiogramError(f"networks.models, {network.name}: no training case has a volume and a label.")
    return Job(network, found, fold[found["case"].to_numpy()].to_numpy(dtype=np.int64))


def draw(cases: pd.DataFrame, endpoints: Sequence[str], *, folds: int, seed: int, purpose: str) -> IntArray:
    """Fold (n,) of every case, by patient, stratified by the first endpoint; patients without it, by the next; -1 without any."""
    fold = np.full(len(cases), -1, dtype=np.int64)
    patient = cases["patient"].astype(str).to_numpy()
    for endpoint in endpoints:
        free = cases[endpoint].notna().to_numpy() & ~np.isin(patient, patient[fold >= 0])
        if free.any():
            rows = rows_from_tables(cases[free], empty("features"), endpoint=endpoint)
            own = fold_room.draw(rows, folds=folds, seed=seed, purpose=purpose)
            known = dict(zip(rows.patient.tolist(), own.tolist(), strict=True))
            fold = np.array([known.get(p, f) for p, f in zip(patient.tolist(), fold.tolist(), strict=True)])
    return fold


def run(study: Study, jobs: Mapping[str, Job], *, mapper: Mapper) -> list[Trained]:
    """All trainings in order of networks, folds and seeds; those that are kept with an unchanged key are not repeated.

    Raises RadiogramError when one of them has no result: predictions need all.
    """
    settings = study.parameters
    trainer.require_device(settings.networks)
    folds, seeds = range(settings.modeling.folds), range(settings.networks.seeds)
    items = [Item(model, fold, seed) for model in jobs for fold in folds for seed in seeds]
    found = {item: kept for item in items if (kept := _kept(item, study, jobs))}
    due = [item for item in items if item not in found]
    for outcome in mapper(partial(train, study=study, jobs=jobs), due, execution=execution(study)):
        if outcome.error is not None:
            raise RadiogramError(_sentence(outcome.item, outcome.error))
        found[outcome.item] = outcome.value
    return [found[item] for item in items]


def execution(study: Study) -> Execution:
    """How trainings run: hours instead of minutes, and one after the other where there is a GPU."""
    changed: dict[str, Any] = {"case_minutes": study.parameters.networks.hours * 60}
    if trainer.device_of(study.parameters.networks) == "cuda":
        changed["workers"] = 1
    return study.parameters.execution.model_copy(update=changed)


def train(item: Item, *, study: Study, jobs: Mapping[str, Job]) -> Trained:
    """One training from its start, or from where it was interrupted; kept on disk when it is finished."""
    held, settings, seed = jobs[item.model], study.parameters.networks, _seed(item, study)
    training, inner, others = parts(item, held, study)
    made = inputs.fit(held.network, held.cases[training | inner], parameters=study.parameters)
    objective = losses.objective(
        made.labels(held.cases[training]), imbalance=settings.imbalance, endpoints=made.shape.endpoints
    )
    net = checkpoint.built(study, held.network, made.shape, seed=seed_of(seed, "weights"))
    told = build.record(held.network, net, made.shape, parameters=study.parameters)
    sets = [dataset.Cases(held.cases[own], made, study=study) for own in (training, inner, others)]
    key, folder = _key(item, held, study), _place(item, study)
    epochs = one_training.train(
        net, objective,
        training=dataset.loader(sets[0], batch=settings.batch, training=True),
        inner=dataset.loader(sets[1], batch=settings.batch),
        settings=settings, augment=settings.augment and "images" in held.network.inputs,
        seed=seed, folder=folder, key=key, label=_label(item),
    )  # fmt: skip
    applied = one_training.logits(
        net, dataset.loader(sets[2], batch=settings.batch), device=trainer.device_of(settings)
    )
    shift = losses.prior_shift(objective)
    result = Trained(
        item.model, item.fold, item.seed, made, tuple(shift.tolist()), tuple(sets[2].case), applied + shift, epochs, told
    )  # fmt: skip
    checkpoint.write(folder, net, result, key=key)
    trainer.forget(folder)
    return result


def parts(item: Item, held: Job, study: Study) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Cases (n,) that train the network, that only say when to stop, and that it never sees: the fold's, and other parts'."""
    own = (held.fold >= 0) & (held.fold != item.fold)
    endpoints = inputs.endpoints(held.network, study.parameters)
    share = round(1 / study.parameters.networks.inner_fraction)
    drawn = draw(
        held.cases[own], endpoints, folds=share, seed=study.parameters.seed,
        purpose=f"inner {item.fold} {item.seed}",
    )  # fmt: skip
    inner = np.zeros(len(own), dtype=bool)
    inner[np.flatnonzero(own)[drawn == 0]] = True
    if not inner.any():
        raise RadiogramError(f"{_label(item)}: no patient is left to say when to stop: raise networks.inner_fraction.")
    return own & ~inner, inner, ~own


def _seed(item: Item, study: Study) -> int:
    return seed_of(study.parameters.seed, item.model, item.fold, item.seed)


def _kept(item: Item, study: Study, jobs: Mapping[str, Job]) -> Trained | None:
    key = _key(item, jobs[item.model], study)
    return checkpoint.read(study, model=item.model, fold=item.fold, seed=item.seed, key=key)


def _key(item: Item, held: Job, study: Study) -> str:
    """SHA-256 of everything that decides the result: cases and their volumes, parameters, weights, code and versions."""
    parameters = study.parameters
    content = [
        held.network.model_dump(mode="json"),
        [item.fold, item.seed, parameters.seed, parameters.modeling.folds],
        parameters.networks.model_dump(mode="json", exclude=ELSEWHERE),
        trainer.device_of(parameters.networks),
        [parameters.volumes.model_dump(mode="json"), parameters.cohort.sequences, parameters.cohort.clinical],
        parameters.pretraining.model_dump(mode="json") if held.network.architecture == "transformer" else None,
        held.cases.to_csv(index=False),
        held.fold.tolist(),
        _weights(held.network, study),
        {name: metadata.version(name) for name in PACKAGES},
        _code(),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _weights(network: Network, study: Study) -> str:
    """The content of the weights that a network starts from, where they are a file."""
    encoder = study.folder / "models" / "encoder.safetensors"
    path = encoder if network.weights == checkpoint.PRETRAINED else Path(network.weights).expanduser()
    return digest(path) if path.is_file() else network.weights


@lru_cache
def _code() -> str:
    folder = Path(__file__).parents[1]
    sources = [path.read_bytes() for room in ROOMS for path in sorted((folder / room).glob("*.py"))]
    return hashlib.sha256(b"\n".join(sources)).hexdigest()


def _place(item: Item, study: Study) -> Path:
    return checkpoint.place(study, model=item.model, fold=item.fold, seed=item.seed)


def _label(item: Item) -> str:
    return f"Network {item.model}, fold {item.fold + 1}, seed {item.seed + 1}"


def _sentence(item: Item, error: str) -> str:
    """The limits that a training has have other names than those of a case."""
    told = error.replace("execution.case_minutes", "networks.hours")
    remedy = ": lower networks.batch or volumes.size, or raise it" if "case_gigabytes" in error else ""
    return f"{_label(item)}, has no result: {told}{remedy}."
