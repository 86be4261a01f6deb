"""Sheets as people save them: CSV by any Excel, parquet; every value checked before anything is computed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.parameters import Endpoint

MISSING = {"", "na", "n/a", "nan", "none", "null", "unknown", "not available", "--", "."}
DECIMAL_COMMA = re.compile(r"^\s*-?\d+,\d+\s*$")
IDENTIFIERS = ("patient", "case", "center", "part", "reader")


@dataclass(frozen=True)
class Sheet:
    """A sheet as read, and what was read differently from how it was written."""

    frame: pd.DataFrame
    notes: tuple[str, ...]


def read(path: Path) -> Sheet:
    """Read CSV (any delimiter, decimal comma, byte-order mark, Windows encoding) or parquet.

    Identifier columns stay text, so that 007 stays 007. Raises RadiogramError when there is no such file or no table in it.
    """
    if not path.is_file():
        raise RadiogramError(f"No file {path}: check the path, or name another with --set.")
    if path.suffix == ".parquet":
        return Sheet(_identifiers_as_text(_read_parquet(path)), ())
    text, notes = _decode(path)
    delimiter = _delimiter(text)
    if delimiter != ",":
        notes.append(f"{path.name} is separated by {'tabs' if delimiter == chr(9) else delimiter!r}")
    frame = _parse(text, delimiter, path)
    commas = [c for c in frame if c not in IDENTIFIERS and frame[c].str.match(DECIMAL_COMMA).any()]
    if commas:
        notes.append(f"{path.name} writes decimals with a comma in {', '.join(commas)}")
    return Sheet(pd.DataFrame({c: _typed(frame[c], c, comma=c in commas) for c in frame}), tuple(notes))


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise RadiogramError(f"{path.name} is not a readable parquet file ({error}).") from error


def _identifiers_as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{c: frame[c].astype(str) for c in IDENTIFIERS if c in frame})


def _decode(path: Path) -> tuple[str, list[str]]:
    content = path.read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        return content.decode("utf-8-sig"), [f"{path.name} begins with a byte-order mark"]
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace"), [f"{path.name} is not UTF-8 and was read as Windows-1252"]


def _delimiter(text: str) -> str:
    header = text.lstrip().split("\n", 1)[0]
    return max(",;\t", key=header.count)


def _parse(text: str, delimiter: str, path: Path) -> pd.DataFrame:
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise RadiogramError(f"{path.name} holds no rows below its header.")
    header = [name.strip() for name in rows[0]]
    twice = sorted({name for name in header if header.count(name) > 1 and name})
    if twice:
        raise RadiogramError(f"{path.name} has the column {twice[0]} more than once.")
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise RadiogramError(f"{path.name}, line {line}: {len(row)} cells below a header of {len(header)}.")
    return pd.DataFrame(rows[1:], columns=header, dtype=object).map(str.strip)


def _typed(column: pd.Series, name: str, *, comma: bool) -> pd.Series:
    known = column.where(~column.str.lower().isin(MISSING))
    if name in IDENTIFIERS:
        return known.astype(object).where(known.notna(), None)
    numeric = pd.to_numeric(known.str.replace(",", ".", regex=False) if comma else known, errors="coerce")
    if (numeric.notna() == known.notna()).all() and known.notna().any():
        return numeric.astype(float)
    return known.astype(object).where(known.notna(), None)


def require(frame: pd.DataFrame, columns: Iterable[str], *, where: str) -> None:
    """Raises RadiogramError naming the first missing column and those that are there."""
    for column in columns:
        if column not in frame:
            have = ", ".join(map(str, list(frame.columns)[:12]))
            raise RadiogramError(
                f"{where} has no column {column}; its columns are {have}{' ...' if frame.shape[1] > 12 else ''}."
            )


def one_row_a_patient(frame: pd.DataFrame, *, where: str) -> None:
    """Raises RadiogramError for a row without a patient, a patient in two parts, or a patient given twice."""
    if frame["patient"].isna().any():
        raise RadiogramError(
            f"{where}, line {int(np.flatnonzero(frame['patient'].isna())[0]) + 2}: no patient is named."
        )
    if "part" in frame:
        parts = frame.groupby("patient")["part"].nunique()
        for patient in parts[parts > 1].index:
            both = " and ".join(sorted(frame.loc[frame["patient"] == patient, "part"].unique()))
            raise RadiogramError(f"{where}: patient {patient} is in both {both}; a patient belongs to one part.")
    for patient in frame.loc[frame["patient"].duplicated(), "patient"]:
        lines = (np.flatnonzero(frame["patient"] == patient) + 2).tolist()
        raise RadiogramError(
            f"{where}: patient {patient} is given on lines {lines[0]} and {lines[1]}; keep one row a patient."
        )


def binary(column: pd.Series, patients: pd.Series, endpoint: Endpoint, *, where: str) -> pd.Series:
    """An endpoint as 1.0, 0.0 or NaN (missing); 0/1, yes/no, true/false or the endpoint's own words are understood.

    An endpoint with a cut is a column of numbers, positive from the cut on. Raises RadiogramError naming the first patient
    whose value is none of these.
    """
    if endpoint.cut is not None:
        values = numbers(pd.DataFrame({endpoint.name: column}), [endpoint.name], where=where)[endpoint.name]
        return (values >= endpoint.cut).astype(float).where(values.notna())
    words = {"1": 1, "0": 0, "true": 1, "false": 0, "yes": 1, "no": 0}
    words |= {endpoint.positive.lower(): 1, endpoint.negative.lower(): 0}
    text = column.map(lambda v: None if pd.isna(v) else f"{v:g}" if isinstance(v, (int, float)) else str(v).lower())
    values = text.map(words)
    for patient, value, given in zip(patients, values, text, strict=True):
        if given is not None and not pd.isna(given) and pd.isna(value):
            raise RadiogramError(
                f"{where}: endpoint {endpoint.name} of patient {patient} is {given}; it must be 1 ({endpoint.positive}) "
                f"or 0 ({endpoint.negative})."
            )
    return values.astype(float)


def numbers(frame: pd.DataFrame, columns: Iterable[str], *, where: str) -> pd.DataFrame:
    """Columns as float64, NaN where nothing is written. Raises RadiogramError for one that holds words."""
    found = {}
    for column in columns:
        values = pd.to_numeric(frame[column], errors="coerce")
        words = frame.loc[values.isna() & frame[column].notna(), column]
        if len(words):
            raise RadiogramError(f"{where}: column {column} holds {words.iloc[0]}, which is no number: correct it.")
        found[column] = values.astype(float)
    return pd.DataFrame(found, index=frame.index)
