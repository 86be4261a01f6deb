"""LASSO-logistic as glmnet does it: the path, its cross-validated deviance, and the lambda that is chosen.

Objective -(1/n) log-likelihood + lambda * sum |beta_j| on features standardized with the population SD, intercept
unpenalized (Friedman, Hastie & Tibshirani 2010, doi 10.18637/jss.v033.i01). scikit-learn's
LogisticRegression(l1_ratio=1, solver="saga", C=1 / (n * lambda)) has the same solution. Family gaussian is the same for a
continuous outcome: half the mean squared error takes the place of the log-likelihood, the mean squared error that of the
deviance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from helpers.learning import coordinate, folds, least_squares
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.folds import IntArray
from helpers.learning.rows import Rows, require_training
from helpers.learning.selection import Scaler

# The path that is shown is solved to the last digits; in folds a deviance to three digits is enough.
PATH_TOLERANCE = 1e-12
FOLD_TOLERANCE = 1e-8
# Probabilities are kept this far from 0 and 1 in the deviance of a fold, as in cv.glmnet.
LEAST_PROBABILITY = 1e-5
# Where no feature tells anything the path starts here.
LEAST_LAMBDA = 1e-12


@dataclass(frozen=True, eq=False)
class Path:
    """Solutions along decreasing lambdas (l,): intercepts (l,) and coefficients (l, p) on the standardized scale."""

    lambdas: FloatArray
    intercepts: FloatArray
    coefficients: FloatArray

    @property
    def nonzero(self) -> IntArray:
        return (self.coefficients != 0).sum(axis=1)

    def linear_predictor(self, x: FloatArray) -> FloatArray:
        """(l, n) for standardized x (n, p)."""
        return self.intercepts[:, None] + self.coefficients @ x.T


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean deviance (l,) over the folds and its standard error (l,)."""

    deviance: FloatArray
    standard_error: FloatArray


def lambda_sequence(x: FloatArray, y: FloatArray, *, length: int) -> FloatArray:
    """From the smallest lambda that keeps nothing down to 1e-4 of it (n > p) or 1e-2, evenly in the logarithm."""
    n, p = x.shape
    largest = max(np.abs(x.T @ (y - y.mean())).max() / n, LEAST_LAMBDA)
    return np.geomspace(largest, largest * (1e-4 if n > p else 1e-2), length)


def solve(
    x: FloatArray,
    y: FloatArray,
    lambdas: FloatArray,
    *,
    tolerance: float = PATH_TOLERANCE,
    family: str = "binomial",
) -> Path:
    """The path for standardized x (n, p) along decreasing lambdas (l,).

    y (n,) is of 0 and 1, both present, for family binomial, and of numbers for gaussian.
    """
    transposed = np.ascontiguousarray(x.T, dtype=np.float64)
    core = coordinate if family == "binomial" else least_squares
    found = core.path(transposed, y.astype(np.float64), lambdas.astype(np.float64), tolerance)
    return Path(lambdas, *found)


def cross_validate(
    x: FloatArray, y: FloatArray, lambdas: FloatArray, *, fold: IntArray, family: str = "binomial"
) -> Curve:
    """Deviance along the lambdas of the whole data, standardized again in every fold; as cv.glmnet weights it."""
    deviances, sizes = [], []
    for k in np.unique(fold):
        held = fold == k
        mean, sd = x[~held].mean(axis=0), x[~held].std(axis=0)
        # A feature constant in this fold's rows has nothing to tell here.
        sd = np.where(sd > 1e-12, sd, np.inf)
        fitted = solve((x[~held] - mean) / sd, y[~held], lambdas, tolerance=FOLD_TOLERANCE, family=family)
        predictor = fitted.linear_predictor((x[held] - mean) / sd)
        measure = _deviance if family == "binomial" else _squared_error
        deviances.append(measure(y[held], predictor))
        sizes.append(held.sum())
    by_fold, weight = np.array(deviances), np.array(sizes) / np.sum(sizes)
    mean = weight @ by_fold
    error = np.sqrt(weight @ (by_fold - mean) ** 2 / (len(sizes) - 1))
    return Curve(mean, error)


def _deviance(y: FloatArray, linear_predictor: FloatArray) -> FloatArray:
    """Mean -2 log-likelihood (l,) of y (n,) at a linear predictor (l, n)."""
    p = np.clip(expit(linear_predictor), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return -2 * np.where(y == 1, np.log(p), np.log1p(-p)).mean(axis=1)


def _squared_error(y: FloatArray, predicted: FloatArray) -> FloatArray:
    return ((y - predicted) ** 2).mean(axis=1)


def choose(curve: Curve, *, rule: str) -> int:
    """Position of the lambda of smallest deviance (min), or of the largest lambda within one error of it (1se)."""
    best = int(np.argmin(curve.deviance))
    if rule == "min":
        return best
    return int(np.argmax(curve.deviance <= curve.deviance[best] + curve.standard_error[best]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Lasso(Fitted):
    """The chosen solution and the path it lies on."""

    names: tuple[str, ...]
    path: Path
    curve: Curve
    chosen: int

    @property
    def intercept(self) -> float:
        return float(self.path.intercepts[self.chosen])

    @property
    def coefficients(self) -> FloatArray:
        return self.path.coefficients[self.chosen]

    def curve_table(self) -> pd.DataFrame:
        """lambda, deviance, standard_error, nonzero, chosen: one row a lambda."""
        return pd.DataFrame(
            {
                "lambda": self.path.lambdas,
                "deviance": self.curve.deviance,
                "standard_error": self.curve.standard_error,
                "nonzero": self.path.nonzero,
                "chosen": np.arange(self.path.lambdas.size) == self.chosen,
            }
        )

    def path_table(self) -> pd.DataFrame:
        """lambda, feature, coefficient: one row a lambda and feature that is ever not zero."""
        ever = np.flatnonzero((self.path.coefficients != 0).any(axis=0))
        names = [self.names[j] for j in ever]
        wide = pd.DataFrame(self.path.coefficients[:, ever], columns=names)
        long = wide.assign(**{"lambda": self.path.lambdas}).melt("lambda", var_name="feature", value_name="coefficient")
        return long[["lambda", "feature", "coefficient"]]


def lasso(rows: Rows, scaler: Scaler, *, lasso_folds: int, length: int, rule: str, seed: int) -> Lasso:
    """Path, stratified cross-validation and choice on the scaler's features, which must be at least one.

    Raises RadiogramError for rows outside part train, or that are not those of the scaler.
    """
    require_training(rows, "LASSO")
    x, y = scaler.apparent(rows), rows.truth.astype(np.float64)
    lambdas = lambda_sequence(x, y, length=length)
    fold = folds.draw(rows, folds=lasso_folds, seed=seed, purpose="lasso")
    curve = cross_validate(x, y, lambdas, fold=fold)
    path = solve(x, y, lambdas)
    chosen = choose(curve, rule=rule)
    return Lasso(what="LASSO", seen=rows.patients, names=scaler.names, path=path, curve=curve, chosen=chosen)
