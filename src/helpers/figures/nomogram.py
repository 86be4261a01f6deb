"""The nomogram as rulers: points on top, one ruler a predictor, total points, and the risk below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from helpers import prose
from helpers.figures import grid, names, theme
from helpers.learning.points import Axis, Geometry, geometry

LEFT, LONG = 46.0, 100.0  # mm: where rulers begin, and the length of 100 points
PITCH, HEAD = 11.0, 11.0  # mm from ruler to ruler, and above the first
RISKS = (0.01, 0.05, *(round(0.1 * i, 1) for i in range(1, 10)), 0.95, 0.99)
Example = Mapping[str, float | str]


@dataclass(frozen=True)
class Ruler:
    """A named line in mm with its marks; `value`, `points` and `at` are the worked example's."""

    name: str
    start: float
    stop: float
    marks: Sequence[tuple[float, str]]
    stagger: bool = False
    value: str = ""
    points: str = ""
    at: float | None = None


@theme.drawn
def nomogram(nomogram: pd.DataFrame, *, cases: pd.DataFrame | None = None, example: Example | None = None) -> Figure:
    """Rulers of every endpoint's nomogram; table `nomogram`, and `cases` for n and events in training.

    `example` (a value or level for every variable) is worked through in red, with diamonds. A predictor's ruler
    spans its range in training and runs right to left where its coefficient is negative (Harrell, rms).
    """
    endpoints = list(dict.fromkeys(nomogram["endpoint"]))
    drawn = {e: geometry(nomogram[nomogram["endpoint"] == e]) for e in endpoints}
    drawn = {e: g for e, g in drawn.items() if g.largest_total > 0}
    if not drawn:
        return theme.message("nomogram", "The nomogram has no predictor.")
    sheets = {e: _rulers(g, example) for e, g in drawn.items()}
    height = sum(HEAD + PITCH * len(rulers) + 2 for rulers in sheets.values())
    figure = theme.new_figure("nomogram", width=theme.DOUBLE, height=height)
    ax = grid.add_axes(figure, (0, 0, theme.DOUBLE, height))
    ax.set(xlim=(0, theme.DOUBLE), ylim=(height, 0))
    ax.axis("off")
    top = 0.0
    for endpoint, rulers in sheets.items():
        _heading(ax, top + 4, endpoint if len(sheets) > 1 else "", _size(cases, endpoint))
        if example:
            ax.text(152.5, top + 4, "example", color=theme.EXAMPLE, va="center", fontsize=theme.SMALL)
            ax.text(174, top + 4, "points", color=theme.EXAMPLE, va="center", ha="right", fontsize=theme.SMALL)
        for i, ruler in enumerate(rulers):
            _draw(ax, ruler, top + HEAD + PITCH * i + 2)
        top += HEAD + PITCH * len(rulers) + 2
    return figure


def _rulers(shape: Geometry, example: Example | None) -> list[Ruler]:
    total = shape.total(example) if example else None

    def place(points: float) -> float:
        return LEFT + LONG * points / 100

    def across(total_points: float) -> float:
        return LEFT + LONG * total_points / shape.largest_total

    lowest, highest = (shape.probability(t) for t in (0.0, shape.largest_total))
    predictor = (shape.linear_predictor(0.0), shape.linear_predictor(shape.largest_total))
    at = None if total is None else across(min(max(total, 0.0), shape.largest_total))
    found: dict[str, str] = {}
    if total is not None:
        risk = f"{100 * shape.probability(total):.0f} %"
        found = {"total": f"{total:.0f}", "log odds": prose.number(shape.linear_predictor(total)), "risk": risk}
    return [
        Ruler("Points", LEFT, LEFT + LONG, _numeric(0, 100, place)),
        *(_predictor(axis, shape, place, example) for axis in shape.axes),
        Ruler("Total points", LEFT, LEFT + LONG, _numeric(0, shape.largest_total, across), points=found.get("total", ""), at=at),
        Ruler(
            "Linear predictor", LEFT, LEFT + LONG, _numeric(*predictor, lambda lp: across(shape.total_for(lp))),
            value=found.get("log odds", ""), at=at,
        ),
        Ruler(
            "Risk", LEFT, LEFT + LONG, _risks(lowest, highest, lambda p: across(shape.total_for(np.log(p / (1 - p))))),
            value=found.get("risk", ""), at=at,
        ),
    ]  # fmt: skip


def _predictor(axis: Axis, shape: Geometry, place: Callable[[float], float], example: Example | None) -> Ruler:
    def where(value: float | str) -> float:
        return place(shape.points(axis.variable, value))

    if axis.levels is None:
        start, stop = sorted((where(axis.limits[0]), where(axis.limits[1])))
        marks = _numeric(*axis.limits, where)
    else:
        marks = sorted((where(level), level) for level in axis.levels)
        start, stop = marks[0][0], marks[-1][0]
    name = f"{names.signature(axis.variable)} score" if axis.variable in names.SIGNATURES else axis.variable.replace("_", " ")
    own = {}
    if example:
        value = example[axis.variable]
        text = value.replace("_", " ") if isinstance(value, str) else f"{value:.3g}".replace("-", "−")
        own = {"value": text, "points": f"{shape.points(axis.variable, value):.0f}".replace("-", "−"), "at": where(value)}
    return Ruler(name, start, stop, marks, stagger=axis.levels is not None, **own)


def _numeric(low: float, high: float, place: Callable[[float], float]) -> list[tuple[float, str]]:
    """As many round values between two others as their labels leave room for, or the two themselves."""
    for count in range(10, 1, -1):
        values = MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        slack = 1e-9 * (high - low)
        values = [v for v in values if low - slack <= v <= high + slack]
        marks = sorted((place(v), f"{round(v, 10):.10g}".replace("-", "−")) for v in values)
        if len(marks) > 1 and _room(marks):
            return marks
    return sorted((place(v), f"{v:.3g}".replace("-", "−")) for v in (low, high))


def _risks(low: float, high: float, place: Callable[[float], float]) -> list[tuple[float, str]]:
    """The customary risks within reach, thinned from the ends' crowds; rounder ones where few are."""
    marks: list[tuple[float, str]] = []
    inside = [p for p in RISKS if low <= p <= high]
    # The tens before the tails: where both want one place, the tens keep it.
    for p in sorted(inside, key=lambda p: (round(p * 100) % 10 != 0, abs(p - 0.5))):
        mark = (place(p), f"{p:g}")
        if _room(sorted([*marks, mark])):
            marks.append(mark)
    return sorted(marks) if len(marks) > 2 else _numeric(low, high, place)


def _room(marks: Sequence[tuple[float, str]]) -> bool:
    pairs = zip(marks, marks[1:], strict=False)
    return all(b[0] - a[0] > (names.width(a[1]) + names.width(b[1])) / 2 + 1.2 for a, b in pairs)


def _draw(ax: Axes, ruler: Ruler, y: float) -> None:
    ax.text(1, y, names.wrap(ruler.name, LEFT - 6, theme.BODY), va="center", fontsize=theme.BODY, linespacing=1.1)
    ax.plot([ruler.start, ruler.stop], [y, y], color=theme.INK, linewidth=0.9, solid_capstyle="projecting")
    for place, _ in ruler.marks:
        ax.plot([place, place], [y, y - 1.6], color=theme.INK, linewidth=0.8)
    if ruler.stagger or _room(ruler.marks):
        _label_marks(ax, ruler.marks, y)
    else:  # a predictor that moves little: its two ends are named beside it
        (left, first), *_, (right, last) = ruler.marks
        ax.text(left - 1.2, y, first, ha="right", va="center", fontsize=theme.SMALL)
        ax.text(right + 1.2, y, last, ha="left", va="center", fontsize=theme.SMALL)
    if ruler.at is not None:
        ax.plot(ruler.at, y, "D", color=theme.EXAMPLE, markersize=5.5, markeredgecolor=theme.PAPER, clip_on=False, zorder=5)
    look = {"color": theme.EXAMPLE, "va": "center", "fontsize": theme.SMALL}
    ax.text(152.5, y, names.shorten(ruler.value, 14.0), **look)
    ax.text(174, y, ruler.points, ha="right", **look)


def _label_marks(ax: Axes, marks: Sequence[tuple[float, str]], y: float) -> None:
    """Labels below the ruler, those without room above it, and those without room there on a second line below."""
    ends = {"below": -1e9, "above": -1e9, "second": -1e9}
    drop = {"below": 2.6, "above": -3.6, "second": 5.6}
    for place, label in marks:
        text = names.shorten(label.replace("_", " "), 34.0)
        half = names.width(text) / 2
        center = min(max(place, LEFT + half - 6), LEFT + LONG - half + 4)
        lane = next((lane for lane, end in ends.items() if center - half > end + 1.2), "second")
        ends[lane] = center + half
        ax.text(center, y + drop[lane], text, ha="center", va="center", fontsize=theme.SMALL)


def _heading(ax: Axes, y: float, endpoint: str, note: str) -> None:
    if endpoint:
        ax.text(1, y, names.shorten(names.endpoint(endpoint), LEFT - 4, 10), va="center", fontsize=10, fontstyle="italic")
    ax.text(LEFT, y, note, va="center", fontsize=theme.SMALL, color=theme.MUTED)


def _size(cases: pd.DataFrame | None, endpoint: str) -> str:
    if cases is None:
        return ""
    train = cases[cases["part"] == "train"]
    return f"fitted in training: {names.patients(len(train), train[endpoint].sum())}"
