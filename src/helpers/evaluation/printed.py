"""The report's tables, formatted: estimate and interval in one cell, units in the header, plain words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers import prose


def nomogram(table: pd.DataFrame) -> pd.DataFrame:
    """The equation: intercept and one row a term, with odds ratios per unit and per SD."""
    columns = ["Term", "Coefficient (log odds)", "Odds ratio per unit (95 % interval)", "Odds ratio per SD", "P"]
    return pd.DataFrame([_term(row) for row in table.itertuples()], columns=columns)


def _term(row: Any) -> tuple[str, str, str, str, str]:
    coefficient = prose.number(row.coefficient, 4)
    if row.term == "(intercept)":
        return "Intercept", coefficient, "", "", ""
    name = f"{prose.variable(row.variable)}: {row.level}" if row.level else f"{prose.variable(row.variable)}"
    if not np.isfinite(row.standard_error):
        return f"{name} (reference)", "0", "1", "", ""
    per_sd = "" if row.level else prose.number(float(np.exp(row.coefficient * row.sd)))
    return name, coefficient, prose.interval(row.odds_ratio, row.low, row.high), per_sd, p_or_none(row.p)


def p_or_none(p: float) -> str:
    """A P value, or that there is none on purpose."""
    return prose.p_cell(p) if np.isfinite(p) else "not shown"


def selected(table: pd.DataFrame, *, most: int = 20) -> pd.DataFrame:
    """The features of each score: coefficient on the standardized scale, and how often the folds chose them."""
    rows = []
    for signature, here in table.groupby("signature", sort=False):
        strongest = here.reindex(here["coefficient"].abs().sort_values(ascending=False, kind="stable").index)
        for row in strongest.head(most).itertuples():
            scale = f"{row.mean:.4g} ({row.sd:.4g})".replace("-", "\N{MINUS SIGN}")
            rows.append(
                (
                    prose.model_name(signature),
                    row.feature,
                    prose.number(row.coefficient, 3),
                    scale,
                    f"{100 * row.frequency:.0f} %",
                )
            )
    columns = ["Signature", "Feature", "Coefficient", "Training mean (SD)", "Chosen in folds"]
    return pd.DataFrame(rows, columns=columns)


def exclusions(exclusions: pd.DataFrame, repairs: pd.DataFrame, geometry: pd.DataFrame | None) -> pd.DataFrame:
    """How many cases fell out and why, and what was read differently; counted, so that no patient is named."""
    counted = exclusions.groupby(["stage", "reason"]).size() if len(exclusions) else pd.Series(dtype=int)
    rows = [(f"Excluded ({stage})", reason, n) for (stage, reason), n in counted.items()]
    rows += [("Read differently", note, "") for note in repairs["note"]]
    if geometry is not None:
        notes = geometry.loc[geometry["note"].fillna("") != "", "note"].value_counts()
        rows += [("Measured with a note", note, n) for note, n in notes.items()]
    rows = rows or [("None", "every patient of the sheet is in the study, and every file was read as written", "")]
    return pd.DataFrame(rows, columns=["What", "Why", "Cases"])
