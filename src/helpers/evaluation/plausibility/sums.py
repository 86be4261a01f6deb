"""Rules of arithmetic between tables: a difference is the difference of its scores, a sum the sum of its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation.plausibility.rule import FITTED, MEAN_OF_READERS, Amiss, Checked, Given, place, present

TOLERANCE = 1e-6
METRIC = {"AUC": "auc", "sensitivity": "sensitivity", "specificity": "specificity"}
NAMED = re.compile(rf"difference in ({'|'.join(METRIC)})")
READ = ("auc", "sensitivity", "specificity")
BETWEEN = " against "


def differences(tables: Given, level: float) -> Iterator[Checked]:
    """The difference of two models, parts, subgroups or conditions is that of their own scores, first minus second."""
    sources = {
        "comparisons": ("scores", _of_models),
        "subgroup_tests": ("subgroups", _of_levels),
        "reader_comparisons": ("reader_scores", _of_conditions),
    }
    for name, table in present(tables, *sources):
        source, expected = sources[name]
        if source not in tables:
            continue
        values = [expected(row, tables[source]) for row in table.to_dict("records")]
        yield from _compared(
            name, table, table["estimate"].to_numpy(dtype=float), np.array(values, dtype=float), "difference"
        )


def _compared(name: str, table: pd.DataFrame, given: np.ndarray, expected: np.ndarray, what: str) -> Iterator[Checked]:
    known = np.isfinite(given) & np.isfinite(expected)
    bad = known & (np.abs(given - expected) > TOLERANCE)
    amiss = [
        Amiss(place(row), f"{prose.number(a, 4)} is given, its parts make {prose.number(b, 4)}")
        for row, a, b in zip(table[bad].to_dict("records"), given[bad], expected[bad], strict=True)
    ]
    if known.any():
        yield Checked(name, int(known.sum()), what, tuple(amiss))


def _one(rows: pd.DataFrame) -> float:
    """The estimate of the one row there is, else NaN."""
    return float(rows["estimate"].iloc[0]) if len(rows) == 1 else np.nan


def _of_models(row: dict, scores: pd.DataFrame) -> float:
    """Two models in one part, or one model in two parts: "Training (out-of-fold) against test"."""
    found = NAMED.search(str(row["test"]))
    if not found:
        return np.nan
    first, _, second = str(row["part"]).partition(BETWEEN)
    here = scores[(scores["endpoint"] == row["endpoint"]) & (scores["metric"] == METRIC[found[1]])]
    here = here[here["kind"].isin(["oof", "frozen"])]
    sides = [(row["model_a"], first), (row["model_b"], second or first)]
    a, b = (_one(here[(here["model"] == model) & _is_part(here, name)]) for model, name in sides)
    return a - b


def _is_part(scores: pd.DataFrame, name: str) -> np.ndarray:
    """Rows of the part that goes by this name, in the tables or in words."""
    words = [prose.part_name(r.part, r.kind).lower() == name.lower() for r in scores.itertuples()]
    return (scores["part"] == name).to_numpy() | np.array(words, dtype=bool)


def _of_levels(row: dict, subgroups: pd.DataFrame) -> float:
    here = subgroups[subgroups["kind"].isin(FITTED) & (subgroups["metric"] == "auc")]
    for column in ("endpoint", "model", "part", "variable"):
        here = here[here[column] == row[column]]
    a, b = (_one(here[here["level"] == row[column]]) for column in ("level_a", "level_b"))
    return a - b


def _of_conditions(row: dict, scores: pd.DataFrame) -> float:
    first, _, second = str(row["contrast"]).partition(" - ")
    here = scores[(scores["endpoint"] == row["endpoint"]) & (scores["metric"] == row["metric"])]
    if row["metric"] not in READ or not {first, second} <= set(here["condition"]):
        return np.nan
    if row["reader"] == MEAN_OF_READERS:
        single = here[here["reader"] != MEAN_OF_READERS]
        return (
            single.loc[single["condition"] == first, "estimate"].mean()
            - single.loc[single["condition"] == second, "estimate"].mean()
        )
    own = here[here["reader"] == row["reader"]]
    return _one(own[own["condition"] == first]) - _one(own[own["condition"] == second])


def totals(tables: Given, level: float) -> Iterator[Checked]:
    """An improvement is the sum of events and nonevents; a corrected measure is the apparent one less its optimism."""
    for name, table in present(tables, "reclassification"):
        yield from _compared(
            name, table, *_floats(table, "estimate"), sum(_floats(table, "events", "nonevents")), "sum"
        )
    for name, table in present(tables, "validation"):
        rows = table[table["optimism"].notna()]
        apparent, optimism = _floats(rows, "apparent", "optimism")
        yield from _compared(name, rows, *_floats(rows, "estimate"), apparent - optimism, "corrected measure")


def _floats(table: pd.DataFrame, *columns: str) -> list[np.ndarray]:
    return [table[column].to_numpy(dtype=float) for column in columns]


def net_benefits(tables: Given, level: float) -> Iterator[Checked]:
    """Net benefit never exceeds the prevalence, and that of treating all follows from prevalence and threshold."""
    for name, table in present(tables, "decision", "decision_adjusted"):
        at, share, benefit, everyone = _floats(table, "threshold", "prevalence", "net_benefit", "treat_all")
        odds = at / np.where(at < 1, 1 - at, np.nan)
        yield from _compared(name, table, everyone, share - (1 - share) * odds, "net benefit of treating all")
        above = table[benefit > share + TOLERANCE]
        amiss = [
            Amiss(place(row), f"{row['net_benefit']:.4f} above {row['prevalence']:.4f}")
            for row in above.to_dict("records")
        ]
        yield Checked(name, len(table), "net benefit", tuple(amiss))
