"""Whether acting on a model would help: decision curves over the prespecified thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.figures import discrimination, grid, names, theme

LABELS = 34.0  # mm right of a panel for the names of its curves

Line = tuple[float, str, str, dict[str, Any]]  # net benefit at its end, name, color of the name, look


@theme.drawn
def decision(
    decision: pd.DataFrame,
    *,
    models: Sequence[str] = (),
    part: str | Sequence[str] | None = None,
    scores: pd.DataFrame | None = None,
    prespecified: tuple[float, float] | None = None,
) -> Figure:
    """Net benefit by risk threshold, of `models` and of treating all or none; tables `decision` and `scores`.

    The first of the models has its 95 % band. `prespecified` is the shaded range of thresholds, by default
    the range that the table covers. A panel an endpoint and `part` (by default test); `scores` gives n and events.
    """
    part = part or grid.judged(decision)
    parts = [part] if isinstance(part, str) else list(part)
    found = grid.cells(decision, parts=parts)
    if not found:
        return theme.message("decision", "No decision curve was computed.")
    shown = list(models) or names.models(decision["model"])
    # Names stand right of the curves, so two panels a row at most, and one alone is drawn wide.
    count = grid.columns(found, most=2)
    layout = grid.Layout(
        columns=count,
        height=70.0 if count == 1 else 58.0,
        foot=14.0,
        top=12.0,
        right=LABELS,
        across=LABELS + 9.0,
        widest=130.0,
    )
    figure, panels = grid.by_cell("decision", found, layout)
    for panel in panels:
        own = panel.cell.of(decision)
        limits = prespecified or (float(own["threshold"].min()), float(own["threshold"].max()))
        draw_decision(panel.ax, own, shown, part=panel.cell.part, prespecified=limits)
        grid.label_axes(panel, x="Risk threshold", y="Net benefit")
        note = discrimination.size(panel.cell.of(scores)) if scores is not None else ""
        grid.title(panel.ax, names.part(panel.cell.part, panel.cell.kind), note)
    return figure


def draw_decision(
    ax: Axes, rows: pd.DataFrame, models: Sequence[str], *, part: str, prespecified: tuple[float, float]
) -> None:
    """Curves of one panel with their names at their right ends; the axis starts just below no net benefit."""
    rows = rows.sort_values("threshold", kind="stable")
    ax.axvspan(*prespecified, color=theme.SHADE, linewidth=0, zorder=0)
    curves = {m: rows[rows["model"] == m] for m in models if (rows["model"] == m).any()}
    lines: list[Line] = []
    for position, (model, own) in enumerate(curves.items()):
        look = theme.model_style(model)
        line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": theme.line_width(part)}
        if position == 0:
            low, high = own["low"].to_numpy(dtype=float), own["high"].to_numpy(dtype=float)
            ax.fill_between(own["threshold"], low, high, color=look["color"], alpha=0.16, linewidth=0, zorder=1)
        ax.plot(own["threshold"], own["net_benefit"], zorder=4 if position == 0 else 3, **line)
        lines.append((float(own["net_benefit"].iloc[-1]), look["label"], theme.ink(model), line))
    lines += _treat(ax, rows)
    heights = rows.loc[rows["model"].isin(curves), ["net_benefit", "high"]].to_numpy(dtype=float)
    top = max(float(np.nanmax(heights, initial=0.0)), 0.02) * 1.05
    ax.set(xlim=(0, 1), ylim=(-0.12 * top, top))
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"])
    _name_lines(ax, lines, edge=float(rows["threshold"].max()))


def _treat(ax: Axes, rows: pd.DataFrame) -> list[Line]:
    """The two policies without a model: dash-dotted for all, a plain line for none."""
    once = rows.drop_duplicates("threshold")
    everyone = {"color": theme.MUTED, "linewidth": 1.0, "linestyle": (0, (6, 2, 1, 2))}
    nobody = {"color": theme.MUTED, "linewidth": 0.8, "linestyle": "-"}
    ax.plot(once["threshold"], once["treat_all"], zorder=2, **everyone)
    ax.axhline(0, zorder=2, **nobody)
    last = float(once["treat_all"].iloc[-1])
    return [(last, "Treat all", theme.MUTED, everyone), (0.0, "Treat none", theme.MUTED, nobody)]


def _name_lines(ax: Axes, lines: list[Line], *, edge: float) -> None:
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
