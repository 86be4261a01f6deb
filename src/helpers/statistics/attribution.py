"""What each feature adds to a patient's linear predictor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray


@dataclass(frozen=True, eq=False)
class Attribution:
    """Contributions (n, k) of the features of each patient, and the linear predictor of the mean background.

    `base` plus the contributions of a patient is the patient's linear predictor.
    """

    values: FloatArray
    base: float


def linear_shap(
    coefficients: ArrayLike, x: ArrayLike, background_mean: ArrayLike, *, intercept: float = 0.0
) -> Attribution:
    """SHAP values of a linear predictor: coefficient times the distance from the background mean.

    Lundberg and Lee 2017 (arXiv 1705.07874), Corollary 1, with features taken as independent (interventional
    SHAP), in units of the linear predictor (log odds in a logistic model). coefficients and background_mean
    are (k,), x is (n, k); the background is the training sample. Raises ValueError for shapes that do not match.
    """
    beta, x, mean = (np.asarray(v, dtype=float) for v in (coefficients, x, background_mean))
    if beta.ndim != 1 or mean.shape != beta.shape or x.ndim != 2 or x.shape[1:] != beta.shape:
        raise ValueError(f"coefficients {beta.shape}, x {x.shape} and background_mean {mean.shape} do not match")
    return Attribution((x - mean) * beta, float(intercept + mean @ beta))
