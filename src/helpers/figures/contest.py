"""The contest: every contender's AUC by inputs and classifier, and every family of models beside fitted baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.figures import grid, names, rows, theme

INDIGO = "#332288"
# Classifier: color, mark; none is the color of a model of the house.
LOOKS = {
    "logistic regression": (theme.SKY, "o"),
    "support vector machine": (theme.BROWN, "s"),
    "random forest": (theme.TEAL, "^"),
    "k-nearest neighbors": (theme.MUTED, "D"),
    "gradient boosting": (INDIGO, "v"),
}
LABELS, GAP, EDGE = 36.0, 8.0, 4.0  # mm: names of inputs, between panels, right of the last
STEP, SPACE = 3.1, 2.4  # mm from one classifier to the next, and between inputs
KEY, TITLE = 10.6, 9.0  # mm above the panels: the key in at most two lines, the panels' titles
MOST_PANELS = 3
NUMBERS = 29.0  # mm of the numbers beside a panel of families


@theme.drawn
def contenders(contest: pd.DataFrame) -> Figure:
    """A dot and its interval for every contender, by inputs; one panel a part; the winner by inner cross-validation in a ring.

    Table `contest`. Of several endpoints the first is drawn; the table has all.
    """
    if contest.empty:
        return theme.message("contest", "There was no contest.")
    own = contest[contest["endpoint"] == contest["endpoint"].iloc[0]]
    inputs, kinds = list(dict.fromkeys(own["inputs"])), list(dict.fromkeys(own["classifier"]))
    parts = grid.cells(own)[:MOST_PANELS]
    block = STEP * len(kinds) + SPACE
    height = rows.AXIS + block * len(inputs) + TITLE + KEY
    sheet = rows.sheet("contest", height=height)
    axes = _panels(sheet, own, parts, top=height - KEY - TITLE)
    _key(sheet, kinds, height)
    for i, name in enumerate(inputs):
        middle = height - KEY - TITLE - block * (i + 0.5)
        _name(sheet, middle, name, own)
        for j, kind in enumerate(kinds):
            y = middle + STEP * ((len(kinds) - 1) / 2 - j)
            _contender(axes, own[(own["inputs"] == name) & (own["classifier"] == kind)], y)
        for ax in axes.values() if i else ():
            ax.axhline(middle + block / 2, color=theme.RULE, linewidth=0.4, zorder=0)
    return sheet.figure


def _panels(sheet: rows.Sheet, own: pd.DataFrame, parts: Sequence[grid.Cell], *, top: float) -> dict[str, Axes]:
    """One panel a part, all on one axis of AUC."""
    wide = (theme.DOUBLE - LABELS - EDGE - GAP * (len(parts) - 1)) / len(parts)
    values = own[["estimate", "low", "high"]].to_numpy(dtype=float).ravel()
    span = rows.limits(values, within=(0.2, 1.0), always=(0.5, 1.0))
    axes = {}
    for i, cell in enumerate(parts):
        ax = sheet.panel(LABELS + i * (wide + GAP), wide, bottom=rows.AXIS, top=top, limits=span)
        ax.axvline(0.5, color=theme.RULE, linewidth=0.7, zorder=0)
        ax.set_xlabel("AUC (95 % CI)")
        here = cell.of(own).iloc[0]
        rows.title(ax, names.part(cell.part, cell.kind), names.patients(here["n"], here["events"]))
        axes[cell.part] = ax
    return axes


def _contender(axes: dict[str, Axes], found: pd.DataFrame, y: float) -> None:
    color, mark = LOOKS[found["classifier"].iloc[0]]
    for _, row in found.iterrows():
        if row["part"] not in axes:
            continue
        ax = axes[row["part"]]
        rows.interval(ax, y, row[["estimate", "low", "high"]], color=color, mark=mark)
        if row["chosen"]:
            _ring(ax, float(row["estimate"]), y)


def _ring(ax: Axes, x: float, y: float) -> None:
    look = {"markersize": 10.0, "markerfacecolor": "none", "markeredgecolor": theme.INK, "markeredgewidth": 1.1}
    ax.plot(x, y, marker="o", linestyle="", zorder=5, clip_on=False, **look)


def _name(sheet: rows.Sheet, middle: float, name: str, own: pd.DataFrame) -> None:
    """The inputs in the margin, and below them that the winner is here."""
    chosen = own[own["chosen"].astype(bool) & (own["inputs"] == name)]
    up = 2.0 if len(chosen) else 0.0
    sheet.write(1.0, middle + up, names.shorten(name, LABELS - 3.0, weight="bold"), fontweight="bold")
    if len(chosen):
        sheet.ax.plot(2.5, middle - 2.6, marker="o", markersize=7.0, color=theme.INK, markerfacecolor="none")
        sheet.write(5.0, middle - 2.6, "winner")


def _key(sheet: rows.Sheet, kinds: Sequence[str], height: float) -> None:
    """Marks of the classifiers, in lines as wide as the sheet."""
    x, y = 2.0, height - 3.0
    for kind in kinds:
        needed = 4.0 + names.width(kind) + 2.5
        if x + needed > theme.DOUBLE:
            x, y = 2.0, y - 4.6
        color, mark = LOOKS[kind]
        sheet.ax.plot(x + 1.0, y, marker=mark, color=color, markersize=5.0, linestyle="")
        sheet.write(x + 4.0, y, kind)
        x += needed


@theme.drawn
def families(table: pd.DataFrame) -> Figure:
    """AUC of every model and fitted baseline, out of fold in training and in the first part that no model was fitted on."""
    known = table[table["part"] != ""]
    if known.empty:
        return theme.message("families", "No model was judged.")
    own = known[known["endpoint"] == known["endpoint"].iloc[0]]
    cells = grid.cells(own)
    shown = [*(c for c in cells if c.kind == "oof"), *[c for c in cells if c.kind == "frozen"][:1]]
    models = own.drop_duplicates("model")[["model", "group"]]
    groups = list(models.groupby("group", sort=False))
    height = rows.AXIS + rows.PITCH * len(models) + rows.HEAD * len(groups) + 11.0
    sheet = rows.sheet("families", height=height)
    axes = _family_panels(sheet, own, shown, top=height - 11.0)
    y = height - 11.0
    for group, members in groups:
        sheet.write(
            1.0, y - rows.HEAD / 2, {"model": "Models", "baseline": "Fitted baselines"}[str(group)], fontweight="bold"
        )
        y -= rows.HEAD
        for model in members["model"]:
            _family(sheet, axes, own[own["model"] == model], y - rows.PITCH / 2)
            y -= rows.PITCH
    return sheet.figure


def _family_panels(sheet: rows.Sheet, own: pd.DataFrame, cells: Sequence[grid.Cell], *, top: float) -> dict[str, Axes]:
    room = (theme.DOUBLE - LABELS - EDGE) / max(len(cells), 2)
    values = own[["estimate", "low", "high"]].to_numpy(dtype=float).ravel()
    span = rows.limits(values, within=(0.2, 1.0), always=(0.5, 1.0))
    axes = {}
    for i, cell in enumerate(cells):
        ax = sheet.panel(LABELS + i * room, room - NUMBERS, bottom=rows.AXIS, top=top, limits=span)
        ax.axvline(0.5, color=theme.RULE, linewidth=0.7, zorder=0)
        ax.set_xlabel("AUC (95 % CI)")
        here = cell.of(own).iloc[0]
        rows.title(ax, names.part(cell.part, cell.kind), names.patients(here["n"], here["events"]))
        axes[cell.part] = ax
    return axes


def _family(sheet: rows.Sheet, axes: dict[str, Axes], found: pd.DataFrame, y: float) -> None:
    """One row: name, and by part the interval and its numbers; a baseline is gray and open."""
    model, baseline = str(found["model"].iloc[0]), found["group"].iloc[0] == "baseline"
    look = theme.model_style(model)
    color, mark = (theme.MUTED, "o") if baseline else (look["color"], look["marker"])
    words = model[:1].upper() + model[1:] if baseline else str(look["label"])
    ink = theme.INK if baseline else theme.ink(model)
    sheet.write(3.0, y, names.shorten(words, LABELS - 5.0), color=ink)
    for part, ax in axes.items():
        right = ax.get_position().x1 * theme.DOUBLE + 2.0
        here = found[found["part"] == part]
        if here.empty:
            sheet.write(right, y, "–", color=theme.MUTED)
            continue
        value = here.iloc[0][["estimate", "low", "high"]].astype(float)
        rows.interval(ax, y, value, color=color, mark=mark, full=not baseline)
        told = "0.50 by definition" if "definition" in here["method"].iloc[0] else rows.written(*value)
        sheet.write(right, y, told if np.isfinite(value["estimate"]) else "–")
