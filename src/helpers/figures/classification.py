"""What a threshold does: sensitivity and specificity along all thresholds, and the 2 x 2 tables at the frozen one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from helpers import prose
from helpers.figures import discrimination, fitting, grid, names, theme
from helpers.statistics.intervals import wilson

POINTS = 400  # thresholds drawn at most
RATES = {"sensitivity": (1, "-"), "specificity": (0, (0, (5, 1.6)))}  # whom each is a share of, and its line
COUNTS = ("tp", "fn", "fp", "tn")


@theme.drawn
def classification(predictions: pd.DataFrame, thresholds: pd.DataFrame, *, model: str = "nomogram") -> Figure:
    """Sensitivity and specificity of one model at every threshold, with Wilson bands, a panel a part.

    Tables `predictions` and `thresholds`; the upright line is the frozen threshold, and the values there stand below.
    """
    own = predictions[predictions["model"] == model]
    found = grid.cells(own)
    if not found:
        return theme.message("classification", "No risks were predicted.")
    keys = [_at_threshold(c.of(own), discrimination.frozen(thresholds, c.endpoint, model)) for c in found]
    width = theme.SINGLE if len(found) == 1 else theme.DOUBLE
    layout = grid.Layout(
        width=width, columns=fitting.columns(found, keys), height=50.0, foot=15.0 + 3 * grid.LINE, top=12.0, right=19.0
    )
    figure, panels = grid.by_cell("classification", found, layout)
    for panel, following, rows in zip(panels, [*panels[1:], None], keys, strict=True):
        here = panel.cell.of(own)
        _draw_rates(panel.ax, here, model, part=panel.cell.part)
        _mark_threshold(panel.ax, here, discrimination.frozen(thresholds, panel.cell.endpoint, model))
        if following is None or following.first:
            _name_rates(panel.ax, model)
        grid.label_axes(panel, x="Threshold", y="Proportion")
        fitting.title(
            panel.ax, names.part(panel.cell.part, panel.cell.kind), names.patients(len(here), here["truth"].sum())
        )
        grid.key(panel, rows, below=13.0, outdent=fitting.outdent(layout, keys))
    return figure


def _rates(rows: pd.DataFrame, at: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sensitivity or specificity at thresholds (t,), with Wilson limits; positive is at or above the threshold."""
    outcome, _ = RATES[name]
    risks = np.sort(rows.loc[rows["truth"] == outcome, "probability"].to_numpy(dtype=float))
    below = np.searchsorted(risks, at, side="left")
    right, n = (risks.size - below if outcome else below), np.full(at.shape, risks.size)
    share = right / risks.size if risks.size else np.full(at.shape, np.nan)
    return share, *wilson(right, n)


def _at_threshold(rows: pd.DataFrame, threshold: float | None) -> list[grid.Row]:
    """Key lines: both values at the frozen threshold."""
    if threshold is None:
        return []
    at = np.array([threshold])
    values = [(name, prose.interval(*(float(v[0]) for v in _rates(rows, at, name)))) for name in RATES]
    return [(None, "", f"at {prose.number(threshold)} (95 % CI)"), *((None, n.capitalize(), v) for n, v in values)]


def _draw_rates(ax: Axes, rows: pd.DataFrame, model: str, *, part: str) -> None:
    risks = np.unique(rows["probability"].to_numpy(dtype=float))
    left, right = (0.0, 1.0) if discrimination.unit(risks) else (risks[0], risks[-1] + 0.05 * np.ptp(risks) + 1e-9)
    if risks.size > POINTS:
        risks = np.linspace(left, right, POINTS)
    at = np.concatenate([[left], risks, [np.nextafter(right, np.inf)]])
    for name, (_, line) in RATES.items():
        share, low, high = _rates(rows, at, name)
        color = _color(name, model)
        ax.fill_between(at, low, high, step="pre", color=color, alpha=0.16, linewidth=0, zorder=1)
        look = {"color": color, "linestyle": line, "linewidth": theme.line_width(part)}
        ax.step(at, share, where="pre", zorder=3, clip_on=False, **look)
    ax.set(xlim=(left, right), ylim=(0, 1))
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"])
    if (left, right) == (0.0, 1.0):
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"])


def _color(name: str, model: str) -> str:
    return theme.model_style(model)["color"] if name == "sensitivity" else theme.MUTED


def _name_rates(ax: Axes, model: str) -> None:
    # Beyond the highest risk nobody is positive: the curves always end apart, at 0 and at 1.
    for name, end in (("sensitivity", 0.0), ("specificity", 1.0)):
        color = theme.ink(model) if name == "sensitivity" else theme.MUTED
        ax.annotate(
            name, xy=(1, end), xycoords="axes fraction", xytext=(3, 0), textcoords="offset points", ha="left",
            va="center", fontsize=theme.SMALL, color=color,
        )  # fmt: skip


def _mark_threshold(ax: Axes, rows: pd.DataFrame, threshold: float | None) -> None:
    """The frozen threshold, named at its foot on the side where it has room and the curve there stays higher."""
    if threshold is None:
        return
    ax.axvline(threshold, color=theme.INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=2)
    left, right = ax.get_xlim()
    wide = ax.figure.get_size_inches()[0] / theme.MM * ax.get_position().width
    need = (names.width("threshold") + 2.0) / wide * (right - left)
    over = {
        side: _rates(rows, np.array([at]), name)[0][0] if left < at < right else -1.0
        for side, at, name in (("right", threshold - need, "specificity"), ("left", threshold + need, "sensitivity"))
    }
    side = max(over, key=lambda side: np.nan_to_num(over[side], nan=-0.5))
    ax.annotate(
        f"threshold\n{prose.number(threshold)}", xy=(threshold, 0.02), xycoords=("data", "axes fraction"), ha=side,
        va="bottom", zorder=5, xytext=(3 if side == "left" else -3, 0), textcoords="offset points",
        fontsize=theme.SMALL, path_effects=[withStroke(linewidth=2.0, foreground=theme.PAPER)],
    )  # fmt: skip


@theme.drawn
def confusion(scores: pd.DataFrame, *, part: str | None = None) -> Figure:
    """The 2 x 2 table of every model at its frozen threshold, counts with percent of the row.

    Table `scores` (metrics tp, fn, fp and tn; sensitivity and specificity stand below); one `part`, by default test.
    """
    counted = scores[scores["metric"].isin(COUNTS) & scores["estimate"].notna()]
    found = grid.cells(counted, parts=[part or grid.judged(counted)])
    if not found:
        return theme.message("confusion", "No model has a frozen threshold.")
    tiles = [(cell, model) for cell in found for model in names.models(cell.of(counted)["model"])]
    keys = [_both_rates(cell.of(scores), model) for cell, model in tiles]
    most = max(sum(cell == c for c, _ in tiles) for cell in found)
    wide = any(names.width(value) > 30.0 for rows in keys for _, _, value in rows)
    columns = 2 if wide or most in (2, 4) else min(most, 3)
    layout = grid.Layout(
        width=theme.SINGLE if most == 1 else theme.DOUBLE, columns=columns, height=24.0, foot=10.0 + 2 * grid.LINE,
        top=17.0, left=17.0, across=9.0, widest=64.0,
    )  # fmt: skip
    figure, panels = grid.by_cell("confusion", [replace(cell) for cell, _ in tiles], layout)
    for panel, (cell, model), rows in zip(panels, tiles, keys, strict=True):
        own = cell.of(counted)
        table = own[own["model"] == model].drop_duplicates("metric").set_index("metric")["estimate"]
        _draw_table(panel, [int(table.get(name, 0)) for name in COUNTS], model)
        label = names.shorten(theme.model_style(model)["label"], layout.panel_width(), theme.BODY, "bold")
        _head(panel.ax, label, f"{names.part(cell.part, cell.kind)}, {discrimination.size(own)}", layout)
        grid.key(panel, rows, below=5.0)
    return figure


def _both_rates(scores: pd.DataFrame, model: str) -> list[grid.Row]:
    own = scores[scores["model"] == model].drop_duplicates("metric").set_index("metric")
    known = {name: own.loc[name, ["estimate", "low", "high"]].astype(float) for name in RATES if name in own.index}
    return [(None, name.capitalize(), prose.interval(*values)) for name, values in known.items()]


def _head(ax: Axes, label: str, note: str, layout: grid.Layout) -> None:
    """Title and note over the column heads."""
    limit = layout.panel_width() + layout.across
    for words, up, look in (
        (label, 27, {"fontweight": "bold", "fontsize": theme.BODY}),
        (names.shorten(note, limit), 16, {"color": theme.MUTED, "fontsize": theme.SMALL}),
    ):
        ax.annotate(
            words, xy=(0, 1), xycoords="axes fraction", xytext=(0, up), textcoords="offset points", va="bottom", **look
        )


def _draw_table(panel: grid.Panel, counts: list[int], model: str) -> None:
    """Rows are the truth and columns the call; right cells are tinted and their count is bold."""
    ax, color = panel.ax, theme.model_style(model)["color"]
    ax.set(xlim=(0, 2), ylim=(2, 0), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    for position, count in enumerate(counts):
        row, column = divmod(position, 2)
        right, total = row == column, sum(counts[2 * row : 2 * row + 2])
        tint = {"facecolor": color, "alpha": 0.22} if right else {"facecolor": theme.PAPER}
        ax.add_patch(Rectangle((column, row), 1, 1, linewidth=0, clip_on=False, zorder=1, **tint))
        ax.add_patch(
            Rectangle(
                (column, row), 1, 1, facecolor="none", edgecolor=theme.MUTED, linewidth=0.7, clip_on=False, zorder=2
            )
        )
        ax.text(
            column + 0.5, row + 0.36, f"{count:,}", ha="center", va="center", fontweight="bold" if right else "normal"
        )
        share = f"{100 * count / total:.0f} %" if total else "–"
        ax.text(column + 0.5, row + 0.72, share, ha="center", va="center", fontsize=theme.SMALL)
    at = {"textcoords": "offset points", "fontsize": theme.SMALL, "annotation_clip": False}
    for column, words in enumerate(("high risk", "low risk")):
        ax.annotate(words, xy=(column + 0.5, 0), xytext=(0, 3), ha="center", va="bottom", **at)
    for row, words in enumerate(("event", "no event")) if panel.first else ():
        ax.annotate(words, xy=(0, row + 0.5), xytext=(-4, 0), ha="right", va="center", **at)
