"""Whether predicted risks are right: a flexible calibration curve, and where the patients lie."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, theme

METRICS = {  # metric of table scores: words beside it
    "calibration_in_the_large": "In the large (0)",
    "calibration_slope": "Slope (1)",
    "ici": "ICI (0)",
    "brier": "Brier score",
}
STRIP = 12.0  # mm of the spikes below a curve


@theme.drawn
def calibration(
    calibration: pd.DataFrame, scores: pd.DataFrame, predictions: pd.DataFrame, *, model: str = "nomogram"
) -> Figure:
    """Flexible calibration curve of one model with its band, a panel a part; below, risks by outcome.

    Tables `calibration`, `scores` (the metrics written below; ideal values in brackets) and `predictions`.
    """
    own = calibration[calibration["model"] == model]
    risks = predictions[predictions["model"] == model]
    found = grid.cells(pd.concat([own[["endpoint", "part", "kind"]], risks[["endpoint", "part", "kind"]]]))
    if not found:
        return theme.message("calibration", "No risks were predicted.")
    count = grid.columns(found)
    layout = grid.Layout(
        width=theme.SINGLE if len(found) == 1 else theme.DOUBLE,
        columns=count,
        foot=STRIP + 15.0 + grid.LINE * len(METRICS),
        top=12.0,
    )
    figure, panels = grid.by_cell("calibration", found, layout)
    for panel in panels:
        cell, ax = panel.cell, panel.ax
        draw_calibration(ax, cell.of(own), model, part=cell.part)
        ax.set_xticklabels([])
        grid.label_axes(panel, x="", y="Observed proportion")
        rows, measured = cell.of(risks), cell.of(scores).query("model == @model")
        grid.title(ax, names.part(cell.part, cell.kind), names.patients(len(rows), rows["truth"].sum()))
        _spikes(panel, rows, model)
        lines = [(None, label, _value(measured, metric)) for metric, label in METRICS.items()]
        grid.key(panel, lines, below=STRIP + 15.0, outdent=layout.left - 1 if count > 2 else 0.0)
    return figure


def draw_calibration(ax: Axes, curve: pd.DataFrame, model: str, *, part: str) -> None:
    """Ideal line, band and curve on the unit square, at equal aspect."""
    ax.plot([0, 1], [0, 1], color=theme.MUTED, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
    curve = curve.sort_values("predicted", kind="stable")
    look = theme.model_style(model)
    x, low, high = (curve[c].to_numpy(dtype=float) for c in ("predicted", "low", "high"))
    ax.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0, zorder=2)
    ax.plot(x, curve["observed"], color=look["color"], linewidth=theme.line_width(part), zorder=3)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ticks = [0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"]
    ax.set_xticks(*ticks)
    ax.set_yticks(*ticks)
    _name_ideal(ax, x, low, high)


def _name_ideal(ax: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    # Below the diagonal's lower or upper end, whichever the band leaves free.
    known = np.isfinite(low) & np.isfinite(high)
    at = 0.14
    if known.any():

        def crowded(place: float) -> float:
            near = known & (np.abs(x - place) < 0.12)
            return float(np.clip(place - low[near], 0, None).mean()) if near.any() else 0.0

        at = min((0.14, 0.84), key=crowded)
    ax.text(
        at + 0.02,
        at - 0.03,
        "ideal",
        rotation=45,
        ha="center",
        va="top",
        rotation_mode="anchor",
        color=theme.MUTED,
        fontsize=theme.SMALL,
        zorder=4,
    )


def _spikes(panel: grid.Panel, rows: pd.DataFrame, model: str) -> None:
    """Histogram of risks in fiftieths: events up, others down."""
    figure, box = panel.ax.figure, panel.ax.get_position()
    high = figure.get_size_inches()[1] / theme.MM
    strip = figure.add_axes((box.x0, box.y0 - (STRIP + 2) / high, box.width, STRIP / high))
    color = theme.model_style(model)["color"]
    edges = np.linspace(0, 1, 51)
    tallest = 1
    for outcome, sign, shade in ((1, 1, color), (0, -1, theme.MUTED)):
        counts = np.histogram(rows.loc[rows["truth"] == outcome, "probability"].astype(float), edges)[0]
        strip.vlines((edges[:-1] + edges[1:]) / 2, 0, sign * counts, color=shade, linewidth=1.4)
        tallest = max(tallest, counts.max())
    strip.axhline(0, color=theme.INK, linewidth=0.5)
    strip.set(xlim=(0, 1), ylim=(-1.15 * tallest, 1.15 * tallest), xlabel="Predicted risk", yticks=[])
    strip.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"])
    strip.spines["left"].set_visible(False)
    for word, up, side in (("events", 1, "bottom"), ("others", -1, "top")) if panel.first else ():
        strip.annotate(
            word,
            xy=(0, 0.5),
            xycoords="axes fraction",
            xytext=(-3, up),
            textcoords="offset points",
            ha="right",
            va=side,
            fontsize=theme.SMALL,
            color=theme.MUTED,
        )


def _value(scores: pd.DataFrame, metric: str) -> str:
    row = scores[scores["metric"] == metric]
    if row.empty:
        return "–"
    estimate, low, high = row.iloc[0][["estimate", "low", "high"]].astype(float)
    known = np.isfinite(low) and np.isfinite(high)
    return prose.interval(estimate, low, high) if known else prose.number(estimate)
