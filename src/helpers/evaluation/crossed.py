"""The fully crossed reader study: every reader read every case in every condition, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.statistics.arrays import FloatArray

ORDINAL = 3  # levels from which ratings are a scale; fewer are calls, which have no ROC curve


@dataclass(frozen=True, eq=False)
class Crossed:
    """Truth (cases,) and readings (conditions, readers, cases), conditions in the order of the parameters.

    `call` is None where neither the sheet nor `readers.call_at` gives calls, `seconds` where nobody was timed.
    """

    endpoint: str
    conditions: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    truth: np.ndarray
    rating: FloatArray
    call: np.ndarray | None
    seconds: FloatArray | None

    @property
    def counted(self) -> tuple[int, int]:
        """Cases, and those with the endpoint."""
        return self.truth.size, int(self.truth.sum())

    def scaled(self, reader: int) -> bool:
        """Whether this reader rated on a scale: binary ratings never get an AUC."""
        return np.unique(self.rating[:, reader]).size >= ORDINAL

    @property
    def all_scaled(self) -> bool:
        return all(self.scaled(reader) for reader in range(len(self.readers)))

    @property
    def paired(self) -> bool:
        """Whether there are two conditions to compare."""
        return len(self.conditions) == 2

    @property
    def contrast(self) -> str:
        """ "aided - unaided": the second condition is compared with the first; "" where there is one."""
        return f"{self.conditions[1]} - {self.conditions[0]}" if self.paired else ""


def crossed(
    readings: pd.DataFrame, cases: pd.DataFrame, *, endpoint: str, conditions: tuple[str, ...] = ("unaided", "aided")
) -> Crossed:
    """Table `readings` with the truth of `cases`, in arrays.

    Raises RadiogramError for readings of training cases and of cases of unknown truth, and for a reading that is missing or given twice.
    """
    _judged_elsewhere(readings, cases)
    _truth_known(readings, cases, endpoint)
    found = tuple(c for c in conditions if c in set(readings["condition"]))
    readers = tuple(sorted(readings["reader"].unique(), key=_by_number))
    order = tuple(sorted(readings["case"].unique(), key=_by_number))
    whole = _whole(readings, found, readers, order)
    shape = (len(found), len(readers), len(order))
    values = {name: whole[name].to_numpy(dtype=float).reshape(shape) for name in ("rating", "call", "seconds")}
    for name, value in values.items():
        _complete(name, value, found, readers, order)
    truth = cases.set_index("case")[endpoint].loc[list(order)].to_numpy(dtype=int)
    call, seconds = (None if np.isnan(values[n]).all() else values[n] for n in ("call", "seconds"))
    return Crossed(
        endpoint, found, readers, order, truth, values["rating"], None if call is None else call.astype(int), seconds
    )


def _judged_elsewhere(readings: pd.DataFrame, cases: pd.DataFrame) -> None:
    known = cases.set_index("case")["part"]
    for case in readings["case"].unique():
        if case not in known.index or known[case] == "train":
            raise RadiogramError(
                f"Readings: case {case} is {'unknown' if case not in known.index else 'a training case'}; readers are judged on "
                "cases the model was not fitted on."
            )


def _truth_known(readings: pd.DataFrame, cases: pd.DataFrame, endpoint: str) -> None:
    unknown = readings["case"].isin(cases.loc[cases[endpoint].isna(), "case"])
    if unknown.any():
        raise RadiogramError(
            f"Readings: {endpoint} of case {readings.loc[unknown, 'case'].iloc[0]} is unknown; leave out what cannot be judged."
        )


def _by_number(name: str) -> tuple:
    """Case 2 before case 10, and words after numbers."""
    return (0, int(name), "") if str(name).isdigit() else (1, 0, str(name))


def _whole(
    readings: pd.DataFrame, conditions: tuple[str, ...], readers: tuple[str, ...], cases: tuple[str, ...]
) -> pd.DataFrame:
    """One row a condition x reader x case, in that order."""
    keys = ["condition", "reader", "case"]
    twice = readings[readings.duplicated(keys)]
    if len(twice):
        row = twice.iloc[0]
        raise RadiogramError(
            f"Readings: reader {row['reader']} read case {row['case']} in condition {row['condition']} more than once; "
            "keep one reading."
        )
    indexed = readings.set_index(keys)
    wanted = pd.MultiIndex.from_product([conditions, readers, cases], names=keys)
    absent = wanted.difference(indexed.index, sort=False)
    if len(absent):
        condition, reader, case = absent[0]
        more = f"; {len(absent)} readings are missing in all" if len(absent) > 1 else ""
        raise RadiogramError(
            f"Readings: reader {reader} did not read case {case} in condition {condition}{more}. Every reader must read "
            "every case in every condition."
        )
    return indexed.loc[wanted]


def _complete(
    name: str, value: FloatArray, conditions: tuple[str, ...], readers: tuple[str, ...], cases: tuple[str, ...]
) -> None:
    """Calls and seconds may be absent altogether; a gap in them, or in the ratings, is refused."""
    missing = np.isnan(value)
    if not missing.any() or (name != "rating" and missing.all()):
        return
    at = next(key for key in product(*map(range, value.shape)) if missing[key])
    raise RadiogramError(
        f"Readings: reader {readers[at[1]]} gave no {name} for case {cases[at[2]]} in condition {conditions[at[0]]}."
    )
