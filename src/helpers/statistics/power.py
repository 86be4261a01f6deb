"""Precision and power of an area under the ROC curve, from counts alone."""

from __future__ import annotations

import numpy as np
from scipy import special

from .arrays import require_level


def hanley_mcneil_se(auc: float, events: int, nonevents: int) -> float:
    """Standard error of an area from counts (Hanley, McNeil 1982, doi 10.1148/radiology.143.1.7063747)."""
    if not 0 <= auc <= 1 or min(events, nonevents) < 1:
        raise ValueError("an area in [0, 1] and at least one event and one nonevent are needed")
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (events - 1) * (q1 - auc**2) + (nonevents - 1) * (q2 - auc**2)
    return float(np.sqrt(spread / (events * nonevents)))


def separation_bound(events: int, nonevents: int, *, level: float = 0.95) -> float:
    """Exact one-sided lower bound of an area whose estimate is 1: (1 - level) ** (1 / smaller class).

    Pair each patient of the smaller class with another of the larger: the pairs are independent, and each is
    concordant with a probability no greater than the area. Perfect separation makes all k concordant, so the bound
    of Clopper and Pearson for k of k (doi 10.1093/biomet/26.4.404) holds whatever the distributions. It ignores
    the rest of the larger class, and so is on the safe side.
    """
    require_level(level)
    return float((1 - level) ** (1 / min(events, nonevents)))


def auc_power(auc: float, *, events: int, nonevents: int, level: float = 0.95) -> float:
    """Power of the two-sided test of an area against one half, as pROC's power.roc.test has it.

    Binormal variance of Obuchowski, Lieber and Wians 2004 (doi 10.1373/clinchem.2004.031823) with its printed
    constants. Raises ValueError unless 0.5 < auc < 1 and both counts are positive.
    """
    require_level(level)
    if not 0.5 < auc < 1 or min(events, nonevents) < 1:
        raise ValueError("an area in (0.5, 1) and at least one event and one nonevent are needed")
    ratio = nonevents / events
    null, alternative = 0.0792 * (1 + 1 / ratio), _binormal_variance(auc, ratio)
    needed = special.ndtri(0.5 + level / 2) * np.sqrt(null)
    return float(special.ndtr((np.sqrt(events) * (auc - 0.5) - needed) / np.sqrt(alternative)))


def _binormal_variance(auc: float, ratio: float) -> float:
    # 1.414 and 0.0099 are the source's rounded constants; pROC keeps them, and so equality with it does.
    a = special.ndtri(auc) * 1.414
    return float(0.0099 * np.exp(-(a**2) / 2) * ((5 * a**2 + 8) + (a**2 + 8) / ratio))
