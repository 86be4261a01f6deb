"""Multiple imputation by chained equations, learned from training rows, applied to new patients without their outcome.

Each incomplete variable is drawn in turn given all others, with coefficients drawn from their posterior (van Buuren &
Groothuis-Oudshoorn 2011, doi 10.18637/jss.v045.i03). Two rules differ on purpose:

- Among training rows the outcome is a predictor like any other. Without it, imputed values would know nothing of the outcome,
  and the coefficients fitted on them would be biased toward none (Moons et al. 2006, doi 10.1016/j.jclinepi.2006.01.009).
- For new patients it never is: whoever uses a model does not have the outcome, and a test value that was imputed from it would hand
  the model its answer (Sperrin et al. 2020, doi 10.1016/j.jclinepi.2020.03.028). New values are drawn by a second set of
  equations, fitted without the outcome on the completed training rows of the same imputation.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pandas as pd

from helpers import prose
from helpers.cohort import clinical
from helpers.errors import RadiogramError
from helpers.learning import conditional
from helpers.learning.conditional import Category, Matching
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, require_training

Table = dict[str, np.ndarray]


@dataclass(frozen=True)
class Scale:
    """How a variable enters the design: standardized, or one column a level but the first."""

    name: str
    mean: float
    sd: float
    levels: tuple[str, ...] | None

    def columns(self, values: np.ndarray) -> FloatArray:
        if self.levels is None:
            return ((values.astype(np.float64) - self.mean) / self.sd)[:, None]
        return (values[:, None] == np.array(self.levels[1:], dtype=object)[None, :]).astype(np.float64)

    def known(self, values: pd.Series) -> np.ndarray:
        """Whether (n,) a value is there, and one that training has seen."""
        if self.levels is None:
            return np.isfinite(values.to_numpy(dtype=np.float64))
        return clinical.in_words(values).isin(self.levels).to_numpy()

    def values(self, values: pd.Series) -> np.ndarray:
        """(n,) as numbers, or words."""
        if self.levels is None:
            return values.to_numpy(dtype=np.float64).copy()
        return clinical.in_words(values).to_numpy(dtype=object).copy()


@dataclass(frozen=True, kw_only=True, eq=False)
class MultipleImputation(Fitted):
    """m completions of the training rows, and what completes new rows: for each, one equation a variable.

    `auxiliary` columns (scores that enter the same model) are complete and predict, too.
    """

    scales: tuple[Scale, ...]
    case: np.ndarray
    completed: tuple[pd.DataFrame, ...]
    equations: tuple[dict[str, Matching | Category], ...]
    auxiliary: tuple[FloatArray, FloatArray]
    iterations: int
    seed: int

    def apparent(self, rows: Rows) -> list[pd.DataFrame]:
        """The completed variables of rows it was fitted on, one frame an imputation."""
        self.require_seen(rows)
        place = {case: i for i, case in enumerate(self.case.tolist())}
        order = [place[case] for case in rows.case.tolist()]
        return [frame.iloc[order].reset_index(drop=True) for frame in self.completed]

    def transform(self, rows: Rows, auxiliary: FloatArray | None = None) -> list[pd.DataFrame]:
        """Completed variables of new patients, one frame an imputation, without a look at their outcome.

        Raises RadiogramError for patients it was fitted on.
        """
        self.refuse(rows.patient.tolist())
        extra = _scaled(_extra(auxiliary, len(rows)), self.auxiliary)
        known = {s.name: s.known(rows.clinical[s.name]) for s in self.scales}
        return [self._completed(rows, known, extra, number) for number in range(len(self.equations))]

    def _completed(self, rows: Rows, known: dict[str, np.ndarray], extra: FloatArray, number: int) -> pd.DataFrame:
        equations = self.equations[number]
        uniform = _uniform(rows.case, self.seed, number, self.iterations + 1, len(self.scales))
        table: Table = {}
        for j, scale in enumerate(self.scales):
            given, pool = rows.clinical[scale.name], _pool(equations[scale.name])
            table[scale.name] = _started(scale, given, known[scale.name], pool, uniform[:, 0, j])
        for turn in range(1, self.iterations + 1):
            for j, scale in enumerate(self.scales):
                absent = ~known[scale.name]
                if absent.any():
                    x = _design(self.scales, table, scale.name, extra)[absent]
                    table[scale.name][absent] = equations[scale.name].draw(x, uniform[absent, turn, j])
        return _frame(table, self.scales)


def fit(
    rows: Rows, *, imputations: int, iterations: int, seed: int, auxiliary: FloatArray | None = None
) -> MultipleImputation:
    """Complete the clinical variables of training rows `imputations` times, each chain `iterations` turns long.

    auxiliary: complete columns (n, k) that predict too. A chain's draws belong to cases, so that the order of rows does not matter.
    Raises RadiogramError for rows outside part train, and for a variable that nothing can be imputed from: missing in every
    row, or in every row of one class.
    """
    require_training(rows, "multiple imputation")
    require_known(rows)
    scales = tuple(_scale(name, rows.clinical[name]) for name in rows.clinical)
    raw = _extra(auxiliary, len(rows))
    spread = raw.std(axis=0) if raw.size else np.ones(raw.shape[1])
    center = (raw.mean(axis=0), np.where(spread > 0, spread, 1.0))
    extra = _scaled(raw, center)
    chains = [
        _chain(rows, scales, extra, number=number, iterations=iterations, seed=seed) for number in range(imputations)
    ]
    return MultipleImputation(
        what="multiple imputation",
        seen=rows.patients,
        scales=scales,
        case=rows.case,
        completed=tuple(frame for frame, _ in chains),
        equations=tuple(equations for _, equations in chains),
        auxiliary=center,
        iterations=iterations,
        seed=seed,
    )


def require_known(rows: Rows) -> None:
    """Raises RadiogramError for a clinical variable without any value in the rows, or in those of one class."""
    for name in rows.clinical:
        known = rows.clinical[name].notna().to_numpy()
        if not known.any():
            raise RadiogramError(
                f"Clinical variable {name} is missing in every training patient: nothing can be imputed; take it out of cohort.clinical."
            )
        for label, words in ((1, "with"), (0, "without")):
            if not known[rows.truth == label].any():
                raise RadiogramError(
                    f"Clinical variable {name} is missing in every training patient {words} the endpoint {rows.endpoint} and known in "
                    f"{prose.count(int(known.sum()), 'other')}: that it is missing tells the outcome; take it out of cohort.clinical."
                )


def _chain(
    rows: Rows, scales: tuple[Scale, ...], extra: FloatArray, *, number: int, iterations: int, seed: int
) -> tuple[pd.DataFrame, dict[str, Matching | Category]]:
    """One completion of the training rows, and the equations without the outcome that complete new ones."""
    rng = np.random.default_rng([seed, number, crc32(b"multiple imputation")])
    known = {s.name: s.known(rows.clinical[s.name]) for s in scales}
    uniform = _uniform(rows.case, seed, number, iterations + 1, len(scales))
    table: Table = {}
    for j, scale in enumerate(scales):
        there = scale.values(rows.clinical[scale.name])[known[scale.name]]
        table[scale.name] = _started(
            scale, rows.clinical[scale.name], known[scale.name], np.sort(there), uniform[:, 0, j]
        )
    with_outcome = np.column_stack([extra, rows.truth])
    turns = sorted(range(len(scales)), key=lambda j: (int((~known[scales[j].name]).sum()), j))
    for turn in range(1, iterations + 1):
        for j in turns:
            here = known[scales[j].name]
            if not here.all():
                x = _design(scales, table, scales[j].name, with_outcome)
                equation = _equation(scales[j], x[here], table[scales[j].name][here], rng)
                table[scales[j].name][~here] = equation.draw(x[~here], uniform[~here, turn, j])
    equations = {}
    for scale in scales:
        here = known[scale.name]
        x = _design(scales, table, scale.name, extra)
        equations[scale.name] = _equation(scale, x[here], table[scale.name][here], rng)
    return _frame(table, scales), equations


def _scale(name: str, values: pd.Series) -> Scale:
    if clinical.is_numeric(values):
        numbers = values.to_numpy(dtype=np.float64)
        numbers = numbers[np.isfinite(numbers)]
        return Scale(name, float(numbers.mean()), float(numbers.std()) or 1.0, None)
    return Scale(name, 0.0, 1.0, tuple(sorted(set(clinical.in_words(values.dropna())))))


def _equation(scale: Scale, x: FloatArray, values: np.ndarray, rng: np.random.Generator) -> Matching | Category:
    if scale.levels is None:
        return conditional.matching(x, values.astype(np.float64), rng)
    return conditional.category(x, values, rng)


def _design(scales: tuple[Scale, ...], table: Table, but: str, extra: FloatArray) -> FloatArray:
    """Every variable but one, and the complete columns."""
    return np.column_stack([*(s.columns(table[s.name]) for s in scales if s.name != but), extra])


def _started(scale: Scale, given: pd.Series, known: np.ndarray, values: np.ndarray, uniform: FloatArray) -> np.ndarray:
    """The variable with a value drawn from those of training where it has none: where a chain begins."""
    found = scale.values(given)
    found[~known] = values[np.floor(uniform[~known] * len(values)).astype(int)]
    return found


def _pool(equation: Matching | Category) -> np.ndarray:
    return equation.observed if isinstance(equation, Matching) else np.array(equation.levels, dtype=object)


def _uniform(case: np.ndarray, seed: int, number: int, turns: int, variables: int) -> FloatArray:
    """Uniform numbers (n, turns, variables), each case's own whatever the other rows."""
    drawn = np.empty((len(case), turns, variables))
    for i, name in enumerate(case.tolist()):
        drawn[i] = np.random.default_rng([seed, number, crc32(name.encode())]).random((turns, variables))
    return drawn


def _extra(auxiliary: FloatArray | None, rows: int) -> FloatArray:
    return np.empty((rows, 0)) if auxiliary is None else np.asarray(auxiliary, dtype=np.float64).reshape(rows, -1)


def _scaled(values: FloatArray, center: tuple[FloatArray, FloatArray]) -> FloatArray:
    return (values - center[0]) / center[1]


def _frame(table: Table, scales: tuple[Scale, ...]) -> pd.DataFrame:
    return pd.DataFrame({s.name: table[s.name] for s in scales})
