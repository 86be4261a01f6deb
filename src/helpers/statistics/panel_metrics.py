"""Every measure of one model in many bootstrap samples at once, each sample a row of counts of patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from .arrays import BoolArray, FloatArray
from .batched_logistic import batched_logistic
from .resampling import copied, roc_counts
from .smoothers import Curve, clipped_logit, fit_smoother, smoother_design

METRICS = (
    "auc", "brier", "scaled_brier", "calibration_in_the_large", "calibration_slope", "observed_expected", "ici", "e50",
    "e90", "emax", "eci", "sensitivity", "specificity", "ppv", "npv", "accuracy", "balanced_accuracy", "mcc", "f1",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model's probabilities (n,) and what is held fixed over samples: cut, thresholds, grids and knots."""

    events: BoolArray
    probability: FloatArray
    cut: float | None
    thresholds: FloatArray
    grid: FloatArray
    specificity: FloatArray
    smoother: str
    design: Curve | None


class Measured(NamedTuple):
    """Metrics (b, metrics), net benefit (b, t), calibration curve (b, g) and sensitivities (b, s)."""

    metrics: FloatArray
    net_benefit: FloatArray
    curve: FloatArray
    roc: FloatArray


def prepare(
    events: BoolArray,
    probability: FloatArray,
    *,
    cut: float | None,
    thresholds: FloatArray,
    grid: FloatArray | None,
    specificity: FloatArray,
    smoother: str,
) -> Prepared:
    """Fix the smoother and its knots on the sample; without a grid, 100 points over the predictions."""
    if smoother == "loess":
        raise ValueError("the bootstrap panel smooths by logistic regression or splines, not by loess")
    name = fit_smoother(events, probability, smoother=smoother)[1]
    design = None if name == "not estimable" else smoother_design(probability, name)
    at = np.linspace(probability.min(), probability.max(), 100) if grid is None else grid
    return Prepared(events, probability, cut, thresholds, at, specificity, name, design)


def measure(model: Prepared, ordinary: FloatArray, stratified: FloatArray) -> Measured:
    """All measures in samples of counts (b, n): area and ROC curve under `stratified`, the rest `ordinary`."""
    roc = roc_counts(model.events, model.probability, stratified)
    curve, distances = _curve_and_distances(model, ordinary)
    parts = [
        roc.area()[:, None],
        _squared(model, ordinary),
        _weak(model, ordinary),
        distances,
        _at_cut(model, ordinary),
    ]
    metrics = np.concatenate(parts, axis=1)
    return Measured(metrics, _net_benefit(model, ordinary), curve, roc.sensitivity_at(model.specificity))


def _shares(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)


def _squared(model: Prepared, counts: FloatArray) -> FloatArray:
    n = counts.sum(axis=1)
    brier = counts @ (model.events - model.probability) ** 2 / n
    share = counts @ model.events / n
    return np.stack([brier, 1 - _shares(brier, share * (1 - share))], axis=1)


def _weak(model: Prepared, counts: FloatArray) -> FloatArray:
    """Intercept at slope 1, slope, and observed over expected events."""
    x = clipped_logit(model.probability)
    ones = np.ones((x.size, 1))
    large = batched_logistic(ones, model.events, counts, offset=x)[:, 0]
    slope = batched_logistic(np.column_stack([ones, x]), model.events, counts)[:, 1]
    return np.stack([large, slope, _shares(counts @ model.events, counts @ model.probability)], axis=1)


def _curve_and_distances(model: Prepared, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Calibration curve (b, g) on the model's grid, and ICI, E50, E90, Emax and ECI (b, 5)."""
    if model.design is None:
        return np.full((len(counts), model.grid.size), np.nan), np.full((len(counts), 5), np.nan)
    design = model.design(model.probability)
    coefficients = batched_logistic(design, model.events, counts)
    distance = np.abs(special.expit(coefficients @ design.T) - model.probability)
    n = counts.sum(axis=1)
    mean, square = (np.einsum("bn,bn->b", counts, power) / n for power in (distance, distance**2))
    # A sample without a fit would poison the sort of its row only: its quantiles are NaN too.
    patients = copied(distance, counts)
    middle, most = np.quantile(patients, [0.5, 0.9], axis=1)
    distances = np.stack([mean, middle, most, patients.max(axis=1), 100 * square], axis=1)
    return special.expit(coefficients @ model.design(model.grid).T), distances


def _at_cut(model: Prepared, counts: FloatArray) -> FloatArray:
    """Sensitivity, specificity, predictive values, accuracies, MCC and F1 of `probability >= cut`."""
    if model.cut is None:
        return np.full((len(counts), 8), np.nan)
    positive = model.probability >= model.cut
    tp, fn = counts @ (positive & model.events), counts @ (~positive & model.events)
    fp, tn = counts @ (positive & ~model.events), counts @ (~positive & ~model.events)
    sensitivity, specificity = _shares(tp, tp + fn), _shares(tn, tn + fp)
    margin = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.stack(
        [
            sensitivity,
            specificity,
            _shares(tp, tp + fp),
            _shares(tn, tn + fn),
            (tp + tn) / counts.sum(axis=1),
            (sensitivity + specificity) / 2,
            _shares(tp * tn - fp * fn, margin),
            _shares(2 * tp, 2 * tp + fp + fn),
        ],
        axis=1,
    )


def _net_benefit(model: Prepared, counts: FloatArray) -> FloatArray:
    odds = model.thresholds / (1 - model.thresholds)
    gain = np.where(model.events[:, None], 1.0, -odds) * (model.probability[:, None] >= model.thresholds)
    return counts @ gain / counts.sum(axis=1)[:, None]
