"""How well models tell patients apart: ROC curves, and predicted risks by outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import fitting, grid, names, theme

OUTCOMES = ("No event", "Event")


@theme.drawn
def roc(
    roc: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    thresholds: pd.DataFrame | None = None,
    band: pd.DataFrame | None = None,
) -> Figure:
    """ROC curves of every model, a panel a part; tables `roc`, `scores`, `thresholds` and `roc_band`.

    The mark on a curve is the operating point frozen in training; AUCs with their intervals stand below. The leading
    model (the first of `band`, else of `roc`) has its 95 % band, and at its operating point a cross of the limits of
    sensitivity and specificity.
    """
    found = grid.cells(roc)
    if not found:
        return theme.message("roc", "No model was evaluated.")
    models = names.models(roc["model"])
    keys = [[(None, "", "AUC (95 % CI)"), *auc_rows(c.of(scores), models, c.part)] for c in found]
    lead = models[0] if band is None or band.empty else names.models(band["model"])[0]
    layout = grid.Layout(
        width=theme.SINGLE if len(found) == 1 else theme.DOUBLE,
        columns=fitting.columns(found, keys),
        foot=15.0 + grid.LINE * (len(models) + 1),
        top=12.0,
    )
    figure, panels = grid.by_cell("roc", found, layout)
    for panel, rows in zip(panels, keys, strict=True):
        cell = panel.cell
        square(panel.ax)
        grid.label_axes(panel, x="1 − specificity", y="Sensitivity")
        for model in models:
            curve = cell.of(roc).query("model == @model")
            draw_curve(panel.ax, curve, model, part=cell.part, threshold=frozen(thresholds, cell.endpoint, model))
        own = cell.of(scores)
        _draw_band(panel.ax, None if band is None else cell.of(band), lead)
        if frozen(thresholds, cell.endpoint, lead) is not None:
            _draw_cross(panel.ax, own[own["model"] == lead], lead)
        fitting.title(panel.ax, names.part(cell.part, cell.kind), size(own))
        grid.key(panel, rows, below=13.0, outdent=fitting.outdent(layout, keys))
    return figure


def _draw_band(ax: Axes, band: pd.DataFrame | None, model: str) -> None:
    """Pointwise 95 % limits of sensitivity at each specificity, under the curves."""
    if band is None:
        return
    own = band[band["model"] == model].sort_values("specificity", kind="stable")
    x, low, high = (own[c].to_numpy(dtype=float) for c in ("specificity", "low", "high"))
    ax.fill_between(1 - x, low, high, color=theme.model_style(model)["color"], alpha=0.16, linewidth=0, zorder=1)


def _draw_cross(ax: Axes, scores: pd.DataFrame, model: str) -> None:
    """Limits of sensitivity (upright) and of specificity (level) through the operating point."""
    rows = scores.drop_duplicates("metric").set_index("metric")
    if not {"sensitivity", "specificity"} <= set(rows.index):
        return
    look = {"color": theme.ink(model), "linewidth": 1.0, "zorder": 4, "clip_on": False}
    up = rows.loc["sensitivity", ["estimate", "low", "high"]].astype(float)
    across = 1 - rows.loc["specificity", ["estimate", "low", "high"]].astype(float)
    ax.plot([across["estimate"]] * 2, [up["low"], up["high"]], **look)
    ax.plot([across["low"], across["high"]], [up["estimate"]] * 2, **look)


@theme.drawn
def risk(
    predictions: pd.DataFrame,
    thresholds: pd.DataFrame,
    *,
    model: str = "nomogram",
    endpoints: Sequence[Any] = (),
) -> Figure:
    """Every patient's predicted risk by outcome, a panel a part, with the frozen threshold and the numbers above it.

    Tables `predictions` and `thresholds`; `endpoints` (name, positive, negative) have the outcomes' words.
    """
    own = predictions[predictions["model"] == model]
    found = grid.cells(own)
    if not found:
        return theme.message("risk", "No risks were predicted.")
    words = {e.name: (e.negative, e.positive) for e in endpoints}
    width = theme.SINGLE if len(found) == 1 else theme.DOUBLE
    layout = grid.Layout(width=width, columns=grid.columns(found), height=58.0, top=12.0, right=16.0)
    outcomes = [word for cell in found for word in words.get(cell.endpoint, OUTCOMES)]
    staggered = any(names.width(word) > layout.panel_width() / 2 - 2 for word in outcomes)
    layout = replace(layout, foot=30.0 if staggered else 16.0)
    figure, panels = grid.by_cell("risk", found, layout)
    for panel, following in zip(panels, [*panels[1:], None], strict=True):
        cell = panel.cell
        rows = cell.of(own)
        threshold = frozen(thresholds, cell.endpoint, model)
        _risk_panel(panel.ax, rows, model, words.get(cell.endpoint, OUTCOMES), threshold)
        grid.label_axes(panel, x="", y="Predicted risk" if unit(own["probability"].to_numpy()) else "Score")
        last = following is None or following.first
        draw_threshold(panel.ax, threshold, named=last)
        note = names.patients(len(rows), rows["truth"].sum())
        fitting.title(panel.ax, names.part(cell.part, cell.kind), note)
    return figure


def square(ax: Axes) -> None:
    """The unit square of a ROC curve with its line of no discrimination, at equal aspect."""
    ax.plot([0, 1], [0, 1], color=theme.RULE, linewidth=0.7, zorder=1)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"])
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"])


def draw_curve(ax: Axes, curve: pd.DataFrame, model: str, *, part: str, threshold: float | None) -> None:
    """One model's empirical curve, and the mark of its frozen threshold."""
    if curve.empty:
        return
    curve = curve.sort_values("threshold", ascending=False, kind="stable")
    look = theme.model_style(model)
    line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": theme.line_width(part)}
    x, y = 1 - curve["specificity"], curve["sensitivity"]
    ax.plot(x, y, zorder=3 if model == "nomogram" else 2, clip_on=False, **line)
    if threshold is not None:
        # Positive is at or above the threshold: the curve's smallest threshold that is not below it.
        point = curve[curve["threshold"] >= threshold].iloc[-1:]
        mark = {
            "marker": look["marker"],
            "markersize": 5.5,
            "markeredgecolor": theme.PAPER,
            "markeredgewidth": 0.7,
        }
        x, y = 1 - point["specificity"], point["sensitivity"]
        ax.plot(x, y, linestyle="", color=look["color"], clip_on=False, zorder=5, **mark)


def frozen(thresholds: pd.DataFrame | None, endpoint: str, model: str) -> float | None:
    """The frozen threshold of a model, if it has one."""
    if thresholds is None or thresholds.empty:
        return None
    own = thresholds[(thresholds["endpoint"] == endpoint) & (thresholds["model"] == model)]
    return float(own["threshold"].iloc[0]) if len(own) else None


def unit(values: np.ndarray) -> bool:
    """Whether values can be risks: all from 0 to 1."""
    return bool(((values >= 0) & (values <= 1)).all())


def size(scores: pd.DataFrame) -> str:
    """ "n = 36, 16 events" of a part's scores."""
    known = scores[["n", "events"]].dropna()
    return names.patients(*known.astype(float).max()) if len(known) else ""


def auc_rows(scores: pd.DataFrame, models: Sequence[str], part: str) -> list[grid.Row]:
    """A key line a model: its line and mark, its name, its AUC with interval."""
    rows: list[grid.Row] = []
    for model in models:
        auc = scores[(scores["model"] == model) & (scores["metric"] == "auc")]
        look = theme.model_style(model)
        label = look.pop("label")
        look |= {"linewidth": theme.line_width(part), "markersize": 5.0, "markeredgewidth": 0}
        value = prose.interval(*auc.iloc[0][["estimate", "low", "high"]].astype(float)) if len(auc) else "–"
        rows.append((look, label, value))
    return rows


def draw_threshold(ax: Axes, threshold: float | None, *, named: bool) -> None:
    """The frozen threshold as a line across a panel of risks, named right of the row's last panel."""
    if threshold is None:
        return
    ax.axhline(threshold, color=theme.INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    if named:
        ax.annotate(
            f"threshold\n{prose.number(threshold)}", xy=(1, threshold), xycoords=("axes fraction", "data"),
            xytext=(3, 0), textcoords="offset points", ha="left", va="center", fontsize=theme.SMALL,
        )  # fmt: skip


def _risk_panel(ax: Axes, rows: pd.DataFrame, model: str, words: tuple[str, str], threshold: float | None) -> None:
    color = theme.model_style(model)["color"]
    low, high = _range(rows["probability"].to_numpy(dtype=float), threshold)
    for outcome, face in ((0, theme.PAPER), (1, color)):
        risks = rows.loc[rows["truth"] == outcome, "probability"].to_numpy(dtype=float)
        x = outcome + swarm((risks - low) / (high - low))
        mark = "o" if outcome else "s"
        small = 14 if len(rows) <= 300 else 5
        ax.scatter(
            x,
            risks,
            s=small,
            marker=mark,
            facecolor=face,
            edgecolor=color,
            linewidth=0.7,
            clip_on=False,
            zorder=2,
        )
        if risks.size:
            middle = float(np.median(risks))
            ax.plot([outcome - 0.42, outcome + 0.42], [middle] * 2, color=theme.INK, linewidth=1.6, zorder=4)
    limit = ax.figure.get_size_inches()[0] / theme.MM * ax.get_position().width / 2 - 2
    labels = [
        _counted(word, rows.loc[rows["truth"] == outcome, "probability"], threshold)
        for outcome, word in enumerate(words)
    ]
    ax.set(xlim=(-0.55, 1.55), ylim=(low, high))
    ax.set_xticks([0, 1], labels)
    ax.tick_params(axis="x", length=0)
    if any(names.width(word) > limit for word in words):  # no room side by side: the second goes lower
        ax.xaxis.get_major_ticks()[1].set_pad(3.0 + (2 if threshold is None else 3) * grid.LINE / names.POINT)


def _range(values: np.ndarray, threshold: float | None) -> tuple[float, float]:
    """0 to 1 for risks; for a score that is none, all of it and its threshold."""
    if unit(values):
        return 0.0, 1.0
    seen = values if threshold is None else np.append(values, threshold)
    pad = 0.04 * np.ptp(seen) or 1.0
    return float(seen.min() - pad), float(seen.max() + pad)


def _counted(word: str, risks: pd.Series, threshold: float | None) -> str:
    """An outcome's word, its patients, and those at or above the threshold."""
    above = "" if threshold is None else f"\n{(risks >= threshold).sum()} high risk"
    return f"{word}\nn = {len(risks)}{above}"


def swarm(values: np.ndarray, *, bins: int = 34, widest: float = 0.4) -> np.ndarray:
    """Sideways offsets, symmetric about 0, that keep values of one bin of [0, 1] apart."""
    levels = pd.Series(np.clip((values * bins).astype(int), 0, bins - 1))
    groups = levels.groupby(levels)
    side = groups.cumcount() - (groups.transform("size") - 1) / 2
    return (side * min(0.085, widest / max(side.abs().max(), 1) if len(side) else 1)).to_numpy()
