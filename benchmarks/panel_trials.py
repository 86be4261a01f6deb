"""Trials of the percentile bootstrap intervals of the panel of frozen models."""

from __future__ import annotations

from functools import partial

import numpy as np
from simulated import Frozen, Population, TwoModels
from trials import Outcome, Scenario, covers

from helpers.statistics.panel import DISTANCES, bootstrap_panel

CUT, THRESHOLDS, REPLICATES = 0.3, (0.1, 0.2, 0.3, 0.5), 400
CALIBRATED, OVERFITTED, IMPROVED = Frozen(), Frozen(shift=-0.3, slope=0.7), TwoModels()


def true_metrics(population: Population, *, slope: float) -> dict[str, float]:
    """What each metric of the panel estimates in the population."""
    tp, fp, fn, tn = population.cells(CUT)
    share, sensitivity, specificity = population.prevalence, tp / (tp + fn), tn / (tn + fp)
    return {
        "auc": population.auc,
        "brier": population.brier,
        "scaled_brier": 1 - population.brier / (share * (1 - share)),
        "calibration_in_the_large": population.in_the_large,
        "calibration_slope": slope,
        "observed_expected": population.observed_expected,
        "ici": population.ici,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "accuracy": tp + tn,
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
        "f1": 2 * tp / (2 * tp + fp + fn),
    }


TRUTHS = {model: true_metrics(model.population, slope=model.slope) for model in (CALIBRATED, OVERFITTED)}
BENEFITS = {model: [model.population.net_benefit(t) for t in THRESHOLDS] for model in (CALIBRATED, OVERFITTED)}
OLD, NEW = (true_metrics(population, slope=1.0) for population in IMPROVED.populations)


def one_model(rng: np.random.Generator, *, n: int, model: Frozen) -> Outcome:
    truth, risk = model.draw(rng, n)
    panel = bootstrap_panel(
        truth, risk, cut=CUT, thresholds=THRESHOLDS, replicates=REPLICATES, seed=int(rng.integers(2**31))
    )
    found: Outcome = {}
    for metric, true in TRUTHS[model].items():
        interval = panel.interval(0, metric)
        low = 0.0 if metric in DISTANCES else interval.low  # distances have an upper limit only
        found[f"{metric}, panel bootstrap"] = covers(low, interval.high, true)
    band = panel.net_benefit(0)
    for i, (t, true) in enumerate(zip(THRESHOLDS, BENEFITS[model], strict=True)):
        found[f"net benefit at {t}, panel bootstrap"] = covers(band.low[i], band.high[i], true)
    return found


def two_models(rng: np.random.Generator, *, n: int) -> Outcome:
    truth, old, new = IMPROVED.draw(rng, n)
    panel = bootstrap_panel(truth, [new, old], replicates=REPLICATES, seed=int(rng.integers(2**31)))
    found: Outcome = {}
    for metric in ("auc", "brier"):
        interval = panel.difference(0, 1, metric)
        found[f"difference in {metric}, panel bootstrap"] = covers(
            interval.low, interval.high, NEW[metric] - OLD[metric]
        )
    return found


def scenarios() -> list[Scenario]:
    listed = [
        Scenario(f"panel, n = {n}, {name}", partial(one_model, n=n, model=model), 0.25)
        for name, model in (("calibrated", CALIBRATED), ("overfitted", OVERFITTED))
        for n in (60, 200)
    ]
    return listed + [Scenario(f"panel, n = {n}, one predictor more", partial(two_models, n=n), 0.25) for n in (60, 200)]
