"""New studies: a commented study file, a manifest template, and the study that `evaluate` runs."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from helpers import study as studies
from helpers.cohort import manifest
from helpers.errors import RadiogramError
from helpers.tables import write_whole

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


def study_of_scores(scores: Path, out: Path) -> Path:
    """Write the study that evaluates a scores table: <out>/<out>.yaml, kept in <out>. Returns its path.

    Raises RadiogramError for a table without patient, part and truth; nothing is written then.
    """
    sheet = manifest.read(scores).frame
    manifest.require(sheet, ("patient", "part", "truth"), where=scores.name)
    models = [c for c in sheet if c not in ("patient", "part", "truth", "center", "case")]
    values = {
        "title": f"Evaluation of {scores.stem}",
        "notebooks": ["01_cohort", "03_participants", "06_statistics"],
        "cohort": {
            "source": "scores",
            "scores": str(scores.absolute()),
            "part_column": "part",
            "endpoints": [{"name": "truth", "positive": "event", "negative": "no event"}],
        },
        "statistics": {"comparisons": [[a, b] for a, b in zip(models, models[1:], strict=False)][:2]},
        "report": {"sections": ["summary", "participants", "performance", "comparisons", "methods", "provenance"]},
    }
    path = out / f"{out.absolute().name}.yaml"
    write_whole(path, lambda beside: beside.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True)))
    return path
