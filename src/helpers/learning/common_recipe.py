"""The common recipe, which is wrong: features selected on all rows, and only then a cross-validation.

Nothing of ours is modeled this way; it stands here to be measured beside the whole pipeline on the same folds by the
same measure. What it gains there it gains by having seen the answers of the rows it is judged on: with permuted
labels, where there is nothing to find, all it shows is that (Demircioglu 2021, doi 10.1186/s13244-021-01115-1).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import mannwhitneyu

from helpers.learning import folds, regression, selection
from helpers.learning.crossfit import splits
from helpers.learning.fitted import FloatArray
from helpers.learning.imputing import imputer
from helpers.learning.lasso import lasso
from helpers.learning.rows import Rows
from helpers.learning.tabular import Scored
from helpers.parameters import Parameters

SIGNIFICANT = 0.05
# Where no feature is significant, as many of the smallest P values.
FALLBACK = 10
# More features than this share of the rows would let any regression separate the classes.
MOST = 0.2


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
