"""Negative controls: what models reach on scans whose voxels were shuffled, under what they reach on the scans as they are."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, rows, theme
from helpers.learning.controls import TEXTURE

CONTROLS = {  # control of table controls: its words and its mark, in the order of the rows
    "original": ("as scanned", "o"),
    "inside": ("shuffled within the lesion", "s"),
    "outside": ("shuffled outside the lesion", "^"),
}
LEFT, WIDE, NUMBERS = 74.0, 62.0, 3.0  # mm: the panel, its width, from there to the numbers
TOP = 3.0  # mm above the first row
GAP = 2.0  # mm between models


@theme.drawn
def controls(table: pd.DataFrame) -> Figure:
    """AUC with interval of every model (table `controls`), by endpoint and part: as scanned, and with voxels shuffled.

    Marks tell the control; only the mark of the scans as they are is full.
    """
    if table.empty:
        return theme.message("controls", "No voxel control was asked for.")
    groups = _groups(table)
    height = TOP + rows.AXIS + sum(rows.HEAD + sum(_height(own) for _, own in models) for _, models in groups)
    sheet = rows.sheet("controls", height=height)
    span = rows.limits(table[["auc", "low", "high"]].to_numpy(float).ravel(), within=(0.0, 1.0), always=(0.4, 1.0))
    ax = sheet.panel(LEFT, WIDE, bottom=rows.AXIS, top=height - TOP, limits=span)
    ax.axvline(0.5, color=theme.RULE, linewidth=0.7, zorder=0)
    ax.set_xlabel("AUC (95 % CI); 0.5 is chance")
    y = height - TOP
    for heading, models in groups:
        middle = y - rows.HEAD / 2
        sheet.write(2.0, middle, heading, color=theme.MUTED, bbox=rows.MASK)
        y -= rows.HEAD
        for model, own in models:
            y = _model(sheet, ax, y, model, own)
    return sheet.figure


def alt_controls(table: pd.DataFrame) -> str:
    """Every AUC of the figure in words."""
    if table.empty:
        return "No voxel control was asked for."
    told = ["AUC of each model on the scans as they are and with voxels shuffled."]
    for heading, models in _groups(table):
        for model, own in models:
            values = [
                f"{CONTROLS[row.control][0]} {rows.written(row.auc, row.low, row.high)}" for row in own.itertuples()
            ]
            told.append(f"{heading}, {label(model).lower()}: {'; '.join(values)}.")
    return " ".join(told)


def label(model: str) -> str:
    """The model as a reader meets it."""
    return "Texture alone" if model == TEXTURE else str(theme.model_style(model)["label"])


def _groups(table: pd.DataFrame) -> list[tuple[str, list[tuple[str, pd.DataFrame]]]]:
    """(heading, [(model, its rows in the order of the controls)]) of every endpoint and part."""
    several = table["endpoint"].nunique() > 1
    order = {control: place for place, control in enumerate(CONTROLS)}
    found = []
    for endpoint, of_endpoint in table.groupby("endpoint", sort=False):
        for part in sorted(of_endpoint["part"].unique(), key=grid.part_order):
            own = of_endpoint[of_endpoint["part"] == part]
            size = names.patients(own["n"].iloc[0], own["events"].iloc[0])
            heading = f"{prose.part_name(part, own['kind'].iloc[0])}, {size}"
            heading = f"{names.endpoint(endpoint)}: {heading}" if several else heading
            models = [m for m in names.models(own["model"]) if m != TEXTURE]
            models += [TEXTURE] * bool((own["model"] == TEXTURE).any())
            by_model = [(m, own[own["model"] == m].sort_values("control", key=lambda c: c.map(order))) for m in models]
            found.append((heading, by_model))
    return found


def _height(own: pd.DataFrame) -> float:
    return len(own) * rows.PITCH + GAP


def _model(sheet: rows.Sheet, ax: Axes, y: float, model: str, own: pd.DataFrame) -> float:
    """The rows of one model from `y` down; returns where they end."""
    color = theme.INK if model == TEXTURE else theme.model_style(model)["color"]
    word = theme.INK if model == TEXTURE else theme.ink(model)
    for place, row in enumerate(own.itertuples()):
        middle = y - (place + 0.5) * rows.PITCH
        words, mark = CONTROLS[row.control]
        if not place:
            sheet.write(4.0, middle, names.shorten(label(model), 26.0, weight="bold"), fontweight="bold", color=word)
        sheet.write(32.0, middle, words)
        value = (row.auc, row.low, row.high)
        rows.interval(ax, middle, value, color=color, mark=mark, full=row.control == "original")
        sheet.write(LEFT + WIDE + NUMBERS, middle, rows.written(*value))
    return y - _height(own)
