"""Every model against every other in one square: AUCs, their differences, and P values."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from helpers import prose
from helpers.figures import discrimination, grid, names, theme

MOST = 6  # models whose numbers fit the width of a page
CELL, TALL = 42.0, 15.0  # mm: widest and lowest cell
INSET = 0.015  # share of a cell left free around its frame
DARKEST = 0.2  # difference in AUC of the full tint, or the largest on the figure where that is more
FAMILIES = ("confirmatory", "exploratory")


@dataclass(frozen=True)
class Pair:
    """A comparison as its cell shows it: AUC of the first (left) model minus that of the second (lower) one."""

    estimate: float
    low: float
    high: float
    p: float
    p_holm: float
    declared: bool


@dataclass(frozen=True)
class Square:
    """A cell as it is drawn: its lines with their look, its tint, its frame."""

    row: int
    column: int
    words: list[tuple[str, dict]]
    color: Any = theme.PAPER
    declared: bool = False


@theme.drawn
def matrix(comparisons: pd.DataFrame, scores: pd.DataFrame, *, part: str | None = None) -> Figure:
    """AUCs on the diagonal, differences with 95 % intervals under it, P and Holm-adjusted P above it; a row an endpoint.

    Tables `comparisons` and `scores`; one `part`, by default that on which models are judged. The tint is the size of
    the difference, never that of P; a thick frame marks the comparisons declared beforehand.
    """
    own = comparisons[comparisons["family"].isin(FAMILIES)]
    own = own[own["part"] == (part or grid.judged(own))]
    if own.empty:
        return theme.message("matrix", "No two models were compared.")
    own = own.assign(kind="frozen")
    found = grid.cells(own)
    shown = {cell: _models(cell.of(own)) for cell in found}
    most = min(max(len(models) for models in shown.values()), MOST)
    width = theme.SINGLE if most == 2 else theme.DOUBLE
    wide = min((width - 4.0) / most, CELL)
    labels = {model: _label(model, wide) for models in shown.values() for model in models}
    tall = TALL + (grid.LINE if any("\n" in label for label in labels.values()) else 0.0)
    layout = grid.Layout(
        width=width, columns=1, left=2.0, right=2.0, top=12.0, foot=22.0, height=tall * most, widest=wide * most
    )
    figure, panels = grid.by_cell("matrix", found, layout)
    for panel in panels:
        cell, models = panel.cell, shown[panel.cell]
        cells = _cells(models[:MOST], _pairs(cell.of(own)), _aucs(cell.of(scores)), labels)
        _draw_square(panel.ax, cells, count=min(len(models), MOST))
        grid.title(panel.ax, f"{names.part(cell.part)}: AUC and its differences", discrimination.size(cell.of(scores)))
        left_out = "" if len(models) <= MOST else f"The first {MOST} of {len(models)} models are shown."
        declared = (cell.of(own)["family"] == "confirmatory").any()
        more = ["Thick frame: declared beforehand." if declared else "", left_out, _overall(comparisons, cell)]
        _explain(panel.ax, " ".join(filter(None, more)), width=width)
    return figure


def _models(own: pd.DataFrame) -> list[str]:
    return names.models([*own["model_a"], *own["model_b"]])


def _label(model: str, wide: float) -> str:
    return names.wrap(theme.model_style(model)["label"], 0.88 * wide - 1.5)  # bold is an eighth wider


def _pairs(rows: pd.DataFrame) -> dict[tuple[str, str], Pair]:
    """Both directions of every comparison."""
    found = {}
    for row in rows.itertuples():
        declared = row.family == "confirmatory"
        found[row.model_a, row.model_b] = Pair(row.estimate, row.low, row.high, row.p, row.p_holm, declared)
        found[row.model_b, row.model_a] = Pair(-row.estimate, -row.high, -row.low, row.p, row.p_holm, declared)
    return found


def _aucs(scores: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    rows = scores[scores["metric"] == "auc"]
    return {row.model: (float(row.estimate), float(row.low), float(row.high)) for row in rows.itertuples()}


def _cells(
    models: list[str],
    pairs: dict[tuple[str, str], Pair],
    aucs: dict[str, tuple[float, float, float]],
    labels: dict[str, str],
) -> list[Square]:
    largest = max([DARKEST, *(abs(p.estimate) for p in pairs.values() if np.isfinite(p.estimate))])
    squares = []
    for row, column in itertools.product(range(len(models)), repeat=2):
        pair = pairs.get((models[min(row, column)], models[max(row, column)]))
        if row == column:
            squares.append(Square(row, column, _auc(models[row], aucs, labels)))
        elif pair is not None and column < row:
            words = _lines(prose.interval(pair.estimate, pair.low, pair.high))
            squares.append(Square(row, column, [(words, {})], _tint(pair.estimate / largest), pair.declared))
        elif pair is not None:
            known = f"{prose.p_value(pair.p)}\nHolm {prose.p_cell(pair.p_holm)}"
            words = known if np.isfinite(pair.p) else f"P {prose.NOT_ESTIMABLE}"
            squares.append(Square(row, column, [(words, {})], declared=pair.declared))
    return squares


def _auc(model: str, aucs: dict[str, tuple[float, float, float]], labels: dict[str, str]) -> list[tuple[str, dict]]:
    """Name over AUC over its interval."""
    value = _lines(prose.interval(*aucs[model])) if model in aucs else "–"
    return [(labels[model], {"color": theme.ink(model), "fontweight": "bold"}), (f"AUC {value}", {})]


def _lines(interval: str) -> str:
    """The interval under its estimate, in words that fit a cell."""
    return interval.replace(f"interval {prose.NOT_ESTIMABLE}", "no interval").replace(" (", "\n(", 1)


def _tint(share: float) -> tuple[float, ...]:
    """White to blue where the left model is ahead, to orange where it is behind; the numbers have the sign."""
    if not np.isfinite(share):
        return to_rgb(theme.PAPER)
    color = np.array(to_rgb(theme.SKY if share > 0 else theme.ORANGE))
    return tuple(1 - 0.65 * min(abs(share), 1.0) * (1 - color))


def _draw_square(ax: Axes, squares: list[Square], *, count: int) -> None:
    ax.set(xlim=(0, count), ylim=(count, 0), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    for square in squares:
        edge = (
            {"edgecolor": theme.INK, "linewidth": 1.5}
            if square.declared
            else {"edgecolor": theme.RULE, "linewidth": 0.6}
        )
        corner = (square.column + INSET, square.row + INSET)
        side = 1 - 2 * INSET
        ax.add_patch(Rectangle(corner, side, side, facecolor=square.color, clip_on=False, zorder=1, **edge))
        _write(ax, square)


def _write(ax: Axes, square: Square) -> None:
    """Lines of a cell, centered together."""
    lines = [(line, look) for words, look in square.words for line in words.split("\n")]
    for i, (line, look) in enumerate(lines):
        up = ((len(lines) - 1) / 2 - i) * grid.LINE / names.POINT
        ax.annotate(
            line, xy=(square.column + 0.5, square.row + 0.5), xytext=(0, up), textcoords="offset points", ha="center",
            va="center", fontsize=theme.SMALL, **look,
        )  # fmt: skip


def _overall(comparisons: pd.DataFrame, cell: grid.Cell) -> str:
    """The test that all models are alike, where there was one."""
    rows = comparisons[comparisons["family"] == "global"]
    rows = rows[(rows["endpoint"] == cell.endpoint) & (rows["part"] == cell.part)]
    if rows.empty or not np.isfinite(rows["p"].iloc[0]):
        return ""
    row = rows.iloc[0]
    return f"All models alike: {prose.p_value(row['p'])} (chi-square {prose.number(row['statistic'], 1)}, df {row['df']:.0f})."


def _explain(ax: Axes, more: str, *, width: float) -> None:
    """How to read the square, under it."""
    told = [
        "Below the diagonal: AUC of the model above minus AUC of the model at right (95 % CI).",
        "Above it: P, and P adjusted by Holm within its family.",
        more,
    ]
    words = names.wrap(" ".join(told).strip(), width - 6.0, lines=5)
    ax.annotate(
        words, xy=(0, 0), xycoords="axes fraction", xytext=(1, -6), textcoords="offset points", ha="left", va="top",
        fontsize=theme.SMALL, color=theme.MUTED, linespacing=1.3,
    )  # fmt: skip
