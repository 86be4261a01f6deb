"""Rubin's rules: one estimate with its uncertainty from the analyses of several imputed data sets.

Rubin 1987, Multiple Imputation for Nonresponse in Surveys (doi 10.1002/9780470316696), 3.1; degrees of freedom of Barnard
and Rubin 1999 (doi 10.1093/biomet/86.4.948), which never exceed those of the complete data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from .intervals import NOT_ESTIMABLE, Interval


@dataclass(frozen=True)
class Pooled:
    """A pooled estimate. Variances within, between and in total; the relative increase of variance due to missing values,
    the share of the variance they cause, and the fraction of information that is missing (which adds that m is finite).
    """

    estimate: float
    within: float
    between: float
    total: float
    df: float
    increase: float
    share: float
    missing_information: float
    imputations: int

    @property
    def standard_error(self) -> float:
        return float(np.sqrt(self.total))

    @property
    def p(self) -> float:
        """Two-sided, of Student's t on `df`."""
        return float(2 * stats.t.sf(abs(self.estimate) / self.standard_error, self.df))

    def interval(self, *, level: float = 0.95) -> Interval:
        half = float(stats.t.ppf(0.5 + level / 2, self.df)) * self.standard_error
        return Interval(self.estimate, self.estimate - half, self.estimate + half)


def pool(estimates: ArrayLike, variances: ArrayLike, *, complete_df: float = np.inf) -> Pooled:
    """Pool estimates (m,) and their squared standard errors (m,) of m imputations.

    `complete_df` are the degrees of freedom that the analysis would have without missing values. An estimate that is NaN in any
    imputation is NaN. Raises ValueError for fewer than two imputations, or arrays of other shapes.
    """
    q, u = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if q.ndim != 1 or q.shape != u.shape or q.size < 2:
        raise ValueError("estimates and variances must both be (m,), of two imputations or more")
    m, within, between = q.size, float(u.mean()), float(q.var(ddof=1))
    total = within + (1 + 1 / m) * between
    if not (np.isfinite(total) and total > 0):
        return Pooled(*[np.nan] * 8, m)
    increase = (1 + 1 / m) * between / within if within > 0 else np.inf
    share = (1 + 1 / m) * between / total
    df = _degrees(share, m, complete_df)
    information = (increase + 2 / (df + 3)) / (increase + 1) if np.isfinite(increase) else 1.0
    return Pooled(float(q.mean()), within, between, total, df, increase, share, information, m)


def _degrees(share: float, imputations: int, complete: float) -> float:
    """Barnard and Rubin 1999; without a complete-data limit those of Rubin 1987."""
    old = (imputations - 1) / share**2 if share > 0 else np.inf
    if np.isinf(complete):
        return float(old)
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    return float(observed if np.isinf(old) else old * observed / (old + observed))


def pooled_area(areas: ArrayLike, errors: ArrayLike, *, level: float = 0.95) -> Interval:
    """An AUC from those of m imputations (m,) with their standard errors (m,), pooled on the logit scale.

    There its distribution is nearer normal, and its limits stay between 0 and 1 (Marshall et al. 2009, doi
    10.1186/1471-2288-9-57). An area of 0 or 1 in any imputation has no logit: not estimable.
    """
    a, e = np.asarray(areas, dtype=float), np.asarray(errors, dtype=float)
    if not (np.isfinite(a).all() and np.isfinite(e).all()) or ((a <= 0) | (a >= 1)).any():
        return NOT_ESTIMABLE
    found = pool(special.logit(a), (e / (a * (1 - a))) ** 2).interval(level=level)
    return Interval(*(float(special.expit(value)) for value in (found.estimate, found.low, found.high)))
