"""New studies: a commented study file, a manifest template, and the study that `evaluate` writes for a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from helpers import study as studies
from helpers.cohort import columns as evaluated
from helpers.cohort import reading
from helpers.cohort.columns import Columns, Scores
from helpers.errors import RadiogramError
from helpers.tables import write_whole

SCORED = (
    "summary",
    "participants",
    "performance",
    "comparisons",
    "robustness",
    "plausibility",
    "methods",
    "provenance",
)
MARKERS = tuple("markers" if section == "performance" else section for section in SCORED)
READ = ("summary-readers", "participants", "readings", "plausibility", "methods", "provenance")
HEADER = """# Study {name}: state what differs from params/_defaults.yaml; delete what you do not need.
title: {name}
question: ""                          # the clinical question, one sentence

cohort:
  source: manifest                    # or features (a table of features), or scores (a table of predictions)
  manifest: params/{name}.csv
  endpoints:
    - {{name: label, positive: true progression, negative: pseudoprogression}}
  sequences: [T1c, FLAIR]             # image columns of the manifest
  clinical: [age, sex]                # prespecified clinical variables
  baselines:
    - {{name: volume, column: T1c_original_shape_MeshVolume, direction: higher}}

selection:
  reproducibility: reader             # perturbation, where there is no mask of a second reader

# Every other parameter, with its default, stands below; take away the mark of a line to change it.
"""
TEMPLATE = """patient,label,center,T1c,FLAIR,mask,mask_reader2,age,sex
P001,1,center A,images/P001_T1c.nii.gz,images/P001_FLAIR.nii.gz,masks/P001.nii.gz,masks/P001_reader2.nii.gz,61,F
P002,0,center A,images/P002_T1c.nii.gz,images/P002_FLAIR.nii.gz,masks/P002.nii.gz,masks/P002_reader2.nii.gz,54,M
"""


def new(name: str) -> list[Path]:
    """Write params/<name>.yaml and params/<name>.csv. Raises RadiogramError for a bad name or files that are there."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise RadiogramError(f"{name} cannot be a study's name: use letters, digits, dots and hyphens.")
    folder = studies.house() / "params"
    study, sheet = folder / f"{name}.yaml", folder / f"{name}.csv"
    for path in (study, sheet):
        if path.exists():
            raise RadiogramError(f"params/{path.name} is there already: choose another name or take it away first.")
    defaults = (folder / "_defaults.yaml").read_text().split("\n", 1)[1]
    commented = "\n".join(f"# {line}" if line else "" for line in defaults.splitlines())
    write_whole(study, lambda path: path.write_text(HEADER.format(name=name) + "\n" + commented + "\n"))
    write_whole(sheet, lambda path: path.write_text(TEMPLATE))
    return [study, sheet]


def evaluation(
    file: Path, out: Path, *, columns: Columns, readings: Path | None = None, overrides: Sequence[str] = ()
) -> Path:
    """Write the study that evaluates a table: <out>/<out>.yaml, kept in <out>. Returns its path.

    file: predictions, or readings, which are told by their columns reader and rating; `readings` stand beside predictions.
    Raises RadiogramError for a table that cannot be evaluated as `columns` says; nothing is written then.
    """
    table = evaluated.file_of(file)
    if reading.is_readings(table):
        if readings or columns.models:
            raise RadiogramError(
                f"{file.name} is a table of readings, not of models: give the models' table first, then --readings."
            )
        values = _of_readings(file, table, columns)
    else:
        scores = evaluated.scores(table, columns, where=file.name)
        values = _of_scores(file, scores, out)
    values["readers"] = _conditions(readings or file, overrides) if reading.is_readings(table) or readings else {}
    if readings:
        values["notebooks"].insert(-1, "07_readers")
        values["cohort"]["readings"] = str(readings.absolute())
        values["report"]["sections"] = [
            "summary-readers",
            *values["report"]["sections"][1:4],
            "readers",
            *values["report"]["sections"][4:],
        ]
    path = out / f"{out.absolute().name}.yaml"
    if "scores" in values["cohort"]:
        write_whole(Path(values["cohort"]["scores"]), lambda beside: scores.frame.to_csv(beside, index=False))
    write_whole(path, lambda beside: beside.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True)))
    return path


def _of_scores(file: Path, scores: Scores, out: Path) -> dict[str, Any]:
    """A study of predictions: nobody declared a contrast, so every pair of models is one family.

    The table as it is evaluated lies beside the study, under a name of its own: a user's file is never overwritten.
    """
    return {
        "title": f"Evaluation of {file.stem}",
        "notebooks": ["01_cohort", "03_participants", "06_statistics", "10_plausibility"],
        "cohort": {
            "source": "scores",
            "scores": str(out.absolute() / f"{file.stem}-evaluated.csv"),
            "endpoints": [scores.endpoint.model_dump(exclude_none=True)],
        },
        "statistics": {"comparisons": [list(pair) for pair in combinations(scores.models, 2)]},
        "report": {"sections": list(SCORED if _risks(scores) else MARKERS)},
    }


def _risks(scores: Scores) -> bool:
    """Whether any model gives probabilities; markers on a scale of their own have no calibration and no net benefit."""
    values = scores.frame[list(scores.models)]
    return bool(((values >= 0) & (values <= 1)).all().any())


def _of_readings(file: Path, table: pd.DataFrame, columns: Columns) -> dict[str, Any]:
    endpoint = evaluated.endpoint(table, columns.truth or "truth", where=file.name)
    return {
        "title": f"Reader study {file.stem}",
        "notebooks": ["01_cohort", "03_participants", "07_readers", "10_plausibility"],
        "cohort": {
            "source": "readings",
            "readings": str(file.absolute()),
            "endpoints": [endpoint.model_dump(exclude_none=True)],
        },
        "report": {"sections": list(READ)},
    }


def _conditions(readings: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """The two conditions of a sheet of readings, as parameters; those of the defaults where the sheet has them."""
    if not readings.is_file():
        raise RadiogramError(f"No file {readings}: check the path.")
    found = reading.conditions(reading.sheet(readings).frame)
    if any(text.startswith("readers.conditions") for text in overrides):
        return {}
    if len(found) > 2:
        raise RadiogramError(
            f"{readings.name} has {len(found)} conditions ({', '.join(found[:6])}): name the two to compare, "
            f'--set \'readers.conditions=["{found[0]}", "{found[1]}"]\'.'
        )
    return {"conditions": [*found, "aided"][:2] if found != ["aided"] else ["unaided", "aided"]}
