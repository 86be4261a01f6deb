"""Readings of the reader study: from the user's sheet, or by the phantom's radiologists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from helpers import prose
from helpers.cohort import labels, manifest, phantom
from helpers.errors import RadiogramError
from helpers.parameters import Readers
from helpers.study import Study

COLUMNS = ["case", "reader", "condition", "rating", "call", "seconds"]
ALIASES = {"case": ("patient",), "condition": ("treatment", "modality")}
NOT_STATED = "not stated"  # the center of cases whose sheet has none
CALLS = {"1": 1.0, "0": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}


def readings(study: Study, cases: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Table `readings`. A phantom's radiologists read the test cases, aided by the frozen `predictions`.

    Raises RadiogramError when the study has neither a sheet of readings nor a phantom.
    """
    path, endpoint = study.parameters.cohort.readings, study.parameters.cohort.endpoints[0].name
    if path is not None:
        given = table(sheet(path).frame, study.parameters.readers, where=path.name)
        given = given[~given["case"].isin(study.tables.read("exclusions")["case"])]
        return of_known(given, study.tables.read("cases"), endpoint).reset_index(drop=True)
    if not study.synthetic:
        raise RadiogramError(
            "The study lists a reader study but cohort.readings names no sheet: --set cohort.readings=FILE."
        )
    read = labels.known(cases[cases["part"] != "train"], endpoint)
    frozen = predictions[predictions["kind"] == "frozen"]
    return phantom.read_cases(read, study.tables.read("truth"), frozen, study.parameters, seed=study.parameters.seed)


def of_known(readings: pd.DataFrame, cases: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """The readings without those of cases whose truth is not known: nobody can say whether they were right."""
    return readings[~readings["case"].isin(cases.loc[cases[endpoint].isna(), "case"])]


def sheet(path: Path) -> manifest.Sheet:
    """A sheet of readings, one row a reading: case, reader, condition, rating or call, and what else it has.

    `patient` stands for case, `treatment` or `modality` for condition. Raises RadiogramError for a missing column and
    for a rating, call or time that is no number.
    """
    read = manifest.read(path)
    frame = named(read.frame)
    manifest.require(frame, ("case", "reader", "condition"), where=path.name)
    if "rating" not in frame and "call" not in frame:
        manifest.require(frame, ("rating",), where=path.name)
    for name in ("case", "reader", "condition"):
        if frame[name].isna().any():
            raise RadiogramError(
                f"{path.name}, line {int(np.flatnonzero(frame[name].isna())[0]) + 2}: no {name} is named."
            )
    frame = frame.assign(condition=frame["condition"].map(_word), call=_calls(frame, where=path.name))
    for name in ("rating", "seconds"):
        frame[name] = _numbers(frame, name, where=path.name)
    if frame["rating"].isna().all():
        frame["rating"] = frame["call"]
    return manifest.Sheet(frame, read.notes)


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """The sheet with its columns under the names we know them by."""
    known = {next((a for a in also if a in frame), None): name for name, also in ALIASES.items() if name not in frame}
    return frame.rename(columns={alias: name for alias, name in known.items() if alias})


def is_readings(frame: pd.DataFrame) -> bool:
    """Whether a table is one of readings: it names readers and what they said."""
    return "reader" in frame and ("rating" in frame or "call" in frame)


def conditions(frame: pd.DataFrame) -> list[str]:
    """Conditions of a sheet: unaided before aided, numbers in order, others as they come."""
    found = list(dict.fromkeys(frame["condition"]))
    if set(found) == {"unaided", "aided"}:
        return ["unaided", "aided"]
    return sorted(found, key=int) if all(name.isdigit() for name in found) else found


def cases_of(frame: pd.DataFrame, truth: tuple[str, ...], *, where: str) -> pd.DataFrame:
    """One row a case of a sheet of readings, for a study without any other: patient, center and truth; all are test.

    Raises RadiogramError when two readings of a case differ in its truth.
    """
    manifest.require(frame, truth, where=where)
    by_case = frame.groupby("case", sort=False)
    for column in truth:
        values = by_case[column].nunique()
        for case in values.index[values > 1]:
            raise RadiogramError(f"{where}: {column} of case {case} is not the same in all its readings.")
    kept = [c for c in ("center", *truth) if c in frame]
    cases = by_case[kept].first().reset_index().rename(columns={"case": "patient"})
    return cases.assign(part="test") if "center" in cases else cases.assign(part="test", center=NOT_STATED)


def _word(value: object) -> str | None:
    """Conditions are names: 1.0 of a numeric column is "1"."""
    if pd.isna(value):
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


def _numbers(frame: pd.DataFrame, name: str, *, where: str) -> pd.Series:
    if name not in frame or frame[name].isna().all():
        return pd.Series(np.nan, index=frame.index)
    if not pd.api.types.is_numeric_dtype(frame[name]):
        value = next(v for v in frame[name] if pd.isna(pd.to_numeric(v, errors="coerce")) and not pd.isna(v))
        raise RadiogramError(f"{where}: {name} holds {value}, which is no number.")
    return frame[name].astype(float)


def _calls(frame: pd.DataFrame, *, where: str) -> pd.Series:
    if "call" not in frame:
        return pd.Series(np.nan, index=frame.index)
    words = frame["call"].map(_word)
    calls = words.str.lower().map(CALLS) if words.notna().any() else pd.Series(np.nan, index=frame.index)
    odd = words[words.notna() & calls.isna()]
    if len(odd):
        raise RadiogramError(f"{where}: call holds {odd.iloc[0]}; a call is 1 (positive) or 0 (negative).")
    return calls


def _called(frame: pd.DataFrame, call_at: float | None) -> pd.DataFrame:
    """Calls as the sheet has them, else ratings from `readers.call_at` on; ratings of 0 and 1 are calls already."""
    if frame["call"].notna().any():
        return frame
    rating = frame["rating"]
    if call_at is None and set(rating.dropna().unique()) <= {0.0, 1.0}:
        call_at = 1.0
    if call_at is None:
        return frame
    return frame.assign(call=(rating >= call_at).astype(float).where(rating.notna()))


def table(frame: pd.DataFrame, settings: Readers, *, where: str) -> pd.DataFrame:
    """Readings of a sheet in the study's two conditions, with calls, by reader, condition and case.

    Raises RadiogramError when the sheet has other conditions than `readers.conditions` names.
    """
    frame, wanted = _called(frame, settings.call_at), settings.conditions
    there = list(dict.fromkeys(frame["condition"].dropna()))
    absent = [c for c in wanted if c not in there]
    if len(absent) == 2 or (absent and set(there) - set(wanted)):
        raise RadiogramError(
            f"{where} has no reading in condition {absent[0]}; its conditions are {prose.listing(there[:8])}: name the two to "
            "compare in readers.conditions."
        )
    kept = frame[frame["condition"].isin(wanted)]
    place = kept["condition"].map({c: i for i, c in enumerate(wanted)})
    ordered = kept.assign(place=place).sort_values(["reader", "place", "case"], kind="stable")
    return ordered[COLUMNS]
