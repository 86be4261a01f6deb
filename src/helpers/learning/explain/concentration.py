"""Whether more saliency lies inside lesions than their volume explains, over cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import wilcoxon

FEWEST = 6  # pairs; with fewer the signed-rank test cannot reach 0.05


@dataclass(frozen=True)
class Concentration:
    """Medians of the share inside and of the lesion's share, cases above it, and the paired test of the two."""

    inside: float
    volume_share: float
    above: int
    cases: int
    p: float


def concentration(share: np.ndarray, volume: np.ndarray) -> Concentration:
    """Over n cases, whether more saliency lies inside the lesion than its volume explains.

    share, volume: (n,); cases whose map says nothing (NaN) are left out. P is that of Wilcoxon's signed-rank test, two-sided;
    NaN for fewer than six cases.
    """
    told = np.isfinite(share)
    share, volume = np.asarray(share)[told], np.asarray(volume)[told]
    if not share.size:
        return Concentration(np.nan, np.nan, 0, 0, np.nan)
    enough = share.size >= FEWEST and np.any(share != volume)
    p = float(wilcoxon(share, volume).pvalue) if enough else np.nan
    return Concentration(float(np.median(share)), float(np.median(volume)), int((share > volume).sum()), share.size, p)
