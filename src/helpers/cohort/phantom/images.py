"""Scans and masks of the phantom as files, and the table that lists them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.cohort.phantom import nifti, scanner
from helpers.cohort.phantom.anatomy import Head, head
from helpers.cohort.phantom.chance import stream
from helpers.cohort.phantom.fields import Grid
from helpers.cohort.phantom.latents import Phantom
from helpers.cohort.phantom.lesion import Lesion, Subject, appearance, grow, place
from helpers.cohort.phantom.masks import HANDS, outline
from helpers.errors import RadiogramError
from helpers.parameters import Parameters

# Raised whenever rendering changes, so that files of an older phantom are not taken for this one's.
VERSION = 2
SMALLEST = 16  # voxels along each axis below which no head can be told from its lesion
ROW = ("case", "sequence", "reader", "image", "mask")
DOSE, TARGET = "DOSE", "TARGET"  # the planned dose and the target volume, where cohort.dose and cohort.target name them


def write_images(
    phantom: Phantom, parameters: Parameters, folder: Path, *, mapper: Callable[[Callable, Iterable], Iterable[Any]]
) -> pd.DataFrame:
    """Render every case under `folder`; table `images`, in the order of the cases, with dose and target where named.

    Files that are already there are kept: each case's folder is named by all that its scans depend on.
    `mapper(function, items)` gives outcomes with `.item`, `.value` and `.error` in the order of the items.
    Raises RadiogramError for an unknown sequence, a head of too few voxels, or a case that could not be rendered.
    """
    _check(parameters)
    outcomes = mapper(partial(render_case, parameters=parameters, folder=folder), subjects(phantom))
    rows = []
    for outcome in outcomes:
        if outcome.error is not None:
            raise RadiogramError(f"The scans of {outcome.item.case} could not be made: {outcome.error}.")
        rows += outcome.value
    return pd.DataFrame(rows, columns=[*ROW, *_irradiation(parameters)])


def subjects(phantom: Phantom) -> list[Subject]:
    """One subject a case, as rendering sees it."""
    truth = phantom.truth.drop_duplicates("case").set_index("case")
    seen = truth[["heterogeneity", "vascularity", "volume_ml"]].to_dict("index")
    return [
        Subject(c, center, **seen[c]) for c, center in zip(phantom.cases["case"], phantom.cases["center"], strict=True)
    ]


def render_case(subject: Subject, parameters: Parameters, folder: Path) -> list[tuple[str, ...]]:
    """Write one case's scans and masks where they are missing; its rows of table `images`.

    Scans are NIfTI (.nii.gz) in RAS, all on one grid: int16, but float32 for CBF and DOSE; masks and TARGET uint8.
    """
    own = folder / subject.case / _key(subject, parameters)
    images = {sequence: own / f"{sequence}.nii.gz" for sequence in parameters.cohort.sequences}
    masks = {reader: own / f"mask_{reader}.nii.gz" for reader in HANDS}
    plans = {name: own / f"{name}.nii.gz" for name in _irradiation(parameters).values()}
    if not all(path.is_file() for path in (*images.values(), *masks.values(), *plans.values())):
        _write_case(subject, parameters, images | plans, masks)
    planned = [str(path) for path in plans.values()]
    return [(subject.case, s, r, str(images[s]), str(masks[r]), *planned) for s in images for r in masks]


def anatomy(subject: Subject, parameters: Parameters) -> tuple[Head, Lesion]:
    """The patient's head with the lesion grown in it; depends on seed and case, not on sequences or center."""
    grid = Grid(parameters.phantom.shape, parameters.phantom.spacing)
    rng = stream(parameters.seed, subject.case, "anatomy")
    push = place(grid, subject.volume_ml, rng)
    body = head(grid, push, rng)
    rng = stream(parameters.seed, subject.case, "lesion")
    look = appearance(subject, rng, visibility=parameters.phantom.visibility)
    return body, grow(body, push, look, subject.volume_ml, rng)


def scan(subject: Subject, sequence: str, body: Head, lesion: Lesion, *, seed: int) -> np.ndarray:
    """One sequence of the case on its center's scanner, or its TARGET, float32 (z, y, x)."""
    rng = stream(seed, subject.case, DOSE if sequence == TARGET else sequence)
    if sequence == TARGET:
        return scanner.target(body, lesion, rng).astype(np.float32)
    return scanner.acquire(body, lesion, sequence, scanner.machine(seed, subject.center, sequence), rng)


def _write_case(subject: Subject, parameters: Parameters, images: dict[str, Path], masks: dict[str, Path]) -> None:
    body, lesion = anatomy(subject, parameters)
    for sequence, path in images.items():
        nifti.write(path, _stored(scan(subject, sequence, body, lesion, seed=parameters.seed), sequence), body.grid)
    for reader, path in masks.items():
        nifti.write(path, outline(body, lesion, reader, seed=parameters.seed, case=subject.case), body.grid)


def _stored(values: np.ndarray, sequence: str) -> np.ndarray:
    """Whole numbers, as scanners store them; hundredths where a unit is coarse."""
    if sequence == TARGET:
        return values.astype(np.uint8)
    if sequence in ("CBF", DOSE):
        return np.round(values, 2).astype(np.float32)
    return np.clip(np.rint(values), 0, 32767).astype(np.int16)


def _key(subject: Subject, parameters: Parameters) -> str:
    """A short name for everything that the files depend on, apart from the case and the sequence."""
    options = parameters.phantom
    parts = [VERSION, parameters.seed, options.shape, options.spacing, options.visibility, list(vars(subject).values())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:10]


def _irradiation(parameters: Parameters) -> dict[str, str]:
    """Columns of table `images` beyond ROW that the study asks for, and what they show."""
    cohort = parameters.cohort
    return {column: name for column, name in (("dose", cohort.dose), ("target", cohort.target)) if name}


def _check(parameters: Parameters) -> None:
    for column, known in (("dose", DOSE), ("target", TARGET)):
        if _irradiation(parameters).get(column, known) != known:
            raise RadiogramError(
                f"cohort.{column} is {getattr(parameters.cohort, column)}, which the phantom does not have: it has {known}."
            )
    scanner.check(parameters.cohort.sequences)
    if not parameters.cohort.sequences:
        raise RadiogramError(f"cohort.sequences is empty: name at least one of {', '.join(scanner.KNOWN)}.")
    if min(parameters.phantom.shape) < SMALLEST:
        raise RadiogramError(
            f"phantom.shape is {list(parameters.phantom.shape)}: a head needs at least {SMALLEST} voxels along each axis."
        )
