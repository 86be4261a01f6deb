"""How features were selected: reproducibility, funnel, LASSO path, coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, theme

NAMES = 72.0  # mm for the names beside coefficients
MOST_NAMED = 8  # features named at the end of a path


@theme.drawn
def reproducibility(reproducibility: pd.DataFrame, *, threshold: float, bound: str = "low") -> Figure:
    """Histogram of the ICC's `bound` (low limit or icc) by signature, with the gate; table `reproducibility`."""
    groups = _groups(reproducibility)
    if not groups:
        return theme.message("reproducibility", "No feature was measured twice.")
    count = min(len(groups), 2)
    layout = grid.Layout(columns=count, height=42.0, foot=14.0, top=12.0, width=theme.DOUBLE if count > 1 else 120.0, widest=100)
    figure, axes = grid.panels("reproducibility", _rows(len(groups), count), layout)
    words = "Low 95 % limit of the ICC" if bound == "low" else "ICC"
    for ax, ((endpoint, signature), own) in zip(sum(axes, []), groups.items(), strict=True):
        values = pd.to_numeric(own[bound]).to_numpy(dtype=float)
        kept = own["kept"].to_numpy(dtype=bool)
        known = np.isfinite(values)
        lowest = min(0.0, np.floor(values[known].min(initial=0.0) * 10) / 10)
        edges = np.linspace(lowest, 1, round((1 - lowest) / 0.05) + 1)
        color = theme.model_style(signature)["color"]
        faces = [{"color": color, "linewidth": 0}, {"facecolor": theme.PAPER, "edgecolor": theme.MUTED, "linewidth": 0.6, "hatch": "////"}]
        stack = [np.clip(values[known & kept], lowest, 1), np.clip(values[known & ~kept], lowest, 1)]
        _stacked(ax, stack, edges, faces)
        ax.axvline(threshold, color=theme.INK, linewidth=1.0, linestyle=(0, (4, 2)))
        ax.annotate(f"gate {prose.number(threshold)}", xy=(threshold, 1), xycoords=("data", "axes fraction"),
                    xytext=(-3, 0), textcoords="offset points", ha="right", va="top", fontsize=theme.SMALL)  # fmt: skip
        ax.set(xlim=(lowest, 1), xlabel=words, ylabel="Features" if ax in [row[0] for row in axes] else "")
        note = f"{prose.percent(int(kept.sum()), len(kept))} kept"
        grid.title(ax, _group_title(endpoint, signature, reproducibility), note)
    return figure


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
    groups = _groups(funnel)
    if not groups:
        return theme.message("funnel", "No feature entered selection.")
    steps = max(len(own) for own in groups.values())
    count = min(len(groups), 2)
    layout = grid.Layout(
        columns=count, height=7.0 * steps, foot=2.0, top=9.0, left=40.0, right=14.0, across=54.0,
        width=theme.DOUBLE if count > 1 else 130.0, widest=76.0,
    )  # fmt: skip
    figure, axes = grid.panels("funnel", _rows(len(groups), count), layout)
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
        grid.title(ax, _group_title(endpoint, signature, funnel))
    return figure


@theme.drawn
def lasso(lasso: pd.DataFrame, lasso_path: pd.DataFrame) -> Figure:
    """Cross-validated deviance and coefficient paths against -log(lambda), a row a signature.

    Tables `lasso` and `lasso_path`; the line marks the chosen lambda, the top axis counts nonzero coefficients.
    """
    groups = _groups(lasso)
    if not groups:
        return theme.message("lasso", "No LASSO was fitted.")
    top, high, foot = 18.0, 56.0, 13.0
    figure = theme.new_figure("lasso", width=theme.DOUBLE, height=(top + high + foot) * len(groups))
    paths = _groups(lasso_path)
    for i, ((endpoint, signature), own) in enumerate(groups.items()):
        bottom = (top + high + foot) * (len(groups) - i) - top - high
        left, right = (grid.add_axes(figure, (x, bottom, wide, high)) for x, wide in ((15.0, 46.0), (78.0, 46.0)))
        own = own.sort_values("lambda", ascending=False)
        _deviance(left, own)
        _paths(right, paths.get((endpoint, signature)), own, signature)
        count = int(own.loc[own["chosen"].astype(bool), "nonzero"].max()) if own["chosen"].any() else 0
        _over(left, 29, _group_title(endpoint, signature, lasso), fontweight="bold", fontsize=theme.BODY)
        _over(left, 17, f"dashed: chosen λ, {prose.count(count, 'feature')}", color=theme.MUTED)
        _over(right, 17, "on top: nonzero coefficients", color=theme.MUTED)
    return figure


def _over(ax: Axes, points: float, words: str, **look: Any) -> None:
    at = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": theme.SMALL}
    ax.annotate(words, xy=(0, 1), xytext=(0, points), **(at | look))


def _deviance(ax: Axes, own: pd.DataFrame) -> None:
    x = -np.log(own["lambda"].to_numpy(dtype=float))
    mean, error = own["deviance"].to_numpy(dtype=float), own["standard_error"].to_numpy(dtype=float)
    ax.vlines(x, mean - error, mean + error, color=theme.RULE, linewidth=1.0)
    ax.plot(x, mean, "o", color=theme.VERMILION, markersize=2.6)
    ax.set(xlabel="−log λ", ylabel="Binomial deviance ± SE")
    _chosen(ax, own, x)
    _counts(ax, own, x)


def _paths(ax: Axes, path: pd.DataFrame | None, own: pd.DataFrame, signature: str) -> None:
    x = -np.log(own["lambda"].to_numpy(dtype=float))
    ax.axhline(0, color=theme.RULE, linewidth=0.6)
    ax.set(xlabel="−log λ", ylabel="Coefficient (per SD)")
    _chosen(ax, own, x)
    _counts(ax, own, x)
    if path is None or path.empty:
        ax.set(ylim=(-1, 1), yticks=[0])
        ax.text(0.5, 0.6, "no feature entered", transform=ax.transAxes, ha="center", color=theme.MUTED)
        return
    table = path.pivot_table(index="lambda", columns="feature", values="coefficient", sort=False)
    table = table.reindex(own["lambda"]).fillna(0.0)
    chosen = table[own["chosen"].to_numpy(dtype=bool)].abs().max().sort_values(ascending=False, kind="stable")
    named = list(chosen[chosen > 0].index[:MOST_NAMED])
    for feature in table:
        look = {"color": theme.model_style(signature)["color"], "linewidth": 1.3, "zorder": 3}
        if feature not in named:
            look = {"color": theme.RULE, "linewidth": 0.7, "zorder": 2}
        ax.plot(x, table[feature], **look)
    _name_paths(ax, table[named].iloc[-1], left_out=int((chosen > 0).sum()) - len(named), signature=signature)


def _name_paths(ax: Axes, ends: pd.Series, *, left_out: int, signature: str) -> None:
    """Names of the selected features right of their paths, two lines each, the largest coefficients only."""
    low, high = ax.get_ylim()
    places = grid.spread(ends.to_numpy(dtype=float), gap=7.0 / 56.0 * (high - low), low=low, high=high)
    ax.set_ylim(low, high)
    for (feature, end), place in zip(ends.items(), places, strict=True):
        at = {"xycoords": ("axes fraction", "data"), "textcoords": ("axes fraction", "data")}
        ax.annotate(
            names.feature_lines(str(feature), 45.0), xy=(0.975, end), xytext=(1.09, place), va="center",
            fontsize=theme.SMALL, linespacing=1.1, color=theme.ink(signature), annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": theme.RULE, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}, **at,
        )  # fmt: skip
    if left_out:
        ax.annotate(f"and {left_out} more", xy=(1.09, 0), xycoords="axes fraction", xytext=(0, -12),
                    textcoords="offset points", fontsize=theme.SMALL, color=theme.MUTED)  # fmt: skip


def _chosen(ax: Axes, own: pd.DataFrame, x: np.ndarray) -> None:
    for place in x[own["chosen"].to_numpy(dtype=bool)]:
        ax.axvline(place, color=theme.INK, linewidth=0.9, linestyle=(0, (4, 2)))


def _counts(ax: Axes, own: pd.DataFrame, x: np.ndarray) -> None:
    """Nonzero coefficients on the top axis: at even places, and in bold at the chosen lambda."""
    margin = 0.03 * np.ptp(x) or 0.5
    ax.set_xlim(x.min() - margin, x.max() + margin)
    counts = own["nonzero"].to_numpy(dtype=int)
    chosen = np.flatnonzero(own["chosen"].to_numpy(dtype=bool))
    span = np.ptp(x) or 1.0
    places = np.unique(np.linspace(0, len(x) - 1, 5).round().astype(int))
    clear = [i for i in places if all(abs(x[i] - x[j]) > 0.1 * span for j in chosen)]
    for i in [*clear, *chosen]:
        bold = i in chosen
        ax.annotate(
            str(counts[i]), xy=(x[i], 1), xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points",
            ha="center", fontsize=theme.SMALL, fontweight="bold" if bold else "normal",
            color=theme.INK if bold else theme.MUTED,
        )  # fmt: skip


@theme.drawn
def coefficients(selected: pd.DataFrame) -> Figure:
    """Standardized coefficients of the selected features, and how often resampling selected them again."""
    groups = _groups(selected)
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
        grid.title(ax, _group_title(endpoint, signature, selected), prose.count(len(own), "feature"))
    return figure


def _bars(ax: Axes, own: pd.DataFrame, signature: str, widest: float) -> None:
    own = own.reindex(own["coefficient"].abs().sort_values(ascending=False, kind="stable").index)
    values, lines = own["coefficient"].to_numpy(dtype=float), np.arange(len(own))
    color = theme.model_style(signature)["color"]
    ax.barh(lines, values, 0.6, color=[color if v > 0 else theme.PAPER for v in values], edgecolor=color, linewidth=1.0)
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


def _groups(frame: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Rows by endpoint and signature, signatures in the order of every figure."""
    found = {}
    for endpoint in dict.fromkeys(frame["endpoint"]):
        for signature in names.models(frame.loc[frame["endpoint"] == endpoint, "signature"]):
            found[endpoint, signature] = frame[(frame["endpoint"] == endpoint) & (frame["signature"] == signature)]
    return found


def _rows(count: int, columns: int) -> list[int]:
    return [min(columns, count - start) for start in range(0, count, columns)]


def _group_title(endpoint: str, signature: str, frame: pd.DataFrame) -> str:
    several = frame["endpoint"].nunique() > 1
    return f"{names.endpoint(endpoint)} · {names.signature(signature)}" if several else names.signature(signature)
