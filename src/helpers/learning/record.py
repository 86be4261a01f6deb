"""Fitted models as rows of the named tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from helpers.learning.fitted import FloatArray, fingerprint
from helpers.learning.rows import Rows
from helpers.learning.signatures import FeatureSignature, Signature
from helpers.tables import DECLARED, empty


def selection_tables(
    endpoint: str, final: Mapping[str, Signature], by_fold: Sequence[Mapping[str, Sequence[str]]]
) -> dict[str, pd.DataFrame]:
    """Tables reproducibility, funnel, selected, lasso and lasso_path of the signatures that select features.

    `by_fold` has, for every outer fold, the features that each signature selected there.
    """
    selecting = {name: s for name, s in final.items() if isinstance(s, FeatureSignature)}
    pieces = {
        "reproducibility": {name: s.reproducibility for name, s in selecting.items()},
        "funnel": {name: s.funnel for name, s in selecting.items()},
        "selected": {name: _with_frequency(s, [fold[name] for fold in by_fold]) for name, s in selecting.items()},
        "lasso": {name: s.curve for name, s in selecting.items()},
        "lasso_path": {name: s.path for name, s in selecting.items()},
    }
    return {table: _stack(table, endpoint, frames) for table, frames in pieces.items()}


def _with_frequency(signature: FeatureSignature, by_fold: Sequence[Sequence[str]]) -> pd.DataFrame:
    table = signature.coefficients
    shares = [sum(name in fold for fold in by_fold) / len(by_fold) for name in table["feature"]]
    return table.assign(frequency=pd.Series(shares, dtype=float))


def _stack(table: str, endpoint: str, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    filled = [frame.assign(endpoint=endpoint, signature=name) for name, frame in frames.items() if len(frame)]
    if not filled:
        return empty(table)
    return pd.concat(filled, ignore_index=True)[list(DECLARED[table].names)]


def fit_rows(endpoint: str, models: Iterable[str], seen: Mapping[int, frozenset[str]]) -> pd.DataFrame:
    """Table `fits`: every model, each outer fold from 0 and, as fold -1, the final fit; patients one a line."""
    rows = [
        (endpoint, model, fold, "\n".join(sorted(patients)), fingerprint(patients))
        for model in models
        for fold, patients in sorted(seen.items())
    ]
    return pd.DataFrame(rows, columns=list(DECLARED["fits"].names))


def prediction_rows(rows: Rows, probabilities: Mapping[str, FloatArray], *, kind: str) -> pd.DataFrame:
    """Table `predictions`: every model's probability of every row, of one kind."""
    columns = {"case": rows.case, "patient": rows.patient, "part": rows.part, "truth": rows.truth}
    frames = [
        pd.DataFrame(columns).assign(endpoint=rows.endpoint, model=model, kind=kind, probability=values)
        for model, values in probabilities.items()
        if len(rows)
    ]
    names = list(DECLARED["predictions"].names)
    return pd.concat(frames, ignore_index=True)[names] if frames else pd.DataFrame(columns=names)


def first_stage_rows(blocks: Sequence[tuple[Rows, Mapping[str, FloatArray]]], names: Sequence[str]) -> pd.DataFrame:
    """Table `first_stage`: the score of every named signature for every row of each block."""
    frames = [
        pd.DataFrame({"case": rows.case, "part": rows.part}).assign(
            endpoint=rows.endpoint, signature=name, score=scores[name]
        )
        for rows, scores in blocks
        for name in names
        if len(rows)
    ]
    columns = list(DECLARED["first_stage"].names)
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
