"""The measures of internal validation: discrimination, overall error and calibration of one set of predictions."""

from __future__ import annotations

import numpy as np

from helpers.learning.fitted import FloatArray
from helpers.statistics.calibration import brier, scaled_brier
from helpers.statistics.discrimination import auc
from helpers.statistics.logistic import logistic
from helpers.statistics.smoothers import clipped_logit

MEASURES = ("auc", "brier", "scaled_brier", "calibration_in_the_large", "calibration_slope")


def measures(truth: np.ndarray, probability: FloatArray) -> dict[str, float]:
    """Every measure of probability (n,) against truth (n,); NaN where it cannot be had.

    Without both classes only the Brier score is there; calibration is missing too where the predictions separate
    the classes, as those of a first stage often do on the patients it was fitted on.
    """
    found = dict.fromkeys(MEASURES, np.nan) | {"brier": brier(truth, probability) if len(truth) else np.nan}
    if not 0 < truth.sum() < len(truth):
        return found
    x, ones = clipped_logit(probability), np.ones((len(truth), 1))
    return found | {
        "auc": auc(truth, probability).estimate,
        "scaled_brier": scaled_brier(truth, probability),
        "calibration_in_the_large": float(logistic(ones, truth, offset=x).coefficients[0]),
        "calibration_slope": float(logistic(np.column_stack([ones, x]), truth).coefficients[1]),
    }


def no_information(truth: np.ndarray, probability: FloatArray) -> dict[str, float]:
    """What a model scores when predictions and outcomes have nothing to do with each other, by measure.

    For the Brier score the mean over all pairings of an outcome (n,) with a prediction (n,) (Efron & Tibshirani 1997,
    doi 10.1080/01621459.1997.10474007), for the AUC one half.
    """
    share = truth.mean()
    paired = share * ((1 - probability) ** 2).mean() + (1 - share) * (probability**2).mean()
    return {"auc": 0.5, "brier": float(paired)}
