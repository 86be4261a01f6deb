"""What the report says of the participants: counted, and without naming anybody."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from helpers import prose
from helpers.cohort import labels, split
from helpers.cohort.reading import NOT_STATED
from helpers.parameters import Cohort
from helpers.study import Study


def public(exclusions: pd.DataFrame) -> pd.DataFrame:
    """Exclusions as the report may show them: reasons without file names, identifiers or counts of voxels."""
    kinds = [_kind(reason, case) for reason, case in zip(exclusions["reason"], exclusions["case"], strict=True)]
    return exclusions.assign(reason=kinds)


def _kind(sentence: str, case: str | None = None) -> str:
    """ "image P1/T1.nii.gz has NaN in 5 of 90 voxels: export it again." -> "image has NaN in some voxels"."""
    text = re.sub(r"\([^()]*\)", "", sentence)
    text = re.sub(r"\S*[/\\]\S*|\S+\.(nii|gz|nrrd|mha|dcm)\S*", "", text)
    text = text.replace(str(case), "").replace("Case ,", "").replace("Case :", "") if case else text
    text = re.sub(r"[\d,]+ of [\d,]+", "some", text)
    pieces = [piece.strip(" ,.") for piece in text.split(":")]
    first = next((piece for piece in pieces if len(piece.split()) > 2), pieces[0])
    return re.sub(r"\s+", " ", first)


def repairs(study: Study) -> pd.DataFrame:
    """Table `repairs` as the report may show it."""
    table = study.tables.read("repairs")
    return table.assign(note=[_without_files(note) for note in table["note"]])


def _without_files(note: str) -> str:
    return re.sub(r"\S+\.(csv|parquet|tsv|txt|gz|xlsx)\b", "the sheet", note)


def geometry(study: Study) -> pd.DataFrame | None:
    """Table `geometry` with notes that name no file; None when the study does not start at images."""
    if study.entry != "images":
        return None
    table = study.tables.read("geometry")
    return table.assign(note=[_kind(note) if note else "" for note in table["note"].fillna("")])


def _split(cases: pd.DataFrame, cohort: Cohort) -> str:
    if cases["part"].nunique() == 1:
        return "all of them form one part, on which nothing was fitted here"
    if cohort.part_column or cohort.source == "scores":
        return "the parts are those stated in the sheet"
    if cohort.temporal:
        return f"the split is by time: {split.temporal_rule(cohort.temporal)}"
    return "the split was drawn once, by patient, before anything was fitted"


def _open(cases: pd.DataFrame, cohort: Cohort) -> str:
    """Labels that the sheet leaves open, and what became of them; without a full stop, "" where there are none."""
    told = labels.open_labels(cases, cohort.endpoints)
    if not told:
        return ""
    return (
        f"Not every label is known: {'; '.join(told)}. Whatever is said of an endpoint rests on the patients in whom it is known, "
        "and unknown counts neither as present nor as absent"
    )


def numbers(cases: pd.DataFrame, exclusions: pd.DataFrame, *, cohort: Cohort) -> dict[str, Any]:
    """What prose says of the participants."""
    endpoint = cohort.endpoints[0]
    known = labels.known(cases, endpoint.name)
    parts = [
        f"{prose.part_inline(part)}: {prose.percent(int(rows[endpoint.name].sum()), len(rows))} with {endpoint.positive}"
        for part, rows in known.groupby("part", sort=False)
    ]
    parts = ["; ".join(sorted(parts, reverse=True)), _open(cases, cohort)]
    centers = cases["center"].nunique()
    return {
        "screened": prose.count(len(cases) + len(exclusions), "patient"),
        "excluded": str(len(exclusions)),
        "analyzed": str(len(cases)),
        "patients": prose.count(len(cases), "patient"),
        "events": prose.percent(int(known[endpoint.name].sum()), len(known)),
        "centers": "a center not stated" if set(cases["center"]) == {NOT_STATED} else prose.count(centers, "center"),
        "split": _split(cases, cohort),
        "endpoint": endpoint.positive,
        "negative": endpoint.negative,
        "parts": ". ".join(filter(None, parts)),
        "clinical": prose.listing(cohort.clinical) or "none",
    }
