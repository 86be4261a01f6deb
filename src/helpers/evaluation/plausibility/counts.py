"""Rules of counting: patients are whole, a two-by-two table gives all its measures, and models share their patients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation.plausibility.rule import FITTED, MEAN_OF_READERS, Amiss, Checked, Given, place, present, results
from helpers.statistics.thresholds import performance

SHARES = ("sensitivity", "specificity", "accuracy")
CELLS = ("tp", "fp", "fn", "tn")
TOLERANCE = 1e-6
PLAIN = (
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "accuracy",
    "no_information_rate",
    "balanced_accuracy",
    "mcc",
    "f1",
)
RATIOS = ("lr_positive", "lr_negative")
GROUP = {"scores": ["endpoint", "model", "part", "kind"], "reader_scores": ["endpoint", "reader", "condition"]}


def whole(tables: Given, level: float) -> Iterator[Checked]:
    """Sensitivity times events, specificity times nonevents and accuracy times patients are whole numbers."""
    for name, table in _of_one(tables):
        rows = table[table["metric"].isin(SHARES) & table["estimate"].notna()]
        of = {"sensitivity": rows["events"], "specificity": rows["n"] - rows["events"], "accuracy": rows["n"]}
        patients = np.select([rows["metric"] == m for m in of], list(of.values()), default=0).astype(float)
        right = rows["estimate"].to_numpy(dtype=float) * patients
        bad = np.abs(right - np.round(right)) > TOLERANCE * np.maximum(patients, 1)
        amiss = [
            Amiss(place(row), f"{row['estimate']:.4f} of {total:.0f} are {k:.2f} patients")
            for row, total, k in zip(rows[bad].to_dict("records"), patients[bad], right[bad], strict=True)
        ]
        if len(rows):
            yield Checked(name, len(rows), "share", tuple(amiss))


def _of_one(tables: Given) -> Iterator[tuple[str, pd.DataFrame]]:
    """Scores of one model or one reader each; a mean over readers is no count."""
    for name, table in present(tables, "scores", "reader_scores"):
        yield name, table[table["reader"] != MEAN_OF_READERS] if "reader" in table else table


def two_by_two(tables: Given, level: float) -> Iterator[Checked]:
    """Every measure at a threshold follows from the same four counts, and the counts add up to the patients."""
    for name, table in _of_one(tables):
        found, count = [], 0
        for key, here in table.groupby(GROUP[name], sort=False):
            own = here.drop_duplicates("metric").set_index("metric")
            cells = _cells(own)
            if cells is not None:
                count += 1
                found += [Amiss(", ".join(map(str, key)), seen) for seen in _contradictions(own, cells)]
        if count:
            yield Checked(name, count, "two-by-two table", tuple(found))


def _cells(own: pd.DataFrame) -> dict[str, int] | None:
    """tp, fp, fn and tn as given, else from sensitivity and specificity; None without either."""
    estimate = own["estimate"]
    if set(CELLS) <= set(own.index):
        return {name: round(float(estimate[name])) for name in CELLS}
    if not {"sensitivity", "specificity"} <= set(own.index) or estimate[["sensitivity", "specificity"]].isna().any():
        return None
    events, n = int(own["events"].iloc[0]), int(own["n"].iloc[0])
    tp, tn = round(estimate["sensitivity"] * events), round(estimate["specificity"] * (n - events))
    return {"tp": tp, "fp": n - events - tn, "fn": events - tp, "tn": tn}


def _contradictions(own: pd.DataFrame, cells: dict[str, int]) -> Iterator[str]:
    tp, fp, fn, tn = (cells[name] for name in CELLS)
    n, events = int(own["n"].iloc[0]), int(own["events"].iloc[0])
    if min(cells.values()) < 0 or (tp + fn, fp + tn) != (events, n - events):
        yield f"tp {tp}, fp {fp}, fn {fn} and tn {tn} are not {events} events of {n}"
        return
    for metric, value in _measures(cells).items():
        if metric in own.index and _differ(given := float(own.loc[metric, "estimate"]), value):
            yield f"{metric} is {given:.4f}, the four counts give {value:.4f}"


def _measures(cells: dict[str, int]) -> dict[str, float]:
    point: Any = performance(*(cells[name] for name in CELLS))
    found = {name: getattr(point, name) for name in (*PLAIN, *RATIOS)}
    values = {name: float(getattr(value, "estimate", value)) for name, value in found.items()}
    if min(cells.values()) > 0:  # with an empty cell the odds ratio is corrected, in more than one way
        values["diagnostic_odds_ratio"] = cells["tp"] * cells["tn"] / (cells["fp"] * cells["fn"])
    return values


def _differ(a: float, b: float) -> bool:
    return bool(np.isfinite(a) and np.isfinite(b) and abs(a - b) > TOLERANCE * max(1.0, abs(b)))


def same_patients(tables: Given, level: float) -> Iterator[Checked]:
    """All models of a part are judged on the same patients and events; a comparator may lack values, not gain patients."""
    for name, table in present(tables, "scores"):
        fitted, amiss = table[table["kind"].isin(FITTED)], []
        for key, here in fitted.groupby(["endpoint", "part", "kind"], sort=False):
            counts = here[["n", "events"]].drop_duplicates()
            if len(counts) > 1:
                told = prose.listing([f"{row.events} of {row.n}" for row in counts.itertuples()])
                amiss.append(Amiss(", ".join(map(str, key)), f"events of patients are {told}"))
        amiss += _too_many(table[table["kind"] == "unfitted"], fitted)
        yield Checked(
            name, len(table.drop_duplicates(["endpoint", "model", "part", "kind"])), "group of patients", tuple(amiss)
        )


def _too_many(unfitted: pd.DataFrame, fitted: pd.DataFrame) -> Iterator[Amiss]:
    most = fitted.groupby(["endpoint", "part"])["n"].max()
    for row in unfitted.itertuples():
        if row.n > most.get((row.endpoint, row.part), np.inf):
            yield Amiss(place(row), f"{row.n} patients, and the part has {most[row.endpoint, row.part]}")


def events_within(tables: Given, level: float) -> Iterator[Checked]:
    """Nowhere are there more events than patients."""
    for name, table in results(tables):
        if not {"n", "events"} <= set(table):
            continue
        bad = table[table["events"] > table["n"]]
        amiss = [Amiss(place(row), f"{row['events']} events of {row['n']}") for row in bad.to_dict("records")]
        yield Checked(name, len(table), "row", tuple(amiss))


def reclassified(tables: Given, level: float) -> Iterator[Checked]:
    """A reclassification table holds each patient of its part once."""
    for name, table in present(tables, "reclassification_table"):
        if "scores" not in tables:
            continue
        scores, amiss = tables["scores"], []
        sums = table.groupby(["endpoint", "part", "model_a", "model_b", "outcome"], sort=False)["count"].sum()
        for (endpoint, part, a, b, outcome), count in sums.items():
            own = scores[(scores["endpoint"] == endpoint) & (scores["part"] == part) & (scores["model"] == a)]
            own = own[own["kind"] == "frozen"]
            totals = {int(v) for v in (own["events"] if outcome == "events" else own["n"] - own["events"])}
            if totals and int(count) not in totals:
                amiss.append(
                    Amiss(f"{endpoint}, {part}, {a}, {b}, {outcome}", f"{count} counted, the part has {min(totals)}")
                )
        yield Checked(name, len(sums), "table", tuple(amiss))
