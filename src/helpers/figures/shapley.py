"""What each member and variable adds to a fusion's log odds: a dot a patient, the weightiest variable on top."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, theme
from helpers.learning.explain.importance import importance

PITCH = 9.5  # mm from one variable to the next
TOP, FOOT, KEY = 11.0, 13.0, 7.0  # mm above and below a panel, and of the key at the foot
WORDS, RIGHT = 42.0, 26.0  # mm of the names, and of the mean beside each row
REACH = 0.38  # of a row, on either side of its middle, over which dots are spread
BINS = 45  # places along the axis in which dots are stacked
# From light to dark, so that it reads without color: little, much; and what has no rank.
SCALE = LinearSegmentedColormap.from_list("value", ["#A9D6F2", theme.BLUE, "#10263A"])
UNRANKED = theme.RULE


@theme.drawn
def shapley(contributions: pd.DataFrame) -> Figure:
    """Shapley values of every training patient, a panel an endpoint and fusion; table `contributions`.

    Variables come in the order of their mean absolute contribution, which stands beside them. The darker a dot the higher
    the variable's value among these patients; levels of a category come in the order of the alphabet.
    """
    panels = list(contributions.groupby(["endpoint", "model"], sort=False))
    if not panels:
        return theme.message("shapley", "No fusion combines models.")
    heights = [PITCH * own["variable"].nunique() for _, own in panels]
    total = sum(heights) + len(panels) * (TOP + FOOT) + KEY
    figure = theme.new_figure("shapley", width=theme.DOUBLE, height=total)
    bottom = total
    for ((endpoint, model), own), high in zip(panels, heights, strict=True):
        bottom -= TOP + high
        ax = grid.add_axes(figure, (WORDS + 4.0, bottom, theme.DOUBLE - WORDS - RIGHT - 4.0, high))
        bottom -= FOOT
        _panel(ax, own)
        several = contributions["endpoint"].nunique() > 1
        title = f"{names.endpoint(endpoint)} · {prose.model_name(model)}" if several else prose.model_name(model)
        grid.title(ax, title, f"{prose.count(own['case'].nunique(), 'training patient')}, out-of-fold scores")
    _key(figure)
    return figure


def alt_shapley(contributions: pd.DataFrame) -> str:
    """Mean absolute contribution of every variable, by endpoint and fusion."""
    if contributions.empty:
        return "No fusion combines models."
    sentences = ["Contributions to the log odds, a dot a training patient; mean absolute contributions."]
    for (endpoint, model), own in importance(contributions).groupby(["endpoint", "model"], sort=False):
        told = [f"{_name(row.variable)} {prose.number(row.mean_absolute)}" for row in own.itertuples()]
        sentences.append(f"{names.endpoint(endpoint)}, {prose.model_name(model)}: {prose.listing(told)}.")
    return " ".join(sentences)


def _panel(ax: Axes, own: pd.DataFrame) -> None:
    order = importance(own)
    reach = 1.08 * float(own["contribution"].abs().max()) or 1.0
    ax.axvline(0, color=theme.INK, linewidth=0.6)
    for line, row in enumerate(order.itertuples()):
        here = own[own["variable"] == row.variable]
        values = here["contribution"].to_numpy(dtype=float)
        look = {"s": 11, "linewidths": 0.3, "edgecolors": theme.PAPER, "zorder": 3, "clip_on": False}
        ax.scatter(values, line + REACH * _stacked(values, reach), c=_shades(here["value"]), **look)
        at = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "fontsize": theme.SMALL}
        ax.annotate(prose.number(row.mean_absolute), xy=(1, line), xytext=(30, 0), ha="right", va="center", **at)
        share = "" if np.isnan(row.share) else f"{100 * row.share:.0f} %"
        ax.annotate(share, xy=(1, line), xytext=(62, 0), ha="right", va="center", color=theme.MUTED, **at)
    ax.set(xlim=(-reach, reach), ylim=(len(order) - 0.5, -0.5), xlabel="Contribution to the log odds")
    ax.annotate("mean", xy=(1, -0.5), xytext=(30, 3), ha="right", va="bottom", color=theme.MUTED, **at)
    ax.annotate("share", xy=(1, -0.5), xytext=(62, 3), ha="right", va="bottom", color=theme.MUTED, **at)
    ax.xaxis.get_major_locator().set_params(nbins=6, steps=[1, 2, 5, 10])
    ax.set_yticks(range(len(order)), [names.wrap(_name(v), WORDS - 2.0) for v in order["variable"]], linespacing=1.1)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _stacked(values: np.ndarray, reach: float) -> np.ndarray:
    """Where each dot goes, -1 to 1 across its row: those of one place side by side, from the middle outward."""
    place = np.round((values / reach + 1) * BINS / 2).astype(int)
    offset, most = np.zeros(len(values)), max(np.bincount(place).max(), 6)
    for which in np.unique(place):
        own = np.flatnonzero(place == which)
        own = own[np.argsort(values[own], kind="stable")]
        step = (np.arange(len(own)) + 1) // 2 * np.where(np.arange(len(own)) % 2, 1, -1)
        offset[own] = 2 * step / most
    return offset


def _shades(values: pd.Series) -> list:
    """A color a value by its rank: numbers among numbers, levels by the alphabet; gray where nothing was measured."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().all():
        known = values.where(values != "missing")
        numbers = known.map({level: k for k, level in enumerate(sorted(known.dropna().unique()))}).astype(float)
    rank = numbers.rank(method="average")
    spread = (rank - rank.min()) / max(rank.max() - rank.min(), 1)
    return [UNRANKED if np.isnan(share) else SCALE(share) for share in spread]


def _name(variable: str) -> str:
    """A name that a user coined stays as it is; a further head is named after its endpoint."""
    member, _, head = variable.partition(" for ")
    words = member if any(c.isupper() for c in member) else prose.variable(member)
    return f"{words} for {prose.variable(head, inline=True)}" if head else words


def _key(figure: Figure) -> None:
    """What the shades mean, once, at the foot of the figure."""
    width = figure.get_size_inches()[0] / theme.MM
    foot = grid.add_axes(figure, (0, 0, width, KEY - 1.0))
    foot.set(xlim=(0, width), ylim=(0, KEY - 1.0))
    foot.set_axis_off()
    at, told = (
        WORDS + 6.0,
        (("low", SCALE(0.0)), ("middling", SCALE(0.5)), ("high value", SCALE(1.0)), ("missing", UNRANKED)),
    )
    for words, color in told:
        foot.scatter([at], [3.0], s=18, color=[color])
        foot.text(at + 2.5, 3.0, words, fontsize=theme.SMALL, va="center_baseline")
        at += names.width(words) + 9.0
