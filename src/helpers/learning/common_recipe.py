"""The common recipe, which is wrong on purpose: each of its steps lets the model see the answers it is judged by.

Nothing of ours is modeled this way; it stands here to be measured beside the whole pipeline on the same data. What it
gains it gains by having seen the answers of the rows it is judged on: with permuted labels, where there is nothing to
find, all it shows is that (Demircioglu 2021, doi 10.1186/s13244-021-01115-1). Its scores never enter `predictions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.errors import RadiogramError
from helpers.learning import folds, regression, selection
from helpers.learning.clinical import coding
from helpers.learning.crossfit import splits
from helpers.learning.fitted import FloatArray
from helpers.learning.imputing import imputer
from helpers.learning.lasso import lasso
from helpers.learning.rows import Rows
from helpers.learning.tabular import Scored
from helpers.parameters import Parameters
from helpers.statistics.discrimination import auc

SIGNIFICANT = 0.05
# Where no feature is significant, as many of the smallest P values.
FALLBACK = 10
# More features than this share of the rows would let any regression separate the classes.
MOST = 0.2
MOST_ITERATIONS = 10_000
SELECTION, THRESHOLD, REFIT, BEST = (
    "features selected on all rows", "threshold chosen on the test rows", "nomogram refitted on the test rows",
    "best of many splits",
)  # fmt: skip
STEPS = (SELECTION, THRESHOLD, REFIT, BEST)


@dataclass(frozen=True)
class Claim:
    """What a paper would have claimed after a step: AUC, and accuracy, sensitivity and specificity at its threshold."""

    step: str
    auc: float
    accuracy: float
    sensitivity: float
    specificity: float


def claims(rows: Rows, judged: np.ndarray, *, parameters: Parameters, seed: int) -> list[Claim]:
    """The steps of the recipe, each on top of those before, for rows of which `judged` (n,) are the test rows.

    Features are selected on all rows; the threshold is then chosen on the test rows; the nomogram is then refitted on
    them, where there is more to it than one score, whose AUC no refitting moves; and of `integrity.splits` random
    splits, the given one counted, the one with the highest test AUC is kept.
    """
    # All rows are called training rows here: that is the very mistake to be measured.
    everyone = replace(rows, part=np.full(len(rows), "train"))
    complete = imputer(everyone).apparent(everyone)
    names = selected_on_all_rows(complete, parameters=parameters, seed=seed)
    clinical = tuple(rows.clinical.columns) if "clinical" in parameters.modeling.nomogram else ()
    tried = [judged, *_other_splits(rows, judged, number=parameters.integrity.splits - 1, seed=seed)]
    first, *others = (_of_split(complete, each, names, clinical) for each in tried)
    best = max([first, *others], key=lambda found: found[-1].auc)
    return [*first, replace(best[-1], step=BEST)]


def _of_split(rows: Rows, judged: np.ndarray, names: list[str], clinical: tuple[str, ...]) -> list[Claim]:
    """The steps but the last on one split."""
    training, test = rows.take(~judged), rows.take(judged)
    signature, coded = _fitted(training.features[names].to_numpy(), training.truth), coding(training, clinical)
    designs = [
        np.column_stack([signature.decision_function(part.features[names].to_numpy()), coded._design(part)])
        for part in (training, test)
    ]
    frozen = _fitted(designs[0], training.truth)
    inside, outside = (frozen.decision_function(design) for design in designs)
    told = [
        _claim(SELECTION, test.truth, outside, _youden(training.truth, inside)),
        _claim(THRESHOLD, test.truth, outside, _youden(test.truth, outside)),
    ]
    if clinical:
        again = _fitted(designs[1], test.truth).decision_function(designs[1])
        told.append(_claim(REFIT, test.truth, again, _youden(test.truth, again)))
    return told


def _fitted(x: FloatArray, truth: np.ndarray) -> Pipeline:
    """Logistic regression with scikit-learn's own settings, as the recipe takes it; many features never stop it."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=MOST_ITERATIONS)).fit(x, truth)


def _claim(step: str, truth: np.ndarray, score: FloatArray, threshold: float) -> Claim:
    called, event = score >= threshold, truth == 1
    right = called == event
    return Claim(step, auc(truth, score).estimate, *(float(v.mean()) for v in (right, right[event], right[~event])))


def _youden(truth: np.ndarray, score: FloatArray) -> float:
    false, true, thresholds = roc_curve(truth, score)
    return float(thresholds[np.argmax(true - false)])


def _other_splits(rows: Rows, judged: np.ndarray, *, number: int, seed: int) -> Iterator[np.ndarray]:
    """Test rows drawn anew, by patient, with as many patients of each class as the given split has."""
    patients, first, position = np.unique(rows.patient, return_index=True, return_inverse=True)
    event = np.zeros(patients.size, dtype=np.int64)
    np.maximum.at(event, position, rows.truth)
    generator = np.random.default_rng([seed, crc32(b"splits")])
    for _ in range(number):
        chosen = np.zeros(patients.size, dtype=bool)
        for label in (0, 1):
            own = np.flatnonzero(event == label)
            chosen[generator.permutation(own)[: int(judged[first][own].sum())]] = True
        yield chosen[position]


def require_both(rows: Rows, judged: np.ndarray) -> None:
    """Raises RadiogramError when the test rows or the others have one class only."""
    for part, name in ((rows.truth[judged], "test"), (rows.truth[~judged], "training")):
        if np.unique(part).size < 2:
            raise RadiogramError(f"The {name} rows of {rows.endpoint} have one class only: no recipe can be judged.")


def out_of_fold(rows: Rows, *, parameters: Parameters, seeds: list[int]) -> list[Scored]:
    """Scores of one cross-validation a seed, of a logistic regression on features that all rows have selected.

    The folds are those of the whole pipeline with the same seed.
    """
    complete = imputer(rows).apparent(rows)
    names = selected_on_all_rows(complete, parameters=parameters, seed=seeds[0])
    return [_cross_validated(complete, names, parameters=parameters, seed=seed) for seed in seeds]


def selected_on_all_rows(rows: Rows, *, parameters: Parameters, seed: int) -> list[str]:
    """Mann-Whitney P below 0.05, no two alike, LASSO at its smallest deviance: on rows that are judged later."""
    usable = selection.usable(rows, list(rows.features.columns))
    if not usable:
        return []
    values = rows.features[usable].to_numpy()
    p = mannwhitneyu(values[rows.truth == 1], values[rows.truth == 0], axis=0, method="asymptotic").pvalue
    order = np.argsort(p, kind="stable")
    significant = order[: int((p < SIGNIFICANT).sum()) or FALLBACK]
    rules = parameters.selection
    distinct = selection.distinct(rows, [usable[j] for j in sorted(significant)], limit=rules.redundancy)
    scaler = selection.scaler(rows, distinct)
    options = {"lasso_folds": rules.lasso_folds, "length": rules.lasso_path, "seed": seed}
    weight = np.abs(lasso(rows, scaler, rule="min", **options).coefficients)
    kept = np.argsort(-weight, kind="stable")[: min(int((weight > 0).sum()), int(MOST * len(rows)))]
    return [distinct[j] for j in sorted(kept)] or distinct


def _cross_validated(rows: Rows, names: list[str], *, parameters: Parameters, seed: int) -> Scored:
    fold = folds.draw(rows, folds=parameters.modeling.folds, seed=seed, purpose="outer")
    score: FloatArray = np.empty(len(rows))
    for k, (training, held) in enumerate(splits(rows, fold)):
        fitted = regression.fit(training.features[names].to_numpy(), training.truth)
        score[fold == k] = fitted.linear_predictor(held.features[names].to_numpy())
    return Scored(score, fold, (len(names),) * (int(fold.max()) + 1))
