"""What a rule of plausibility gives back: how much it checked in a table, and what it found amiss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from helpers.tables import DECLARED

Verdict = Literal["plausible", "look at this", "implausible"]
PLAUSIBLE: Verdict = "plausible"
LOOK: Verdict = "look at this"
WRONG: Verdict = "implausible"

# Columns that say which row it is; cases and patients are not among them, so that no finding can name one.
IDENTITY = (
    "endpoint", "signature", "model", "model_a", "model_b", "object", "reader", "contrast", "condition", "reader_a", "reader_b",
    "part", "kind", "version", "outcome", "variable", "level", "level_a", "level_b", "block", "term", "feature", "metric", "measure",
    "test",
)  # fmt: skip
FITTED = ("oof", "frozen", "apparent")  # kinds of prediction of a fitted model
MEAN_OF_READERS = "mean of readers"
# A score with no more distinct values than this is a category, not a measurement; constant models of a few folds are too.
FEW_VALUES = 20


@dataclass(frozen=True)
class Amiss:
    """One thing found: in which row, what was seen there, and how bad it is."""

    where: str
    seen: str
    verdict: Verdict = WRONG


@dataclass(frozen=True)
class Checked:
    """What a rule did in one table: how many of what (singular) it looked at, and what was amiss."""

    table: str
    count: int
    what: str
    amiss: tuple[Amiss, ...] = ()


Given = Mapping[str, pd.DataFrame]
Rule = Callable[[Given, float], Iterable[Checked]]


def place(row: object) -> str:
    """Which row this is, in the words of its own columns: "progression, nomogram, test, auc".

    row: a mapping, a named tuple or a Series.
    """
    get = row.get if hasattr(row, "get") else lambda name: getattr(row, name, None)
    values = [get(name) for name in IDENTITY]
    return ", ".join(str(v) for v in values if v is not None and v == v and str(v).strip())


def present(tables: Given, *names: str) -> Iterable[tuple[str, pd.DataFrame]]:
    """The named tables that are there and have rows."""
    return [(name, tables[name]) for name in names if name in tables and len(tables[name])]


def results(tables: Given) -> Iterable[tuple[str, pd.DataFrame]]:
    """Every table with rows whose columns are all ours, by name; in the others a user may call a column anything."""
    return present(tables, *sorted(name for name in tables if name not in DECLARED or not DECLARED[name].open))


def few_values(tables: Given, endpoint: str, model: str) -> bool:
    """Whether a model's predictions are known and take only a few distinct values."""
    if "predictions" not in tables:
        return False
    own = tables["predictions"]
    own = own[(own["endpoint"] == endpoint) & (own["model"] == model)]
    return len(own) > 0 and own.groupby("kind")["probability"].nunique().min() <= FEW_VALUES
