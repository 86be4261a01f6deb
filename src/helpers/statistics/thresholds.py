"""The threshold, chosen once on out-of-fold training scores and then frozen, and performance at it.

Choosing the threshold on the patients it is judged by inflates accuracy (Leeflang 2008,
doi 10.1373/clinchem.2007.096032). The types here make that impossible: a `Threshold` comes only from an
`OutOfFold`, and an `OutOfFold` refuses scores of patients their model was fitted on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import BoolArray, FloatArray, binary_truth, finite_scores, require_both_classes
from .intervals import Interval, Proportion, normal_quantile, proportion
from .mcnemar import McNemar, mcnemar, paired_proportions

__all__ = [
    "McNemar",
    "OperatingPoint",
    "OutOfFold",
    "PredictiveValues",
    "Proportion",
    "Threshold",
    "mcnemar",
    "operating_point",
    "paired_proportions",
    "predictive_values",
    "proportion",
]


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Scores of training patients, each from a model that never saw the patient.

    patient, truth, score and fold are (n,); fold[i] says which model scored row i, and fitted_on[fold[i]]
    holds the patients that model was fitted on. Raises ValueError when a row's patient is among them, when
    lengths differ, when truth is not 0/1, or when a fold has no entry in fitted_on. The arrays are read-only.
    """

    patient: NDArray[np.str_]
    truth: NDArray[np.int64]
    score: FloatArray
    fold: NDArray[np.int64]
    fitted_on: tuple[frozenset[str], ...]

    def __post_init__(self) -> None:
        truth = binary_truth(self.truth).astype(np.int64)
        score = finite_scores(self.score, length=truth.size)
        patient, fold = np.asarray(self.patient).astype(str), np.asarray(self.fold)
        if patient.shape != truth.shape or fold.shape != truth.shape:
            raise ValueError("patient, truth, score and fold must have the same length")
        fitted_on = tuple(frozenset(str(name) for name in seen) for seen in self.fitted_on)
        if not np.isin(fold, np.arange(len(fitted_on))).all():
            raise ValueError(f"fold must number the {len(fitted_on)} entries of fitted_on from 0")
        rows = zip(patient.tolist(), fold.tolist(), strict=True)
        leaked = sorted({name for name, number in rows if name in fitted_on[int(number)]})
        if leaked:
            raise ValueError(f"{len(leaked)} patients scored by a model fitted on them, first {leaked[0]}")
        values = {"patient": patient, "truth": truth, "score": score, "fold": fold.astype(np.int64)}
        for name, value in values.items():
            frozen = value.copy()
            frozen.setflags(write=False)
            object.__setattr__(self, name, frozen)
        object.__setattr__(self, "fitted_on", fitted_on)

    def __reduce__(self) -> tuple[type[OutOfFold], tuple[object, ...]]:
        """Unpickle through the constructor, so that a stored copy is checked and read-only again."""
        return OutOfFold, (self.patient, self.truth, self.score, self.fold, self.fitted_on)

    @property
    def seen(self) -> frozenset[str]:
        """Every patient who shaped these scores or is scored by them."""
        return frozenset(self.patient.tolist()).union(*self.fitted_on)


@dataclass(frozen=True, init=False)
class Threshold:
    """A frozen decision threshold: `score >= value` is positive. Made only by `Threshold.choose`."""

    value: float
    rule: str
    chosen_on: str
    fitted_on: frozenset[str]

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("a Threshold comes only from Threshold.choose(OutOfFold)")

    @classmethod
    def choose(cls, oof: OutOfFold, *, rule: str = "youden", sensitivity: float | None = None) -> Threshold:
        """Threshold on out-of-fold scores; `fitted_on` holds every patient who shaped it.

        Candidates are midpoints between adjacent distinct scores. "youden" maximizes sensitivity +
        specificity, ties going to the highest specificity; "sensitivity" takes the highest threshold whose
        sensitivity reaches the target, or the lowest score when no midpoint does. Raises TypeError for
        anything but an OutOfFold; ValueError for one class, a constant score, an unknown rule or target.
        """
        if not isinstance(oof, OutOfFold):
            raise TypeError(f"a threshold is chosen on an OutOfFold, not on {type(oof).__name__}")
        if rule not in ("youden", "sensitivity"):
            raise ValueError(f'rule must be "youden" or "sensitivity", not "{rule}"')
        if (rule == "sensitivity") != (sensitivity is not None):
            raise ValueError('give sensitivity with the rule "sensitivity", and only then')
        events = oof.truth == 1
        require_both_classes(events)
        value = _youden(events, oof.score) if rule == "youden" else _reaching(events, oof.score, sensitivity)
        patients = len(set(oof.patient.tolist()))
        label = rule if rule == "youden" else f"sensitivity >= {sensitivity:g}"
        made = object.__new__(cls)
        fields = (value, label, f"{patients} training patients, out-of-fold", oof.seen)
        for name, field in zip(("value", "rule", "chosen_on", "fitted_on"), fields, strict=True):
            object.__setattr__(made, name, field)
        return made


def _candidates(score: FloatArray) -> FloatArray:
    distinct = np.unique(score)
    if distinct.size < 2:
        raise ValueError("the score is constant: no threshold separates anything")
    # Half of each, not half of the sum: neither overflow nor a midpoint equal to the lower neighbor.
    return np.maximum(distinct[:-1] / 2 + distinct[1:] / 2, np.nextafter(distinct[:-1], np.inf))


def _youden(events: BoolArray, score: FloatArray) -> float:
    candidates = _candidates(score)
    true_positive = (score[events] >= candidates[:, None]).sum(axis=1)
    true_negative = (score[~events] < candidates[:, None]).sum(axis=1)
    # In integers, so that ties are ties; the last of them has the highest specificity.
    youden = true_positive * (~events).sum() + true_negative * events.sum()
    return float(candidates[np.flatnonzero(youden == youden.max())[-1]])


def _reaching(events: BoolArray, score: FloatArray, sensitivity: float | None) -> float:
    if sensitivity is None or not 0 < sensitivity <= 1:
        raise ValueError(f"the target sensitivity must lie in (0, 1], not {sensitivity}")
    candidates = np.concatenate([[score.min()], _candidates(score)])
    true_positive = (score[events] >= candidates[:, None]).sum(axis=1)
    needed = int(np.ceil(sensitivity * events.sum() - 1e-9))
    return float(candidates[np.flatnonzero(true_positive >= needed)[-1]])


@dataclass(frozen=True)
class OperatingPoint:
    """Performance at a frozen threshold; NaN where a denominator is 0."""

    sensitivity: Proportion
    specificity: Proportion
    ppv: Proportion
    npv: Proportion
    accuracy: Proportion
    balanced_accuracy: float
    mcc: float
    f1: float
    lr_positive: Interval
    lr_negative: Interval
    no_information_rate: float
    tp: int
    fp: int
    fn: int
    tn: int


def operating_point(
    truth: ArrayLike,
    score: ArrayLike,
    *,
    threshold: Threshold,
    patients: Iterable[str] | None = None,
    method: str = "wilson",
    level: float = 0.95,
) -> OperatingPoint:
    """Performance of `score >= threshold.value` on truth (n,), score (n,).

    Naming the `patients` claims that they are independent of the threshold: ValueError when any of them is
    in `threshold.fitted_on`. For the training row itself leave them out. TypeError for a bare number.
    """
    if not isinstance(threshold, Threshold):
        raise TypeError(f"threshold must be a Threshold, not {type(threshold).__name__}")
    events = binary_truth(truth)
    positive = finite_scores(score, length=events.size) >= threshold.value
    if patients is not None:
        shared = sorted({str(name) for name in patients} & threshold.fitted_on)
        if shared:
            raise ValueError(f"{len(shared)} patients shaped their own threshold, first {shared[0]}")
    counts = [int((a & b).sum()) for a in (positive, ~positive) for b in (events, ~events)]
    return performance(*counts, method=method, level=level)


def performance(tp: int, fp: int, fn: int, tn: int, *, method: str = "wilson", level: float = 0.95) -> OperatingPoint:
    """Every measure of a two-by-two table; proportions by `method`, likelihood ratios by the log method."""
    n = tp + fp + fn + tn
    pairs = [(tp, tp + fn), (tn, tn + fp), (tp, tp + fp), (tn, tn + fn), (tp + tn, n)]
    shares = [proportion(k, total, method=method, level=level) for k, total in pairs]
    margin = float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return OperatingPoint(
        *shares,
        balanced_accuracy=(shares[0].estimate + shares[1].estimate) / 2,
        mcc=(tp * tn - fp * fn) / margin**0.5 if margin else np.nan,
        f1=2 * tp / (2 * tp + fp + fn) if 2 * tp + fp + fn else np.nan,
        lr_positive=likelihood_ratio(tp, tp + fn, fp, fp + tn, level=level),
        lr_negative=likelihood_ratio(fn, tp + fn, tn, fp + tn, level=level),
        no_information_rate=max(tp + fn, fp + tn) / n if n else np.nan,
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
    )


def likelihood_ratio(a: int, events: int, b: int, nonevents: int, *, level: float = 0.95) -> Interval:
    """(a/events) / (b/nonevents) by the log method (Simel 1991, doi 10.1016/0895-4356(91)90128-V).

    Without a count in either cell the interval is NaN, and the estimate 0, infinite or NaN.
    """
    if not events or not nonevents or (a == 0 and b == 0):
        return Interval(np.nan, np.nan, np.nan)
    if a == 0 or b == 0:
        return Interval(np.inf if a else 0.0, np.nan, np.nan)
    ratio = (a / events) / (b / nonevents)
    spread = normal_quantile(level) * np.sqrt(1 / a - 1 / events + 1 / b - 1 / nonevents)
    return Interval(ratio, float(ratio * np.exp(-spread)), float(ratio * np.exp(spread)))


class PredictiveValues(NamedTuple):
    """Positive and negative predictive value at a stated prevalence."""

    ppv: float
    npv: float


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> PredictiveValues:
    """Predictive values by Bayes' theorem; ValueError when an argument leaves [0, 1], NaN for 0/0."""
    if not all(0 <= value <= 1 for value in (sensitivity, specificity, prevalence)):
        raise ValueError("sensitivity, specificity and prevalence must lie in [0, 1]")
    positive = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
    negative = specificity * (1 - prevalence) + (1 - sensitivity) * prevalence
    ppv = sensitivity * prevalence / positive if positive else np.nan
    npv = specificity * (1 - prevalence) / negative if negative else np.nan
    return PredictiveValues(ppv, npv)
