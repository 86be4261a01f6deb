"""The threshold, chosen once on out-of-fold training scores and then frozen, and performance at it.

Choosing the threshold on the patients it is judged by inflates accuracy (Leeflang 2008,
doi 10.1373/clinchem.2007.096032). The types here make that impossible: a `Threshold` comes only from an
`OutOfFold`, and an `OutOfFold` refuses scores of patients their model was fitted on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import BoolArray, FloatArray, binary_truth, finite_scores, require_both_classes
from .intervals import Proportion, proportion
from .mcnemar import McNemar, mcnemar, paired_proportions
from .predictive import PredictiveValues, predictive_values
from .two_by_two import OperatingPoint, performance

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
    "performance",
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
    """A frozen decision threshold: `score >= value` is positive. Made only by `Threshold.choose`.

    `tied` holds every candidate as good by the rule, in rising order; `value` is the highest of them.
    """

    value: float
    rule: str
    chosen_on: str
    fitted_on: frozenset[str]
    tied: tuple[float, ...]

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
        tied = _youden(events, oof.score) if rule == "youden" else _reaching(events, oof.score, sensitivity)
        patients = len(set(oof.patient.tolist()))
        label = rule if rule == "youden" else f"sensitivity >= {sensitivity:g}"
        made = object.__new__(cls)
        fields = (tied[-1], label, f"{patients} training patients, out-of-fold", oof.seen, tied)
        for name, field in zip(("value", "rule", "chosen_on", "fitted_on", "tied"), fields, strict=True):
            object.__setattr__(made, name, field)
        return made


def _candidates(score: FloatArray) -> FloatArray:
    distinct = np.unique(score)
    if distinct.size < 2:
        raise ValueError("the score is constant: no threshold separates anything")
    # Half of each, not half of the sum: neither overflow nor a midpoint equal to the lower neighbor.
    return np.maximum(distinct[:-1] / 2 + distinct[1:] / 2, np.nextafter(distinct[:-1], np.inf))


def _youden(events: BoolArray, score: FloatArray) -> tuple[float, ...]:
    candidates = _candidates(score)
    true_positive = (score[events] >= candidates[:, None]).sum(axis=1)
    true_negative = (score[~events] < candidates[:, None]).sum(axis=1)
    # In integers, so that ties are ties; the last of them has the highest specificity.
    youden = true_positive * (~events).sum() + true_negative * events.sum()
    return tuple(candidates[youden == youden.max()].tolist())


def _reaching(events: BoolArray, score: FloatArray, sensitivity: float | None) -> tuple[float, ...]:
    if sensitivity is None or not 0 < sensitivity <= 1:
        raise ValueError(f"the target sensitivity must lie in (0, 1], not {sensitivity}")
    candidates = np.concatenate([[score.min()], _candidates(score)])
    true_positive = (score[events] >= candidates[:, None]).sum(axis=1)
    needed = int(np.ceil(sensitivity * events.sum() - 1e-9))
    return (float(candidates[np.flatnonzero(true_positive >= needed)[-1]]),)


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
