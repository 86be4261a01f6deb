"""External cohorts from files of their own: rows that join as part external:<name>, held against the study's own sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from helpers import prose
from helpers.cohort import clinical, feature_sheet, manifest, sources
from helpers.cohort.sources import Sheet
from helpers.errors import RadiogramError
from helpers.study import Study

# A larger share of patients with words that the study's own sheet never has means another coding, not a rare value.
MOST_NEW = 0.1
# Patients numbered no higher than this many times their count are counted, not named.
SPARSE = 10


def sheets(study: Study, own: Sheet) -> dict[str, Sheet]:
    """The sheets of `cohort.external` by name, patients of one number told apart from the study's own.

    Raises RadiogramError for a file that lacks a column which the study's own sheet has, or codes it otherwise, and for a
    patient who is in both.
    """
    named = study.parameters.cohort.external
    if named and study.entry not in ("images", "features"):
        raise RadiogramError(
            f"cohort.external names {next(iter(named))}, but this study enters at {study.entry}: give the external patients as rows of "
            "the sheet, part external:<name>."
        )
    found: dict[str, Sheet] = {}
    for name, path in named.items():
        sheet = _told_apart(_read(study, name, path), name, [own, *found.values()])
        _require_alike(sheet, own, study)
        found[name] = sheet
    return found


def _read(study: Study, name: str, path: Path) -> Sheet:
    if not path.is_file():
        raise RadiogramError(f"No file {path}: check cohort.external, --set cohort.external.{name}=FILE.")
    cohort = study.parameters.cohort
    read = feature_sheet.read(path, cohort) if study.entry == "features" else manifest.read(path)
    notes = [f"external cohort {name}: {note}" for note in read.notes]
    sheet = Sheet(sources.with_center(read.frame, name), path.name, notes, folder=path.parent)
    manifest.require(sheet.frame, sources.needed(study), where=path.name)
    manifest.one_row_a_patient(sheet.frame.drop(columns="part", errors="ignore"), where=path.name)
    return sheet


def _told_apart(sheet: Sheet, name: str, others: list[Sheet]) -> Sheet:
    """Patients who are only numbered get the cohort's name before their number where another sheet has that number too.

    Raises RadiogramError for a shared name: it would be one patient, in training and in the external cohort.
    """
    patients = sheet.frame["patient"]
    for other in others:
        shared = sorted(set(patients) & set(other.frame["patient"]))
        if not shared:
            continue
        if not (_numbered(patients) and _numbered(other.frame["patient"])):
            raise RadiogramError(
                f"Patient {shared[0]} is in {sheet.where} and in {other.where}: an external cohort has other patients; take the row "
                "out of one, or rename the patient where two only share a name."
            )
        note = f"external cohort {name}: patients are numbered, and the numbers are those of {other.where} too; they count as others"
        frame = sheet.frame.assign(patient=name + ":" + patients.astype(str))
        return replace(sheet, frame=frame, notes=[*sheet.notes, note])
    return sheet


def _numbered(patients: pd.Series) -> bool:
    """Whether patients are counted rather than named: row numbers, small for how many there are."""
    digits = patients.astype(str).str.fullmatch(r"(row)?\d{1,6}")
    if not digits.all():
        return False
    return patients.astype(str).str.removeprefix("row").astype(int).max() <= SPARSE * len(patients)


def _require_alike(sheet: Sheet, own: Sheet, study: Study) -> None:
    """Raises RadiogramError unless the sheet measures what the study's own does, in the same words."""
    cohort = study.parameters.cohort
    if study.entry == "features":
        ours = feature_sheet.features(own.frame, cohort, where=own.where)
        lacking = [c for c in ours if c not in sheet.frame]
        if lacking:
            raise RadiogramError(
                f"{sheet.where} lacks {prose.count(len(lacking), 'feature')} of the {len(ours)} of {own.where}, the first "
                f"{lacking[0]}: a model cannot be applied without what it may read; name the columns alike."
            )
        feature_sheet.features(sheet.frame[ours], cohort, where=sheet.where)
        further = sheet.frame.columns.difference([*ours, *feature_sheet.columns_of_study(cohort)])
        if len(further):
            sheet.notes.append(
                f"{prose.count(len(further), 'column')} of {sheet.where} that {own.where} lacks left out"
            )
    for name in [*cohort.clinical, *cohort.strata]:
        for told in _differently(own.frame, sheet, name, own.where):
            raise RadiogramError(told)


def _differently(own: pd.DataFrame, sheet: Sheet, name: str, where: str) -> Iterator[str]:
    """A sentence where a variable is absent from a sheet, empty in it, or coded in words that the study's own sheet lacks."""
    if name not in own:
        return
    if name not in sheet.frame or sheet.frame[name].isna().all():
        lack = f"has no column {name}" if name not in sheet.frame else f"has no value of {name} in any patient"
        yield f"{sheet.where} {lack}, which the models of {where} may read: add it, or take it out of the study."
        return
    ours, theirs = own[name].dropna(), sheet.frame[name].dropna()
    if clinical.is_numeric(ours) != clinical.is_numeric(theirs):
        kinds = ["numbers" if clinical.is_numeric(v) else "words" for v in (theirs, ours)]
        yield f"{sheet.where} has {kinds[0]} in {name} ({theirs.iloc[0]}), but {where} has {kinds[1]} ({ours.iloc[0]}): code both alike."
        return
    known = set(ours.astype(str))
    new = theirs[~theirs.astype(str).isin(known)]
    if not clinical.is_numeric(ours) and len(new) > MOST_NEW * len(theirs):
        yield (
            f"{sheet.where}: {name} is {new.iloc[0]} in {prose.count(int((new == new.iloc[0]).sum()), 'patient')}, a value that {where} "
            f"never has (it has {prose.listing(sorted(known)[:6])}): code both alike."
        )
