"""The whole pipeline on a bare table of features: imputation, filters and LASSO, all of it repeated in every fold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from helpers.learning import signatures
from helpers.learning.crossfit import cross_fit
from helpers.learning.fitted import FloatArray, Scorer
from helpers.learning.imputing import Imputer, imputer
from helpers.learning.rows import Rows
from helpers.learning.signatures import FeatureSignature
from helpers.parameters import Parameters


@dataclass(frozen=True, kw_only=True, eq=False)
class TableModel(Scorer):
    """A signature on complete features; the intercept alone where no feature survives."""

    imputer: Imputer
    signature: FeatureSignature

    def _values(self, rows: Rows) -> FloatArray:
        return self.signature._values(self.imputer._filled(rows))


@dataclass(frozen=True, eq=False)
class Scored:
    """Out-of-fold scores (n,), their folds (n,), and how many features each fold's model uses."""

    score: FloatArray
    fold: np.ndarray
    chosen: tuple[int, ...]


def bare_rows(truth: np.ndarray, patient: np.ndarray, features: pd.DataFrame, *, endpoint: str) -> Rows:
    """Training rows of a table: features (n, p) by number, whatever they were called, for whom any name will do."""
    case = np.array([f"row{i:06d}" for i in range(len(truth))])
    columns = pd.Index([f"feature{j:06d}" for j in range(features.shape[1])], dtype=object)
    values = pd.DataFrame(features.to_numpy(dtype=np.float64), columns=columns)
    text, part = patient.astype(str), np.full(len(truth), "train")
    return Rows(endpoint, case, text, part, truth.astype(np.int64), values, (), pd.DataFrame(index=values.index))


def fit(rows: Rows, *, parameters: Parameters, seed: int) -> TableModel:
    """Fit on training rows alone. Raises RadiogramError when no feature is measured in half of them."""
    filler = imputer(rows)
    signature = signatures.fit("radiomics", filler.apparent(rows), parameters=parameters, seed=seed)
    return TableModel(what="table model", seen=rows.patients, imputer=filler, signature=signature)


def out_of_fold(rows: Rows, *, parameters: Parameters, seed: int) -> Scored:
    """One cross-validation of everything that learns, each fold's LASSO tuned by a cross-validation of its own."""
    chosen: list[int] = []
    learn = partial(fit, parameters=parameters, seed=seed)

    def counted(training: Rows) -> TableModel:
        model = learn(training)
        chosen.append(len(model.signature.coefficients))
        return model

    found = cross_fit(rows, counted, folds=parameters.modeling.folds, seed=seed, purpose="outer")
    return Scored(found.score, found.fold, tuple(chosen))
