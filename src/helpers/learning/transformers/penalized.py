"""Columns that glmnet's LASSO keeps, at lambda.min or lambda.1se of its cross-validated path."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import check_cv
from sklearn.utils.validation import validate_data

from helpers.learning import lasso
from helpers.learning.fitted import FloatArray
from helpers.learning.transformers.selector import ClassSelector


class LassoSelector(ClassSelector):
    """The LASSO path as glmnet and cv.glmnet compute it: deviance with its standard error, lambda.min and lambda.1se.

    family binomial (two classes) or gaussian (numbers). `rule` is 1se or min; `length` the lambdas of the path. `cv` is a number
    of folds, drawn with `random_state`, stratified for two classes, or a splitter of scikit-learn.
    """

    def __init__(
        self,
        family: Literal["binomial", "gaussian"] = "binomial",
        rule: Literal["1se", "min"] = "1se",
        length: int = 100,
        cv: Any = 10,
        random_state: int = 0,
    ) -> None:
        self.family = family
        self.rule = rule
        self.length = length
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """From X (n, p) and y (n,).

        `lambdas_`, `deviance_`, `standard_error_` and `nonzero_` (l,), `lambda_min_`, `lambda_1se_`, `coefficients_` (l, p) and
        `intercepts_` (l,) in the units of X, `chosen_` (position), `coef_` (p,), `intercept_` and `support_` (p,) at the
        lambda of the rule. Raises ValueError where a fold would be left without two of a class.
        """
        values, outcome = self._outcome(X, y)
        mean, sd = values.mean(axis=0), values.std(axis=0)
        varies = sd > 1e-12 * np.maximum(np.abs(mean), 1.0)
        scaled = (values - mean) / np.where(varies, sd, np.inf)
        self.lambdas_ = lasso.lambda_sequence(scaled, outcome, length=self.length)
        curve = lasso.cross_validate(values, outcome, self.lambdas_, fold=self._folds(outcome), family=self.family)
        path = lasso.solve(scaled, outcome, self.lambdas_, family=self.family)
        self.deviance_, self.standard_error_, self.nonzero_ = curve.deviance, curve.standard_error, path.nonzero
        self.coefficients_ = path.coefficients / np.where(varies, sd, np.inf)
        self.intercepts_ = path.intercepts - self.coefficients_ @ mean
        self.lambda_min_, self.lambda_1se_ = (self.lambdas_[lasso.choose(curve, rule=rule)] for rule in ("min", "1se"))
        self.chosen_ = lasso.choose(curve, rule=self.rule)
        self.coef_, self.intercept_ = self.coefficients_[self.chosen_], self.intercepts_[self.chosen_]
        self.support_ = self.coef_ != 0
        return self

    def curve(self) -> pd.DataFrame:
        """lambda, deviance, standard_error, nonzero: a row a lambda."""
        columns = (self.lambdas_, self.deviance_, self.standard_error_, self.nonzero_)
        return pd.DataFrame(dict(zip(("lambda", "deviance", "standard_error", "nonzero"), columns, strict=True)))

    def _outcome(self, X: Any, y: Any) -> tuple[FloatArray, FloatArray]:
        if self.family == "gaussian":
            return validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2, y_numeric=True)
        values, truth = self._classes(X, y)
        return values, truth.astype(np.float64)

    def _folds(self, outcome: FloatArray) -> NDArray[np.int64]:
        """Number (n,) of each row's fold."""
        binary = self.family == "binomial"
        if binary and isinstance(self.cv, int):
            smallest = int(min((outcome == label).sum() for label in (0, 1)))
            if smallest < self.cv:
                raise ValueError(
                    f"LassoSelector: the smaller class has {smallest} rows, fewer than {self.cv} folds: set cv lower, or give more rows."
                )
        splitter = check_cv(self.cv, outcome, classifier=binary)
        if isinstance(self.cv, int):
            splitter.shuffle, splitter.random_state = True, self.random_state
        fold = np.zeros(len(outcome), dtype=np.int64)
        for k, (_, held) in enumerate(splitter.split(np.zeros((len(outcome), 1)), outcome)):
            fold[held] = k
        return fold
