"""The split, drawn once, by patient, before anything is fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.parameters import Cohort


def assign(cases: pd.DataFrame, cohort: Cohort, *, seed: int) -> pd.DataFrame:
    """Give every case its part: as its sheet says, by center, or a stratified random draw.

    cases: one row a patient with `patient`, `center` and the endpoint columns. Raises RadiogramError for an unknown
    part or center.
    """
    if cohort.part_column is not None:
        return cases.assign(part=_stated(cases, cohort.part_column))
    _known_centers(cases, (*cohort.test_centers, *cohort.external_centers))
    part = pd.Series("train", index=cases.index)
    outside = cases["center"].isin(cohort.external_centers)
    part[outside] = "external:" + cases.loc[outside, "center"]
    if cohort.test_centers:
        part[cases["center"].isin(cohort.test_centers)] = "test"
    else:
        part[_draw(cases[~outside], [e.name for e in cohort.endpoints], cohort.test_fraction, seed)] = "test"
    return cases.assign(part=part.astype(object))


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
