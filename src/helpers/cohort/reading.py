"""Readings of the reader study: from the user's sheet, or by the phantom's radiologists."""

from __future__ import annotations

import pandas as pd

from helpers.cohort import manifest, phantom
from helpers.errors import RadiogramError
from helpers.study import Study

COLUMNS = ["case", "reader", "condition", "rating", "call", "seconds"]


def readings(study: Study, cases: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Table `readings`. A phantom's radiologists read the test cases, aided by the frozen `predictions`.

    Raises RadiogramError when the study has neither a sheet of readings nor a phantom.
    """
    path = study.parameters.cohort.readings
    if path is not None:
        sheet = manifest.read(path).frame.rename(columns={"patient": "case"})
        manifest.require(sheet, COLUMNS, where=path.name)
        return sheet[COLUMNS].sort_values(["reader", "condition", "case"], ascending=[True, False, True])
    if not study.synthetic:
        raise RadiogramError(
            "The study lists a reader study but cohort.readings names no sheet: --set cohort.readings=FILE."
        )
    read = cases[cases["part"] != "train"]
    frozen = predictions[predictions["kind"] == "frozen"]
    return phantom.read_cases(read, study.tables.read("truth"), frozen, study.parameters, seed=study.parameters.seed)
