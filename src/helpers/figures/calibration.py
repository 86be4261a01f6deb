"""Whether predicted risks are right: a flexible calibration curve, and where the patients lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from helpers import prose
from helpers.figures import discrimination, fitting, grid, names, theme

METRICS = {  # metric of table scores: words beside it
    "calibration_in_the_large": "In the large (0)",
    "calibration_slope": "Slope (1)",
    "ici": "ICI (0)",
    "brier": "Brier score",
}
RESAMPLED = ("ici", "brier")  # their intervals need a bootstrap
STRIP = 12.0  # mm of the spikes below a curve
FEW = 100  # events below which a flexible curve is imprecise
HALO = withStroke(linewidth=2.0, foreground=theme.PAPER)  # keeps words legible over lines


@theme.drawn
def calibration(
    calibration: pd.DataFrame,
    scores: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    model: str = "nomogram",
    groups: pd.DataFrame | None = None,
) -> Figure:
    """Flexible calibration curve of one model with its band, a panel a part; below, risks by outcome.

    Tables `calibration`, `scores` (the metrics written below; ideal values in brackets), `predictions`, and
    `calibration_groups`: circles with Wilson bars. Fewer than 100 events are said to be imprecise.
    """
    own = calibration[calibration["model"] == model]
    risks = predictions[predictions["model"] == model]
    risks = risks if discrimination.unit(risks["probability"].to_numpy(dtype=float)) else risks.iloc[:0]
    found = grid.cells(pd.concat([own[["endpoint", "part", "kind"]], risks[["endpoint", "part", "kind"]]]))
    if not found:
        return theme.message("calibration", "No risks were predicted.")
    measured = scores[scores["model"] == model]
    keys = [_metrics(cell.of(measured)) for cell in found]
    layout = grid.Layout(
        width=theme.SINGLE if len(found) == 1 else theme.DOUBLE,
        columns=fitting.columns(found, keys),
        foot=STRIP + 15.0 + grid.LINE * (len(METRICS) + 1),
        top=12.0,
    )
    figure, panels = grid.by_cell("calibration", found, layout)
    for panel, lines in zip(panels, keys, strict=True):
        cell, ax = panel.cell, panel.ax
        circles = None if groups is None else cell.of(groups[groups["model"] == model])
        draw_calibration(ax, cell.of(own), model, part=cell.part, groups=circles)
        ax.set_xticklabels([])
        grid.label_axes(panel, x="", y="Observed proportion")
        rows = cell.of(risks)
        fitting.title(ax, names.part(cell.part, cell.kind), names.patients(len(rows), rows["truth"].sum()))
        _spikes(panel, rows, model)
        grid.key(panel, lines, below=STRIP + 15.0, outdent=fitting.outdent(layout, keys))
        _note(panel, _caution(cell.of(own), rows), below=STRIP + 15.0 + grid.LINE * len(METRICS))
    return figure


@theme.drawn
def recalibrated(
    calibration: pd.DataFrame,
    recalibration: pd.DataFrame,
    *,
    model: str = "nomogram",
    scores: pd.DataFrame | None = None,
    part: str | None = None,
) -> Figure:
    """Calibration of one model as given and recalibrated, side by side, a row an endpoint.

    Tables `calibration`, `recalibration` (the metrics written below) and `scores` (n and events); by default in the
    part on which models are judged.
    """
    own = calibration[(calibration["model"] == model) & (calibration["version"] != "loess")]
    after = own[own["version"] == "recalibrated"]
    found = grid.cells(after, parts=[part or grid.judged(after)])
    if not found:
        return theme.message("recalibrated", "No recalibration was fitted.")
    layout = grid.Layout(columns=2, foot=15.0 + grid.LINE * (len(METRICS) + 1), top=12.0, widest=70.0, across=14.0)
    figure, panels = grid.by_cell("recalibrated", [replace(cell) for cell in found for _ in range(2)], layout)
    for position, panel in enumerate(panels):
        later = position % 2 == 1
        curve = panel.cell.of(after if later else own[own["version"] == "main"])
        draw_calibration(panel.ax, curve.assign(version="main"), model, part=panel.cell.part)
        grid.label_axes(panel, x="Predicted risk", y="Observed proportion")
        size = "" if scores is None else f", {discrimination.size(panel.cell.of(scores))}"
        title = "Recalibrated in training" if later else "As given"
        fitting.title(panel.ax, title, f"{names.part(panel.cell.part, panel.cell.kind)}{size}")
        rows = _recalibrated_rows(recalibration, panel.cell, model, later=later)
        grid.key(panel, _metrics(rows), below=13.0)
        note = "intercept and slope fitted in training, then frozen" if later else "risks as the model gives them"
        _note(panel, note, below=13.0 + grid.LINE * len(METRICS))
    return figure


def _recalibrated_rows(recalibration: pd.DataFrame, cell: grid.Cell, model: str, *, later: bool) -> pd.DataFrame:
    here = recalibration[(recalibration["endpoint"] == cell.endpoint) & (recalibration["part"] == cell.part)]
    return here[(here["model"] == model) & ((here["version"] == "recalibrated") == later)]


def draw_calibration(
    ax: Axes, curve: pd.DataFrame, model: str, *, part: str, groups: pd.DataFrame | None = None
) -> None:
    """Ideal line, band and main curve on the unit square, at equal aspect; if any, loess thin and dashed, and groups."""
    ax.plot([0, 1], [0, 1], color=theme.MUTED, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
    curve = curve.sort_values("predicted", kind="stable")
    main, loess = (curve[curve["version"] == version] for version in ("main", "loess"))
    look = theme.model_style(model)
    x, observed, low, high = (main[c].to_numpy(dtype=float) for c in ("predicted", "observed", "low", "high"))
    ax.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0, zorder=2)
    ax.plot(x, observed, color=look["color"], linewidth=theme.line_width(part), zorder=3)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ticks = [0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"]
    ax.set_xticks(*ticks)
    ax.set_yticks(*ticks)
    _name_ideal(ax, x, low, high)
    circles = np.empty((0, 2))
    if groups is not None:
        _draw_groups(ax, groups, model)
        circles = groups[["predicted", "observed"]].to_numpy(dtype=float)
    if len(loess):
        _draw_loess(ax, loess[["predicted", "observed"]].to_numpy(dtype=float), (x, observed), circles)


def _draw_loess(ax: Axes, curve: np.ndarray, main: tuple[np.ndarray, np.ndarray], circles: np.ndarray) -> None:
    """The second smoother, named where it lies far from the main curve and the ideal line and hides no circle."""
    x, y = curve.T
    ax.plot(x, y, color=theme.INK, linewidth=0.8, linestyle=(0, (2.5, 1.5)), zorder=3)
    shown = np.isfinite(y) & (np.abs(y - 0.5) < 0.42) & (np.abs(x - 0.5) < 0.3)
    if not shown.any() or len(main[0]) < 2:
        return
    gap = np.nan_to_num(y - np.interp(x, *main))
    up = np.where(np.abs(gap) < 0.02, y >= x, gap > 0)
    middle = np.column_stack([x, y + np.where(up, 0.05, -0.05)])
    away = np.abs(middle[:, None] - circles) / (0.11, 0.06)
    hidden = (away.max(axis=2) < 1).any(axis=1)
    free = np.minimum(np.abs(gap), 0.15) + np.minimum(np.abs(y - x), 0.15) - hidden - 2 * ~shown
    at = int(np.argmax(np.nan_to_num(free, nan=-9.0)))
    ax.annotate(
        "loess", xy=(x[at], y[at]), xytext=(0, 3 if up[at] else -3), textcoords="offset points", ha="center",
        va="bottom" if up[at] else "top", fontsize=theme.SMALL, zorder=5, path_effects=[HALO],
    )  # fmt: skip


def _draw_groups(ax: Axes, groups: pd.DataFrame, model: str) -> None:
    """Quantile groups of predicted risk: open circles with Wilson bars."""
    x, y, low, high = (groups[c].to_numpy(dtype=float) for c in ("predicted", "observed", "low", "high"))
    color = theme.ink(model)
    ax.vlines(x, low, high, color=color, linewidth=0.7, zorder=3)
    ax.plot(
        x, y, linestyle="", marker="o", markersize=4.0, markerfacecolor=theme.PAPER, markeredgecolor=color,
        markeredgewidth=0.8, clip_on=False, zorder=4,
    )  # fmt: skip


def _caution(curve: pd.DataFrame, rows: pd.DataFrame) -> str:
    """What to doubt about a curve, if anything."""
    main = curve.loc[curve["version"] == "main", "observed"].astype(float)
    if not np.isfinite(main).any():
        return "smooth curve not estimable"
    return f"imprecise: fewer than {FEW} events" if rows["truth"].sum() < FEW else ""


def _note(panel: grid.Panel, words: str, *, below: float) -> None:
    """A gray line `below` mm under a panel."""
    panel.ax.annotate(
        words, xy=(0, 0), xycoords="axes fraction", xytext=(0, -below / names.POINT), textcoords="offset points",
        ha="left", va="center_baseline", fontsize=theme.SMALL, color=theme.MUTED,
    )  # fmt: skip


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
        path_effects=[HALO],
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


def _metrics(scores: pd.DataFrame) -> list[grid.Row]:
    """A key line a metric: its words and its value with interval."""
    return [(None, label, _value(scores[scores["metric"] == metric], metric)) for metric, label in METRICS.items()]


def _value(row: pd.DataFrame, metric: str) -> str:
    if row.empty:
        return "–"
    estimate, low, high = row.iloc[0][["estimate", "low", "high"]].astype(float)
    if metric in RESAMPLED and not np.isfinite(high):  # not resampled, which is not the same as not estimable
        return prose.number(estimate)
    return prose.interval(estimate, low, high)
