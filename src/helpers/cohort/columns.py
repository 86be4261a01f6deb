"""Anybody's table as a sheet of predictions: which column is the truth, which are the models, and which way they point."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers import prose
from helpers.cohort import labels, manifest
from helpers.errors import RadiogramError
from helpers.parameters import Endpoint, Parameters

KEPT = ("patient", "part", "center", "case")  # columns of a sheet of predictions that are no models
BINARY = {"1", "0", "yes", "no", "true", "false"}


@dataclass(frozen=True)
class Columns:
    """What the user said of a table's columns; models of `lower` point to the event when they are low."""

    truth: str | None = None
    models: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    patient: str | None = None
    part: str | None = None
    drop_missing: bool = False


@dataclass(frozen=True)
class Scores:
    """A sheet of predictions, its endpoint, and its models in order."""

    frame: pd.DataFrame
    endpoint: Endpoint
    models: tuple[str, ...]


def scores(table: pd.DataFrame, columns: Columns, *, where: str) -> Scores:
    """The table as a sheet of predictions: patient and part where it has them, the endpoint, one column a model.

    Without `columns.models` every column that is not known otherwise is a model, and the table must name its patients.
    Raises RadiogramError for a column that is not there, a truth that is not binary, and a model without numbers.
    """
    named = (columns.truth or "truth").partition("=")[0]
    event = endpoint(table, columns.truth or "truth", where=where)
    frame = _renamed(table, columns, where=where)
    if not columns.models:
        manifest.require(frame, ("patient",), where=where)
    models = columns.models or tuple(c for c in frame if c not in (*KEPT, named))
    if not models:
        raise RadiogramError(f"{where} has no column of a model: name them with --models A,B.")
    manifest.require(frame, models, where=where)
    words = frame[named].map(text)
    truth = words.eq(event.positive).astype(float) if "=" in (columns.truth or "") else _binary(words)
    kept = frame[[c for c in KEPT if c in frame]].assign(**{named: truth.where(words.notna())})
    values = _values(frame, models, columns, where=where)
    sheet = pd.concat([kept, values], axis=1)
    if columns.drop_missing:
        sheet = sheet[values.notna().all(axis=1)].reset_index(drop=True)
    return Scores(sheet, event, tuple(values))


def text(value: object) -> str | None:
    """A cell as the user would write it: 1.0 of a numeric column is "1"."""
    if pd.isna(value):
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


def endpoint(table: pd.DataFrame, truth: str, *, where: str) -> Endpoint:
    """The endpoint and its words; `outcome=Poor` names the value that is the event, all others are not."""
    name, stated, positive = truth.partition("=")
    if name not in table:
        raise RadiogramError(
            f"{where} has no column {name}; its columns are {_few(list(map(str, table.columns)))}: say which is the truth with "
            "--truth COLUMN or COLUMN=VALUE."
        )
    values = list(dict.fromkeys(table[name].map(text).dropna()))
    if stated and positive not in values:
        raise RadiogramError(f"{where}: {name} is never {positive}; its values are {_few(values)}.")
    if not stated and not {v.lower() for v in values} <= BINARY:
        raise RadiogramError(
            f"{where}: {name} is neither 0/1 nor yes/no (its values are {_few(values)}): say which is the event, "
            f"--truth {name}={values[0]}."
        )
    if len(values) < 2:
        raise RadiogramError(
            f"{where}: {name} is {values[0] if values else 'empty'} throughout; patients with and without are needed."
        )
    others = [v for v in values if v != positive]
    if stated:
        return Endpoint(name=name, positive=positive, negative=others[0] if len(others) == 1 else f"not {positive}")
    return Endpoint(name=name, positive="event", negative="no event")


def _few(values: list[str]) -> str:
    return prose.listing(values) if len(values) <= 6 else f"{', '.join(values[:6])} and {len(values) - 6} more"


def _binary(words: pd.Series) -> pd.Series:
    return words.str.lower().map({"1": 1.0, "yes": 1.0, "true": 1.0, "0": 0.0, "no": 0.0, "false": 0.0})


def _renamed(table: pd.DataFrame, columns: Columns, *, where: str) -> pd.DataFrame:
    """The user's columns of patient and part under the names we know them by."""
    for ours, theirs in (("patient", columns.patient), ("part", columns.part)):
        if theirs:
            manifest.require(table, (theirs,), where=where)
            table = table.drop(columns=[ours] if ours != theirs and ours in table else [])
            table = table.rename(columns={theirs: ours}).astype({ours: object})
            table[ours] = table[ours].map(text)
    return table


def _values(frame: pd.DataFrame, models: tuple[str, ...], columns: Columns, *, where: str) -> pd.DataFrame:
    """One column a model, turned where low values point to the event and then named so."""
    for model in columns.lower:
        if model not in models:
            raise RadiogramError(f"--lower {model} is not one of the models, which are {prose.listing(models)}.")
    for model in models:
        _numeric(frame[model], model, columns, where=where)
    turned = {m: -frame[m] if m in columns.lower else frame[m] for m in models}
    return pd.DataFrame({f"{m} (reversed)" if m in columns.lower else m: v.astype(float) for m, v in turned.items()})


def _numeric(values: pd.Series, model: str, columns: Columns, *, where: str) -> None:
    if not pd.api.types.is_numeric_dtype(values):
        words = [v for v in values.dropna() if not isinstance(v, (int, float))]
        raise RadiogramError(
            f"{where}: column {model} holds {words[0] if words else 'nothing'}, which is no number; choose the models with --models A,B."
        )
    absent = int(values.isna().sum())
    if absent and not columns.drop_missing:
        raise RadiogramError(
            f"{where}: model {model} has no value in {absent} of {len(values)} rows, and models are compared on the same patients; "
            "fill them in, or leave those rows out for every model with --drop-missing."
        )


def file_of(path: Path) -> pd.DataFrame:
    """The table of a file. Raises RadiogramError when there is no such file, or no table in it."""
    if not path.is_file():
        raise RadiogramError(f"No file {path}: check the path.")
    return manifest.read(path).frame


def filled(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """A table of predictions without patients or parts: its rows are the patients, and all of them are judged."""
    notes = []
    if "patient" not in frame:
        frame = frame.assign(patient=[f"row{line:05d}" for line in range(1, len(frame) + 1)])
        notes.append("the table names no patients: every row counts as a patient of its own")
    if "part" not in frame:
        frame = frame.assign(part="test")
        notes.append(
            "the table states no parts: every patient counts as a test patient, and no threshold can be frozen"
        )
    return frame, notes


def predictions(cases: pd.DataFrame, sheet: pd.DataFrame, parameters: Parameters, *, where: str) -> pd.DataFrame:
    """Table `predictions` from one column a model; training rows are taken as the out-of-fold scores they must be."""
    endpoint = parameters.cohort.endpoints[0].name
    cases = labels.known(cases, endpoint).reset_index(drop=True).astype({endpoint: "int8"})
    cohort = parameters.cohort
    known = {*KEPT, *(e.name for e in cohort.endpoints), *cohort.clinical, *cohort.strata}
    models = [c for c in sheet if c not in known]
    if not models:
        raise RadiogramError(f"{where} has no column of a model beside patient, part and {endpoint}.")
    frame = sheet.set_index("patient").loc[cases["patient"]].reset_index(drop=True)
    tables = [_one_model(cases, frame[model], model, endpoint, where) for model in models]
    return pd.concat(tables, ignore_index=True)


def _one_model(cases: pd.DataFrame, values: pd.Series, model: str, endpoint: str, where: str) -> pd.DataFrame:
    if not pd.api.types.is_numeric_dtype(values) or values.isna().any():
        patient = (
            cases["patient"][values.isna().to_numpy()].iloc[0] if values.isna().any() else cases["patient"].iloc[0]
        )
        raise RadiogramError(
            f"{where}: model {model} has no number for patient {patient}; every model needs one for every patient."
        )
    kind = cases["part"].map(lambda part: "oof" if part == "train" else "frozen")
    return pd.DataFrame(
        {
            "case": cases["case"], "patient": cases["patient"], "endpoint": endpoint, "model": model,
            "part": cases["part"], "kind": kind, "truth": cases[endpoint], "probability": values.astype(float),
        }
    )  # fmt: skip
