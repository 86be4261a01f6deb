"""What a survey of tables found: a line a table for whoever watches, and the files that stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.cluster import Outcome
from helpers.learning.tabular import Scored
from helpers.statistics.crossvalidated import CrossValidatedAUC, cross_validated_auc
from helpers.tables import write_whole

COLUMNS = (
    "table", "used", "reason", "n", "patients", "events", "event", "features_read", "features_used", "features_chosen",
    "auc", "low", "high", "method", "repeats", "common_recipe", "permutations", "permuted_mean", "permuted_lowest",
    "permuted_highest", "common_permuted_mean", "common_permuted_lowest", "common_permuted_highest", "notes",
)  # fmt: skip
DIGITS = "%.6f"


@dataclass(frozen=True)
class Job:
    """One or more cross-validations of a table, with its own labels (permutation 0) or permuted ones."""

    path: Path
    permutation: int
    repeats: tuple[int, ...]
    common: bool


@dataclass(frozen=True)
class Described:
    """What a table holds; `row` and `patient` (n,) say where each used row stands in the file, and whose it is."""

    n: int
    patients: int
    events: int
    event: str
    features_read: int
    features_used: int
    row: np.ndarray
    patient: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """What a job found: a scored cross-validation a repeat, the labels (n,) it was judged by, processor seconds."""

    scored: tuple[Scored, ...]
    truth: np.ndarray
    seconds: float


def names(files: Sequence[Path]) -> dict[Path, str]:
    """A name for each table: its file's without endings, or with them where two would be the same."""
    short = {path: path.name.split(".")[0] or path.name for path in files}
    lower = [name.lower() for name in short.values()]
    return {path: path.name if lower.count(name.lower()) > 1 else name for path, name in short.items()}


class Page:
    """Lines and files of a survey, a table at a time, so that an interrupted one leaves what it had."""

    def __init__(self, out: Path, *, names: Sequence[str], permutations: int, level: float) -> None:
        self._out, self._permutations, self._level = out, permutations, level
        columns = ["Table", "n", "Events", "Features", "Used", f"Nested-CV AUC ({100 * level:g} % CI)", "Common recipe"]
        columns += ["Permuted labels: mean (range)", "Common recipe, permuted"] if permutations else []
        self._columns = [*columns, "Core seconds"]
        self._widths = [max(map(len, ["Table", *names])), *(max(len(c), 6) for c in self._columns[1:])]
        self._rows: list[dict[str, Any]] = []
        self._seconds: list[dict[str, Any]] = []
        self._areas: list[dict[str, Any]] = []

    @property
    def usable(self) -> int:
        return sum(row["used"] for row in self._rows)

    def head(self) -> Iterator[str]:
        """Title and rule of the Markdown table."""
        yield self._line(self._columns)
        yield self._line([":" + "-" * (w - 1) if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(self._widths)])

    def unusable(self, name: str, reason: str) -> str:
        """The line of a table that cannot be used."""
        self._rows.append({"table": name, "used": False, "reason": reason})
        self._write()
        cells = ["not used: " + reason if i == 5 else "" for i in range(1, len(self._columns))]
        return self._line([name, *cells])

    def add(self, name: str, described: Described, outcomes: Sequence[Outcome]) -> str:
        """The line of a table from its jobs, whose files are written."""
        real = [o for o in outcomes if not o.item.permutation]
        nested, common = [o for o in real if not o.item.common], [o for o in real if o.item.common][0]
        lost = next((o.error for o in nested if o.error), None)
        if lost:
            return self.unusable(name, lost)
        scored = [each for outcome in nested for each in outcome.value.scored]
        area = _area(described, nested[0].value.truth, scored, self._level)
        recipe = np.nan if common.error else _estimate(described, common)
        notes = [*described.notes, *([f"common recipe: {common.error}"] if common.error else [])]
        self._predictions(name, described, nested[0].value.truth, scored)
        null = {c: self._permuted(name, described, outcomes, common=c, notes=notes) for c in (False, True)}
        self._row(name, described, area, recipe, scored, null, notes)
        seconds = sum(o.value.seconds for o in outcomes if not o.error)
        self._seconds.append({"table": name, "core_seconds": seconds})
        self._write()
        counts = [described.n, described.events, described.features_read, described.features_used]
        cells = [name, *counts, prose.interval(area.estimate, area.low, area.high), prose.number(recipe)]
        cells += [_ranged(values) for values in null.values()] if self._permutations else []
        return self._line([*cells, f"{seconds:.0f}"])

    def foot(self) -> Iterator[str]:
        """What the columns mean, and where the files are."""
        yield ""
        yield "AUC: within the folds of repeated cross-validation, every step repeated in each; tables.csv has notes and reasons."
        yield "Common recipe: features selected on all rows first, the same folds and measure. It is wrong, and only for comparison."
        if self._permutations:
            yield f"Permuted labels: {self._permutations} a table; there is nothing to find, and what is above 0.50 is optimism."
        yield f"Written: {self._out}/tables.csv, predictions/ (out-of-fold){', permutations.csv' * bool(self._permutations)}"

    def _line(self, cells: Sequence[Any]) -> str:
        texts = [str(cell).replace("|", "/").replace("\n", " ") for cell in cells]
        pairs = zip(texts, self._widths, strict=True)
        return "| " + " | ".join(t.ljust(w) if i == 0 else t.rjust(w) for i, (t, w) in enumerate(pairs)) + " |"

    def _permuted(
        self, name: str, described: Described, outcomes: Sequence[Outcome], *, common: bool, notes: list[str]
    ) -> list[float]:
        """Areas under permuted labels; those that could not be computed are counted in the notes."""
        own = [o for o in outcomes if o.item.permutation and o.item.common == common]
        recipe = "common recipe" if common else "whole pipeline"
        areas = [_estimate(described, o) for o in own if not o.error]
        if len(areas) < len(own):
            notes.append(f"{recipe}: {len(own) - len(areas)} permutations without a result")
        numbers = [o.item.permutation for o in own if not o.error]
        for number, value in zip(numbers, areas, strict=True):
            self._areas.append({"table": name, "permutation": number, "recipe": recipe, "auc": value})
        return areas

    def _row(
        self,
        name: str,
        described: Described,
        area: CrossValidatedAUC,
        recipe: float,
        scored: Sequence[Scored],
        null: dict[bool, list[float]],
        notes: Sequence[str],
    ) -> None:
        told = ("n", "patients", "events", "event", "features_read", "features_used")
        row = {"table": name, "used": True, "reason": ""} | {key: getattr(described, key) for key in told}
        row |= {"features_chosen": float(np.median([k for each in scored for k in each.chosen]))}
        row |= {"auc": area.estimate, "low": area.low, "high": area.high, "method": area.method}
        row |= {"repeats": area.repeats, "common_recipe": recipe, "permutations": self._permutations}
        for key, values in zip(("permuted", "common_permuted"), null.values(), strict=True):
            if values:
                row |= {f"{key}_mean": np.mean(values), f"{key}_lowest": min(values), f"{key}_highest": max(values)}
        self._rows.append(row | {"notes": "; ".join(notes)})

    def _predictions(self, name: str, described: Described, truth: np.ndarray, scored: Sequence[Scored]) -> None:
        columns = {"row": described.row, "truth": truth}
        for number, each in enumerate(scored, start=1):
            columns |= {f"fold_{number}": each.fold, f"score_{number}": each.score}
        _save(self._out / "predictions" / f"{name}.csv", pd.DataFrame(columns))

    def _write(self) -> None:
        whole = pd.DataFrame(self._rows).reindex(columns=list(COLUMNS))
        counts = [
            c
            for c in COLUMNS
            if c in ("n", "patients", "events", "repeats", "permutations") or "read" in c or "_used" in c
        ]
        _save(self._out / "tables.csv", whole.astype(dict.fromkeys(counts, "Int64")))
        _save(self._out / "seconds.csv", pd.DataFrame(self._seconds))
        if self._areas:
            _save(self._out / "permutations.csv", pd.DataFrame(self._areas))


def _save(path: Path, frame: pd.DataFrame) -> None:
    write_whole(path, lambda beside: frame.to_csv(beside, index=False, float_format=DIGITS))


def _area(described: Described, truth: np.ndarray, scored: Sequence[Scored], level: float) -> CrossValidatedAUC:
    scores, folds = [each.score for each in scored], [each.fold for each in scored]
    return cross_validated_auc(truth, scores, folds, cluster=described.patient, level=level)


def _estimate(described: Described, outcome: Outcome) -> float:
    return _area(described, outcome.value.truth, outcome.value.scored, 0.95).estimate


def _ranged(values: Sequence[float]) -> str:
    if not values:
        return prose.NOT_ESTIMABLE
    return f"{np.mean(values):.3f} ({min(values):.2f} to {max(values):.2f})"
