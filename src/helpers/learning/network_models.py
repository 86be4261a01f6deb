"""The networks of a study: trained on each fold's other patients from several seeds, their log odds averaged, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from helpers.errors import RadiogramError
from helpers.learning import record
from helpers.learning.endpoint import FINAL, Mapper
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, rows_from_tables
from helpers.learning.training import all_trainings, dataset, inputs
from helpers.learning.training.all_trainings import Job
from helpers.learning.training.checkpoint import PRETRAINED, Trained
from helpers.prose import listing
from helpers.statistics.discrimination import auc
from helpers.statistics.thresholds import OutOfFold
from helpers.study import Study
from helpers.tables import DECLARED, empty


@dataclass(frozen=True)
class Learned:
    """Tables predictions, fits, training, seed_scores and architectures, and sentences for the reader."""

    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...]


def fit(study: Study, cases: pd.DataFrame, volumes: pd.DataFrame, *, mapper: Mapper) -> Learned:
    """Train every network of `networks.models` on every fold from every seed, and predict the cases they never saw.

    Kind `oof`: the mean log odds over seeds of the networks that were trained without the case's fold. Kind `frozen`, for
    other parts: the mean over all folds and seeds. `mapper(function, items, execution=...)` yields outcomes in the order
    of the items, as `run.mapper` does. Finished trainings are kept below models/networks, and repeated only when
    something they depend on has changed.
    Raises RadiogramError for a network that cannot be trained, in one sentence.
    """
    networks = study.parameters.networks.models
    _require_names(study)
    jobs = {network.name: all_trainings.job(study, network, cases, volumes) for network in networks}
    notes = [note for each in jobs.values() for note in _notes(each, study)] + _pretrained(jobs, study)
    trained = all_trainings.run(study, jobs, mapper=mapper)
    by_model = {name: [each for each in trained if each.model == name] for name in jobs}
    pieces = [_model_tables(jobs[name], own) for name, own in by_model.items()]
    tables = {name: _stacked(name, [piece[name] for piece in pieces]) for name in pieces[0]}
    return Learned(tables, tuple(notes))


def _require_names(study: Study) -> None:
    """Raises RadiogramError without networks, and for a name that two models share."""
    settings = study.parameters.networks
    names = [network.name for network in settings.models]
    if not names:
        raise RadiogramError("networks.models is empty: name the networks to train.")
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise RadiogramError(f"networks.models has {doubled[0]} more than once: every network needs a name of its own.")


def _notes(job: Job, study: Study) -> list[str]:
    """Raises RadiogramError for a sequence that no training case has."""
    if "images" not in job.network.inputs:
        return []
    sequences = inputs.sequences(job.network, study.parameters)
    return dataset.missing_sequences(job.cases[job.fold >= 0], sequences, name=job.network.name)


def _pretrained(jobs: Mapping[str, Job], study: Study) -> list[str]:
    """What the encoder that networks start from has seen. Raises RadiogramError where that are patients to be predicted frozen."""
    starting = [job for job in jobs.values() if job.network.weights == PRETRAINED and "images" in job.network.inputs]
    if not starting:
        return []
    from helpers.learning.pretraining import pretrain

    encoder = Fitted(what="pretrained encoder", seen=frozenset(pretrain.about(study)["patients"]))
    for job in starting:
        encoder.refuse(job.cases.loc[job.fold < 0, "patient"])
    if not encoder.seen & set(starting[0].cases["patient"].astype(str)):
        return []
    names = listing([job.network.name for job in starting])
    return [
        f"{names}: the encoder was pretrained, without labels, on images of training patients, those of the held-out fold "
        "included; no other part was shown to it."
    ]


def _model_tables(job: Job, trained: Sequence[Trained]) -> dict[str, pd.DataFrame]:
    endpoints = trained[0].inputs.shape.endpoints
    pieces = [_endpoint_tables(job, trained, endpoint) for endpoint in endpoints]
    found = {name: _stacked(name, [piece[name] for piece in pieces]) for name in pieces[0]}
    found["training"] = _stacked("training", [_epochs(each) for each in trained])
    found["architectures"] = pd.DataFrame([trained[0].architecture])[list(DECLARED["architectures"].names)]
    return found


def _endpoint_tables(job: Job, trained: Sequence[Trained], endpoint: str) -> dict[str, pd.DataFrame]:
    """Tables predictions, fits and seed_scores of one network and endpoint."""
    known = job.cases[endpoint].notna().to_numpy()
    rows = rows_from_tables(job.cases[known], empty("features"), endpoint=endpoint)
    fold, model = job.fold[known], job.network.name
    seen = {k: _seen(trained, k) for k in range(int(job.fold.max()) + 1)}
    by_seed = {s: _log_odds(rows, fold, [e for e in trained if e.seed == s], endpoint) for s in _seeds(trained)}
    training, other = rows.take(fold >= 0), rows.take(fold < 0)
    mean = np.mean(list(by_seed.values()), axis=0)
    _require_unseen(training, mean[fold >= 0], fold[fold >= 0], seen, other=other, trained=trained)
    predictions = [
        record.prediction_rows(own, {model: expit(mean[where])}, kind=kind)
        for own, where, kind in ((training, fold >= 0, "oof"), (other, fold < 0, "frozen"))
    ]
    return {
        "predictions": _stacked("predictions", predictions),
        "fits": record.fit_rows(endpoint, [model], {**seen, FINAL: frozenset().union(*seen.values())}),
        "seed_scores": _seed_scores(rows, by_seed, model=model),
    }


def _log_odds(rows: Rows, fold: np.ndarray, trained: Sequence[Trained], endpoint: str) -> FloatArray:
    """(n,): of training rows by the network without their fold; of others the mean over the folds' networks."""
    column = trained[0].inputs.shape.endpoints.index(endpoint)
    held = {e.fold: dict(zip(e.cases, e.log_odds[:, column].tolist(), strict=True)) for e in trained}
    pairs = zip(rows.case.tolist(), fold.tolist(), strict=True)
    return np.array([held[k][case] if k >= 0 else np.mean([each[case] for each in held.values()]) for case, k in pairs])


def _require_unseen(
    training: Rows,
    score: FloatArray,
    fold: np.ndarray,
    seen: Mapping[int, frozenset[str]],
    *,
    other: Rows,
    trained: Sequence[Trained],
) -> None:
    """Raises ValueError for an out-of-fold score of a patient the network saw, RadiogramError for a frozen one."""
    OutOfFold(training.patient, training.truth, score, fold, tuple(seen[k] for k in sorted(seen)))
    for each in trained:
        each.inputs.refuse(other.patient.tolist())


def _seed_scores(rows: Rows, by_seed: Mapping[int, FloatArray], *, model: str) -> pd.DataFrame:
    """The AUC of each seed alone in each part that has both classes."""
    found = []
    for part in dict.fromkeys(rows.part.tolist()):
        own = rows.part == part
        truth = rows.truth[own]
        kind = "oof" if part == "train" else "frozen"
        for seed, log_odds in by_seed.items() if 0 < truth.sum() < truth.size else ():
            found.append((rows.endpoint, model, part, kind, seed, auc(truth, log_odds[own]).estimate))
    return pd.DataFrame(found, columns=list(DECLARED["seed_scores"].names))


def _epochs(trained: Trained) -> pd.DataFrame:
    told = trained.epochs.assign(model=trained.model, fold=trained.fold, seed=trained.seed)
    return told[list(DECLARED["training"].names)]


def _seen(trained: Sequence[Trained], fold: int) -> frozenset[str]:
    return frozenset().union(*(each.inputs.seen for each in trained if each.fold == fold))


def _seeds(trained: Sequence[Trained]) -> list[int]:
    return sorted({each.seed for each in trained})


def _stacked(name: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty(name)
