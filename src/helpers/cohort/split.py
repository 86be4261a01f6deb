"""The split, by patient and before anything is fitted: drawn once, by center, by time, or as the sheet says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import prose
from helpers.errors import RadiogramError
from helpers.parameters import Cohort, Temporal


def assign(cases: pd.DataFrame, cohort: Cohort, *, seed: int) -> pd.DataFrame:
    """Give every case its part: as its sheet says, by center, by time, or a stratified random draw.

    cases: one row a patient with `patient`, `center` and the endpoint columns. Raises RadiogramError for an unknown
    part or center, for times that cannot be read or leave a part empty, and for two rules at once.
    """
    _one_rule(cohort)
    if cohort.part_column is not None:
        return cases.assign(part=_stated(cases, cohort.part_column))
    _known_centers(cases, (*cohort.test_centers, *cohort.external_centers))
    part = pd.Series("train", index=cases.index)
    outside = cases["center"].isin(cohort.external_centers)
    part[outside] = "external:" + cases.loc[outside, "center"]
    if cohort.test_centers:
        part[cases["center"].isin(cohort.test_centers)] = "test"
    elif cohort.temporal:
        part[later(cases[~outside], cohort.temporal)] = "test"
    else:
        part[_draw(cases[~outside], [e.name for e in cohort.endpoints], cohort.test_fraction, seed)] = "test"
    return cases.assign(part=part.astype(object))


def temporal_rule(temporal: Temporal) -> str:
    """The rule of a temporal split, for prose, without a full stop."""
    return (
        f"patients whose {prose.variable(temporal.column, inline=True)} is {temporal.start} or later form the test part, those "
        "before the training part"
    )


def later(cases: pd.DataFrame, temporal: Temporal) -> list:
    """Index of the cases from the stated time on.

    Raises RadiogramError for a column that is not there, a value that is missing or no date, and when nobody is left on
    either side.
    """
    column, start = temporal.column, temporal.start
    if column not in cases:
        raise RadiogramError(f"cohort.temporal names the column {column}, but the sheet has no such column.")
    missing = cases.loc[cases[column].isna(), "patient"]
    if len(missing):
        raise RadiogramError(
            f"Patient {missing.iloc[0]} has no {column}: fill it in, or take the patient out of the sheet."
        )
    values, limit = _times(cases, column, start)
    after = values >= limit
    if not after.any():
        raise RadiogramError(
            f"cohort.temporal: nobody has a {column} of {start} or later, so that the test part is empty; the latest is "
            f"{_written(values.max())}."
        )
    if after.all():
        raise RadiogramError(
            f"cohort.temporal: everybody has a {column} of {start} or later, so that nobody is left to train on; the earliest is "
            f"{_written(values.min())}."
        )
    return cases.index[after].tolist()


def _times(cases: pd.DataFrame, column: str, start: object) -> tuple[pd.Series, object]:
    """Values and limit as numbers, where the column holds numbers, else as dates."""
    values = cases[column]
    if pd.api.types.is_numeric_dtype(values):
        if not isinstance(start, int | float):
            raise RadiogramError(f"cohort.temporal.from is {start}, but {column} holds numbers: give a number.")
        return values.astype(float), float(start)
    limit = pd.to_datetime(str(start), format="ISO8601", utc=True, errors="coerce")
    if pd.isna(limit):
        raise RadiogramError(f"cohort.temporal.from is {start}, which is no date: write it as YYYY-MM-DD.")
    dates = pd.to_datetime(values.astype(str), format="ISO8601", utc=True, errors="coerce")
    for patient, value in zip(cases.loc[dates.isna(), "patient"], values[dates.isna()], strict=True):
        raise RadiogramError(f"Patient {patient}: {column} is {value}, which is no date: write dates as YYYY-MM-DD.")
    return dates, limit


def _written(value: object) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else f"{value:g}"


def _one_rule(cohort: Cohort) -> None:
    """Raises RadiogramError when cohort.temporal is not alone in saying who is test."""
    if cohort.temporal is None:
        return
    for name in ("part_column", "test_centers"):
        if getattr(cohort, name):
            raise RadiogramError(
                f"cohort.temporal and cohort.{name} both say who is in the test part: keep one of them."
            )


def _stated(cases: pd.DataFrame, column: str) -> pd.Series:
    if column not in cases:
        raise RadiogramError(f"cohort.part_column is {column}, but the sheet has no such column.")
    part = cases[column].astype(object)
    for patient, value in zip(cases["patient"], part, strict=True):
        if value not in ("train", "test") and not str(value).startswith("external:"):
            raise RadiogramError(f"Patient {patient}: part is {value}; it must be train, test or external:<center>.")
    return part


def _known_centers(cases: pd.DataFrame, centers: tuple[str, ...]) -> None:
    for center in centers:
        if center not in set(cases["center"]):
            known = ", ".join(sorted(map(str, cases["center"].unique())))
            raise RadiogramError(f"No patient is from center {center}; the centers are {known}.")


def _draw(cases: pd.DataFrame, endpoints: list[str], fraction: float, seed: int) -> list:
    """Index of the test cases; strata are combinations of endpoints, unknown one value more; the order of rows does not matter."""
    chosen: list = []
    ordered = cases.sort_values("patient")
    for number, (_, stratum) in enumerate(ordered.groupby(endpoints, sort=True, dropna=False)):
        shuffled = np.random.default_rng([seed, number]).permutation(stratum.index.to_numpy())
        chosen += shuffled[: round(fraction * len(stratum))].tolist()
    return chosen


def check_classes(cases: pd.DataFrame, cohort: Cohort, *, folds: int | None, where: str) -> None:
    """Raises RadiogramError when an endpoint has one class only, or a training class smaller than the folds."""
    for endpoint in cohort.endpoints:
        words = {1: endpoint.positive, 0: endpoint.negative}
        for part, rows in cases.groupby("part"):
            counts = {value: int((rows[endpoint.name] == value).sum()) for value in (1, 0)}
            absent = [words[value] for value, n in counts.items() if n == 0]
            if absent:
                raise RadiogramError(
                    f"{where}: part {part} has no patient with {absent[0]} (endpoint {endpoint.name}); both are needed."
                )
            smallest = min(counts, key=counts.get)
            if part == "train" and folds and counts[smallest] < folds:
                raise RadiogramError(
                    f"{where}: {counts[smallest]} training patients with {words[smallest]} (endpoint {endpoint.name}) cannot be "
                    f"spread over {folds} folds; set modeling.folds={max(2, counts[smallest])} or enroll more."
                )
