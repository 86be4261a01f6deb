"""A feature table as a study's source: a sheet that names its patients, or a published table of any make."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from helpers import prose
from helpers.cohort import anyfile, anytable, manifest
from helpers.errors import CaseError, RadiogramError
from helpers.parameters import Cohort, Endpoint

PLAIN = (".csv", ".tsv", ".txt", ".parquet")
OURS = ("patient", "center", "part", "reader", "case")  # columns that are no features, whatever the study
REMARKS = "diagnostics_"  # PyRadiomics' own columns on versions and images
# Fewer features than this may well agree in two patients.
TELLING = 10


def read(path: Path, cohort: Cohort) -> manifest.Sheet:
    """The table, one row a patient, with columns named as the study names them.

    A plain sheet with a column `patient` is taken as written. Of any other (gzipped, a workbook, without a column
    `patient`) the patients are found, words and whatever tells the outcome or only counts rows left out, and notes say so.
    Raises RadiogramError for a file without a table, or without the column of the endpoint.
    """
    if not path.is_file():
        raise RadiogramError(f"No file {path}: check the path, or name another with --set.")
    if path.suffix.lower() in PLAIN and "patient" in _header(path):
        return manifest.read(path)
    try:
        sheet = anyfile.read(path, text=lambda name: bool(anytable.naming_patients(pd.DataFrame(columns=[name]))))
    except CaseError as error:
        raise RadiogramError(f"{path.name}: {error}.") from error
    notes = list(sheet.notes)
    frame = _cased(sheet.frame, columns_of_study(cohort))
    for endpoint in cohort.endpoints:
        _require_outcome(frame, endpoint, where=path.name)
    return manifest.Sheet(_tidied(frame, cohort, notes, where=path.name), tuple(notes))


def columns_of_study(cohort: Cohort) -> list[str]:
    """Columns that a feature table may have beside features."""
    stated = [e.name for e in cohort.endpoints] + [cohort.part_column] * bool(cohort.part_column)
    stated += [cohort.temporal.column] if cohort.temporal else []
    return list(dict.fromkeys([*OURS, *stated, *cohort.clinical, *cohort.plan, *cohort.strata]))


def features(frame: pd.DataFrame, cohort: Cohort, *, where: str) -> list[str]:
    """Names of the features of a sheet. Raises RadiogramError for one that holds words."""
    known = set(columns_of_study(cohort))
    names = [c for c in frame if c not in known and not c.startswith(REMARKS)]
    words = [c for c in names if not pd.api.types.is_numeric_dtype(frame[c])]
    if words:
        raise RadiogramError(
            f"{where}: feature column {words[0]} holds words; name it in cohort.clinical or take it out."
        )
    return names


def twins(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Patients whose every feature is that of an earlier one, and that one; frame has `patient` and features.

    Two names of one scan, one in training and one in test, would let a model score what it was fitted on. Tables of few
    features tell nobody apart and give none.
    """
    values = frame.drop(columns="patient").to_numpy(dtype=np.float64, na_value=np.nan)
    if values.shape[1] < TELLING:
        return
    first: dict[bytes, str] = {}
    for patient, row in zip(frame["patient"], values, strict=True):
        key = hashlib.sha256(np.where(np.isnan(row), np.nan, row + 0.0).tobytes()).digest()
        if key in first and np.isfinite(row).any():
            yield patient, first[key]
        first.setdefault(key, patient)


def filled(frame: pd.DataFrame) -> list[str]:
    """Patients who were not measured, but filled in (`anytable.filled`); frame has `patient` and features."""
    values = frame.drop(columns="patient").to_numpy(dtype=np.float64, na_value=np.nan)
    return [str(patient) for patient in frame["patient"][anytable.filled(values)]]


def _header(path: Path) -> list[str]:
    """Names of the columns of a plain file; none where it cannot be told."""
    if path.suffix.lower() == ".parquet":
        try:
            return list(pq.read_schema(path).names)
        except (OSError, ValueError):
            return ["patient"]  # manifest.read says what is wrong with the file
    with path.open("rb") as file:
        line = file.readline().decode("utf-8-sig", errors="replace")
    delimiter = max(",;\t", key=line.count)
    return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])] or ["patient"]


def _cased(frame: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """Columns of the study under the study's own spelling, where only the capitals differ."""
    lower = {str(c).lower(): c for c in reversed(list(frame.columns))}
    return frame.rename(columns={lower[w.lower()]: w for w in wanted if w not in frame and w.lower() in lower})


def _require_outcome(frame: pd.DataFrame, endpoint: Endpoint, *, where: str) -> None:
    if endpoint.name in frame:
        return
    have = ", ".join([*list(frame.columns)[:3], "...", *list(frame.columns)[-3:]] if frame.shape[1] > 6 else frame)
    raise RadiogramError(
        f"{where} has no column {endpoint.name} among its {frame.shape[1]} ({have}): say which column is the outcome, --set "
        "'cohort.endpoints=[{name: COLUMN, positive: WORDS, negative: WORDS}]'."
    )


def _tidied(frame: pd.DataFrame, cohort: Cohort, notes: list[str], *, where: str) -> pd.DataFrame:
    """Patients, the study's columns, and the features as numbers."""
    known = [c for c in columns_of_study(cohort) if c in frame and c not in ("patient", "case")]
    naming = anytable.naming_patients(frame.drop(columns=known))
    rest = frame.drop(columns=[*known, *naming])
    values = anytable.numbers(rest.drop(columns=anytable.counting_rows(rest, besides=())), notes)
    patient = _patients(frame[naming[0]] if naming else None, len(frame), notes)
    for endpoint in cohort.endpoints:
        truth = manifest.binary(frame[endpoint.name], patient, endpoint, where=where)
        copies = [c for c in values if anytable.tells(values.loc[truth.notna(), c].to_numpy(), truth.dropna())]
        if copies:
            notes.append(f"{prose.listing(copies[:3])} left out: {endpoint.name} again in other words")
        values = values.drop(columns=copies)
    return pd.concat([patient, frame[known], values], axis=1)


def _patients(named: pd.Series | None, rows: int, notes: list[str]) -> pd.Series:
    """Names of the patients as text, or numbers of the rows where the table names nobody."""
    own = pd.Series([f"row{line:05d}" for line in range(1, rows + 1)], name="patient", dtype=object)
    if named is None:
        notes.append("the table names no patients: every row counts as a patient of its own")
        return own
    found = named.map(anytable.word)
    if found.isna().any():
        notes.append(f"{prose.count(int(found.isna().sum()), 'row')} without a name, each a patient of its own")
    return found.where(found.notna(), own).rename("patient").astype(object)
