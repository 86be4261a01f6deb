"""A study's source as a sheet: one row a patient, whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from helpers.cohort import columns, feature_sheet, manifest, phantom, reading
from helpers.cohort.importers import sts, ucsf_pdgm
from helpers.errors import RadiogramError
from helpers.study import Study

PATIENTS = ("patient", "center")


@dataclass(frozen=True)
class Sheet:
    """What a source gives: one row a patient, its name for messages, notes, and the folder its paths start from."""

    frame: pd.DataFrame
    where: str
    notes: list[str] = field(default_factory=list)
    folder: Path = Path()
    truth: pd.DataFrame | None = None


def read(study: Study) -> Sheet:
    """The sheet of the study's own source, checked for the columns it needs and one row a patient.

    Raises RadiogramError naming the file and what is wrong with it.
    """
    sheet = _read(study)
    manifest.require(sheet.frame, needed(study), where=sheet.where)
    manifest.one_row_a_patient(sheet.frame, where=sheet.where)
    return sheet


def needed(study: Study) -> list[str]:
    """Columns that a sheet of this study must have, besides clinical ones."""
    cohort = study.parameters.cohort
    images = cohort.sequences if study.entry == "images" and cohort.source != "phantom" else ()
    planned = [cohort.dose, cohort.target] if images else []
    part = ["part"] if study.entry == "scores" else []
    return [*PATIENTS, *[e.name for e in cohort.endpoints], *images, *filter(None, planned), *cohort.plan, *part]


def with_center(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame if "center" in frame else frame.assign(center=name)


def _read(study: Study) -> Sheet:
    cohort = study.parameters.cohort
    if cohort.source == "phantom":
        drawn = phantom.draw(study.parameters)
        return Sheet(drawn.cases, "the phantom", truth=drawn.truth)
    if cohort.source in ("sts", "ucsf_pdgm"):
        root = _given(cohort.root, "cohort.root", cohort.source)
        frame, notes = sts.rows(root) if cohort.source == "sts" else ucsf_pdgm.table(root)
        return Sheet(frame, root.name, notes)
    path = _given(getattr(cohort, cohort.source), f"cohort.{cohort.source}", cohort.source)
    if cohort.source == "readings":
        read = reading.sheet(path)
        frame = reading.cases_of(read.frame, tuple(e.name for e in cohort.endpoints), where=path.name)
        return Sheet(frame, path.name, list(read.notes))
    read = feature_sheet.read(path, cohort) if cohort.source == "features" else manifest.read(path)
    frame, notes = read.frame, list(read.notes)
    if cohort.source == "scores":
        frame, more = columns.filled(frame)
        notes += more
    center = reading.NOT_STATED if cohort.source == "scores" else "one center"
    return Sheet(with_center(frame, center), path.name, notes, folder=path.parent)


def _given(path: Path | None, name: str, source: str) -> Path:
    if path is None:
        raise RadiogramError(f"cohort.source is {source}, so {name} must say where it is: --set {name}=PATH.")
    return path
