"""Power of a reader study to come, and the smallest difference it can show, from the variances of one at hand.

Hillis, Obuchowski and Berbaum 2011 (doi 10.1016/j.acra.2010.09.007) and Hillis and Schartz 2018
(doi 10.1117/1.JMI.5.4.045503), as R's RJafroc. The variances of a small pilot are themselves uncertain.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

from .arrays import require_level
from .readers import MRMC

INFERENCES = ("fixed readers", "fixed cases", "random readers")


def reader_power(
    found: MRMC,
    difference: float,
    *,
    inference: str,
    readers: int | None = None,
    cases: int | None = None,
    level: float = 0.95,
) -> float:
    """Power to find `difference` between two modalities with this many readers and cases, by default those at hand.

    `inference` is "fixed readers", "fixed cases" or "random readers". NaN where the study at hand gives no
    variance. Raises ValueError for another inference, fewer than two cases, or a single reader where readers
    are random.
    """
    require_level(level)
    j = found.values.shape[1] if readers is None else readers
    k = found.cases if cases is None else cases
    if inference not in INFERENCES:
        raise ValueError(f"inference must be one of {', '.join(INFERENCES)}, not {inference!r}")
    if k < 2 or j < (1 if inference == "fixed readers" else 2):
        raise ValueError(f"{j} readers and {k} cases are too few for {inference}")
    scale, df = _error_term(found, inference, j, k)
    if not scale > 0:
        return np.nan
    if difference == 0:
        return 1 - level
    shift = j * difference**2 / 2 / scale
    if np.isinf(df):
        return float(stats.ncx2.sf(stats.chi2.ppf(level, 1), 1, shift))
    return float(stats.ncf.sf(stats.f.ppf(level, 1, df), 1, df, shift))


def _error_term(found: MRMC, inference: str, j: int, k: int) -> tuple[float, float]:
    """Variance against which the modalities are judged, and its degrees of freedom; infinite for a chi-square."""
    per_case = found.cases / k
    shared = max(found.cov2 - found.cov3, 0.0)
    within = per_case * (found.var - found.cov1 - shared)
    if inference == "fixed readers":
        return within + per_case * j * shared, np.inf
    # The readers' own interaction with the modality, freed of what the cases add to its mean square.
    interaction = found.ms_interaction - found.var + found.cov1 + (found.cov2 - found.cov3)
    alone = max(interaction, 0.0) + within
    if inference == "fixed cases":
        return alone, j - 1
    scale = alone + per_case * j * shared
    return scale, (j - 1) * scale**2 / alone**2


def detectable_difference(
    found: MRMC,
    *,
    inference: str,
    power: float = 0.8,
    readers: int | None = None,
    cases: int | None = None,
    level: float = 0.95,
) -> float:
    """Smallest difference found with this power; NaN where even a difference of 1 would not be.

    Arguments and errors are those of `reader_power`, and ValueError for a power outside (1 - level, 1).
    """
    if not 1 - level < power < 1:
        raise ValueError(f"power must lie between {1 - level:g} and 1, not {power}")

    def lacking(difference: float) -> float:
        reached = reader_power(found, difference, inference=inference, readers=readers, cases=cases, level=level)
        return reached - power

    if not lacking(1.0) >= 0:
        return np.nan
    return float(optimize.brentq(lacking, 0.0, 1.0, xtol=1e-10))
