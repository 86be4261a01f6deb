"""What the handling of missing clinical values does to a model: the median, multiple imputation, and complete cases side by side.

The median (or commonest level) is what the models of the study use. Multiple imputation carries into the intervals that imputed values
were guessed. Complete cases leave patients out, and are unbiased only where being complete has nothing to do with the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from helpers.learning import multiple_imputation, nomogram, regression
from helpers.learning.clinical import Coding, coding
from helpers.learning.fitted import FloatArray
from helpers.learning.regression import Regression
from helpers.learning.rows import Rows, rows_from_tables
from helpers.parameters import Parameters
from helpers.statistics.discrimination import auc
from helpers.statistics.intervals import Interval
from helpers.statistics.rubin import Pooled, pool, pooled_area
from helpers.tables import DECLARED

MEDIAN, MULTIPLE, COMPLETE = "median or commonest level", "multiple imputation", "complete cases"
HANDLINGS = (MEDIAN, MULTIPLE, COMPLETE)
CLINICAL, NOMOGRAM = "clinical", "nomogram"
NONE = Interval(np.nan, np.nan, np.nan)


@dataclass(frozen=True, eq=False)
class _Material:
    """Rows of a part, complete columns that enter beside the clinical ones (n, k), and frames completed m times."""

    rows: Rows
    scores: FloatArray
    completed: Sequence[pd.DataFrame]

    def design(self, coded: Coding, clinical: pd.DataFrame | None = None) -> FloatArray:
        rows = self.rows if clinical is None else replace(self.rows, clinical=clinical)
        return np.column_stack([self.scores, coded._design(rows)])

    @property
    def whole(self) -> np.ndarray:
        """Whether (n,) no clinical value is missing."""
        return self.rows.clinical.notna().all(axis=1).to_numpy()


def tables(
    cases: pd.DataFrame, first_stage: pd.DataFrame, *, endpoint: str, parameters: Parameters, seed: int
) -> dict[str, pd.DataFrame]:
    """Tables `missing_values` and `missing_data` of one endpoint; the latter is empty where nothing is missing.

    first_stage: the scores that enter the nomogram. Raises RadiogramError for a variable that cannot be imputed.
    """
    variables = parameters.cohort.clinical
    known = cases[cases[endpoint].notna()]
    found = pd.DataFrame(
        [_counted(known, endpoint, name) for name in variables], columns=list(DECLARED["missing_values"].names)
    )
    rows: list[tuple] = []
    if found["missing"].sum():
        everyone = _rows(known, endpoint, variables)
        for model, scores in _models(everyone, first_stage, parameters):
            rows += [(endpoint, model, *row) for row in _model(everyone, scores, parameters, seed)]
    return {"missing_values": found, "missing_data": pd.DataFrame(rows, columns=list(DECLARED["missing_data"].names))}


def _counted(cases: pd.DataFrame, endpoint: str, name: str) -> tuple:
    """How often a variable is missing, and Fisher's exact test of whether that differs by outcome."""
    gone, event = cases[name].isna().to_numpy(), (cases[endpoint] == 1).to_numpy()
    cells = np.array([[(gone & side).sum(), (~gone & side).sum()] for side in (event, ~event)])
    p = float(fisher_exact(cells)[1]) if gone.any() else np.nan
    return (endpoint, name, len(cases), int(gone.sum()), *(int(v) for row in cells for v in (row.sum(), row[0])), p)


def _rows(cases: pd.DataFrame, endpoint: str, variables: tuple[str, ...]) -> Rows:
    nothing = pd.DataFrame({"case": [], "reader": []})
    return rows_from_tables(cases, nothing, endpoint=endpoint, clinical=variables, reproducibility="none")


def _models(
    rows: Rows, first_stage: pd.DataFrame, parameters: Parameters
) -> Iterator[tuple[str, dict[str, FloatArray]]]:
    """Models of the study that read clinical variables, with the scores that enter them beside those."""
    if CLINICAL in parameters.modeling.signatures or CLINICAL not in parameters.modeling.nomogram:
        yield CLINICAL, {}
    if CLINICAL in parameters.modeling.nomogram:
        own = first_stage[first_stage["endpoint"] == rows.endpoint]
        wide = {name: of.set_index("case")["score"] for name, of in own.groupby("signature", sort=False)}
        yield NOMOGRAM, {name: scores.loc[rows.case].to_numpy(dtype=np.float64) for name, scores in wide.items()}


def _model(everyone: Rows, scores: Mapping[str, FloatArray], parameters: Parameters, seed: int) -> list[tuple]:
    """Rows of table `missing_data` without endpoint and model."""
    columns = np.column_stack([*scores.values(), np.empty((len(everyone), 0))])
    train = everyone.part == "train"
    options = parameters.imputation
    chains = multiple_imputation.fit(
        everyone.take(train), auxiliary=columns[train], imputations=options.imputations, iterations=options.iterations, seed=seed
    )  # fmt: skip
    training = _Material(everyone.take(train), columns[train], chains.apparent(everyone.take(train)))
    others = {}
    for part in dict.fromkeys(everyone.part[~train].tolist()):
        here = everyone.part == part
        new = everyone.take(here)
        others[part] = _Material(new, columns[here], chains.transform(new, columns[here]))
    coded = coding(training.rows)
    spread = _spread(training, coded, len(scores))
    terms = [nomogram.INTERCEPT, *scores, *(column.term for column in coded.columns)]
    level = parameters.statistics.level
    found = [
        *_single(MEDIAN, training, others, coded, terms, level=level),
        *_multiple(training, others, coded, terms, level=level),
        *_single(COMPLETE, training, others, coded, terms, level=level),
    ]
    units = dict(zip(terms, spread, strict=True))
    return [(*row, units.get(row[3], np.nan)) for row in found]


def _spread(training: _Material, coded: Coding, scores: int) -> FloatArray:
    """Standard deviation of every term among training rows, to show terms on one axis; 1 for a level, NaN for the intercept."""
    design = training.design(coded)
    numeric = [True] * scores + [column.level is None for column in coded.columns]
    return np.array([np.nan, *np.where(numeric, design.std(axis=0), 1.0)])


def _single(
    handling: str,
    training: _Material,
    others: Mapping[str, _Material],
    coded: Coding,
    terms: list[str],
    *,
    level: float,
) -> Iterator[tuple]:
    """One fit: on every row with stand-ins, or on those that lack nothing."""

    def used(material: _Material) -> np.ndarray:
        return material.whole if handling == COMPLETE else np.ones(len(material.rows), dtype=bool)

    here = used(training)
    truth = training.rows.truth[here]
    size = (int(here.sum()), int(truth.sum()))
    if min(size[1], size[0] - size[1]) == 0 or size[0] <= len(terms):
        note = "too few complete cases for the terms of the model"
        yield from ((handling, "train", "coefficient", term, *[np.nan] * 5, *size, note) for term in terms)
        return
    fitted = regression.fit(training.design(coded)[here], truth)
    low, high, _ = fitted.wald(level=level)
    for i, term in enumerate(terms):
        limits = (fitted.coefficients[i], low[i], high[i]) if np.isfinite(low[i]) else [np.nan] * 3
        yield (handling, "train", "coefficient", term, *limits, np.nan, np.nan, *size, _said(fitted, low[i]))
    for part, material in others.items():
        rows = used(material)
        truth = material.rows.truth[rows]
        value = _area(truth, fitted.linear_predictor(material.design(coded)[rows]), level)
        yield (
            handling,
            part,
            "auc",
            "",
            value.estimate,
            value.low,
            value.high,
            np.nan,
            np.nan,
            len(truth),
            int(truth.sum()),
            "",
        )


def _said(fitted: Regression, low: float) -> str:
    if not np.isfinite(low):
        return "left out: constant among these patients, or told by other terms"
    return "Firth's penalty" if fitted.method == "Firth" else ""


def _multiple(
    training: _Material, others: Mapping[str, _Material], coded: Coding, terms: list[str], *, level: float
) -> Iterator[tuple]:
    """A fit an imputation, pooled by Rubin's rules; the pooled equation judged on every completion of the other parts."""
    truth = training.rows.truth
    fits = [regression.fit(training.design(coded, frame), truth) for frame in training.completed]
    values = np.array([fit.coefficients for fit in fits])
    variances = np.array([np.diag(fit.covariance) for fit in fits])
    freedom = len(truth) - len(terms)
    pooled = [pool(values[:, i], variances[:, i], complete_df=freedom) for i in range(len(terms))]
    firth = sum(fit.method == "Firth" for fit in fits)
    note = f"Firth's penalty in {firth} of {len(fits)} imputations" if firth else ""
    for term, found in zip(terms, pooled, strict=True):
        yield (MULTIPLE, "train", "coefficient", term, *_limits(found, level), len(truth), int(truth.sum()), note)
    equation = np.nan_to_num(np.array([found.estimate for found in pooled]))
    for part, material in others.items():
        designs = [material.design(coded, frame) for frame in material.completed]
        areas = [auc(material.rows.truth, x @ equation[1:], level=level) for x in designs]
        value = pooled_area([a.estimate for a in areas], [a.standard_error for a in areas], level=level)
        n, events = len(material.rows), int(material.rows.truth.sum())
        yield (MULTIPLE, part, "auc", "", value.estimate, value.low, value.high, np.nan, np.nan, n, events, "")


def _limits(found: Pooled, level: float) -> tuple[float, ...]:
    value = found.interval(level=level) if np.isfinite(found.estimate) else NONE
    return value.estimate, value.low, value.high, found.df, found.missing_information


def _area(truth: np.ndarray, score: FloatArray, level: float) -> Interval:
    if not truth.any() or truth.all():
        return NONE
    found = auc(truth, score, level=level)
    return Interval(found.estimate, found.low, found.high)
