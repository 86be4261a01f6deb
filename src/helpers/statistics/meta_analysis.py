"""One estimate from those of several centers, and where a further center's would lie: random effects.

DerSimonian and Laird 1986 (doi 10.1016/0197-2456(86)90046-2) for the variance between centers, Hartung and Knapp 2001 (doi
10.1002/sim.1009) for the interval, never narrower than without it (Roever 2015, doi 10.1186/s12874-015-0091-1), and the
prediction interval of Higgins 2009 (doi 10.1111/j.1467-985X.2008.00552.x).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from .arrays import require_level


@dataclass(frozen=True)
class Pooled:
    """A pooled estimate: its confidence limits, the limits of a further center's value, and the heterogeneity.

    `tau` is the standard deviation between centers, `i2` the share (0 to 1) of the spread that chance does not explain, `q`
    and `p` Cochran's test of none. NaN where there are too few: two centers for an interval, three for a prediction.
    """

    estimate: float
    low: float
    high: float
    prediction_low: float
    prediction_high: float
    tau: float
    i2: float
    q: float
    p: float
    centers: int


def random_effects(estimates: ArrayLike, standard_errors: ArrayLike, *, level: float = 0.95) -> Pooled:
    """Pool estimates (k,) with their standard errors (k,). Raises ValueError for none, or for errors that are not positive."""
    require_level(level)
    y, error = np.asarray(estimates, dtype=float), np.asarray(standard_errors, dtype=float)
    if not y.size or y.shape != error.shape or not (np.isfinite(y) & (error > 0) & np.isfinite(error)).all():
        raise ValueError("pooling needs estimates, each with a positive standard error")
    fixed = 1 / error**2
    k, q = y.size, float(fixed @ (y - np.average(y, weights=fixed)) ** 2)
    excess = fixed.sum() - (fixed**2).sum() / fixed.sum()
    between = max(0.0, (q - (k - 1)) / excess) if k > 1 else 0.0
    weight = 1 / (error**2 + between)
    mean = float(np.average(y, weights=weight))
    i2 = max(0.0, 1 - (k - 1) / q) if k > 1 and q > 0 else 0.0
    p = float(stats.chi2.sf(q, k - 1)) if k > 1 else np.nan
    nothing = Pooled(mean, np.nan, np.nan, np.nan, np.nan, float(np.sqrt(between)), i2, q, p, k)
    if k < 2:
        return nothing
    inflation = max(1.0, float(weight @ (y - mean) ** 2) / (k - 1))
    variance = inflation / weight.sum()
    half = float(stats.t.ppf(0.5 + level / 2, k - 1) * np.sqrt(variance))
    found = replace(nothing, low=mean - half, high=mean + half)
    if k < 3:
        return found
    wide = float(stats.t.ppf(0.5 + level / 2, k - 2) * np.sqrt(between + 1 / weight.sum()))
    return replace(found, prediction_low=mean - wide, prediction_high=mean + wide)


def pooled_auc(areas: ArrayLike, standard_errors: ArrayLike, *, level: float = 0.95) -> Pooled:
    """Pool areas (k,) in (0, 1) with their standard errors (k,) on the logit scale, where limits stay within 0 and 1.

    `tau` stays on the logit scale (Snell 2018, doi 10.1177/0962280217705678, on the choice of scale).
    """
    area = np.asarray(areas, dtype=float)
    inside = (area > 0) & (area < 1)
    if not inside.all():
        raise ValueError("an area of 0 or 1 has no standard error and cannot be pooled")
    found = random_effects(
        special.logit(area), np.asarray(standard_errors, dtype=float) / (area * (1 - area)), level=level
    )
    limits = ("estimate", "low", "high", "prediction_low", "prediction_high")
    return replace(found, **{name: float(special.expit(getattr(found, name))) for name in limits})
