"""Internal validation: optimism correction, the .632+ rule, repeated cross-validation, stability of predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, binary_truth, require_level
from .smoothers import fit_smoother


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


@dataclass(frozen=True)
class RepeatedEstimates:
    """Mean, standard deviation and range of a measure over repeats of one cross-validation.

    The spread comes from how the same patients were divided into folds. It is no confidence interval: it
    shrinks with more repeats, and not with more patients.
    """

    mean: float
    standard_deviation: float
    smallest: float
    largest: float
    repeats: int


def repeated_cross_validation(estimates: ArrayLike) -> RepeatedEstimates:
    """Summary of one estimate a repeat (repeats,), those that are not finite left out.

    The standard deviation is NaN for one repeat. Raises ValueError when no estimate is finite.
    """
    values = np.asarray(estimates, dtype=float)
    values = values[np.isfinite(values)]
    if values.ndim != 1 or not values.size:
        raise ValueError("no repeat has a finite estimate")
    spread = float(values.std(ddof=1)) if values.size > 1 else np.nan
    return RepeatedEstimates(float(values.mean()), spread, float(values.min()), float(values.max()), values.size)


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
    original, refitted = _refitted(prediction, boot_predictions)
    error = np.abs(refitted - original).mean(axis=0)
    low, high = np.quantile(refitted, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return Instability(error, low, high, float(error.mean()))


def _refitted(prediction: ArrayLike, boot_predictions: ArrayLike) -> tuple[FloatArray, FloatArray]:
    original, refitted = np.asarray(prediction, dtype=float), np.asarray(boot_predictions, dtype=float)
    if refitted.ndim != 2 or original.shape != refitted.shape[1:] or len(refitted) == 0:
        raise ValueError(f"boot_predictions must be (replicates, {original.size}), not {refitted.shape}")
    return original, refitted


@dataclass(frozen=True, eq=False)
class ClassInstability:
    """Share of refitted models that call each patient otherwise (n,), and its mean over patients."""

    index: FloatArray
    average: float


def classification_instability(
    prediction: ArrayLike, boot_predictions: ArrayLike, *, threshold: float
) -> ClassInstability:
    """Classification instability index of Riley and Collins 2023 (doi 10.1002/bimj.202200302) at a threshold.

    prediction is (n,), boot_predictions (B, n); a prediction at or above the threshold is positive. Raises
    ValueError for shapes that do not match.
    """
    original, refitted = _refitted(prediction, boot_predictions)
    index = ((refitted >= threshold) != (original >= threshold)).mean(axis=0)
    return ClassInstability(index, float(index.mean()))


def calibration_instability(
    truth: ArrayLike, boot_predictions: ArrayLike, grid: ArrayLike, *, smoother: str = "auto"
) -> FloatArray:
    """Calibration curve of each refitted model on the original patients, (B, grid) at predicted risks (grid,).

    Riley and Collins 2023. truth is (n,), boot_predictions (B, n). NaN outside the risks a model predicts, and
    where no curve can be estimated. Raises ValueError for shapes that do not match or an unknown smoother.
    """
    events = binary_truth(truth)
    _, refitted = _refitted(events, boot_predictions)
    grid = np.asarray(grid, dtype=float)
    curves = np.array([fit_smoother(events, risk, smoother=smoother)[0](grid) for risk in refitted])
    low, high = refitted.min(axis=1, keepdims=True), refitted.max(axis=1, keepdims=True)
    return np.where((grid >= low) & (grid <= high), curves, np.nan)
