"""Percentile bootstrap of every measure of frozen models at once, patients resampled once for all models.

Two schemes, each where it belongs: areas and ROC curves resample events and nonevents apart, as pROC does; all
else resamples patients, because calibration in the large, Brier scores, predictive values and net benefit depend
on the share of events, which is itself uncertain. The models, their thresholds and the knots of the calibration
curve are those of the sample: the intervals say nothing of how the models were built.

Distances of the calibration curve (ICI, E50, E90, Emax, ECI) are never negative and resampling adds to them, so
two-sided percentile intervals sit high: a perfectly calibrated model has lower limits above 0, and in a few studies of
a hundred an estimate below its interval. They get a one-sided upper limit instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, binary_truth, probabilities, require_both_classes, require_level
from .intervals import Interval, percentile_interval
from .panel_metrics import METRICS, Measured, Prepared, measure, prepare
from .resampling import ordinary_counts, percentile_band, stratified_counts

DISTANCES = ("ici", "e50", "e90", "emax", "eci")

__all__ = ["METRICS", "Band", "Panel", "bootstrap_panel"]


@dataclass(frozen=True, eq=False)
class Band:
    """An estimate (g,) at points `at` (g,) with its pointwise percentile limits."""

    at: FloatArray
    estimate: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Panel:
    """Measures of m models in the sample (one row) and in b bootstrap samples; models number from 0.

    `observed` and `draws` hold, per model, `Measured` arrays of 1 and of b rows; the columns of their metrics are
    named by METRICS. A sample in which a measure has no estimate is NaN there and left out of its interval.
    """

    models: tuple[Prepared, ...] = field(repr=False)
    observed: tuple[Measured, ...] = field(repr=False)
    draws: tuple[Measured, ...] = field(repr=False)
    replicates: int
    level: float
    method: str

    def interval(self, model: int, metric: str) -> Interval:
        """Estimate and limits of a metric of METRICS; NaN limits with fewer than two samples to tell them.

        Distances from the ideal curve have an upper limit only, one-sided: a bootstrap adds noise to each, so that its
        lower percentiles lie above the estimate as often as not, and never reach 0.
        """
        column = METRICS.index(metric)
        estimate, draws = self.observed[model].metrics[0, column], self.draws[model].metrics[:, column]
        if metric in DISTANCES:
            return _upper(float(estimate), draws[np.isfinite(draws)], level=self.level)
        return percentile_interval(estimate, draws, level=self.level)

    def left_out(self, model: int, metric: str) -> int:
        """Bootstrap samples in which the metric had no estimate, as where the outcome was separated."""
        return int(np.isnan(self.draws[model].metrics[:, METRICS.index(metric)]).sum())

    def difference(self, first: int, second: int, metric: str) -> Interval:
        """First minus second model in a metric, paired: both are measured in the same bootstrap samples."""
        column = METRICS.index(metric)
        estimate, draws = (
            part[first].metrics[:, column] - part[second].metrics[:, column] for part in (self.observed, self.draws)
        )
        return percentile_interval(estimate[0], draws, level=self.level)

    def net_benefit(self, model: int) -> Band:
        """Net benefit at each threshold probability."""
        return self._band(
            self.models[model].thresholds, self.observed[model].net_benefit, self.draws[model].net_benefit
        )

    def net_benefit_difference(self, first: int, second: int) -> Band:
        """First minus second model in net benefit at each threshold probability, paired."""
        observed, draws = (part[first].net_benefit - part[second].net_benefit for part in (self.observed, self.draws))
        return self._band(self.models[first].thresholds, observed, draws)

    def calibration_curve(self, model: int) -> Band:
        """Observed risk at each predicted risk of the model's grid; knots held at those of the sample."""
        return self._band(self.models[model].grid, self.observed[model].curve, self.draws[model].curve)

    def roc(self, model: int) -> Band:
        """Sensitivity at each specificity."""
        return self._band(self.models[model].specificity, self.observed[model].roc, self.draws[model].roc)

    def smoother(self, model: int) -> str:
        """Name of the smoother of the model's calibration curve and of the distances taken from it."""
        return self.models[model].smoother

    def _band(self, at: FloatArray, observed: FloatArray, draws: FloatArray) -> Band:
        return Band(at, observed[0], *percentile_band(draws, level=self.level))


def bootstrap_panel(
    truth: ArrayLike,
    probability: ArrayLike,
    *,
    cut: float | Iterable[float | None] | None = None,
    thresholds: ArrayLike = (),
    specificity: ArrayLike = (),
    grid: ArrayLike | None = None,
    smoother: str = "auto",
    replicates: int = 2000,
    seed: int,
    level: float = 0.95,
) -> Panel:
    """Bootstrap all measures of probability (n,) or (m, n) against truth (n,), in seconds and bounded memory.

    `cut` is the frozen threshold, one for all models or one a model: without it the measures of a threshold are
    NaN. `thresholds` (t,) are those of net benefit, `specificity` (s,) those of the ROC band, `grid` (g,) the
    predicted risks of the calibration curve, by default 100 over each model's range. Raises ValueError for one
    class only, values outside their range, or the smoother "loess".
    """
    require_level(level)
    events = binary_truth(truth)
    require_both_classes(events)
    rows = [probabilities(row, length=events.size) for row in np.atleast_2d(np.asarray(probability, dtype=float))]
    cuts = list(cut) if np.iterable(cut) else [cut] * len(rows)
    if len(cuts) != len(rows):
        raise ValueError(f"cut must hold one value a model, {len(rows)}, not {len(cuts)}")
    fixed = {
        "thresholds": _shares(thresholds, "thresholds", below_one=True),
        "specificity": _shares(specificity, "specificity"),
        "grid": None if grid is None else _shares(grid, "grid"),
    }
    models = tuple(prepare(events, p, cut=c, smoother=smoother, **fixed) for p, c in zip(rows, cuts, strict=True))
    once = np.ones((1, events.size))
    observed = tuple(measure(model, once, once) for model in models)
    draws = _draws(models, replicates=replicates, seed=seed)
    method = f"percentile bootstrap over patients, {replicates} replicates; area and ROC curve stratified by outcome"
    return Panel(models, observed, draws, replicates, level, method)


def _upper(estimate: float, draws: FloatArray, *, level: float) -> Interval:
    if draws.size < 2:
        return Interval(estimate, np.nan, np.nan)
    return Interval(estimate, np.nan, max(float(np.quantile(draws, level)), estimate))


def _draws(models: tuple[Prepared, ...], *, replicates: int, seed: int) -> tuple[Measured, ...]:
    events = models[0].events
    for_ordinary, for_stratified = np.random.default_rng(seed).spawn(2)
    blocks = zip(
        ordinary_counts(events.size, replicates=replicates, rng=for_ordinary),
        stratified_counts(events, replicates=replicates, rng=for_stratified),
        strict=True,
    )
    measured = [[measure(model, ordinary, stratified) for model in models] for ordinary, stratified in blocks]
    return tuple(
        Measured(*(np.concatenate(parts) for parts in zip(*of_model, strict=True)))
        for of_model in zip(*measured, strict=True)
    )


def _shares(values: ArrayLike, name: str, *, below_one: bool = False) -> FloatArray:
    found = np.atleast_1d(np.asarray(values, dtype=float))
    if found.ndim != 1 or not ((found >= 0) & ((found < 1) if below_one else (found <= 1))).all():
        raise ValueError(f"{name} must lie in [0, 1{')' if below_one else ']'}")
    return found
