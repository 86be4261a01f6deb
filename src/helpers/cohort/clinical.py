"""Clinical variables: numeric or categorical, and what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError


def tidy(
    frame: pd.DataFrame,
    variables: tuple[str, ...],
    *,
    where: str,
    parameter: str = "cohort.clinical",
    constant: bool = False,
) -> pd.DataFrame:
    """The prespecified variables as float64 (numeric) or text (categorical), missing as NaN or None.

    Raises RadiogramError for a column that is absent, wholly missing, or, unless `constant` is allowed, of a single value.
    """
    columns = {}
    for name in variables:
        if name not in frame:
            raise RadiogramError(f"{where} has no column {name}, which {parameter} names.")
        column = frame[name]
        if column.notna().sum() == 0:
            raise RadiogramError(
                f"{where}: clinical variable {name} is missing in every patient; take it out of {parameter}."
            )
        if column.nunique() == 1 and not constant:
            raise RadiogramError(
                f"{where}: clinical variable {name} has one value in every patient; take it out of {parameter}."
            )
        numeric = pd.api.types.is_numeric_dtype(column)
        columns[name] = column.astype(float) if numeric else column.astype(object).where(column.notna(), None)
    return pd.DataFrame(columns, index=frame.index)


def in_words(values: pd.Series) -> pd.Series:
    """Categories as text, missing as None: 2.0 of a column of numbers is "2"."""
    return pd.Series(
        [None if pd.isna(v) else f"{v:g}" if isinstance(v, float) else str(v) for v in values],
        index=values.index, name=values.name, dtype=object,
    )  # fmt: skip


def is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column)


def missing(cases: pd.DataFrame, variables: tuple[str, ...]) -> pd.DataFrame:
    """One row a variable with missing values: variable, missing, cases."""
    counts = {name: int(cases[name].isna().sum()) for name in variables}
    return pd.DataFrame(
        [(name, n, len(cases)) for name, n in counts.items() if n], columns=["variable", "missing", "cases"]
    )


def standardized_difference(a: pd.Series, b: pd.Series) -> float:
    """Absolute standardized mean difference; of a categorical variable, the largest over its levels.

    Source: Austin 2009, doi 10.1002/sim.3697.
    """
    if is_numeric(a):
        return _difference(a.mean(), b.mean(), a.var(), b.var())
    levels = sorted(set(a.dropna()) | set(b.dropna()))
    shares = [((a.dropna() == level).mean(), (b.dropna() == level).mean()) for level in levels]
    return max((_difference(p, q, p * (1 - p), q * (1 - q)) for p, q in shares), default=float("nan"))


def _difference(mean_a: float, mean_b: float, variance_a: float, variance_b: float) -> float:
    pooled = np.sqrt((variance_a + variance_b) / 2)
    if pooled == 0:
        return 0.0 if mean_a == mean_b else float("inf")
    return float(abs(mean_a - mean_b) / pooled)
