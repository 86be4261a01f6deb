"""The report's tables, formatted: estimate and interval in one cell, units in the header, plain words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation import order

METRICS = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "accuracy": "Accuracy",
    "calibration_in_the_large": "Calibration-in-the-large",
    "calibration_slope": "Calibration slope",
    "observed_expected": "Observed / expected",
    "ici": "Integrated calibration index",
    "brier": "Brier score",
    "scaled_brier": "Scaled Brier score",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "Matthews correlation",
    "f1": "F1",
    "no_information_rate": "No-information rate",
}
SINGLE = ("ici", "emax", "brier", "scaled_brier", "balanced_accuracy", "mcc", "f1", "no_information_rate")


def performance(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a metric, one column a model, blocks by endpoint and part; apparent predictions are left out."""
    judged = scores[scores["kind"].isin(["oof", "frozen"])]
    models = order.models(judged)
    rows = []
    for (endpoint, part, kind), here in judged.groupby(["endpoint", "part", "kind"], sort=False):
        rows.append([_block(here, endpoint, part, kind, scores), *[""] * len(models)])
        for metric in (m for m in METRICS if m in set(here["metric"])):
            rows.append([METRICS[metric], *[_cell(here, model, metric) for model in models]])
    return pd.DataFrame(rows, columns=["", *map(prose.model_name, models)])


def _block(here: pd.DataFrame, endpoint: str, part: str, kind: str, scores: pd.DataFrame) -> str:
    several = scores["endpoint"].nunique() > 1
    who = f"{here['n'].iloc[0]} patients, {here['events'].iloc[0]} events"
    return f"**{endpoint + ', ' if several else ''}{prose.part_name(part, kind)}: {who}**"


def _cell(here: pd.DataFrame, model: str, metric: str) -> str:
    found = here[(here["model"] == model) & (here["metric"] == metric)]
    if found.empty:
        return "\N{EN DASH}"
    row = found.iloc[0]
    return (
        prose.number(row["estimate"]) if metric in SINGLE else prose.interval(row["estimate"], row["low"], row["high"])
    )


def baselines(scores: pd.DataFrame) -> pd.DataFrame:
    """One row an unfitted comparator, one column a part."""
    here = scores[scores["kind"] == "unfitted"]
    if here.empty:
        return pd.DataFrame([["None declared (cohort.baselines)", ""]], columns=["Comparator", "AUC"])
    parts = list(dict.fromkeys(here["part"]))
    rows = []
    for (endpoint, model), of in here.groupby(["endpoint", "model"], sort=False):
        cells = of.set_index("part")
        rows.append([endpoint, prose.model_name(model), *[_auc_with_counts(cells, part) for part in parts]])
    frame = pd.DataFrame(rows, columns=["Endpoint", "Comparator", *map(prose.part_name, parts)])
    return frame if here["endpoint"].nunique() > 1 else frame.drop(columns="Endpoint")


def _auc_with_counts(cells: pd.DataFrame, part: str) -> str:
    if part not in cells.index:
        return "\N{EN DASH}"
    row = cells.loc[part]
    return f"{prose.interval(row['estimate'], row['low'], row['high'])}, {row['events']} of {row['n']}"


def comparisons(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Declared contrasts first; raw and Holm-adjusted P values side by side."""
    rows = [
        (
            prose.part_name(row.part), f"{prose.model_name(row.model_a)} \N{MINUS SIGN} {prose.model_name(row.model_b).lower()}",
            prose.interval(row.estimate, row.low, row.high), prose.p_cell(row.p), prose.p_cell(row.p_holm), row.family,
        )
        for row in comparisons.sort_values("family", kind="stable").itertuples()
    ]  # fmt: skip
    columns = ["Part", "Contrast", "Difference in AUC (95 % interval)", "P", "P, Holm within family", "Family"]
    return pd.DataFrame(rows, columns=columns)


def reclassification(table: pd.DataFrame) -> pd.DataFrame:
    """Events and non-events stand apart; nothing here is a headline."""
    rows = [
        (
            prose.part_name(row.part), f"{prose.model_name(row.model_a)} over {prose.model_name(row.model_b).lower()}", row.measure,
            prose.number(row.events), prose.number(row.nonevents), prose.interval(row.estimate, row.low, row.high), row.method,
        )
        for row in table.itertuples()
    ]  # fmt: skip
    columns = ["Part", "Models", "Measure", "Events", "Non-events", "Sum (95 % interval)", "Interval"]
    return pd.DataFrame(rows, columns=columns)


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
    return name, coefficient, prose.interval(row.odds_ratio, row.low, row.high), per_sd, prose.p_cell(row.p)


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


def geometry(table: pd.DataFrame) -> pd.DataFrame:
    """What was measured, by sequence and reader: cases, lesion volume, voxels, gray levels, cases with a note."""
    rows = []
    for (sequence, reader), here in table.groupby(["sequence", "reader"], sort=False):
        noted = int((here["note"].fillna("") != "").sum())
        spacing = here["spacing"].mode().iloc[0]
        rows.append((sequence, reader, len(here), _range(here["volume_ml"], 1), _range(here["voxels"], 0),
                     _range(here["gray_levels"].dropna(), 0), spacing, noted))  # fmt: skip
    columns = [
        "Sequence",
        "Masks",
        "Cases",
        "Lesion volume, ml",
        "Voxels",
        "Gray levels",
        "Voxel size, mm",
        "Cases with a note",
    ]
    return pd.DataFrame(rows, columns=columns)


def _range(values: pd.Series, digits: int) -> str:
    low, middle, high = values.min(), values.median(), values.max()
    return f"{prose.number(middle, digits)} ({prose.number(low, digits)} to {prose.number(high, digits)})"


def readers(table: pd.DataFrame) -> pd.DataFrame:
    """One row a radiologist and condition."""
    rows = []
    for (reader, condition), here in table.groupby(["reader", "condition"], sort=False):
        cell = here.set_index("metric")
        values = [
            prose.interval(*cell.loc[m, ["estimate", "low", "high"]]) if m in cell.index else "\N{EN DASH}"
            for m in ("auc", "sensitivity", "specificity")
        ]
        seconds = prose.interval(*cell.loc["seconds", ["estimate", "low", "high"]], digits=0)
        rows.append((prose.reader_name(reader).capitalize(), condition, *values, seconds))
    return pd.DataFrame(
        rows, columns=["Reader", "Condition", "AUC", "Sensitivity", "Specificity", "Seconds a case, median (quartiles)"]
    )


def reader_comparisons(table: pd.DataFrame) -> pd.DataFrame:
    """Aided minus unaided, a row a reader and metric."""
    rows = [
        (
            prose.reader_name(row.reader).capitalize(),
            METRICS[row.metric],
            prose.interval(row.estimate, row.low, row.high),
            prose.p_cell(row.p),
            row.method,
        )
        for row in table.itertuples()
    ]
    return pd.DataFrame(rows, columns=["Reader", "Metric", "Aided minus unaided (95 % interval)", "P", "Method"])


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
