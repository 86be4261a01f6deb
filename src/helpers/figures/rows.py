"""Estimates with their intervals, one a row, on a sheet measured in mm: what every forest shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, theme

PITCH = 4.8  # mm from one row to the next where the numbers stand beside the interval
HEAD = 6.4  # mm of a heading row
AXIS = 12.0  # mm below the last row for ticks and label
DIAMOND = 1.2  # mm, half the height of a summary's diamond
MASK = {"facecolor": theme.PAPER, "edgecolor": "none", "pad": 0.3}  # behind words that stand over lines


@dataclass(frozen=True)
class Sheet:
    """A figure and an invisible pair of axes over all of it, in mm from its lower left corner."""

    figure: Figure
    ax: Axes

    def write(self, x: float, y: float, words: str, **look: object) -> None:
        """One line of words at a place in mm, left-aligned and centered on its row unless told otherwise."""
        usual = {"fontsize": theme.SMALL, "va": "center_baseline", "ha": "left", "zorder": 6}
        self.ax.text(x, y, words, **(usual | look))

    def panel(self, left: float, wide: float, *, bottom: float, top: float, limits: tuple[float, float]) -> Axes:
        """Axes from `left`, `wide` mm, whose vertical coordinate is the sheet's own mm."""
        ax = grid.add_axes(self.figure, (left, bottom, wide, top - bottom))
        ax.set(xlim=limits, ylim=(bottom, top), yticks=[])
        ax.spines["left"].set_visible(False)
        ax.xaxis.get_major_locator().set_params(nbins=4, steps=[1, 2, 5, 10])
        # Short, so that the last number of a panel keeps clear of the next panel's first.
        ax.xaxis.set_major_formatter(lambda value, _: f"{round(value, 6) + 0:g}".replace("-", "\N{MINUS SIGN}"))
        return ax


def sheet(name: str, *, height: float, width: float = theme.DOUBLE) -> Sheet:
    """An empty sheet of a size in mm."""
    figure = theme.new_figure(name, width=width, height=height)
    ax = grid.add_axes(figure, (0, 0, width, height))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    ax.set_zorder(5)  # words over the lines of the panels
    return Sheet(figure, ax)


def limits(values: Iterable[float], *, within: tuple[float, float], always: Iterable[float]) -> tuple[float, float]:
    """An axis, rounded out to tenths, that holds `always` and as much of the values as lies `within`."""
    held = [v for v in always if np.isfinite(v)]
    known = [*held, *(min(max(v, within[0]), within[1]) for v in values if np.isfinite(v))]
    return float(np.floor(10 * min(known)) / 10), float(np.ceil(10 * max(known)) / 10)


def interval(ax: Axes, y: float, row: Iterable[float], *, color: str, mark: str, full: bool = True) -> None:
    """A dot and its interval; an arrowhead says that a limit, or the estimate itself, lies beyond the axis."""
    estimate, low, high = (float(v) for v in row)
    first, last = ax.get_xlim()
    if np.isfinite(low):
        high = high if np.isfinite(high) else last  # a lower limit alone
        ax.plot(np.clip([low, high], first, last), [y, y], color=color, linewidth=1.4, zorder=3, clip_on=False)
    for beyond, place, head in (
        (np.fmin(low, estimate) < first, first, "<"),
        (np.fmax(high, estimate) > last, last, ">"),
    ):
        if beyond:
            ax.plot(place, y, marker=head, color=color, markersize=4.0, linestyle="", clip_on=False, zorder=3)
    _dot(ax, y, estimate, color if full else theme.PAPER, color=color, mark=mark, size=5.0)


def _dot(ax: Axes, y: float, estimate: float, face: str, *, color: str, mark: str, size: float) -> None:
    first, last = ax.get_xlim()
    if first <= estimate <= last:
        look = {"markersize": size, "markeredgecolor": color, "markerfacecolor": face, "markeredgewidth": 1.0}
        ax.plot(estimate, y, marker=mark, linestyle="", clip_on=False, zorder=4, **look)


def bracket(ax: Axes, y: float, row: Iterable[float], *, color: str, mark: str) -> None:
    """A small dot in a bracket: a range that is no confidence interval."""
    estimate, low, high = (float(v) for v in row)
    _dot(ax, y, estimate, color, color=color, mark=mark, size=3.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        return
    first, last = ax.get_xlim()
    low, high = np.clip([low, high], first, last)
    ax.plot([low, high], [y, y], color=color, linewidth=0.8, linestyle=(0, (1.5, 1.2)), zorder=3)
    foot = min(0.02 * (last - first), (high - low) / 3)
    for end, side in ((low, 1), (high, -1)):
        xs, ys = [end + side * foot, end, end, end + side * foot], [y - 1.2, y - 1.2, y + 1.2, y + 1.2]
        ax.plot(xs, ys, color=color, linewidth=1.0, zorder=3, clip_on=False)


def diamond(ax: Axes, y: float, row: Iterable[float], *, color: str, full: bool = True) -> None:
    """A summary: a diamond as wide as its interval."""
    estimate, low, high = (float(v) for v in row)
    if not (np.isfinite(low) and np.isfinite(high)):
        interval(ax, y, (estimate, low, high), color=color, mark="D", full=full)
        return
    first, last = ax.get_xlim()
    xs, ys = np.clip([low, estimate, high, estimate], first, last), [y, y + DIAMOND, y, y - DIAMOND]
    ax.fill(xs, ys, facecolor=color if full else theme.PAPER, edgecolor=color, linewidth=1.0, zorder=4)


def title(ax: Axes, words: str, *notes: str) -> None:
    """A bold title over the panel's left edge, and gray lines under it."""
    at = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points", "ha": "left", "va": "bottom"}
    for i, note in enumerate(reversed(notes)):
        ax.annotate(note, xytext=(0, 4 + 11 * i), color=theme.MUTED, fontsize=theme.SMALL, **at)
    ax.annotate(words, xytext=(0, 4 + 11 * len(notes)), fontweight="bold", fontsize=theme.BODY, **at)


def written(estimate: float, low: float, high: float) -> str:
    """ "0.84 (0.73 to 0.93)"; the estimate alone where there is no interval; never 1.00 for a share below 1."""
    return prose.interval(estimate, low, high) if np.isfinite(low) else proportion(estimate)


def proportion(value: float) -> str:
    """0.84 -> "0.84"; 0.9994 -> "0.999", for a share below 1 is never printed as a perfect 1.00."""
    return prose.number(value, next((d for d in (2, 3, 4) if not (value < 1 and round(value, d) == 1)), 5))
