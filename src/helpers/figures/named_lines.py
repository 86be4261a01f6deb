"""Curves of models over one axis, each named at its right end instead of in a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from helpers.figures import grid, names, theme

LABELS = 34.0  # mm right of a panel for the names of its curves

Line = tuple[float, str, str, dict[str, Any]]  # value at its end, name, color of the name, look


def draw_models(
    ax: Axes, rows: pd.DataFrame, models: Sequence[str], *, columns: tuple[str, str, str], part: str
) -> list[Line]:
    """A curve a model, the first with the band of its limits; `columns` are value, low and high."""
    lines: list[Line] = []
    for model in [m for m in models if (rows["model"] == m).any()]:
        own = rows[rows["model"] == model]
        value, low, high = (own[c].to_numpy(dtype=float) for c in columns)
        look = theme.model_style(model)
        line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": theme.line_width(part)}
        if not lines:
            ax.fill_between(own["threshold"], low, high, color=look["color"], alpha=0.16, linewidth=0, zorder=1)
        ax.plot(own["threshold"], value, zorder=3 if lines else 4, **line)
        known = value[np.isfinite(value)]
        lines.append((float(known[-1]) if known.size else 0.0, look["label"], theme.ink(model), line))
    return lines


def name_lines(ax: Axes, lines: list[Line], *, edge: float) -> None:
    """Each line's swatch and name right of the panel, as near its end as the others allow."""
    bottom, top = ax.get_ylim()
    wide, high = (ax.figure.get_size_inches() / theme.MM * ax.get_position().size).tolist()
    wanted = [float(np.clip(end, bottom, top)) for end, *_ in lines]
    places = grid.spread(wanted, gap=4.0 / high * (top - bottom), low=bottom, high=top)
    near, far, words = (1 + x / wide for x in (2.0, 8.0, 9.0))
    for start, place, (end, label, color, look) in zip(wanted, places, lines, strict=True):
        if bottom <= end <= top and edge < 1:  # a curve that has left the panel has no end to point at
            ax.plot(
                [edge, 1.0, near],
                [start, start, place],
                color=theme.RULE,
                linewidth=0.5,
                clip_on=False,
                zorder=1,
            )
        ax.plot([near, far], [place, place], clip_on=False, zorder=4, **look)
        text = names.shorten(label, LABELS - 10.0)
        ax.text(words, place, text, color=color, fontsize=theme.SMALL, va="center_baseline")
