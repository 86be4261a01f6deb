"""Rules of tests: a P value follows from its statistic, agrees with its interval, and is not lowered by adjusting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from helpers import prose
from helpers.evaluation.plausibility.rule import LOOK, WRONG, Amiss, Checked, Given, place, present

ROUNDING = 1e-6
# The value of no effect, and the columns of estimate and limits, of each table that tests one.
NULL = {"comparisons": 0.0, "reader_comparisons": 0.0, "subgroup_tests": 0.0, "nomogram": 1.0}
# Interval and P value come from one statistic here; elsewhere (mid-P, signed ranks) they may part near the level.
ONE_STATISTIC = ("DeLong", "Obuchowski-Rockette")
NEAR = 2.0
WITH_STATISTIC = ("comparisons", "reader_comparisons", "subgroup_tests", "added_value", "calibration_tests")
NO_DISTRIBUTION = ("Wilcoxon", "McNemar", "bootstrap")


def adjusted(tables: Given, level: float) -> Iterator[Checked]:
    """A P value adjusted by Holm is not smaller than the raw one."""
    for name, table in present(tables, "comparisons", "subgroup_tests"):
        known = table[table[["p", "p_holm"]].notna().all(axis=1)]
        bad = known[known["p_holm"] < known["p"] - ROUNDING]
        amiss = [
            Amiss(place(row), f"{prose.p_value(row['p'])}, adjusted {prose.p_value(row['p_holm'])}")
            for row in bad.to_dict("records")
        ]
        if len(known):
            yield Checked(name, len(known), "adjusted P value", tuple(amiss))


def agree(tables: Given, level: float) -> Iterator[Checked]:
    """An interval leaves out no effect exactly when P is below one minus the level."""
    for name, table in present(tables, *NULL):
        columns = ["odds_ratio" if name == "nomogram" else "estimate", "low", "high", "p"]
        known = table[np.isfinite(table[columns].astype(float)).all(axis=1)]
        known = known[known["high"] > known["low"]]
        amiss = [_disagreement(row, name, columns, 1 - level) for row in known.to_dict("records")]
        if len(known):
            yield Checked(name, len(known), "P value with an interval", tuple(a for a in amiss if a))


def _says(row: dict, words: tuple[str, ...]) -> bool:
    """Whether a row's test, method or metric mentions one of the words."""
    said = " ".join(str(row.get(column, "")) for column in ("test", "method", "metric"))
    return any(word in said for word in words)


def _disagreement(row: dict, name: str, columns: list[str], alpha: float) -> Amiss | None:
    estimate, low, high, p = (float(row[c]) for c in columns)
    null = NULL[name]
    if (not low <= null <= high) == (p < alpha) or abs(p - alpha) < ROUNDING:
        return None
    exact = name == "subgroup_tests" or _says(row, ONE_STATISTIC)
    if not exact and alpha / NEAR <= p <= alpha * NEAR:
        return None
    return Amiss(
        place(row), f"{prose.interval(estimate, low, high, 3)} with {prose.p_value(p)}", WRONG if exact else LOOK
    )


def from_statistic(tables: Given, level: float) -> Iterator[Checked]:
    """P is the tail of its statistic: normal, t, chi-square or F (after statcheck, doi 10.3758/s13428-015-0664-2)."""
    for name, table in present(tables, *WITH_STATISTIC):
        known = table[np.isfinite(table[["statistic", "p"]].astype(float)).all(axis=1)]
        rows = [row for row in known.to_dict("records") if not _says(row, NO_DISTRIBUTION)]
        amiss = [_tail(row) for row in rows if not _is_a_tail(row["statistic"], row["df"], row["p"])]
        if rows:
            yield Checked(name, len(rows), "P value with a statistic", tuple(amiss))


def _tail(row: dict) -> Amiss:
    return Amiss(
        place(row), f"statistic {prose.number(row['statistic'], 3)}, df {row['df']:g}, {prose.p_value(row['p'])}"
    )


def _is_a_tail(statistic: float, df: float, p: float) -> bool:
    tails = [2 * stats.norm.sf(abs(statistic))]
    if pd.notna(df) and df > 0:
        tails += [2 * stats.t.sf(abs(statistic), df), stats.chi2.sf(statistic, df), stats.f.sf(statistic, 1, df)]
    if df == 0:  # scores that do not vary: nothing was tested
        return p == 1
    return bool(np.isclose(tails, p, rtol=1e-4, atol=ROUNDING).any())
