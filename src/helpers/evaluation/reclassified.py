"""Tables `reclassification` and `reclassification_table`: reported because readers expect them, never as a headline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation.performance import probabilities_judged
from helpers.parameters import Statistics
from helpers.statistics import reclassification as nri
from helpers.statistics.calibration import calibration
from helpers.statistics.thresholds import Threshold
from helpers.tables import DECLARED

Thresholds = Mapping[tuple[str, str], Threshold]
Pair = tuple[str, str]


def reclassification(
    predictions: pd.DataFrame, *, pairs: tuple[Pair, ...], thresholds: Thresholds, statistics: Statistics, seed: int
) -> pd.DataFrame:
    """NRI (categorical and continuous) and IDI of model_a over model_b in the parts no model was fitted on.

    Without declared risk categories each model is cut at its own frozen threshold: the categorical NRI is then the
    difference in sensitivity plus the difference in specificity. Withheld where model_a is miscalibrated (the interval of its
    slope excludes 1): an NRI then tends to be positive for a useless marker (Pepe 2014, doi 10.1007/s12561-014-9118-0).
    """
    rows = []
    for endpoint, part, (a, b), truth, new, old in _frozen_pairs(predictions, pairs):
        cuts = _cuts(thresholds, endpoint, a, b, statistics)
        reason = _miscalibrated(truth, new, statistics.level)
        found = _measures(truth, old, new, cuts, statistics, seed)
        if reason:
            found = [(name, np.nan, np.nan, np.nan, np.nan, np.nan, f"withheld: {reason}") for name, *_ in found]
        rows += [(endpoint, part, a, b, *row) for row in found]
    return pd.DataFrame(rows, columns=list(DECLARED["reclassification"].names))


def reclassification_table(
    predictions: pd.DataFrame, *, pairs: tuple[Pair, ...], thresholds: Thresholds, statistics: Statistics
) -> pd.DataFrame:
    """Patients by risk category under model_b (old) and under model_a (new), events and non-events apart."""
    rows = []
    for endpoint, part, (a, b), truth, new, old in _frozen_pairs(predictions, pairs):
        cuts = _cuts(thresholds, endpoint, a, b, statistics)
        if cuts is None:
            continue
        placed_new, placed_old = (np.digitize(p, c) for p, c in zip((new, old), cuts, strict=True))
        of_new, of_old = (nri.category_labels(c) for c in cuts)
        for outcome, of in (("events", truth == 1), ("nonevents", truth == 0)):
            for i, old_range in enumerate(of_old):
                for j, new_range in enumerate(of_new):
                    count = int(((placed_old == i) & (placed_new == j) & of).sum())
                    rows.append((endpoint, part, a, b, outcome, i, j, old_range, new_range, count))
    return pd.DataFrame(rows, columns=list(DECLARED["reclassification_table"].names))


def _frozen_pairs(predictions: pd.DataFrame, pairs: tuple[Pair, ...]) -> Iterator[tuple]:
    """(endpoint, part, pair, truth, new, old) of every declared pair in every part no model was fitted on."""
    frozen = probabilities_judged(predictions[predictions["kind"] == "frozen"])
    for (endpoint, part), here in frozen.groupby(["endpoint", "part"], sort=False):
        wide = here.pivot(index="case", columns="model", values="probability")
        truth = here.drop_duplicates("case").set_index("case")["truth"].loc[wide.index].to_numpy()
        for a, b in pairs:
            if {a, b} <= set(wide) and len(set(truth)) == 2:
                yield endpoint, part, (a, b), truth, wide[a].to_numpy(), wide[b].to_numpy()


def _cuts(
    thresholds: Thresholds, endpoint: str, a: str, b: str, statistics: Statistics
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Risk categories of the new and of the old model; None when neither categories nor thresholds are at hand."""
    if statistics.reclassification_cuts:
        return statistics.reclassification_cuts, statistics.reclassification_cuts
    new, old = thresholds.get((endpoint, a)), thresholds.get((endpoint, b))
    return ((new.value,), (old.value,)) if new and old else None


def _miscalibrated(truth: np.ndarray, new: np.ndarray, level: float) -> str:
    slope = calibration(truth, new, level=level).slope
    if slope.low <= 1 <= slope.high or not np.isfinite(slope.estimate):
        return ""
    return f"the new model is miscalibrated here, slope {prose.interval(slope.estimate, slope.low, slope.high)}"


def _measures(truth, old, new, cuts, statistics: Statistics, seed: int) -> list[tuple]:
    """Rows (measure, estimate, low, high, events, nonevents, method); the categorical NRI both by Wald and by bootstrap."""
    options = {"replicates": statistics.bootstrap, "seed": seed, "level": statistics.level}
    rows = []
    if cuts:
        steps = len(cuts[0]) + 1
        placed = [np.digitize(p, c) / steps for p, c in ((old, cuts[1]), (new, cuts[0]))]
        middle = (np.arange(1, steps) - 0.5) / steps
        found = nri.categorical_nri(truth, *placed, cuts=middle, level=statistics.level)
        drawn = nri.bootstrap_reclassification(truth, *placed, cuts=middle, **options).categorical
        rows.append(
            ("categorical NRI", found, (found.low, found.high), f"Wald, variance {found.variance.partition(', ')[2]}")
        )
        rows.append(("categorical NRI", found, (drawn.low, drawn.high), "bootstrap"))
    drawn = nri.bootstrap_reclassification(truth, old, new, cuts=(0.5,), **options)
    for name, found, bounds in (
        ("continuous NRI", nri.continuous_nri(truth, old, new), drawn.continuous),
        ("IDI", nri.idi(truth, old, new), drawn.idi),
    ):
        rows.append((name, found, (bounds.low, bounds.high), "bootstrap"))
    return [(name, f.estimate, *bounds, f.events, f.nonevents, method) for name, f, bounds, method in rows]
