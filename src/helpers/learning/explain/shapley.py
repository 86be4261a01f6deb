"""What each member and variable adds to a fusion's log odds, patient by patient: Shapley values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import shap

from helpers.errors import RadiogramError
from helpers.learning import fusion
from helpers.learning.fitted import FloatArray
from helpers.learning.fusion import Fused
from helpers.learning.rows import Rows
from helpers.learning.stacking import Stack
from helpers.study import Study
from helpers.tables import DECLARED, empty

ROUNDING = 1e-8  # by which parts may miss the whole, relative to 1 or to the log odds, whichever is larger
MISSING = "missing"
COLUMNS = list(DECLARED["contributions"].names)


def contributions(study: Study, cases: pd.DataFrame, predictions: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """Table `contributions`: every training case and variable of every fusion that has members.

    The final equation is explained on the out-of-fold scores that it was fitted on: with scores of networks that saw
    the patient, learned scores would seem to decide everything. Raises RadiogramError as `fusion.fused` does, and where
    the parts do not add up.
    """
    found = fusion.fused(study.parameters, cases, predictions, fits)
    frames = [_table(each) for each in found if each.scores.own]
    return pd.concat(frames, ignore_index=True) if frames else empty("contributions")


def values(stack: Stack, design: FloatArray) -> tuple[FloatArray, float]:
    """Shapley values (n, columns) of a design's log odds, and the log odds they start from.

    Interventional values with the design itself as background (Lundberg and Lee 2017, arXiv 1705.07874).
    """
    equation = (stack.regression.coefficients[1:], stack.regression.coefficients[0])
    # By default shap thins its background to 100 rows, and the parts would start from their mean instead.
    explainer = shap.LinearExplainer(equation, shap.maskers.Independent(design, max_samples=len(design)))
    parts, base = np.asarray(explainer.shap_values(design)), float(explainer.expected_value)
    require_additive(parts, base, stack.linear_predictor(design), what=stack.what)
    return parts, base


def require_additive(parts: FloatArray, base: float, whole: FloatArray, *, what: str) -> None:
    """Raises RadiogramError unless `base` and the parts (n, columns) of every row add up to its log odds (n,)."""
    missed = np.abs(base + parts.sum(axis=1) - whole) / np.maximum(1.0, np.abs(whole))
    if not (missed <= ROUNDING).all():
        raise RadiogramError(
            f"The Shapley values of {what} miss its log odds by up to {missed.max():.2g}: nothing is explained by "
            "parts that do not add up. Compare the installed version of shap with requirements.txt."
        )


def _table(each: Fused) -> pd.DataFrame:
    """Contributions of the levels of a categorical variable are one contribution: they can only change together."""
    design = each.final.fitted_design(each.training, each.scores.oof)
    parts, _ = values(each.final, design)
    variables = [column.variable for column in each.final.columns]
    frames = [
        pd.DataFrame(
            {
                "case": each.training.case,
                "variable": name,
                "value": _values(each.training, name, design[:, variables.index(name)]),
                "contribution": parts[:, [v == name for v in variables]].sum(axis=1),
            }
        )
        for name in dict.fromkeys(variables)
    ]
    return pd.concat(frames, ignore_index=True).assign(endpoint=each.endpoint, model=each.name)[COLUMNS]


def _values(rows: Rows, name: str, score: FloatArray) -> list[str]:
    """What the patient had, in words: a score, a number or a level, or that it is missing and a training value stands in."""
    if name not in rows.clinical:
        return [f"{value:.6g}" for value in score]
    write: Callable[[object], str] = str
    if pd.api.types.is_numeric_dtype(rows.clinical[name]):
        write = "{:.6g}".format
    return [MISSING if pd.isna(value) else write(value) for value in rows.clinical[name]]
