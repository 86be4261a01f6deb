"""What a fusion reads of other models: out-of-fold log odds of its training rows, frozen ones of all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logit

from helpers.errors import RadiogramError
from helpers.learning.fitted import FloatArray
from helpers.learning.rows import Rows
from helpers.parameters import Parameters
from helpers.statistics.thresholds import OutOfFold

NEAREST = 1e-6  # probabilities closer than this to 0 or 1 count as this far from them: their log odds would be infinite


@dataclass(frozen=True, eq=False)
class Members:
    """Scores by column: `oof` of the training rows, `frozen` (n,) of the others.

    `own` are the columns that predict the fusion's own endpoint; the others are further heads of the same networks.
    """

    oof: Mapping[str, OutOfFold]
    frozen: Mapping[str, FloatArray]
    own: tuple[str, ...]
    notes: tuple[str, ...]


def endpoints(predictions: pd.DataFrame, names: tuple[str, ...], *, parameters: Parameters, fusion: str) -> list[str]:
    """Endpoints that every one of these models predicts out of fold, in the study's order.

    Raises RadiogramError for a model without out-of-fold predictions, and where no endpoint is common to all.
    """
    oof = predictions[predictions["kind"] == "oof"]
    for name in names:
        if name not in set(oof["model"]):
            raise RadiogramError(
                f"Fusion {fusion}: {name} has no out-of-fold predictions, and a fusion is fitted on nothing else: "
                "name models of networks.models or modeling.signatures."
            )
    known = [set(oof.loc[oof["model"] == name, "endpoint"]) for name in names]
    common = [e.name for e in parameters.cohort.endpoints if all(e.name in own for own in known)]
    if not common:
        raise RadiogramError(f"Fusion {fusion}: its members predict no endpoint in common.")
    return common


def read(
    names: tuple[str, ...],
    training: Rows,
    others: Rows,
    *,
    predictions: pd.DataFrame,
    fits: pd.DataFrame,
    parameters: Parameters,
) -> Members:
    """Scores of these models for the rows of one endpoint, from tables `predictions` and `fits`.

    A network with several heads brings all of them. Its last vector does not enter: coordinates of networks that were
    trained apart, one a fold and seed, do not mean the same thing, and only their outputs can be put side by side.
    A further head that does not score every row is left out, and `notes` say so. Raises RadiogramError for a row without
    a prediction of its own endpoint, and for one of a model that saw the row's patient.
    """
    oof, frozen, notes = {}, {}, []
    for column, (name, head) in _columns(names, training.endpoint, parameters).items():
        own = predictions[(predictions["model"] == name) & (predictions["endpoint"] == head)]
        if column not in names and not {*training.case, *others.case} <= {*own["case"]}:
            notes.append(f"{column} was left out: it does not score every patient.")
            continue
        seen = _seen(fits, name=name, endpoint=head)
        score = _aligned(own[own["kind"] == "oof"], training, what=f"out-of-fold prediction by {name}")
        oof[column] = _out_of_fold(score, training, seen, name=name)
        _require_unseen(others, seen, name=name)
        frozen[column] = _aligned(own[own["kind"] == "frozen"], others, what=f"frozen prediction by {name}")
    return Members(oof, frozen, names, tuple(notes))


def _columns(names: tuple[str, ...], endpoint: str, parameters: Parameters) -> dict[str, tuple[str, str]]:
    """Model and endpoint of every column; those of further heads come last."""
    everything = tuple(e.name for e in parameters.cohort.endpoints)
    heads = {network.name: network.endpoints or everything for network in parameters.networks.models}
    columns = {name: (name, endpoint) for name in names}
    for name in names:
        columns |= {f"{name} for {head}": (name, head) for head in heads.get(name, ()) if head != endpoint}
    return columns


def _aligned(rows: pd.DataFrame, wanted: Rows, *, what: str) -> FloatArray:
    """Log odds (n,) in the order of `wanted`."""
    values = rows.drop_duplicates("case").set_index("case")["probability"].astype(float).reindex(wanted.case).to_numpy()
    unknown = np.flatnonzero(~np.isfinite(values))
    if unknown.size:
        raise RadiogramError(f"Case {wanted.case[unknown[0]]} has no {what}, which a fusion reads.")
    return logit(np.clip(values, NEAREST, 1 - NEAREST))


def _seen(fits: pd.DataFrame, *, name: str, endpoint: str) -> tuple[frozenset[str], ...]:
    """The patients that each outer fold's fit saw, in the order of the folds."""
    own = fits[(fits["object"] == name) & (fits["endpoint"] == endpoint) & (fits["fold"] >= 0)].sort_values("fold")
    return tuple(frozenset(text.split("\n")) for text in own["patients"])


def _out_of_fold(score: FloatArray, rows: Rows, seen: tuple[frozenset[str], ...], *, name: str) -> OutOfFold:
    """The scores with the evidence that no model scored a patient it saw."""
    fold = [next((k for k, group in enumerate(seen) if patient not in group), -1) for patient in rows.patient.tolist()]
    if -1 in fold:
        raise RadiogramError(
            f"Every fit of {name} that table fits lists saw patient {rows.patient[fold.index(-1)]}: "
            "its predictions are not out-of-fold, and a fusion is fitted on nothing else."
        )
    return OutOfFold(rows.patient, rows.truth, score, np.array(fold, dtype=np.int64), seen)


def _require_unseen(others: Rows, seen: tuple[frozenset[str], ...], *, name: str) -> None:
    shared = sorted(others.patients & frozenset().union(*seen))
    if shared:
        raise RadiogramError(f"{name} was fitted on patient {shared[0]}: its prediction of this patient is not frozen.")
