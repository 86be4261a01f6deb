"""The flow of participants: screened, excluded and why, included, and the parts they went to (STARD 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from helpers import prose
from helpers.figures import grid, names, theme

STAGES = {
    "cohort": "at enrollment",
    "extraction": "at feature extraction",
    "imaging": "at feature extraction",
}
MOST_REASONS = 6  # reasons of a stage that are written out
LINE, PAD, GAP = 4.4, 2.2, 7.0  # mm: text line, box padding, space between boxes
MAIN, SIDE = (2.0, 81.0), (91.0, 82.0)  # left and width of the main and the exclusion column
A_ROW = 3  # parts that stand side by side; more stand one below the other
Lines = list[tuple[str, bool]]  # text, and whether it is bold


@theme.drawn
def participant_flow(
    cases: pd.DataFrame,
    exclusions: pd.DataFrame,
    *,
    endpoints: Sequence[Any] = (),
    enrolled: int | None = None,
) -> Figure:
    """Boxes from screened to train, test and external, with n and events; tables `cases` and `exclusions`.

    `endpoints` (objects with name and positive) are counted in each part; `enrolled` is how many were
    screened, by default all cases of both tables. Cases excluded later leave their part.
    """
    included = cases[~cases["case"].isin(exclusions["case"])]
    screened = enrolled if enrolled is not None else len(set(cases["case"]) | set(exclusions["case"]))
    if not screened:
        return theme.message("flow", "No patient was screened.")
    first = [("Screened", True), (f"n = {screened:,}", False)]
    middle = [("Included", True), (_who(included), False)]
    sides = [_excluded(stage, rows) for stage, rows in exclusions.groupby("stage", sort=False, dropna=False)]
    unexplained = screened - len(included) - exclusions["case"].nunique()
    if unexplained > 0:
        sides.append([(f"No reason recorded: n = {unexplained:,}", True)])
    parts = [_part(part, rows, endpoints) for part, rows in _parts(included)]
    beside = len(parts) <= A_ROW
    height = _height(first) + _height(middle) + sum(_height(s) + GAP for s in sides) + GAP + 2
    below = [max(map(_height, parts), default=0.0) + GAP] if beside else [_height(p) for p in parts]
    height += sum(h + GAP for h in below)
    figure = theme.new_figure("flow", width=theme.DOUBLE, height=height)
    ax = grid.add_axes(figure, (0, 0, theme.DOUBLE, height))
    ax.set(xlim=(0, theme.DOUBLE), ylim=(height, 0))
    ax.axis("off")
    bottom = _trunk(ax, first, sides, middle)
    (_branches if beside else _ladder)(ax, parts, bottom)
    return figure


def _trunk(ax: Axes, first: Lines, sides: list[Lines], middle: Lines) -> float:
    """Screened, the exclusions beside the way down, included. Returns the lower edge."""
    center = MAIN[0] + MAIN[1] / 2
    y = _box(ax, MAIN, 1.0, first)
    start = y
    y += GAP if sides else 0
    for side in sides:
        lower = _box(ax, SIDE, y, side)
        _arrow(ax, (center, (y + lower) / 2), (SIDE[0], (y + lower) / 2))
        y = lower + GAP
    y = max(y, start + GAP)
    _arrow(ax, (center, start), (center, y))
    return _box(ax, MAIN, y, middle)


def _branches(ax: Axes, parts: list[Lines], top: float) -> None:
    """The boxes of the parts, side by side under the included."""
    count = max(len(parts), 2)
    wide = (theme.DOUBLE - 4 - (count - 1) * 8) / count
    lefts = [2 + i * (wide + 8) for i in range(len(parts))]
    centers = [left + wide / 2 for left in lefts]
    trunk, bar = MAIN[0] + MAIN[1] / 2, top + GAP
    ax.plot([trunk, trunk], [top, bar], color=theme.INK, linewidth=0.8)
    ax.plot([min(trunk, *centers), max(trunk, *centers)], [bar, bar], color=theme.INK, linewidth=0.8)
    height = max(map(_height, parts))
    for left, center, lines in zip(lefts, centers, parts, strict=True):
        _arrow(ax, (center, bar), (center, bar + GAP))
        _box(ax, (left, wide), bar + GAP, lines, height=height)


def _ladder(ax: Axes, parts: list[Lines], top: float) -> None:
    """The boxes of many parts, one below the other, beside a line down from the included."""
    trunk, y = MAIN[0] + MAIN[1] / 2, top + GAP
    for lines in parts:
        lower = _box(ax, SIDE, y, lines)
        middle = (y + lower) / 2
        _arrow(ax, (trunk, middle), (SIDE[0], middle))
        y = lower + GAP
    ax.plot([trunk, trunk], [top, middle], color=theme.INK, linewidth=0.8)


def _parts(included: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    order = sorted(included["part"].dropna().unique(), key=grid.part_order)
    return [(part, included[included["part"] == part]) for part in order]


def _part(part: str, rows: pd.DataFrame, endpoints: Sequence[Any]) -> Lines:
    counts = [(line, False) for e in endpoints for line in _events(e.positive, rows[e.name])]
    return [(names.part(part), True), (_who(rows), False), *counts]


def _events(positive: str, labels: pd.Series) -> list[str]:
    """With the endpoint among those in whom it is known, and how many are not."""
    known = labels.dropna()
    share = f"{100 * known.mean():.0f}" if len(known) else "–"
    told = f"{positive}: {int(known.sum())} ({share} %)"
    return (
        [told]
        if len(known) == len(labels)
        else [told, f"    known in {len(known)}, unknown in {len(labels) - len(known)}"]
    )


def _excluded(stage: str, rows: pd.DataFrame) -> Lines:
    counts = rows.groupby("reason")["case"].nunique().sort_values(ascending=False, kind="stable")
    lines: Lines = [(f"Excluded {STAGES.get(stage, f'at {stage}')}: n = {rows['case'].nunique():,}", True)]
    for reason, n in counts[:MOST_REASONS].items():
        wrapped = names.wrap(f"{str(reason).rstrip('.')}: {n}", SIDE[1] - 5).split("\n")
        lines += [(text, False) for text in wrapped]
    if len(counts) > MOST_REASONS:
        lines.append((f"other reasons: {counts[MOST_REASONS:].sum()}", False))
    return lines


def _who(rows: pd.DataFrame) -> str:
    patients = rows["patient"].nunique()
    if patients == len(rows):
        return f"n = {patients:,} {'patient' if patients == 1 else 'patients'}"
    return f"n = {prose.count(len(rows), 'case')} of {prose.count(patients, 'patient')}"


def _height(lines: Lines) -> float:
    return LINE * len(lines) + 2 * PAD


def _size(bold: bool) -> float:
    return theme.BODY if bold else theme.SMALL


def _box(ax: Axes, column: tuple[float, float], top: float, lines: Lines, *, height: float | None = None) -> float:
    """A box with its lines, left-aligned. Returns its lower edge."""
    left, wide = column
    height = height or _height(lines)
    ax.add_patch(Rectangle((left, top), wide, height, facecolor="none", edgecolor=theme.INK, linewidth=0.8))
    for i, (text, bold) in enumerate(lines):
        weight = "bold" if bold else "normal"
        text = names.shorten(text, wide - 4, _size(bold), weight)
        y = top + PAD + LINE * (i + 0.5)
        ax.text(left + 2, y, text, va="center_baseline", fontsize=_size(bold), fontweight=weight)
    return top + height


def _arrow(ax: Axes, start: tuple[float, float], stop: tuple[float, float]) -> None:
    look = {
        "arrowstyle": "-|>,head_width=0.18,head_length=0.4",
        "color": theme.INK,
        "linewidth": 0.8,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    ax.annotate("", xy=stop, xytext=start, arrowprops=look)
