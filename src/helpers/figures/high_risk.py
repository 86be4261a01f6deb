"""How many patients a threshold calls high risk: numbers under the axis of a decision curve."""

from __future__ import annotations

import pandas as pd

from helpers import prose
from helpers.figures import grid, names, theme


def strip(panel: grid.Panel, rows: pd.DataFrame, model: str, limits: tuple[float, float]) -> None:
    """Under the axis, at a few thresholds: patients at high risk, and of them those with the event."""
    ax = panel.ax
    wide = ax.figure.get_size_inches()[0] / theme.MM * ax.get_position().width
    needed = max(names.width(words) for words in ("at 0.00", f"{len(rows)} ({int(rows['truth'].sum())})")) + 1.5
    places: list[float] = []
    for at in (0.5, *limits, 0.25, 0.75):
        if limits[0] <= at <= limits[1] and all(abs(at - other) * wide >= needed for other in places):
            places.append(at)
    label = names.shorten(theme.model_style(model)["label"], 22.0)
    ax.annotate(
        f"{label}: at high risk, of {len(rows)} (with the event)", xy=(0, 0), xycoords="axes fraction", ha="left",
        va="center_baseline", xytext=(0, -14.0 / names.POINT), textcoords="offset points", fontsize=theme.SMALL,
    )  # fmt: skip
    for at in places:
        high = rows[rows["probability"] >= at]
        for down, words in ((1, f"at {prose.number(at)}"), (2, f"{len(high)} ({int(high['truth'].sum())})")):
            ax.annotate(
                words, xy=(at, 0), xycoords=("data", "axes fraction"), ha="center", va="center_baseline",
                xytext=(0, -(14.0 + down * grid.LINE) / names.POINT), textcoords="offset points",
                fontsize=theme.SMALL, color=theme.MUTED if down == 1 else theme.ink(model),
            )  # fmt: skip
