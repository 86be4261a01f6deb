"""Rules that ask for a second look: performance that falls from training to test, and risks that were too extreme."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from helpers import prose
from helpers.evaluation.plausibility.rule import LOOK, Amiss, Checked, Given, present

GAP = 0.10
FLATTEST = 0.7


def train_test(tables: Given, level: float) -> Iterator[Checked]:
    """The AUC out of fold is at most 0.10 above that of new patients, and the apparent one at most 0.10 above that out of fold."""
    for name, table in present(tables, "scores"):
        pairs = list(_pairs(table[table["metric"] == "auc"]))
        amiss = [
            Amiss(where, f"AUC {told} {prose.number(before)}, {then} {prose.number(after)}", LOOK)
            for where, told, before, then, after in pairs
            if before - after > GAP
        ]
        if pairs:
            yield Checked(name, len(pairs), "pair of AUCs", tuple(amiss))


def _pairs(areas: pd.DataFrame) -> Iterator[tuple[str, str, float, str, float]]:
    """Endpoint and model, and two AUCs of which the first should not lie far above the second."""
    for (endpoint, model), here in areas.groupby(["endpoint", "model"], sort=False):
        by_kind = here.drop_duplicates("kind").set_index("kind")["estimate"]
        where = f"{endpoint}, {model}"
        if {"apparent", "oof"} <= set(by_kind.index):
            yield where, "on the very patients of the fit", by_kind["apparent"], "out of fold", by_kind["oof"]
        if "oof" in by_kind.index:
            for row in here[here["kind"] == "frozen"].itertuples():
                yield where, "out of fold in training", by_kind["oof"], f"in part {row.part}", row.estimate


def slopes(tables: Given, level: float) -> Iterator[Checked]:
    """The calibration slope in new patients is at least 0.7; below it the risks were too extreme, the mark of overfitting."""
    for name, table in present(tables, "scores"):
        rows = table[(table["metric"] == "calibration_slope") & (table["kind"] == "frozen") & table["estimate"].notna()]
        amiss = [
            Amiss(
                f"{row.endpoint}, {row.model}, {row.part}",
                f"slope {prose.interval(row.estimate, row.low, row.high)}",
                LOOK,
            )
            for row in rows.itertuples()
            if row.estimate < FLATTEST
        ]
        if len(rows):
            yield Checked(name, len(rows), "slope", tuple(amiss))
