"""Folds: drawn by patient, stratified by endpoint, the same for the same patients and seed."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from helpers.errors import RadiogramError
from helpers.learning.rows import Rows

IntArray = NDArray[np.int64]


def draw(rows: Rows, *, folds: int, seed: int, purpose: str) -> IntArray:
    """Fold (n,) of every row, from 0. All rows of a patient share a fold; the order of rows does not matter.

    Patients of each class are shuffled and dealt in turn, so that folds differ by at most one in each class. A class
    smaller than the folds leaves folds without it. `purpose` keeps draws of one seed apart.
    """
    patients, position = np.unique(rows.patient, return_inverse=True)
    event = np.zeros(patients.size, dtype=np.int64)
    np.maximum.at(event, position, rows.truth)
    generator = np.random.default_rng([seed, crc32(purpose.encode())])
    order = np.concatenate([generator.permutation(np.flatnonzero(event == label)) for label in (1, 0)])
    fold = np.empty(patients.size, dtype=np.int64)
    fold[order] = np.arange(order.size) % folds
    return fold[position]


def require_classes(rows: Rows, *, folds: int) -> None:
    """Raises RadiogramError when a class cannot be spread over the outer folds and, within each, the inner ones."""
    counts = _patients_by_class(rows)
    label, smallest = min(counts.items(), key=lambda item: item[1])
    where = f"Endpoint {rows.endpoint} has {smallest} training patients with value {label}"
    if not smallest:
        raise RadiogramError(f"{where}: with one class only there is nothing to learn.")
    if _feasible(smallest, folds):
        return
    fewer = [k for k in range(folds - 1, 1, -1) if _feasible(smallest, k)]
    advice = f"set modeling.folds={fewer[0]} or enroll more" if fewer else "enroll more"
    raise RadiogramError(f"{where}, too few for {folds} folds within {folds} folds: {advice}.")


def spread(rows: Rows, *, folds: int) -> bool:
    """Whether both classes can be spread over folds drawn once, with at least two patients of each left to learn from."""
    smallest = min(_patients_by_class(rows).values())
    return smallest >= folds and smallest - -(-smallest // folds) >= 2


def _patients_by_class(rows: Rows) -> dict[int, int]:
    event = {p: 0 for p in rows.patient.tolist()}
    for patient, truth in zip(rows.patient.tolist(), rows.truth.tolist(), strict=True):
        event[patient] = max(event[patient], truth)
    return {label: sum(value == label for value in event.values()) for label in (1, 0)}


def _feasible(patients: int, folds: int) -> bool:
    """Outer folds all hold the class, inner folds too, and the innermost training rows hold it twice."""
    outer = patients - -(-patients // folds)
    inner = outer - -(-outer // folds)
    return patients >= folds and outer >= folds and inner >= 2
