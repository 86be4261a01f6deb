"""Table `calibration_tests`: tests against perfect calibration. A large P is not evidence of calibration."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from helpers.evaluation.performance import are_probabilities, groups
from helpers.statistics.calibration import HosmerLemeshow, hosmer_lemeshow, recalibration_tests, spiegelhalter
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["calibration_tests"].names)
HOSMER_LEMESHOW = "Hosmer-Lemeshow"
Row = tuple[str, float, float, float, str]


def calibration_tests(predictions: pd.DataFrame) -> pd.DataFrame:
    """Likelihood-ratio tests of intercept and slope, Spiegelhalter's z, and Hosmer-Lemeshow, of every part and kind.

    Hosmer-Lemeshow has two degrees of freedom fewer on apparent predictions only, where the model was fitted; those get no
    other test, as their calibration is good by construction.
    """
    rows = []
    for key, here in groups(predictions):
        truth, probability = here["truth"].to_numpy(), here["probability"].to_numpy()
        if are_probabilities(probability):
            rows += [(*key, *row) for row in _tests(truth, probability, apparent=key[3] == "apparent")]
    return pd.DataFrame(rows, columns=COLUMNS)


def _tests(truth: np.ndarray, probability: np.ndarray, *, apparent: bool) -> Iterator[Row]:
    if not apparent:
        found = recalibration_tests(truth, probability)
        yield "intercept 0 and slope 1, likelihood ratio", found.joint, 2, found.joint_p, ""
        yield "intercept 0 at slope 1, likelihood ratio", found.in_the_large, 1, found.in_the_large_p, ""
        yield "slope 1, likelihood ratio", found.slope, 1, found.slope_p, ""
        z, p = spiegelhalter(truth, probability)
        yield "Spiegelhalter z", z, np.nan, p, ""
    grouped = hosmer_lemeshow(truth, probability, fitted_here=apparent)
    yield HOSMER_LEMESHOW, grouped.statistic, grouped.df, grouped.p, "; ".join(_notes(grouped, apparent))


def _notes(grouped: HosmerLemeshow, apparent: bool) -> Iterator[str]:
    yield f"{grouped.groups} groups"
    if apparent:
        yield "on the patients the model was fitted to"
    if grouped.note:
        yield grouped.note
