"""Net reclassification improvement and integrated discrimination improvement, secondary by nature.

Pencina 2008 and 2011 (doi 10.1002/sim.2929, 10.1002/sim.4085). An NRI tends to be positive for useless
markers of miscalibrated models (Pepe 2014, doi 10.1007/s12561-014-9118-0), so its components are always kept.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import BoolArray, FloatArray, binary_truth, probabilities, require_both_classes
from .intervals import Interval, normal_quantile, percentile_interval, two_sided_p


@dataclass(frozen=True)
class Reclassification:
    """An improvement, its event and nonevent components, and its Wald interval.

    z and p use the variance named; z_null and p_null the null variance of Pencina 2008, NaN for the IDI.
    """

    estimate: float
    events: float
    nonevents: float
    standard_error: float
    standard_error_events: float
    standard_error_nonevents: float
    low: float
    high: float
    z: float
    p: float
    z_null: float
    p_null: float
    variance: str


def _models(truth: ArrayLike, old: ArrayLike, new: ArrayLike) -> tuple[BoolArray, FloatArray, FloatArray]:
    events = binary_truth(truth)
    require_both_classes(events)
    return (
        events,
        probabilities(old, length=events.size, name="old"),
        probabilities(new, length=events.size, name="new"),
    )


def _z(estimate: float, error: float) -> tuple[float, float]:
    if estimate == 0 and not np.isnan(error):
        return 0.0, 1.0
    if not error > 0:
        return np.nan, np.nan
    return estimate / error, two_sided_p(estimate / error)


def _result(
    components: tuple[float, float],
    variances: tuple[float, float],
    *,
    null_variance: float,
    variance: str,
    level: float,
) -> Reclassification:
    estimate, errors = sum(components), np.sqrt(variances)
    error = float(np.sqrt(sum(variances)))
    half = normal_quantile(level) * error
    return Reclassification(
        estimate,
        *components,
        error,
        *(float(value) for value in errors),
        estimate - half,
        estimate + half,
        *_z(estimate, error),
        *_z(estimate, float(np.sqrt(null_variance))),
        variance,
    )


def nri_from_counts(
    *,
    events_up: int,
    events_down: int,
    events: int,
    nonevents_up: int,
    nonevents_down: int,
    nonevents: int,
    level: float = 0.95,
) -> Reclassification:
    """NRI from the counts moved up and down; its range is -2 to 2, so it is no percentage.

    Wald variance (u + d)/n^2 - (u - d)^2/n^3 in each class, as Hmisc has it; the null variance of Pencina
    2008 drops the second term. Raises ValueError for an empty class.
    """
    if min(events, nonevents) < 1:
        raise ValueError("both events and nonevents are needed")
    ups, downs = np.array([events_up, nonevents_up]), np.array([events_down, nonevents_down])
    n = np.array([events, nonevents], dtype=float)
    up_minus_down = (ups - downs) / n
    null = (ups + downs) / n**2
    wald = np.maximum(null - up_minus_down**2 / n, 0.0)
    return _result(
        (float(up_minus_down[0]), float(-up_minus_down[1])),
        (float(wald[0]), float(wald[1])),
        null_variance=float(null.sum()),
        variance="Wald, (u + d)/n^2 - (u - d)^2/n^3",
        level=level,
    )


def _from_moves(events: BoolArray, move: NDArray[np.int64], level: float) -> Reclassification:
    return nri_from_counts(
        events_up=int((move[events] > 0).sum()),
        events_down=int((move[events] < 0).sum()),
        events=int(events.sum()),
        nonevents_up=int((move[~events] > 0).sum()),
        nonevents_down=int((move[~events] < 0).sum()),
        nonevents=int((~events).sum()),
        level=level,
    )


def category_labels(cuts: ArrayLike) -> tuple[str, ...]:
    """Words for the [a, b) categories of cuts (k,): "< 0.30", "0.30 to 0.60" (that one excluded), ">= 0.60"."""
    cuts = _checked_cuts(cuts)
    digits = 2
    while np.unique(np.round(cuts, digits)).size < cuts.size:
        digits += 1
    texts = [f"{cut:.{digits}f}" for cut in cuts]
    between = [f"{low} to {high}" for low, high in itertools.pairwise(texts)]
    return (f"< {texts[0]}", *between, f">= {texts[-1]}")


def _checked_cuts(cuts: ArrayLike) -> FloatArray:
    cuts = np.atleast_1d(np.asarray(cuts, dtype=float))
    if cuts.size == 0 or not ((cuts > 0) & (cuts < 1)).all() or (np.diff(cuts) <= 0).any():
        raise ValueError("cuts must be strictly increasing risks inside (0, 1)")
    return cuts


def risk_category(probability: FloatArray, cuts: ArrayLike) -> NDArray[np.int64]:
    """Category number (n,) from 0 over [a, b) categories; ValueError unless cuts rise inside (0, 1)."""
    return np.digitize(probability, _checked_cuts(cuts))


def categorical_nri(
    truth: ArrayLike, old: ArrayLike, new: ArrayLike, *, cuts: ArrayLike, level: float = 0.95
) -> Reclassification:
    """NRI over risk categories; with one cut it equals the gain in sensitivity plus that in specificity."""
    events, old, new = _models(truth, old, new)
    move = np.sign(risk_category(new, cuts) - risk_category(old, cuts))
    return _from_moves(events, move, level)


def continuous_nri(truth: ArrayLike, old: ArrayLike, new: ArrayLike, *, level: float = 0.95) -> Reclassification:
    """Category-free NRI: any rise or fall in risk (n,) counts."""
    events, old, new = _models(truth, old, new)
    return _from_moves(events, np.sign(new - old).astype(np.int64), level)


def idi(truth: ArrayLike, old: ArrayLike, new: ArrayLike, *, level: float = 0.95) -> Reclassification:
    """Mean rise in risk of events minus that of nonevents, with paired variances.

    The z test is not valid for nested models (Kerr 2011, doi 10.1093/aje/kwr086): prefer the bootstrap.
    """
    events, old, new = _models(truth, old, new)
    rise = new - old
    groups = (rise[events], rise[~events])
    variances = [float(g.var(ddof=1) / g.size) if g.size > 1 else np.nan for g in groups]
    return _result(
        (float(groups[0].mean()), float(-groups[1].mean())),
        (variances[0], variances[1]),
        null_variance=np.nan,
        variance="paired, var(rise)/n in each class",
        level=level,
    )


@dataclass(frozen=True)
class BootstrapReclassification:
    """Percentile bootstrap intervals of the three improvements, models frozen."""

    categorical: Interval
    continuous: Interval
    idi: Interval
    replicates: int


def bootstrap_reclassification(
    truth: ArrayLike,
    old: ArrayLike,
    new: ArrayLike,
    *,
    cuts: ArrayLike,
    replicates: int = 2000,
    seed: int,
    level: float = 0.95,
) -> BootstrapReclassification:
    """Stratified percentile bootstrap of both NRIs and the IDI for two frozen models (n,).

    Each is a difference of class means of a per-patient move, so only means are resampled.
    """
    events, old, new = _models(truth, old, new)
    rise = new - old
    moves = np.stack([np.sign(risk_category(new, cuts) - risk_category(old, cuts)), np.sign(rise), rise])
    rng = np.random.default_rng(seed)
    drawn = np.empty((replicates, 3))
    for row in drawn:
        means = [
            group[:, rng.integers(group.shape[1], size=group.shape[1])].mean(axis=1)
            for group in (moves[:, events], moves[:, ~events])
        ]
        row[:] = means[0] - means[1]
    observed = moves[:, events].mean(axis=1) - moves[:, ~events].mean(axis=1)
    intervals = [percentile_interval(observed[i], drawn[:, i], level=level) for i in range(3)]
    return BootstrapReclassification(*intervals, replicates)


@dataclass(frozen=True, eq=False)
class ReclassificationTable:
    """Counts (categories, categories) of old rows by new columns."""

    events: NDArray[np.int64]
    nonevents: NDArray[np.int64]
    cuts: FloatArray


def reclassification_table(
    truth: ArrayLike, old: ArrayLike, new: ArrayLike, *, cuts: ArrayLike
) -> ReclassificationTable:
    """Cross-table of risk categories, old model in rows and new in columns, events and nonevents apart."""
    events, old, new = _models(truth, old, new)
    cuts = _checked_cuts(cuts)
    k = cuts.size + 1
    cell = risk_category(old, cuts) * k + risk_category(new, cuts)
    tables = [np.bincount(cell[group], minlength=k * k).reshape(k, k) for group in (events, ~events)]
    return ReclassificationTable(*tables, cuts)
