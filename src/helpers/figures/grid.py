"""Panels placed in mm, one row an endpoint and one column a part, with a small key under each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation
from scipy.optimize import isotonic_regression

from helpers.figures import names, theme

KINDS = ("oof", "frozen", "apparent")  # the first of these that a part has is the one shown
HEADING = 6.0  # mm of an endpoint's name above its row
LINE = 4.3  # mm from one line of a key to the next
Row = tuple[dict[str, Any] | None, str, str]  # look of the swatch, name, value


@dataclass(frozen=True)
class Cell:
    """What one panel shows."""

    endpoint: str
    part: str
    kind: str

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The cell's rows of a table."""
        chosen = (frame["endpoint"] == self.endpoint) & (frame["part"] == self.part) & (frame["kind"] == self.kind)
        return frame[chosen]


def cells(frame: pd.DataFrame, *, parts: Sequence[str] | None = None) -> list[Cell]:
    """Endpoints as they come; train, test, then external centers by name; of the kinds the honest one."""
    found = []
    for endpoint in dict.fromkeys(frame["endpoint"]):
        rows = frame[frame["endpoint"] == endpoint]
        for part in sorted(set(rows["part"]), key=part_order):
            kinds = set(rows.loc[rows["part"] == part, "kind"])
            kind = next((k for k in KINDS if k in kinds), min(kinds))
            if parts is None or part in parts:
                found.append(Cell(endpoint, part, kind))
    return found


def part_order(part: str) -> tuple[int, str]:
    """Train, test, then external centers by name."""
    return ({"train": 0, "test": 1}.get(part, 2), part)


def judged(frame: pd.DataFrame) -> str:
    """The part on which models are judged first: test, else the first external center, else training."""
    parts = sorted(set(frame["part"]), key=part_order)
    return next((part for part in [*(p for p in parts if p != "train"), *parts]), "test")


@dataclass(frozen=True)
class Panel:
    """The axes of a cell, and whether they open a row."""

    cell: Cell
    ax: Axes
    first: bool


@dataclass(frozen=True)
class Layout:
    """Sizes in mm; a panel without a height is square."""

    width: float = theme.DOUBLE
    columns: int = 3
    height: float | None = None
    left: float = 15.0
    right: float = 3.0
    top: float = 10.0  # above each panel, for its title
    foot: float = 12.0  # below each panel, for its axis and key
    across: float = 8.0  # between panels
    widest: float = 80.0

    def panel_width(self) -> float:
        room = self.width - self.left - self.right - (self.columns - 1) * self.across
        return min(room / self.columns, self.widest)

    def panel_height(self) -> float:
        return self.panel_width() if self.height is None else self.height


def panels(name: str, rows: Sequence[int], layout: Layout) -> tuple[Figure, list[list[Axes]]]:
    """A figure with `rows[i]` panels in its row i. Returns it and its axes, row by row."""
    wide, high = layout.panel_width(), layout.panel_height()
    pitch = layout.top + high + layout.foot
    total = pitch * len(rows)
    figure = theme.new_figure(name, width=layout.width, height=total)
    axes = []
    for i, count in enumerate(rows):
        bottom = total - pitch * i - layout.top - high
        lefts = [layout.left + j * (wide + layout.across) for j in range(count)]
        axes.append([add_axes(figure, (left, bottom, wide, high)) for left in lefts])
    return figure, axes


def add_axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Axes in a box (left, bottom, width, height) of mm."""
    width, height = figure.get_size_inches() / theme.MM
    left, bottom, wide, high = box
    return figure.add_axes((left / width, bottom / height, wide / width, high / height))


def by_cell(name: str, found: Sequence[Cell], layout: Layout) -> tuple[Figure, list[Panel]]:
    """One panel a cell: every endpoint starts a row, and a row holds at most `layout.columns` parts."""
    endpoints = list(dict.fromkeys(c.endpoint for c in found))
    lines: list[list[Cell]] = []
    for endpoint in endpoints:
        own = [c for c in found if c.endpoint == endpoint]
        lines += [own[i : i + layout.columns] for i in range(0, len(own), layout.columns)]
    if len(endpoints) > 1:
        layout = replace(layout, top=layout.top + HEADING)
    figure, axes = panels(name, [len(line) for line in lines], layout)
    made = []
    for line, row in zip(lines, axes, strict=True):
        made += [Panel(cell, ax, cell is line[0]) for cell, ax in zip(line, row, strict=True)]
        if len(endpoints) > 1:
            _heading(row[0], names.endpoint(line[0].endpoint), layout)
    for panel in made:
        panel.ax.set_label(" ".join((panel.cell.endpoint, panel.cell.part)))
    return figure, made


def _heading(ax: Axes, words: str, layout: Layout) -> None:
    width, height = ax.figure.get_size_inches() / theme.MM
    top = ax.get_position().y1 * height + layout.top - 1.0
    ax.figure.text(layout.left / width, top / height, words, fontsize=10, va="top", fontstyle="italic")


def columns(found: Sequence[Cell], *, most: int = 3) -> int:
    """How many columns the cells need."""
    counts = pd.Series([c.endpoint for c in found]).value_counts()
    return int(min(max(counts.max(), 1), most))


def title(ax: Axes, words: str, note: str = "") -> None:
    """A bold title over the panel's left edge, and a gray line under it."""
    at = {
        "xy": (0, 1),
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "ha": "left",
        "va": "bottom",
    }
    ax.annotate(words, xytext=(0, 15 if note else 4), fontweight="bold", fontsize=theme.BODY, **at)
    if note:
        ax.annotate(note, xytext=(0, 4), color=theme.MUTED, fontsize=theme.SMALL, **at)


def label_axes(panel: Panel, *, x: str, y: str) -> None:
    """Name both axes, the vertical one only where the row begins."""
    panel.ax.set_xlabel(x)
    panel.ax.set_ylabel(y if panel.first else "")


def key(panel: Panel, rows: Sequence[Row], *, below: float, outdent: float = 0.0) -> None:
    """Lines of swatch, name and value under a panel, the first `below` mm under its axis.

    With an `outdent` (mm to the left of the panel) there is no room for names but in the row's first panel.
    """
    ax = panel.ax
    room = ax.figure.get_size_inches()[0] / theme.MM * ax.get_position().width
    named = panel.first or not outdent
    begin = -outdent if panel.first else 0.0
    indent = begin + (7.5 if any(look for look, _, _ in rows) else 0.0)
    values = max((names.width(value) for _, _, value in rows), default=0.0)
    limit = max(room - indent - values - 2.0, 10.0)
    labels = [names.shorten(label, limit) if named else "" for _, label, _ in rows]
    widest = max((names.width(label) for label in labels), default=0.0)
    start = indent + (widest + 2.0 if named else 0.0)
    for i, ((look, _, value), label) in enumerate(zip(rows, labels, strict=True)):
        down = below + i * LINE
        if look:
            _swatch(ax, look, begin, down)
        _offset_text(ax, label, indent, down)
        _offset_text(ax, value, start, down)


def _offset_text(ax: Axes, text: str, across: float, down: float) -> None:
    points = 1 / names.POINT
    ax.annotate(
        text, xy=(0, 0), xycoords="axes fraction", xytext=(across * points, -down * points),
        textcoords="offset points", ha="left", va="center_baseline", fontsize=theme.SMALL,
    )  # fmt: skip


def _swatch(ax: Axes, look: dict[str, Any], across: float, down: float) -> None:
    corner = ScaledTranslation(across * theme.MM, -down * theme.MM, ax.figure.dpi_scale_trans)
    place = ax.figure.dpi_scale_trans + ScaledTranslation(0, 0, ax.transAxes) + corner
    xs = [0, 3.0 * theme.MM, 6.0 * theme.MM]
    ax.add_line(Line2D(xs, [0, 0, 0], markevery=[1], transform=place, clip_on=False, **look))


def spread(positions: Sequence[float], *, gap: float, low: float, high: float) -> np.ndarray:
    """Positions nearest to the given ones (least squares) that keep `gap` apart and stay within low..high."""
    wanted = np.asarray(positions, dtype=float)
    if not wanted.size:
        return wanted
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(wanted.size)
    placed = isotonic_regression(wanted[order] - steps).x
    placed = np.clip(placed, low, max(high - steps[-1], low)) + steps
    result = np.empty_like(placed)
    result[order] = placed
    return result
