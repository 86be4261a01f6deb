"""Checks every estimator of this room makes of its arguments, each failing with one sentence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def binary_truth(truth: ArrayLike) -> BoolArray:
    """Truth (n,) of 0 and 1 as booleans; ValueError when it is empty, not one-dimensional or not binary."""
    values = np.asarray(truth)
    if values.ndim != 1 or values.size == 0:
        raise ValueError("truth must be a non-empty one-dimensional array")
    values = values.astype(float)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError("truth must hold only 0 and 1")
    return values == 1.0


def finite_scores(score: ArrayLike, *, length: int, name: str = "score") -> FloatArray:
    """Scores (n,) as float64; ValueError when the length differs from `length` or a value is not finite."""
    values = np.asarray(score, dtype=np.float64)
    if values.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},) like truth, not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds a value that is not finite")
    return values


def probabilities(probability: ArrayLike, *, length: int, name: str = "probability") -> FloatArray:
    """Probabilities (n,) in [0, 1] as float64; ValueError otherwise."""
    values = finite_scores(probability, length=length, name=name)
    if ((values < 0) | (values > 1)).any():
        raise ValueError(f"{name} must lie in [0, 1]")
    return values


def require_both_classes(truth: BoolArray) -> None:
    """Raise ValueError when a class is absent."""
    if truth.all() or not truth.any():
        raise ValueError("truth holds one class only: both events and nonevents are needed")


def require_level(level: float) -> None:
    """Raise ValueError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
