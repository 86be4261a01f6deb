"""A model's coefficients under three ways to handle missing values, each by a mark of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, theme

LOOKS = {  # handling: color, mark, filled, words
    "median or commonest level": (theme.CLINICAL, "o", True, "median or commonest level (the study's models)"),
    "multiple imputation": (theme.BLUE, "s", True, "multiple imputation"),
    "complete cases": (theme.VERMILION, "^", False, "complete cases"),
}
LEFT, RIGHT, TOP, FOOT = 48.0, 5.0, 8.0, 30.0  # mm around the axes
STEP, PITCH = 3.2, 13.0  # mm between the handlings of a term, and between terms
LINE = 4.6  # mm of a line of the key
NOTHING = "No clinical value is missing."


@theme.drawn
def coefficients(table: pd.DataFrame, *, model: str) -> Figure:
    """Log odds with interval of every term but the intercept, for one standard deviation of a number; a panel an endpoint.

    Table `missing_data`. A term that a handling cannot estimate has no mark there.
    """
    own = table[(table["model"] == model) & (table["quantity"] == "coefficient") & table["sd"].notna()]
    if own.empty:
        return theme.message("missing", NOTHING)
    endpoints = list(dict.fromkeys(own["endpoint"]))
    heights = [PITCH * own.loc[own["endpoint"] == e, "term"].nunique() for e in endpoints]
    total = sum(heights) + (TOP + FOOT) * len(endpoints)
    figure = theme.new_figure("missing", width=theme.DOUBLE * 0.75, height=total)
    top = total
    for endpoint, high in zip(endpoints, heights, strict=True):
        bottom = top - TOP - high
        ax = grid.add_axes(figure, (LEFT, bottom, theme.DOUBLE * 0.75 - LEFT - RIGHT, high))
        _draw(ax, own[own["endpoint"] == endpoint], high)
        ax.set_label(str(endpoint))
        if len(endpoints) > 1:
            grid.title(ax, names.endpoint(str(endpoint)))
        _key(ax, high)
        top = bottom - FOOT
    return figure


def _draw(ax: Axes, own: pd.DataFrame, high: float) -> None:
    terms = list(dict.fromkeys(own["term"]))
    places = {term: high - PITCH * (i + 0.5) for i, term in enumerate(terms)}
    for row in own.itertuples():
        color, mark, filled, _ = LOOKS[row.handling]
        y = places[row.term] + STEP * (1 - list(LOOKS).index(row.handling))
        x, low, upper = (row.sd * value for value in (row.estimate, row.low, row.high))
        if np.isfinite(x):
            ax.hlines(y, low, upper, color=color, linewidth=1.1, zorder=2)
            face = color if filled else theme.PAPER
            ax.plot(
                [x], [y], marker=mark, color=color, markerfacecolor=face, markersize=5.0, markeredgewidth=1.0, zorder=3
            )
    ax.axvline(0, color=theme.MUTED, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
    ax.set(ylim=(0, high), xlabel="Log odds (numbers: for one SD)")
    ax.set_yticks(list(places.values()), [_words(term) for term in terms])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _words(term: str) -> str:
    name, _, level = term.partition("=")
    return names.wrap(prose.variable(name) + (f": {level}" if level else ""), LEFT - 4.0)


def _key(ax: Axes, high: float) -> None:
    """Mark and words of every handling, under the axis."""
    for i, (color, mark, filled, words) in enumerate(LOOKS.values()):
        down = -(15.0 + LINE * i) / high
        face = color if filled else theme.PAPER
        ax.plot(
            [0.015], [down], marker=mark, color=color, markerfacecolor=face, markersize=5.0, markeredgewidth=1.0,
            transform=ax.transAxes, clip_on=False,
        )  # fmt: skip
        ax.text(0.05, down, words, transform=ax.transAxes, va="center_baseline", fontsize=theme.SMALL)


def alt_coefficients(table: pd.DataFrame, *, model: str) -> str:
    """Every term's log odds for one unit, by handling."""
    own = table[(table["model"] == model) & (table["quantity"] == "coefficient") & table["sd"].notna()]
    if own.empty:
        return NOTHING
    told = ["Coefficients, log odds for one unit with 95 % interval, by handling of missing values."]
    for (endpoint, term), here in own.groupby(["endpoint", "term"], sort=False):
        values = [f"{row.handling} {prose.interval(row.estimate, row.low, row.high)}" for row in here.itertuples()]
        where = f"{names.endpoint(endpoint)}, " if own["endpoint"].nunique() > 1 else ""
        name, _, level = term.partition("=")
        told.append(f"{where}{prose.variable(name)}{f': {level}' if level else ''}: {'; '.join(values)}.")
    return " ".join(told)
