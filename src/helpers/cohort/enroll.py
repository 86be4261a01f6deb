"""From a study's source to who is in, who is out and why: the tables every later stage starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.cohort import (
    clinical,
    columns,
    external,
    feature_sheet,
    labels,
    manifest,
    phantom,
    reading,
    sources,
    split,
)
from helpers.cohort.sources import Sheet
from helpers.errors import RadiogramError
from helpers.parameters import Cohort, Parameters
from helpers.study import Study
from helpers.tables import DECLARED, empty

SCANS = "cohort"  # folder of a phantom's scans, in the run's folder
FILES = ("image", "mask", "brain_mask", "dose", "target")  # columns of table `images` that hold paths


@dataclass(frozen=True)
class Enrolled:
    """Who is in (cases), where their scans lie, who is out, what was read differently, and what else the source knew."""

    cases: pd.DataFrame
    exclusions: pd.DataFrame
    repairs: pd.DataFrame
    screened: int
    images: pd.DataFrame | None = None
    features: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    truth: pd.DataFrame | None = None


def enroll(study: Study, *, mapper: Callable | None = None) -> Enrolled:
    """Read the study's source, draw the split, and check it. Images are listed, not opened.

    A phantom's scans are rendered by `mapper`; without one (a mere check) nothing is written.

    Raises RadiogramError for input that no exclusion of single cases can mend.
    """
    parameters = _stating_parts(study)
    _unread(parameters)
    own = sources.read(study)
    others = external.sheets(study, own)
    cases, exclusions = _screened(study, parameters, own, others)
    cases = [split.assign(cases[0], parameters.cohort, seed=parameters.seed), *cases[1:]]
    parted = [c.assign(part=f"external:{name}") for name, c in zip(others, cases[1:], strict=True)]
    everyone = pd.concat([cases[0], *parted], ignore_index=True) if parted else cases[0]
    folds = parameters.modeling.folds if study.entry in ("images", "features") else None
    split.check_classes(everyone, parameters.cohort, folds=folds, where=own.where)
    sheets = [own, *others.values()]
    notes = [(None, "cohort", note) for sheet in sheets for note in sheet.notes]
    repairs = pd.DataFrame(notes, columns=["case", "stage", "note"])
    screened = sum(len(sheet.frame) for sheet in sheets)
    enrolled = Enrolled(_ordered(everyone, parameters), exclusions, repairs, screened, truth=own.truth)
    check_exclusions(exclusions, screened, parameters)
    return _with_measurements(enrolled, sheets, study, mapper)


def _screened(
    study: Study, parameters: Parameters, own: Sheet, others: Mapping[str, Sheet]
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Cases of every sheet, and who is not among them: without an endpoint, never measured, or another patient's scan."""
    measured = study.entry == "features" and not study.synthetic
    unfit = _unfit(parameters.cohort, [own, *others.values()]) if measured else {}
    found, exclusions = [], []
    for sheet in (own, *others.values()):
        cases, excluded = _cases(sheet, parameters, outside=sheet is not own)
        out = cases["case"].isin(unfit)
        reasons = [(case, "cohort", unfit[case]) for case in cases.loc[out, "case"]]
        found.append(cases[~out])
        exclusions += [excluded, pd.DataFrame(reasons, columns=["case", "stage", "reason"])]
    return found, pd.concat([e for e in exclusions if len(e)] or exclusions[:1], ignore_index=True)


def _unfit(cohort: Cohort, sheets: Sequence[Sheet]) -> dict[str, str]:
    """Why a patient is left out whose features were filled in, or who has every feature of an earlier one."""
    names = feature_sheet.features(sheets[0].frame, cohort, where=sheets[0].where)
    measured = [sheet.frame[["patient", *names]] for sheet in sheets]
    found = {
        patient: f"the same scan under two names: every feature is that of patient {other}"
        for patient, other in feature_sheet.twins(pd.concat(measured, ignore_index=True))
    }
    reason = "not measured, as nearly every feature is the average of its column, filled in"
    return found | {patient: reason for frame in measured for patient in feature_sheet.filled(frame)}


def included(study: Study) -> pd.DataFrame:
    """The cases that no stage has excluded so far."""
    cases, exclusions = study.tables.read("cases"), study.tables.read("exclusions")
    return cases[~cases["case"].isin(exclusions["case"])].reset_index(drop=True)


def check_exclusions(exclusions: pd.DataFrame, screened: int, parameters: Parameters) -> None:
    """Raises RadiogramError when more cases fell out than `cohort.max_excluded_fraction` allows."""
    allowed = parameters.cohort.max_excluded_fraction
    if len(exclusions) > allowed * screened:
        first = exclusions.iloc[0]
        raise RadiogramError(
            f"{len(exclusions)} of {screened} cases cannot be used, more than the {allowed:.0%} that "
            f"cohort.max_excluded_fraction allows; the first is {first['case']}: {first['reason']}"
        )


def _stating_parts(study: Study) -> Parameters:
    """A sheet of predictions or readings says which part a patient belongs to; nothing is drawn where nothing is fitted."""
    parameters = study.parameters
    if study.entry in ("images", "features") or parameters.cohort.part_column:
        return parameters
    return parameters.model_copy(update={"cohort": parameters.cohort.model_copy(update={"part_column": "part"})})


def _unread(parameters: Parameters) -> None:
    """Raises RadiogramError for a stratum that a model would read."""
    for name in parameters.cohort.strata:
        for group in ("clinical", "plan"):
            if name in getattr(parameters.cohort, group):
                raise RadiogramError(
                    f"cohort.strata and cohort.{group} both name {name}: what results are told by must be nothing a model reads."
                )


def _cases(sheet: Sheet, parameters: Parameters, *, outside: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cases with an endpoint known, and the exclusions of those without any; `outside` is an external cohort."""
    frame, cohort = sheet.frame.reset_index(drop=True), parameters.cohort
    cases = pd.DataFrame(
        {"case": frame["patient"], "patient": frame["patient"], "center": frame["center"].astype(object)}
    )
    cases["center"] = cases["center"].where(cases["center"].notna(), reading.NOT_STATED)
    for endpoint in cohort.endpoints:
        cases[endpoint.name] = manifest.binary(frame[endpoint.name], frame["patient"], endpoint, where=sheet.where)
    cases = cases.join(clinical.tidy(frame, cohort.clinical, where=sheet.where, constant=outside))
    cases = cases.join(
        clinical.tidy(frame, cohort.strata, where=sheet.where, parameter="cohort.strata", constant=outside)
    )
    cases = cases.join(manifest.numbers(frame, [c for c in cohort.plan if c not in cases], where=sheet.where))
    if cohort.part_column and not outside:
        cases[cohort.part_column] = frame.get(cohort.part_column)
    if cohort.temporal and cohort.temporal.column in frame and cohort.temporal.column not in cases:
        cases[cohort.temporal.column] = frame[cohort.temporal.column]
    unknown = cases[[e.name for e in cohort.endpoints]].isna().all(axis=1)
    reasons = [(case, "cohort", "no endpoint") for case in cases.loc[unknown, "case"]]
    cases = labels.integers(cases[~unknown], cohort.endpoints)
    return cases, pd.DataFrame(reasons, columns=["case", "stage", "reason"])


def _ordered(cases: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    endpoints = [e.name for e in parameters.cohort.endpoints]
    cohort = parameters.cohort
    columns = ["case", "patient", "center", "part", *endpoints, *cohort.clinical, *cohort.plan, *cohort.strata]
    return cases.sort_values("case")[list(dict.fromkeys(columns))].reset_index(drop=True)


def _with_measurements(enrolled: Enrolled, sheets: Sequence[Sheet], study: Study, mapper: Callable | None) -> Enrolled:
    """Add what the source brings beyond the cases: a list of images, a feature table, or predictions."""
    own, cases = sheets[0], enrolled.cases
    if study.entry == "scores":
        return _replace(enrolled, predictions=columns.predictions(cases, own.frame, study.parameters, where=own.where))
    if study.entry == "features":
        return _replace(enrolled, features=_features(cases, sheets, study.parameters))
    if study.parameters.cohort.source == "phantom":
        return _replace(enrolled, images=_rendered(study, mapper)) if mapper else enrolled
    listed = [_images(cases[cases["patient"].isin(s.frame["patient"])], s, study.parameters) for s in sheets]
    return _replace(enrolled, images=pd.concat(listed, ignore_index=True))


def _rendered(study: Study, mapper: Callable) -> pd.DataFrame:
    """Table `images` of a phantom; paths start from the run's folder, so that the table is the same wherever it is kept."""
    drawn = phantom.draw(study.parameters)
    images = phantom.write_images(drawn, study.parameters, study.folder / SCANS, mapper=mapper)
    inside = {c: [str(Path(p).relative_to(study.folder)) for p in images[c]] for c in FILES if c in images}
    return images.assign(**{**dict.fromkeys(FILES), **inside})


def images(study: Study) -> pd.DataFrame:
    """Table `images` with every path to be found from anywhere; None where a manifest names none."""
    table = study.tables.read("images")
    found = {c: [None if pd.isna(p) else str(study.folder / p) for p in table[c]] for c in FILES}
    return table.assign(**found)


def _replace(enrolled: Enrolled, **changed: pd.DataFrame) -> Enrolled:
    return Enrolled(**{**enrolled.__dict__, **changed})


def _images(cases: pd.DataFrame, sheet: Sheet, parameters: Parameters) -> pd.DataFrame:
    """Table `images`: a mask and a brain mask a sequence (`mask_T1`) where the sheet has one, else one for all.

    Dose and target are the case's own, the same in each of its rows; None where the sheet names none.
    """
    named = (parameters.cohort.dose, parameters.cohort.target)
    frame = sheet.frame.set_index("patient").loc[cases["patient"]]
    rows = []
    for case, row in zip(cases["case"], frame.to_dict("records"), strict=True):
        for sequence in parameters.cohort.sequences:
            for reader, suffix in (("reader1", ""), ("reader2", "_reader2")):
                mask = row.get(f"mask{suffix}_{sequence}") or row.get(f"mask{suffix}")
                if mask is not None or reader == "reader1":
                    brain = row.get(f"brain_mask_{sequence}") or row.get("brain_mask")
                    planned = (row.get(column) for column in named)
                    paths = (_path(p, sheet.folder) for p in (row[sequence], mask, brain, *planned))
                    rows.append((case, sequence, reader, *paths))
    return pd.DataFrame(rows, columns=list(DECLARED["images"].names))


def _path(written: Any, folder: Path) -> str | None:
    """Paths in a manifest start from the manifest's own folder, unless they are absolute."""
    return None if pd.isna(written) else str(folder / str(written))


def _features(cases: pd.DataFrame, sheets: Sequence[Sheet], parameters: Parameters) -> pd.DataFrame:
    if parameters.cohort.source == "phantom":
        table = phantom.feature_table(phantom.draw(parameters), parameters)
        return table[table["case"].isin(cases["case"])].reset_index(drop=True)
    names = feature_sheet.features(sheets[0].frame, parameters.cohort, where=sheets[0].where)
    everyone = pd.concat([sheet.frame[["patient", *names]] for sheet in sheets]).set_index("patient")
    features = everyone.loc[cases["patient"]].reset_index(drop=True)
    return pd.concat([cases[["case"]], pd.Series("reader1", cases.index, name="reader"), features], axis=1)


def write(study: Study, enrolled: Enrolled) -> None:
    """Hand the tables over."""
    tables = study.tables
    tables.write("cases", enrolled.cases)
    tables.write("exclusions", enrolled.exclusions if len(enrolled.exclusions) else empty("exclusions"))
    tables.write("repairs", enrolled.repairs if len(enrolled.repairs) else empty("repairs"))
    for name in ("images", "features", "predictions", "truth"):
        frame = getattr(enrolled, name)
        if frame is not None:
            tables.write(name, frame)
