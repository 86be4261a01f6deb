"""Rows: what a model may be fitted on or score, built from the tables `cases` and `features`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers.errors import RadiogramError

FIRST_READER = "reader1"
# How the readers of a repeated measurement are called, by the parameter selection.reproducibility.
REPEATS = {"reader": "reader", "perturbation": "perturbed", "none": None}


@dataclass(frozen=True, eq=False)
class Rows:
    """n cases with their endpoint, features and clinical variables, all aligned by position.

    case, patient and part are (n,) text, truth is (n,) of 0 and 1. `features` (n, p) is the first reader's;
    each of `repeats` (n, p) is another reader's or a perturbed mask's, NaN where a case has none. `clinical` is
    (n, variables) as enrolled, missing values included. `center` (n,) is text, None where the tables do not tell.
    """

    endpoint: str
    case: NDArray[np.str_]
    patient: NDArray[np.str_]
    part: NDArray[np.str_]
    truth: NDArray[np.int64]
    features: pd.DataFrame
    repeats: tuple[pd.DataFrame, ...]
    clinical: pd.DataFrame
    center: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.case)

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self.patient.tolist())

    def take(self, index: NDArray[Any]) -> Rows:
        """The rows at positions, or where a boolean (n,) is true."""
        index = np.flatnonzero(index) if np.asarray(index).dtype == bool else np.asarray(index)
        arrays = {name: getattr(self, name)[index] for name in ("case", "patient", "part", "truth")}
        frames = {name: _take(getattr(self, name), index) for name in ("features", "clinical")}
        arrays["center"] = None if self.center is None else self.center[index]
        return replace(self, **arrays, **frames, repeats=tuple(_take(frame, index) for frame in self.repeats))

    def names(self, signature: str) -> list[str]:
        """Feature columns of a signature: `_deep_` in the name makes it deep, all others are radiomics."""
        return [name for name in self.features.columns if ("_deep_" in name) == (signature == "deep")]


def rows_from_tables(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    *,
    endpoint: str,
    clinical: tuple[str, ...] = (),
    reproducibility: str = "reader",
) -> Rows:
    """Rows of every part, in the order of `cases`, without those whose endpoint is not known.

    `reproducibility` says which repeats come along: other readers, perturbed masks or none. A feature table
    without rows gives rows without features. Raises RadiogramError for a case without the first reader's features,
    for one measured twice by a reader, and for an endpoint or clinical variable that is not there.
    """
    absent = [name for name in (endpoint, *clinical) if name not in cases]
    if absent:
        raise RadiogramError(f"Table cases has no column {absent[0]}: check cohort.endpoints and cohort.clinical.")
    if cases[endpoint].isna().any():
        cases = cases[cases[endpoint].notna()]
        features = features[features["case"].isin(cases["case"])]
    first, repeats = _readers(cases, features, prefix=REPEATS[reproducibility])
    text = {name: cases[name].astype(str).to_numpy(dtype=str) for name in ("case", "patient", "part")}
    truth = cases[endpoint].to_numpy(dtype=np.int64)
    text["center"] = cases["center"].astype(str).to_numpy(dtype=str) if "center" in cases else None
    return Rows(endpoint, **text, truth=truth, features=first, repeats=repeats, clinical=_take(cases[list(clinical)]))


def training_rows(cases: pd.DataFrame, features: pd.DataFrame, **options: Any) -> Rows:
    """The rows of part `train`; options as for rows_from_tables. Raises RadiogramError when there are none."""
    training = cases[cases["part"] == "train"]
    if training.empty:
        raise RadiogramError("No case is in part train: check cohort.part_column and cohort.test_fraction.")
    return rows_from_tables(training, features[features["case"].isin(training["case"])], **options)


def require_training(rows: Rows, what: str) -> Rows:
    """The rows themselves; raises RadiogramError when any is outside part `train`: nothing is fitted on those."""
    other = np.flatnonzero(rows.part != "train")
    if other.size:
        case, part = rows.case[other[0]], rows.part[other[0]]
        raise RadiogramError(f"Case {case} is in part {part}: the {what} is fitted on training rows only.")
    return rows


def _take(frame: pd.DataFrame, index: NDArray[Any] | slice = slice(None)) -> pd.DataFrame:
    return frame.iloc[index].reset_index(drop=True)


def _readers(
    cases: pd.DataFrame, features: pd.DataFrame, *, prefix: str | None
) -> tuple[pd.DataFrame, tuple[pd.DataFrame, ...]]:
    if features.empty:
        return pd.DataFrame(index=pd.RangeIndex(len(cases))), ()
    doubled = features[features.duplicated(["case", "reader"])]
    if len(doubled):
        case, reader = doubled.iloc[0][["case", "reader"]]
        raise RadiogramError(f"Table features has case {case} of {reader} more than once.")
    others = [] if prefix is None else sorted(r for r in features["reader"].unique() if r.startswith(prefix))
    first = _of_reader(cases, features, FIRST_READER)
    unmeasured = ~cases["case"].isin(features.loc[features["reader"] == FIRST_READER, "case"]).to_numpy()
    if unmeasured.any():
        raise RadiogramError(f"Case {cases['case'].to_numpy()[unmeasured][0]} has no features of {FIRST_READER}.")
    return first, tuple(_of_reader(cases, features, reader) for reader in others if reader != FIRST_READER)


def _of_reader(cases: pd.DataFrame, features: pd.DataFrame, reader: str) -> pd.DataFrame:
    rows = features[features["reader"] == reader].set_index("case").drop(columns="reader")
    # Names as Python text: thousands of them are looked up again in every fold.
    rows.columns = rows.columns.astype(object)
    return rows.reindex(cases["case"]).astype(np.float64).reset_index(drop=True)
