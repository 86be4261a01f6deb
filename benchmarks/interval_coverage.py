"""Coverage of the 95 % intervals and type I error of the tests, by simulation: python benchmarks/interval_coverage.py."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import sys
from pathlib import Path

import exact
import hypothesis_trials
import interval_trials
import panel_trials
from trials import Measured, measure

from helpers.evaluation.known_limits import explanation


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=4000, help="repetitions of each scenario")
    options.add_argument("--only", default="", help="scenarios or quantities whose name holds this text")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path, help="CSV of every row")
    asked = options.parse_args()
    rows: list[Measured] = []
    for kind, listed in (
        ("coverage", [*interval_trials.scenarios(), *panel_trials.scenarios()]),
        ("error", hypothesis_trials.scenarios()),
    ):
        chosen = [s for s in listed if asked.only in f"{s.label} {s.trial.func.__name__}"]
        found = [*measure(kind, chosen, repeats=asked.repeats, seed=asked.seed, workers=asked.workers)]
        found += [row for row in exact.rows(kind) if asked.only in f"{row.scenario} {row.quantity}"]
        rows += found
        print(_markdown(kind, found))
    if asked.out:
        _write(asked.out, rows)


def _markdown(kind: str, rows: list[Measured]) -> str:
    title = {"coverage": "Coverage of 95 % intervals (93.5 to 96.5 %)", "error": "Type I error at 5 % (4 to 6 %)"}[kind]
    lines = [f"## {title}", "", "| Quantity | Scenario | % | MC error | not estimable % | verdict |"]
    lines.append("|---|---|---:|---:|---:|---|")
    for row in sorted(rows, key=lambda row: row.quantity):
        cells = (f"{100 * row.share:.2f}", f"{100 * row.error:.2f}", f"{100 * row.missing:.1f}", row.verdict)
        lines.append(f"| {row.quantity} | {row.scenario} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_limits(rows), ""])


def _limits(rows: list[Measured]) -> list[str]:
    """What is known of the quantities outside their band; a new one has no explanation yet and says so."""
    outside = dict.fromkeys(
        row.quantity for row in sorted(rows, key=lambda row: row.quantity) if row.verdict != "within"
    )
    return [f"* {quantity}: {explanation(quantity) or 'no explanation yet.'}" for quantity in outside]


def _write(path: Path, rows: list[Measured]) -> None:
    with path.open("w", newline="") as file:
        names = [field.name for field in dataclasses.fields(Measured)]
        writer = csv.writer(file)
        writer.writerow([*names, "verdict"])
        writer.writerows([*(getattr(row, name) for name in names), row.verdict] for row in rows)


if __name__ == "__main__":
    sys.exit(main())
