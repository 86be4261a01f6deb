"""The ledger of openings: how often the test part was looked at, each time with something else having changed.

It lies in the run's folder beside the tables, so that deleting those does not reset it; whoever deletes the folder does.
One line an opening: fingerprints of the parameters, the code and the inputs. No date, no name.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd

from helpers.study import Study
from helpers.tables import write_whole

FILE = "openings.txt"
COLUMNS = ("parameters", "code", "inputs")
HEAD = (
    "# One line each time the test part was evaluated with other parameters, code or inputs; see the page on integrity."
)


def parameters_print(study: Study) -> str:
    """SHA-256 of the parameters that can change a prediction or its evaluation; the settings of gate and negative controls cannot."""
    values = study.parameters.model_dump(
        mode="json", exclude={"title", "question", "execution", "report", "integrity", "controls"}
    )
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def note(study: Study, *, code: str, inputs: str) -> None:
    """Add an opening, unless this one stands there already; nothing where no prediction is frozen."""
    if not study.tables.exists("predictions"):
        return
    if not (study.tables.read("predictions")["kind"] == "frozen").any():
        return
    line = " ".join((parameters_print(study), code, inputs))
    held = _lines(study)
    if line not in held:
        text = "\n".join([HEAD, *held, line]) + "\n"
        write_whole(_path(study), lambda beside: beside.write_text(text, encoding="utf-8"))


def ledger(study: Study) -> pd.DataFrame:
    """One row an opening, in order: fingerprints of parameters, code and inputs."""
    return pd.DataFrame([line.split(" ") for line in _lines(study)], columns=list(COLUMNS))


def _path(study: Study) -> Path:
    return study.folder / FILE


def _lines(study: Study) -> list[str]:
    if not _path(study).is_file():
        return []
    return [line for line in _path(study).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
