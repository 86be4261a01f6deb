"""The nomogram as rulers: points on top, one ruler a predictor, total points, and the risk below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.special import expit, logit

from helpers import prose
from helpers.figures import grid, names, theme
from helpers.learning.points import Axis, Geometry, geometry

LEFT, LONG = 46.0, 100.0  # mm: where rulers begin, and the length of 100 points
PITCH, LANE, HEAD = 11.0, 3.3, 9.0  # mm from ruler to ruler, for a further line of labels, above the first
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

    `example` (a value or level for every variable) is worked through in red, with diamonds. A predictor's
    ruler spans its range in training, right to left where its coefficient is negative (Harrell, rms).
    """
    shapes = {e: geometry(nomogram[nomogram["endpoint"] == e]) for e in dict.fromkeys(nomogram["endpoint"])}
    sheets = {e: _rulers(shape, example) for e, shape in shapes.items() if shape.largest_total > 0}
    if not sheets:
        return theme.message("nomogram", "The nomogram has no predictor.")
    height = sum(HEAD + sum(_pitch(ruler) for ruler in rulers) for rulers in sheets.values())
    figure = theme.new_figure("nomogram", width=theme.DOUBLE, height=height)
    ax = grid.add_axes(figure, (0, 0, theme.DOUBLE, height))
    ax.set(xlim=(0, theme.DOUBLE), ylim=(height, 0))
    ax.axis("off")
    y = 0.0
    for endpoint, rulers in sheets.items():
        _heading(ax, y + 4, endpoint if len(sheets) > 1 else "", _size(cases, endpoint), example is not None)
        y += HEAD
        for ruler in rulers:
            _draw(ax, ruler, y + 3)
            y += _pitch(ruler)
    return figure


def _rulers(shape: Geometry, example: Example | None) -> list[Ruler]:
    points = Ruler("Points", LEFT, LEFT + LONG, _numeric(0, 100, _place))
    return [points, *(_predictor(axis, shape, example) for axis in shape.axes), *_scales(shape, example)]


def _place(points: float) -> float:
    """Where in mm some points of a predictor lie."""
    return LEFT + LONG * points / 100


def _scales(shape: Geometry, example: Example | None) -> list[Ruler]:
    """Total points, log odds and risk, one above the other on one scale."""
    most = shape.largest_total

    def across(total: float) -> float:
        return LEFT + LONG * total / most

    lowest, highest = shape.linear_predictor(0.0), shape.linear_predictor(most)
    totals = _numeric(0, most, across)
    log_odds = _numeric(lowest, highest, lambda value: across(shape.total_for(value)))
    risks = _risks(expit(lowest), expit(highest), lambda risk: across(shape.total_for(logit(risk))))
    said, at = ("", "", ""), None
    if example:
        total = shape.total(example)
        risk = f"{100 * shape.probability(total):.0f} %"
        said = (f"{total:.0f}", prose.number(shape.linear_predictor(total)), risk)
        at = across(min(max(total, 0.0), most))
    span = (LEFT, LEFT + LONG)
    return [
        Ruler("Total points", *span, totals, points=said[0], at=at),
        Ruler("Linear predictor", *span, log_odds, value=said[1], at=at),
        Ruler("Risk", *span, risks, value=said[2], at=at),
    ]


def _predictor(axis: Axis, shape: Geometry, example: Example | None) -> Ruler:
    def where(value: float | str) -> float:
        return _place(shape.points(axis.variable, value))

    if axis.levels is None:
        start, stop = sorted((where(axis.limits[0]), where(axis.limits[1])))
        marks = _numeric(*axis.limits, where)
    else:
        marks = sorted((where(level), level) for level in axis.levels)
        start, stop = marks[0][0], marks[-1][0]
    name = prose.variable(axis.variable)
    own = {}
    if example:
        value = example[axis.variable]
        text = value.replace("_", " ") if isinstance(value, str) else f"{value:.3g}".replace("-", "−")
        own = {
            "value": text,
            "points": f"{shape.points(axis.variable, value):.0f}".replace("-", "−"),
            "at": where(value),
        }
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
    ax.text(1, y, names.wrap(ruler.name, LEFT - 9, theme.BODY), va="center", fontsize=theme.BODY, linespacing=1.1)
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
        ax.plot(
            ruler.at,
            y,
            "D",
            color=theme.EXAMPLE,
            markersize=5.5,
            markeredgecolor=theme.PAPER,
            clip_on=False,
            zorder=5,
        )
    look = {"color": theme.EXAMPLE, "va": "center", "fontsize": theme.SMALL}
    ax.text(152.5, y, names.shorten(ruler.value, 14.0), **look)
    ax.text(174, y, ruler.points, ha="right", **look)


def _label_marks(ax: Axes, marks: Sequence[tuple[float, str]], y: float) -> None:
    """Labels below the ruler, then above it, then on further lines below, tied to their ticks."""
    for (place, label), (center, lane) in zip(marks, _lanes(marks), strict=True):
        at = y - 3.6 if lane == 1 else y + 2.7 + LANE * max(lane - 1, 0)
        if lane > 1:
            ax.plot([place, center], [y + 0.6, at - 1.4], color=theme.RULE, linewidth=0.5, zorder=0)
        text = ax.text(center, at, _level(label), ha="center", va="center", fontsize=theme.SMALL)
        if lane != 1:  # a tie to a lower line passes behind the labels of the upper
            text.set_bbox({"facecolor": theme.PAPER, "edgecolor": "none", "pad": 0.2})


def _lanes(marks: Sequence[tuple[float, str]]) -> list[tuple[float, int]]:
    """Center in mm and line of each label: 0 below the ruler, 1 above it, 2 and further below."""
    ends: list[float] = []
    found = []
    for place, label in marks:
        half = names.width(_level(label)) / 2
        center = min(max(place, LEFT + half - 6), LEFT + LONG - half + 4)
        lane = next((i for i, end in enumerate(ends) if center - half > end + 1.2), len(ends))
        ends[lane : lane + 1] = [center + half]
        found.append((center, lane))
    return found


def _pitch(ruler: Ruler) -> float:
    lanes = max((lane for _, lane in _lanes(ruler.marks)), default=0) if ruler.stagger else 0
    return PITCH + (1.0 if lanes else 0.0) + LANE * max(lanes - 1, 0)


def _level(label: str) -> str:
    return names.shorten(label.replace("_", " "), 34.0)


def _heading(ax: Axes, y: float, endpoint: str, note: str, example: bool) -> None:
    if endpoint:
        ax.text(
            1,
            y,
            names.shorten(names.endpoint(endpoint), LEFT - 4, 10),
            va="center",
            fontsize=10,
            fontstyle="italic",
        )
    ax.text(LEFT, y, note, va="center", fontsize=theme.SMALL, color=theme.MUTED)
    if example:
        look = {"color": theme.EXAMPLE, "va": "center", "fontsize": theme.SMALL}
        ax.text(152.5, y, "value", **look)
        ax.text(174, y, "points", ha="right", **look)


def _size(cases: pd.DataFrame | None, endpoint: str) -> str:
    if cases is None:
        return ""
    train = cases[(cases["part"] == "train") & cases[endpoint].notna()]
    return f"fitted in training: {names.patients(len(train), train[endpoint].sum())}"
