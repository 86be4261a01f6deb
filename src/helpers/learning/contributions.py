"""What moves a patient's risk: each variable's part of the nomogram's log odds, for three patients chosen by a rule."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import expit

from helpers.learning.clinical import Column
from helpers.learning.nomogram import Nomogram
from helpers.learning.rows import Rows
from helpers.statistics.attribution import linear_shap
from helpers.statistics.thresholds import OutOfFold

CHOSEN = {"lowest": 0.0, "median": 0.5, "highest": 1.0}
COLUMNS = ["patient", "risk", "variable", "contribution"]


def contributions(rows: Rows, nomogram: Nomogram, scores: Mapping[str, OutOfFold]) -> pd.DataFrame:
    """patient, risk, variable, contribution: the training patients of lowest, median and highest risk.

    A contribution is the SHAP value of a linear predictor in log odds: the coefficient times the distance from the mean of
    training; together they are the distance from the average patient (Lundberg & Lee 2017, arXiv 1705.07874). Risks
    rest on the out-of-fold scores. `rows` and `scores` are those the nomogram was fitted on.
    """
    design = nomogram.fitted_design(rows, scores)
    intercept, *coefficients = nomogram.regression.coefficients
    predictor = intercept + design @ coefficients
    order = np.argsort(predictor, kind="stable")
    parts = linear_shap(coefficients, design, design.mean(axis=0), intercept=intercept).values
    told = []
    for patient, share in CHOSEN.items():
        i = int(order[round(share * (len(order) - 1))])
        for variable, places in _places(nomogram.columns).items():
            told.append((patient, float(expit(predictor[i])), variable, float(parts[i, places].sum())))
    return pd.DataFrame(told, columns=COLUMNS)


def _places(columns: list[Column]) -> dict[str, list[int]]:
    """Columns of the design that belong to each variable, which may have several levels."""
    places: dict[str, list[int]] = {}
    for j, column in enumerate(columns):
        places.setdefault(column.variable, []).append(j)
    return places
