"""The figures of external cohorts and of missing values: no word cut, over another, or too small."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.figures import external, missing
from helpers.tables import empty

VERSIONS = ("as frozen", "intercept updated", "intercept and slope updated")


def curves(parts: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    points, metrics = [], []
    x = np.linspace(0.05, 0.9, 20)
    for part in parts:
        for version in VERSIONS:
            for at in x:
                points.append(
                    ("idh_mutant", "nomogram", part, "frozen", version, at, at**1.3, at * 0.8, min(at * 1.2, 1), "rcs")
                )
            for metric, value in (("calibration_in_the_large", -0.51), ("calibration_slope", 0.88), ("ici", 0.04)):
                high = np.nan if metric == "ici" else value + 1.0
                metrics.append(
                    ("idh_mutant", "nomogram", part, version, metric, value, value - 1.0, high, 1200, 345, "")
                )
    return pd.DataFrame(points, columns=empty("external_calibration").columns), pd.DataFrame(
        metrics, columns=empty("external_update").columns
    )


def coefficients(terms: tuple[str, ...], endpoints: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        (e, "nomogram", h, "train", "coefficient", term, 0.4 + i, -0.2, 1.9 + i, 50, 0.1, 100, 40, "", 1.0)
        for e in endpoints
        for i, term in enumerate(terms)
        for h in missing.LOOKS
    ]
    return pd.DataFrame(rows, columns=empty("missing_data").columns)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts", [("external:Lyon",), ("external:Lyon", "external:A hospital with a rather long name of its own")]
)
def test_external_cohorts_are_legible(parts, layout):
    points, metrics = curves(parts)
    assert layout.faults(external.updates(points, metrics, model="nomogram")) == []


@pytest.mark.parametrize("endpoints", [("label",), ("idh_mutant", "progression")])
def test_missing_values_are_legible(endpoints, layout):
    terms = (
        "radiomics",
        "age",
        "days_since_radiotherapy_was_completed_in_all",
        "who_grade=grade 3 with anaplastic features",
    )
    assert layout.faults(missing.coefficients(coefficients(terms, endpoints), model="nomogram")) == []


def test_without_rows_both_say_why(layout):
    for figure in (
        external.updates(empty("external_calibration"), empty("external_update"), model="nomogram"),
        missing.coefficients(empty("missing_data"), model="nomogram"),
    ):
        assert layout.faults(figure) == []
