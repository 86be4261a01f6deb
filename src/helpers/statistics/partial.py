"""Area under a part of the ROC curve, with the correction of McClish and a stratified bootstrap interval.

Equal to pROC's partial.auc. McClish 1989 (doi 10.1177/0272989X8900900307) rescales the part so that 0.5 is no
discrimination and 1 is perfect, whatever the range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, binary_truth, finite_scores, require_both_classes
from .intervals import Interval, percentile_interval
from .resampling import roc_counts, stratified_counts


@dataclass(frozen=True)
class PartialAUC:
    """Area under the ROC curve where specificity or sensitivity (`focus`) lies between `low` and `high`.

    `raw` is at most high - low; `corrected` (McClish) is 0.5 without discrimination, and below it, as an AUC is,
    where the part lies below the diagonal (pROC gives NA there).
    """

    raw: Interval
    corrected: Interval
    focus: str
    low: float
    high: float
    n: int
    events: int
    method: str


def partial_auc(
    truth: ArrayLike,
    score: ArrayLike,
    *,
    focus: Literal["specificity", "sensitivity"] = "specificity",
    low: float = 0.8,
    high: float = 1.0,
    replicates: int = 2000,
    seed: int,
    level: float = 0.95,
) -> PartialAUC:
    """Partial area of score (n,), a higher score meaning an event, with a stratified percentile bootstrap.

    No interval where the whole area is 0 or 1: every bootstrap sample then repeats the estimate. Raises
    ValueError for one class only, an unknown focus, or a range that is not 0 <= low < high <= 1.
    """
    if focus not in ("specificity", "sensitivity"):
        raise ValueError(f'focus must be "specificity" or "sensitivity", not "{focus}"')
    if not 0 <= low < high <= 1:
        raise ValueError(f"the range must be 0 <= low < high <= 1, not {low} to {high}")
    events = binary_truth(truth)
    require_both_classes(events)
    score = finite_scores(score, length=events.size)
    whole = float(roc_counts(events, score, np.ones((1, events.size))).area()[0])
    # Seen from the nonevents, with scores turned, sensitivity becomes specificity and the curve is transposed.
    seen, value = (events, score) if focus == "specificity" else (~events, -score)
    estimate = float(_areas(seen, value, np.ones((1, events.size)), low, high)[0])
    blocks = stratified_counts(seen, replicates=replicates, rng=np.random.default_rng(seed))
    draws = [] if whole in (0.0, 1.0) else [_areas(seen, value, counts, low, high) for counts in blocks]
    raw = percentile_interval(estimate, np.concatenate([[], *draws]), level=level)
    corrected = Interval(*(_mcclish(area, low, high) for area in (raw.estimate, raw.low, raw.high)))
    method = f"stratified percentile bootstrap, {replicates} replicates"
    method = method if draws else "interval not estimable: perfect separation"
    return PartialAUC(raw, corrected, focus, low, high, events.size, int(events.sum()), method)


def _areas(events: BoolArray, score: FloatArray, counts: FloatArray, low: float, high: float) -> FloatArray:
    left, right = roc_counts(events, score, counts).area_above(np.array([high, low])).T
    return right - left


def _mcclish(area: float, low: float, high: float) -> float:
    # Over false-positive fractions 1 - high to 1 - low: area under the diagonal, and under a perfect curve.
    chance, perfect = ((1 - low) ** 2 - (1 - high) ** 2) / 2, high - low
    return 0.5 * (1 + (area - chance) / (perfect - chance))
