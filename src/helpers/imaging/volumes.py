"""Volumes of all cases as networks see them: made once, kept by content, listed in a table.

Every case is shown in a box of the same size in mm, so that a voxel is as large in every patient and size stays
visible: the box that holds 95 of 100 training lesions (or heads) and the margin. A case that is larger yet is shown
in a box of the same shape that is just large enough, and its row says so. Sequences that keep their physical units
(normalize: none) are centered and divided by two numbers of the study, medians over training cases, so that networks
meet all sequences on one scale and patients stay comparable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers import tables
from helpers.errors import CaseError, RadiogramError
from helpers.imaging import labels, plan, radiotherapy, read, volume_case, volume_file, volume_grid
from helpers.imaging.volume_case import Common, Scans, Survey
from helpers.imaging.volume_file import FOLDER, CaseVolume, load
from helpers.parameters import Parameters
from helpers.study import Study

__all__ = ["FOLDER", "CaseVolume", "load", "made", "plan_columns", "write"]

STAGE, MAIN = "volumes", "reader1"
RULES = "1"  # of making volumes; grows when the same files give other arrays
PLAN = "plan_"  # what the columns of plan numbers begin with

Mapper = Callable[[Callable, Iterable], Iterator]


def write(study: Study, images: pd.DataFrame, *, mapper: Mapper) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables `volumes` and `exclusions` (stage volumes) of the cases in `images` that no other stage excluded.

    Each case is made once in a process of its own and kept in the store; `mapper` as for `extract.features`. Plan
    numbers follow as columns `plan_...`: those of cohort.plan, then those of `radiotherapy.names`.
    Raises RadiogramError where nothing can be shown: no sequences, a sequence, dose or target that no case has, or no
    case left.
    """
    parameters, cases = study.parameters, study.tables.read("cases")
    _preflight(parameters)
    known = _enrolled(study, cases)
    found = images[images["case"].isin(known.index)]
    asked = [_scans(rows, known, parameters) for _, rows in found.groupby("case", sort=True)]
    _refuse_absent(asked, parameters)
    excluded: list[dict[str, str]] = []
    complete = [scans for scans in asked if _complete(scans, parameters, excluded)]
    surveys = _outcomes(mapper(partial(volume_case.survey, parameters=parameters), complete), excluded)
    common = _common(surveys, known, parameters, excluded)
    make = partial(made, common=common, parameters=parameters, folder=study.store / FOLDER)
    rows = _outcomes(mapper(make, [scans for scans, _ in surveys]), excluded)
    if not rows:
        raise RadiogramError(f"No case can be shown to networks; the first: {excluded[0]['reason']}")
    listed = pd.DataFrame([_row(scans, name, about, parameters) for scans, (name, about) in rows])
    reasons = pd.DataFrame(excluded).sort_values("case", ignore_index=True) if excluded else tables.empty("exclusions")
    return listed, reasons


def plan_columns(parameters: Parameters) -> list[str]:
    """Columns of plan numbers of the table `volumes`, in order."""
    cohort = parameters.cohort
    found = radiotherapy.names(
        dose=cohort.dose is not None, target=cohort.target is not None, fractions="fractions" in cohort.plan
    )
    return [PLAN + name for name in dict.fromkeys([*cohort.plan, *found])]


def made(scans: Scans, *, common: Common, parameters: Parameters, folder: Path) -> tuple[str, dict[str, Any]]:
    """The name of a case's file in `folder`, and what is said of it; made only where it is not there yet."""
    path = folder / f"{_key(scans, common, parameters)}.npz"
    about = volume_file.about(path)
    if about is None:
        found = volume_case.case(scans, common=common, parameters=parameters)
        about = found.about
        words = np.array(json.dumps(about))
        tables.write_whole(path, lambda beside: volume_file.save(beside, {**found.arrays, "about": words}))
    return path.name, about


def _preflight(parameters: Parameters) -> None:
    if not parameters.cohort.sequences:
        raise RadiogramError("cohort.sequences is empty: name the images that networks shall see.")
    plan.preflight(parameters)
    labels.preflight(parameters.imaging.mask_label, parameters.cohort.sequences)
    computed = radiotherapy.names(dose=True, target=True, fractions=True)
    for name in parameters.cohort.plan:
        if name in computed:
            raise RadiogramError(
                f"cohort.plan names {name}, which is computed from dose, target and fractions: leave it out."
            )


def _enrolled(study: Study, cases: pd.DataFrame) -> pd.DataFrame:
    """Part and plan of the cases that no other stage excluded, by case."""
    exclusions = study.tables.read("exclusions")
    others = exclusions.loc[exclusions["stage"] != STAGE, "case"]
    return cases[~cases["case"].isin(others)].set_index("case")[["part", *study.parameters.cohort.plan]]


def _scans(rows: pd.DataFrame, known: pd.DataFrame, parameters: Parameters) -> Scans:
    main = rows[rows["reader"] == MAIN].drop_duplicates("sequence").set_index("sequence").fillna("")
    order = [name for name in parameters.cohort.sequences if name in main.index and main.at[name, "image"]]
    columns = {
        column: {name: str(main.at[name, column]) for name in order} for column in ("image", "mask", "brain_mask")
    }
    case = rows["case"].iloc[0]
    first = main.iloc[0] if len(main) else pd.Series({"dose": "", "target": ""})
    return Scans(
        case, columns["image"], columns["mask"], columns["brain_mask"], str(first["dose"]), str(first["target"]),
        {name: float(known.at[case, name]) for name in parameters.cohort.plan},
    )  # fmt: skip


def _refuse_absent(asked: list[Scans], parameters: Parameters) -> None:
    """Raises RadiogramError for a sequence, dose or target that is asked for and that no case has."""
    cohort = parameters.cohort
    for sequence in cohort.sequences:
        if not any(sequence in scans.images for scans in asked):
            raise RadiogramError(
                f"No case has a {sequence} image: take {sequence} out of cohort.sequences, or name its files."
            )
    for column, named in (("dose", cohort.dose), ("target", cohort.target)):
        if named and not any(getattr(scans, column) for scans in asked):
            raise RadiogramError(
                f"No case has a {column} in column {named}: set cohort.{column}=null, or name its files."
            )


def _complete(scans: Scans, parameters: Parameters, excluded: list[dict[str, str]]) -> bool:
    """Whether the case has what it needs; where it has not, why is noted."""
    lacking = [name for name in parameters.cohort.sequences if name not in scans.images]
    if scans.images and (not lacking or parameters.volumes.missing == "mask"):
        return True
    remedy = "name its file, or set volumes.missing=mask" if scans.images else "name its files, or leave the case out"
    reason = f"Case {scans.case} has no {' and no '.join(lacking)} image: {remedy}."
    excluded.append({"case": scans.case, "stage": STAGE, "reason": reason})
    return False


def _outcomes(found: Iterator, excluded: list[dict[str, str]]) -> list[tuple[Scans, Any]]:
    """(case, value) of those that went well; the others are noted."""
    values = []
    for outcome in found:
        if outcome.error is None:
            values.append((outcome.item, outcome.value))
        else:
            excluded.append({"case": outcome.item.case, "stage": STAGE, "reason": outcome.error})
    return values


def _common(
    surveys: list[tuple[Scans, Survey]], known: pd.DataFrame, parameters: Parameters, excluded: list[dict[str, str]]
) -> Common:
    """Of training cases alone: box and scales are part of what networks are fitted with."""
    training = [found for scans, found in surveys if known.at[scans.case, "part"] == "train"]
    if not training:
        first = f"; the first: {excluded[0]['reason']}" if excluded else ": name some in the part train."
        raise RadiogramError(f"No training case can be shown to networks{first}")
    margin = parameters.volumes.margin if parameters.volumes.extent == "lesion" else 0.0
    box = volume_grid.study_box([found.extent for found in training], margin=margin)
    return Common(
        box, {name: _typical(name, training) for name in dict.fromkeys(s for _, f in surveys for s in f.scales)}
    )


def _typical(sequence: str, training: list[Survey]) -> tuple[float, float]:
    """Median center and spread of a sequence in physical units. Raises RadiogramError where no training case has it."""
    held = [found.scales[sequence] for found in training if sequence in found.scales]
    if not held:
        raise RadiogramError(f"No training case has a {sequence} image: take {sequence} out of cohort.sequences.")
    center, spread = np.median(held, axis=0)
    return float(center), float(spread)


def _key(scans: Scans, common: Common, parameters: Parameters) -> str:
    """SHA-256 of everything that decides the arrays. Raises CaseError for a file that is missing."""
    try:
        files = [[name, read.digest(path)] for name, path in scans.images.items()]
        files += [["brain", name, read.digest(path)] for name, path in scans.brains.items() if path]
        image = scans.images.get(parameters.imaging.mask_space or scans.first)
        for kind, path in (("mask", scans.masks[scans.first]), ("target", scans.target)):
            files.append([kind, read.digest(path, what="mask", image=image) if path else ""])
        files.append(["dose", radiotherapy.digest(scans.dose) if scans.dose else ""])
    except FileNotFoundError as error:
        name = read.shown(str(error))
        raise CaseError(f"Case {scans.case}: {name} is missing: correct the path, or leave the case out.") from error
    content = {
        "rules": [RULES, read.RULES],
        "files": files,
        "sequences": parameters.cohort.sequences,
        "imaging": parameters.imaging.model_dump(mode="json", exclude={"perturbations", "perturbation"}),
        "volumes": parameters.volumes.model_dump(mode="json", exclude={"margin", "missing"}),
        "box": common.box,
        "scales": {name: common.scales[name] for name in scans.images if name in common.scales},
        "plan": {name: value for name, value in scans.plan.items() if name in ("prescription", "fractions")},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _row(scans: Scans, name: str, about: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    numbers = {**about["plan"], **scans.plan}
    return {
        "case": scans.case,
        "file": name,
        "sequences": ", ".join(about["sequences"]),
        **{column: about[column] for column in ("lesion_ml", "lesion_share", "note")},
        **{column: numbers[column.removeprefix(PLAN)] for column in plan_columns(parameters)},
    }
