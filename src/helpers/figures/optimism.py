"""How far the apparent performance is too good: every way of validating a model beside the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.figures import discrimination, grid, names, rows, theme

METHODS = {  # method of table validation: its words, in the order of the rows
    "apparent": "Apparent (same patients)",
    "cross-validation": "Cross-validation",
    "repeated cross-validation": "Repeated cross-validation",
    "bootstrap optimism": "Bootstrap-corrected",
    "bootstrap out-of-bag": "Bootstrap out-of-bag",
    "bootstrap .632+": "Bootstrap .632+",
}
REPEATED = "repeated cross-validation"
SCORED = {"apparent": "apparent", "oof": "cross-validation"}  # kind of table scores, and its method
METRICS = {
    "auc": ("AUC (95 % CI)", 0.5, (0.0, 1.0)),
    "calibration_slope": ("Calibration slope (95 % CI)", 1.0, (-0.5, 3.0)),
}
LEFTS, WIDE, NUMBERS = (48.5, 111.0), 29.5, 2.2  # mm: the two panels, their width, from a panel to its numbers
NOTED = 8.4  # mm of the row whose label has a second line
TITLE = 3.0  # mm above the first row


@theme.drawn
def optimism(validation: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """AUC and calibration slope of every model by way of validating it, from the apparent value to new patients.

    Table `validation`, and `scores` for n and events in training and for the parts that no model was fitted on. An open
    mark is the apparent value, a bracket the range over repeats of the cross-validation (no confidence interval).
    """
    if validation.empty:
        return theme.message("optimism", "No internal validation was run.")
    table = _by_method(validation, scores)
    groups = list(table.groupby(["endpoint", "model"], sort=False))
    total = sum(rows.HEAD + sum(_height(m) for m in own["method"].unique()) for _, own in groups) + TITLE + rows.AXIS
    sheet = rows.sheet("optimism", height=total)
    axes = {}
    for left, (metric, (words, ideal, within)) in zip(LEFTS, METRICS.items(), strict=True):
        own = table[table["metric"] == metric]
        values = own[["estimate", "low", "high"]].to_numpy(dtype=float).ravel()
        span = rows.limits(values, within=within, always=(0.5, 1.0) if metric == "auc" else (0.5, 1.5))
        axes[metric] = sheet.panel(left, WIDE, bottom=rows.AXIS, top=total - TITLE, limits=span)
        axes[metric].axvline(ideal, color=theme.RULE, linewidth=0.7, zorder=0)
        axes[metric].set_xlabel(words)
    y = total - TITLE
    for (endpoint, model), own in groups:
        y = _heading(sheet, y, endpoint, model, scores, several=table["endpoint"].nunique() > 1)
        for method, values in own.groupby("method", sort=False):
            y -= _height(str(method))
            _method(sheet, axes, y + _height(str(method)) / 2, str(method), values, model)
    return sheet.figure


def limited(validation: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Table `validation` with the limits that table `scores` has of the same apparent and out-of-fold values."""
    keys = ["endpoint", "model", "method", "metric"]
    scored = scores[(scores["part"] == "train") & scores["kind"].isin(SCORED)]
    scored = scored.assign(method=scored["kind"].map(SCORED)).drop_duplicates(keys).set_index(keys)
    numbers = scored.reindex(pd.MultiIndex.from_frame(validation[keys]))[["estimate", "low", "high"]].astype(float)
    missing = validation[["low", "high"]].astype(float).isna().to_numpy().all(axis=1)
    same = np.isclose(numbers["estimate"].to_numpy(), validation["estimate"].to_numpy(dtype=float), atol=1e-6)
    filled = validation.copy()
    for limit in ("low", "high"):
        given = validation[limit].to_numpy(dtype=float)
        filled[limit] = np.where(missing & same, numbers[limit].to_numpy(), given)
    return filled


def _by_method(validation: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Rows (endpoint, model, method, metric, estimate, low, high, n, events): the methods in order, then parts never fitted on."""
    columns = ["endpoint", "model", "method", "metric", "estimate", "low", "high", "n", "events"]
    inside = limited(validation[validation["method"].isin(METHODS)], scores).assign(n=np.nan, events=np.nan)
    outside = scores[(scores["kind"] == "frozen") & (scores["part"] != "train")]
    outside = outside.assign(method=[f"part {part}" for part in outside["part"]])
    parts = sorted(outside["part"].unique(), key=grid.part_order)
    order = [*METHODS, *(f"part {part}" for part in parts)]
    both = pd.concat([inside[columns], outside[outside["model"].isin(inside["model"])][columns]], ignore_index=True)
    both = both[both["metric"].isin(METRICS)]
    ranks = {model: i for i, model in enumerate(names.models(inside["model"]))}
    endpoints = list(dict.fromkeys(inside["endpoint"]))
    keys = pd.DataFrame(
        {
            "endpoint": both["endpoint"].map({e: i for i, e in enumerate(endpoints)}),
            "model": both["model"].map(ranks),
            "method": both["method"].map({m: i for i, m in enumerate(order)}),
        }
    )
    return both.loc[keys.dropna().sort_values(["endpoint", "model", "method"], kind="stable").index]


def _height(method: str) -> float:
    return NOTED if method == REPEATED or method not in METHODS else rows.PITCH


def _heading(sheet: rows.Sheet, y: float, endpoint: str, model: str, scores: pd.DataFrame, *, several: bool) -> float:
    """The model's name, with n and events of the training part; returns where the row ends."""
    label = str(theme.model_style(model)["label"])
    words = f"{names.endpoint(endpoint)}: {label}" if several else label
    train = scores[(scores["part"] == "train") & (scores["model"] == model) & (scores["endpoint"] == endpoint)]
    size = discrimination.size(train)
    middle = y - rows.HEAD / 2 - 0.3
    room = LEFTS[0] - 4.0
    sheet.write(2.0, middle, names.shorten(words, room, weight="bold"), fontweight="bold", color=theme.ink(model))
    note = f"training {size}" if size else ""
    sheet.write(LEFTS[0], middle, note, color=theme.MUTED, bbox=rows.MASK)
    return y - rows.HEAD


def _method(sheet: rows.Sheet, axes: dict[str, Axes], y: float, method: str, values: pd.DataFrame, model: str) -> None:
    words = METHODS.get(method) or names.part(method.removeprefix("part "))
    note = "range over repeats" if method == REPEATED else discrimination.size(values)
    sheet.write(5.0, y + (1.8 if note else 0.0), names.shorten(words, LEFTS[0] - 7.0))
    sheet.write(5.0, y - 1.8, note, color=theme.MUTED)
    look = theme.model_style(model)
    for left, (metric, ax) in zip(LEFTS, axes.items(), strict=True):
        row = values[values["metric"] == metric]
        if row.empty:
            sheet.write(left + WIDE + NUMBERS, y, "–", color=theme.MUTED)
            continue
        value = row.iloc[0][["estimate", "low", "high"]].astype(float)
        if method == REPEATED:
            rows.bracket(ax, y, value, color=look["color"], mark=look["marker"])
        else:
            rows.interval(ax, y, value, color=look["color"], mark=look["marker"], full=method != "apparent")
        written = rows.written(*value)
        sheet.write(
            left + WIDE + NUMBERS, y, written.replace("(", "[").replace(")", "]") if method == REPEATED else written
        )
