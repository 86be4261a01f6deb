"""Fitted baselines that any model has to beat: volume alone, center alone, clinical variables alone, and no information.

All are cross-fitted on the folds of every other model and then fitted on all training rows, like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.learning import folds, record, regression
from helpers.learning.clinical import Coding, coding
from helpers.learning.crossfit import splits
from helpers.learning.fitted import FloatArray, Scorer
from helpers.learning.regression import Regression
from helpers.learning.rows import FIRST_READER, Rows, require_training, rows_from_tables, training_rows
from helpers.parameters import Parameters
from helpers.tables import DECLARED

VOLUME, CENTER, CLINICAL, NOTHING = "volume only", "center only", "clinical only", "no information"
NAMES = (VOLUME, CENTER, CLINICAL, NOTHING)
ENDINGS = ("_original_shape_MeshVolume", "_original_shape_VoxelVolume")  # how PyRadiomics calls a volume


@dataclass(frozen=True, kw_only=True, eq=False)
class ClinicalOnly(Scorer):
    """A logistic regression on coded variables; the volume enters the same way."""

    coding: Coding
    regression: Regression

    def _values(self, rows: Rows) -> FloatArray:
        design = self.coding._design(rows)
        log_odds = self.regression.coefficients[0] + (design * self.regression.coefficients[1:]).sum(axis=1)
        return 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))


@dataclass(frozen=True, kw_only=True, eq=False)
class CenterOnly(Scorer):
    """The share of events of each center, drawn towards the prevalence; a center never seen gets the prevalence."""

    column: str
    shares: Mapping[str, float]
    prevalence: float

    def _values(self, rows: Rows) -> FloatArray:
        return np.array([self.shares.get(str(c), self.prevalence) for c in rows.clinical[self.column]], dtype=float)


@dataclass(frozen=True, kw_only=True, eq=False)
class NoInformation(Scorer):
    """The prevalence of the training rows, for everyone."""

    prevalence: float

    def _values(self, rows: Rows) -> FloatArray:
        return np.full(len(rows), self.prevalence)


def clinical_only(rows: Rows, *, names: tuple[str, ...], what: str) -> ClinicalOnly:
    """Fit on training rows; Firth's penalty where the classes separate."""
    coded = coding(require_training(rows, what), names)
    fitted = regression.fit(coded.apparent(rows), rows.truth)
    return ClinicalOnly(what=what, seen=rows.patients, coding=coded, regression=fitted)


def center_only(rows: Rows, *, column: str = "center") -> CenterOnly:
    """Fit on training rows: events of a center and one further patient of average risk, over all of its patients and one."""
    require_training(rows, CENTER)
    center, prevalence = rows.clinical[column].astype(str).to_numpy(), float(rows.truth.mean())
    shares = {
        name: float((rows.truth[center == name].sum() + prevalence) / ((center == name).sum() + 1))
        for name in sorted(set(center.tolist()))
    }
    return CenterOnly(what=CENTER, seen=rows.patients, column=column, shares=shares, prevalence=prevalence)


def no_information(rows: Rows) -> NoInformation:
    """Fit on training rows."""
    return NoInformation(
        what=NOTHING, seen=require_training(rows, NOTHING).patients, prevalence=float(rows.truth.mean())
    )


@dataclass(frozen=True)
class Baselines:
    """Rows as of table `predictions`, and for each baseline that was not fitted the reason."""

    predictions: pd.DataFrame
    absent: Mapping[str, str]


def fit(
    cases: pd.DataFrame,
    features: pd.DataFrame | None,
    *,
    parameters: Parameters,
    names: tuple[str, ...] = NAMES,
) -> Baselines:
    """The named baselines of every endpoint, out of fold in training and frozen elsewhere."""
    volume = _volume(cases, features, parameters)
    known = cases.assign(**({} if volume is None else {VOLUME: volume}))
    absent = _absent(cases, volume, parameters)
    frames = []
    for endpoint in parameters.cohort.endpoints:
        for name, build in _builders(parameters).items():
            if name in names and name not in absent:
                frames += _cross_fitted(known, endpoint.name, name, build, parameters)
    columns = list(DECLARED["predictions"].names)
    return Baselines(pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns), absent)


def _builders(parameters: Parameters) -> dict[str, tuple[tuple[str, ...], Callable[[Rows], Scorer]]]:
    """Columns that a baseline reads, and how it is fitted."""
    clinical = parameters.cohort.clinical
    return {
        VOLUME: ((VOLUME,), lambda rows: clinical_only(rows, names=(VOLUME,), what=VOLUME)),
        CENTER: (("center",), center_only),
        CLINICAL: (clinical, lambda rows: clinical_only(rows, names=clinical, what=CLINICAL)),
        NOTHING: ((), no_information),
    }


def _cross_fitted(cases: pd.DataFrame, endpoint: str, name: str, builder: tuple, parameters: Parameters) -> list:
    columns, build = builder
    nothing = pd.DataFrame({"case": [], "reader": []})
    options = {"endpoint": endpoint, "clinical": columns}
    rows = training_rows(cases, nothing, **options)
    others = rows_from_tables(cases[cases["part"] != "train"], nothing, **options)
    fold = folds.draw(rows, folds=parameters.modeling.folds, seed=parameters.seed, purpose="outer")
    oof = np.empty(len(rows))
    for k, (training, held) in enumerate(splits(rows, fold)):
        oof[fold == k] = build(training).score(held)
    frames = [record.prediction_rows(rows, {name: oof}, kind="oof")]
    if len(others):
        frames.append(record.prediction_rows(others, {name: build(rows).score(others)}, kind="frozen"))
    return frames


def _volume(cases: pd.DataFrame, features: pd.DataFrame | None, parameters: Parameters) -> pd.Series | None:
    """Logarithm of the volume by the first reader: the comparator called volume, else the first shape feature of that name."""
    stated = [each.column for each in parameters.cohort.baselines if each.name.lower() == "volume"]
    found = [] if features is None else [name for name in features if name.endswith(ENDINGS)]
    for column in [*stated, *found]:
        if column in cases:
            return _logarithm(cases[column])
        if features is not None and column in features:
            own = features[features["reader"] == FIRST_READER].set_index("case")[column]
            return _logarithm(cases["case"].map(own))
    return None


def _logarithm(values: pd.Series) -> pd.Series:
    """A volume of zero or less is no volume: unknown, as a missing one."""
    numbers = values.astype(float)
    return np.log(numbers.where(numbers > 0))


def _absent(cases: pd.DataFrame, volume: pd.Series | None, parameters: Parameters) -> dict[str, str]:
    """Why a baseline is not fitted: something is missing, or a model of the study is the same."""
    absent = {}
    if volume is None:
        absent[VOLUME] = "not fitted: no volume is among the features, nor named in cohort.baselines"
    centers = cases.loc[cases["part"] == "train", "center"].nunique()
    if centers < 2:
        absent[CENTER] = "not fitted: all training patients are of one center"
    if not parameters.cohort.clinical:
        absent[CLINICAL] = "not fitted: the study has no clinical variable"
    elif "05_modeling" in parameters.notebooks and "clinical" in parameters.modeling.signatures:
        absent[CLINICAL] = "the clinical model above"
    return absent
