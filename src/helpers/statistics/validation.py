"""Internal validation: optimism correction, the .632+ rule, and the stability of predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, require_level


@dataclass(frozen=True)
class OptimismCorrected:
    """A performance measure with its optimism removed; replicates counts the pairs that were finite."""

    apparent: float
    optimism: float
    corrected: float
    low: float
    high: float
    replicates: int


def optimism_corrected(
    apparent: float, boot_apparent: ArrayLike, boot_original: ArrayLike, *, level: float = 0.95
) -> OptimismCorrected:
    """Harrell's correction: apparent - mean(boot_apparent - boot_original) over replicates (B,).

    boot_apparent is each refitted model on its own bootstrap sample, boot_original the same model on the
    original patients; every step of the pipeline must be repeated in each. The interval is the percentile
    one of boot_apparent shifted by the optimism (Noma 2021, doi 10.1002/sim.9148). Raises ValueError for
    unequal lengths; all is NaN when no pair is finite.
    """
    require_level(level)
    own, original = np.asarray(boot_apparent, dtype=float), np.asarray(boot_original, dtype=float)
    if own.ndim != 1 or own.shape != original.shape:
        raise ValueError("boot_apparent and boot_original must be one-dimensional and equally long")
    known = np.isfinite(own) & np.isfinite(original)
    if not known.any():
        return OptimismCorrected(float(apparent), *(np.nan,) * 4, 0)
    optimism = float(np.mean(own[known] - original[known]))
    low, high = np.quantile(own[known], [0.5 - level / 2, 0.5 + level / 2]) - optimism
    if known.sum() < 2:
        low = high = np.nan
    return OptimismCorrected(
        float(apparent), optimism, float(apparent - optimism), float(low), float(high), int(known.sum())
    )


@dataclass(frozen=True)
class Point632Plus:
    """The .632 and .632+ estimates; relative_overfitting runs from 0, none, to 1."""

    apparent: float
    out_of_bag: float
    point632: float
    point632_plus: float
    relative_overfitting: float
    weight: float


def point632plus(apparent: float, out_of_bag: ArrayLike, *, no_information: float) -> Point632Plus:
    """.632+ estimate of Efron and Tibshirani 1997 (doi 10.1080/01621459.1997.10474007).

    out_of_bag is a number or one a replicate; no_information is the measure of a useless model, 0.5 for an
    area. Works for measures where less is better too. Raises ValueError when no replicate is finite.
    """
    replicates = np.atleast_1d(np.asarray(out_of_bag, dtype=float))
    if not np.isfinite(replicates).any():
        raise ValueError("no out-of-bag replicate is finite")
    outside = float(replicates[np.isfinite(replicates)].mean())
    room = apparent - no_information
    # Worse than no information is counted as no information.
    bounded = max(outside, no_information) if room >= 0 else min(outside, no_information)
    overfitting = float(np.clip((apparent - bounded) / room, 0.0, 1.0)) if room else 0.0
    weight = 0.632 / (1 - 0.368 * overfitting)
    plain = 0.368 * apparent + 0.632 * outside
    plus = (1 - weight) * apparent + weight * bounded
    return Point632Plus(float(apparent), outside, float(plain), float(plus), overfitting, weight)


@dataclass(frozen=True, eq=False)
class Instability:
    """Spread of each patient's prediction over refitted models (n,), and its mean over patients."""

    mean_absolute_error: FloatArray
    low: FloatArray
    high: FloatArray
    average: float


def instability(prediction: ArrayLike, boot_predictions: ArrayLike, *, level: float = 0.95) -> Instability:
    """Prediction instability of Riley and Collins 2023 (doi 10.1002/bimj.202200302).

    prediction is (n,), boot_predictions (B, n): the original patients scored by each bootstrap model.
    Raises ValueError for shapes that do not match.
    """
    require_level(level)
    original, refitted = np.asarray(prediction, dtype=float), np.asarray(boot_predictions, dtype=float)
    if refitted.ndim != 2 or original.shape != refitted.shape[1:] or len(refitted) == 0:
        raise ValueError(f"boot_predictions must be (replicates, {original.size}), not {refitted.shape}")
    error = np.abs(refitted - original).mean(axis=0)
    low, high = np.quantile(refitted, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return Instability(error, low, high, float(error.mean()))
