"""How features were selected: reproducibility, funnel, LASSO path, coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, signatures, theme
from helpers.figures.lasso import lasso

__all__ = ["coefficients", "funnel", "lasso", "reproducibility"]
NAMES = 72.0  # mm for the names beside coefficients


@theme.drawn
def reproducibility(reproducibility: pd.DataFrame, *, threshold: float, bound: str = "low") -> Figure:
    """Histogram of the ICCs of a signature (their `bound`, low or icc) with the gate; table `reproducibility`."""
    groups = signatures.groups(reproducibility)
    if not groups:
        return theme.message("reproducibility", "No feature was measured twice.")
    count = min(len(groups), 2)
    layout = grid.Layout(
        columns=count,
        height=42.0,
        foot=14.0,
        top=12.0,
        width=theme.DOUBLE if count > 1 else 120.0,
        widest=100,
    )
    figure, axes = grid.panels("reproducibility", signatures.rows(len(groups), count), layout)
    for ax, ((endpoint, signature), own) in zip(sum(axes, []), groups.items(), strict=True):
        _gated(ax, own, signature, threshold=threshold, bound=bound)
        ax.set_xlabel("Low 95 % limit of the ICC" if bound == "low" else "ICC")
        note = f"{prose.percent(int(own['kept'].sum()), len(own))} kept"
        grid.title(ax, signatures.group_title(endpoint, signature, reproducibility), note)
    for row in axes:
        row[0].set_ylabel("Features")
    return figure


def _gated(ax: Axes, own: pd.DataFrame, signature: str, *, threshold: float, bound: str) -> None:
    """Kept features filled, dropped ones hatched, the gate dashed."""
    values = pd.to_numeric(own[bound]).to_numpy(dtype=float)
    kept, known = own["kept"].to_numpy(dtype=bool), np.isfinite(values)
    lowest = min(0.0, np.floor(values[known].min(initial=0.0) * 10) / 10)
    edges = np.linspace(lowest, 1, round((1 - lowest) / 0.05) + 1)
    full = {"color": theme.model_style(signature)["color"], "linewidth": 0}
    hatched = {"facecolor": theme.PAPER, "edgecolor": theme.MUTED, "linewidth": 0.6, "hatch": "////"}
    _stacked(ax, [values[known & kept], values[known & ~kept]], edges, [full, hatched])
    ax.axvline(threshold, color=theme.INK, linewidth=1.0, linestyle=(0, (4, 2)))
    at = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "right", "va": "top"}
    words = f"gate {prose.number(threshold)}"
    ax.annotate(words, xy=(threshold, 1), xytext=(-3, 0), fontsize=theme.SMALL, **at)
    ax.set_xlim(lowest, 1)


def _stacked(ax: Axes, stack: list[np.ndarray], edges: np.ndarray, faces: list[dict[str, Any]]) -> None:
    below = np.zeros(edges.size - 1)
    for values, face in zip(stack, faces, strict=True):
        counts = np.histogram(values, edges)[0]
        ax.bar(edges[:-1], counts, np.diff(edges) * 0.92, bottom=below, align="edge", **face)
        below += counts
    ax.set_ylim(0, max(below.max(), 1) * 1.2)
    ax.yaxis.get_major_locator().set_params(integer=True, nbins=5)


@theme.drawn
def funnel(funnel: pd.DataFrame) -> Figure:
    """How many features each step left, a panel a signature; table `funnel`, steps in its order."""
    groups = signatures.groups(funnel)
    if not groups:
        return theme.message("funnel", "No feature entered selection.")
    steps = max(len(own) for own in groups.values())
    count = min(len(groups), 2)
    layout = grid.Layout(
        columns=count,
        height=7.0 * steps,
        foot=2.0,
        top=9.0,
        left=40.0,
        right=14.0,
        across=54.0,
        width=theme.DOUBLE if count > 1 else 130.0,
        widest=76.0,
    )
    figure, axes = grid.panels("funnel", signatures.rows(len(groups), count), layout)
    for ax, ((endpoint, signature), own) in zip(sum(axes, []), groups.items(), strict=True):
        left = own["features"].to_numpy(dtype=float)
        lines = np.arange(len(own))
        ax.barh(lines, left, 0.62, color=theme.model_style(signature)["color"])
        for line, value in zip(lines, left, strict=True):
            ax.annotate(f"{value:,.0f}", xy=(value, line), xytext=(3, 0), textcoords="offset points", va="center")
        ax.set(xlim=(0, max(left.max(), 1)), ylim=(steps - 0.5, -0.5), xticks=[])
        ax.set_yticks(lines, [names.wrap(str(step).replace("_", " "), 36.0) for step in own["step"]])
        ax.tick_params(axis="y", length=0)
        ax.spines["bottom"].set_visible(False)
        grid.title(ax, signatures.group_title(endpoint, signature, funnel))
    return figure


@theme.drawn
def coefficients(selected: pd.DataFrame) -> Figure:
    """Standardized coefficients of the selected features, and how often resampling selected them again."""
    groups = signatures.groups(selected)
    if not groups:
        return theme.message("coefficients", "No feature was selected.")
    two_lines = any("\n" in names.feature_lines(str(f), NAMES) for f in selected["feature"])
    line = 7.6 if two_lines else 5.6
    top, foot = 12.0, 13.0
    heights = [max(len(own), 1) * line for own in groups.values()]
    total = sum(heights) + len(groups) * (top + foot)
    figure = theme.new_figure("coefficients", width=theme.DOUBLE, height=total)
    widest = float(pd.to_numeric(selected["coefficient"]).abs().max()) or 1.0
    for ((endpoint, signature), own), high in zip(groups.items(), heights, strict=True):
        total -= top + high
        ax = grid.add_axes(figure, (NAMES + 4.0, total, theme.DOUBLE - NAMES - 24.0, high))
        total -= foot
        _bars(ax, own, signature, widest)
        grid.title(ax, signatures.group_title(endpoint, signature, selected), prose.count(len(own), "feature"))
    return figure


def _bars(ax: Axes, own: pd.DataFrame, signature: str, widest: float) -> None:
    own = own.reindex(own["coefficient"].abs().sort_values(ascending=False, kind="stable").index)
    values, lines = own["coefficient"].to_numpy(dtype=float), np.arange(len(own))
    color = theme.model_style(signature)["color"]
    ax.barh(
        lines,
        values,
        0.6,
        color=[color if v > 0 else theme.PAPER for v in values],
        edgecolor=color,
        linewidth=1.0,
    )
    ax.axvline(0, color=theme.INK, linewidth=0.6)
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    ax.set(xlim=(-1.05 * widest if low < 0 else 0, 1.05 * widest if high > 0 else 0), ylim=(len(own) - 0.5, -0.5))
    ax.set_xlabel("Coefficient (log odds per SD)")
    ax.xaxis.get_major_locator().set_params(nbins=5)
    ax.set_yticks(lines, [names.feature_lines(str(f), NAMES) for f in own["feature"]], linespacing=1.1)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    at = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "fontsize": theme.SMALL}
    for line, share in zip(lines, own["frequency"].astype(float), strict=True):
        text = f"{100 * share:.0f} %" if np.isfinite(share) else "–"
        ax.annotate(text, xy=(1, line), xytext=(45, 0), ha="right", va="center", **at)
    ax.annotate("selected\nagain in", xy=(1, -0.5), xytext=(45, 3), ha="right", va="bottom", color=theme.MUTED, **at)
