"""Whether acting on a model would help: decision curves over the prespecified thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import discrimination, fitting, grid, high_risk, named_lines, names, theme

POLICIES = {"treat all": "treating all", "treat none": "treating none"}
TICKS = [0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.50", "0.75", "1"]


@theme.drawn
def decision(
    decision: pd.DataFrame,
    *,
    models: Sequence[str] = (),
    part: str | Sequence[str] | None = None,
    scores: pd.DataFrame | None = None,
    prespecified: tuple[float, float] | None = None,
    predictions: pd.DataFrame | None = None,
) -> Figure:
    """Net benefit by risk threshold, of `models` and of treating all or none; tables `decision` and `scores`.

    The first of the models has its 95 % band, and with `predictions` the numbers it puts at high risk stand below.
    `prespecified` is the shaded range of thresholds, by default the range that the table covers. A panel an endpoint
    and `part` (by default test); `scores` gives n and events. Table `decision_adjusted` is drawn with its prevalence.
    """
    found, shown = _cells(decision, part), list(models) or names.models(decision["model"])
    if not found:
        return theme.message("decision", "No decision curve was computed.")
    figure, panels = grid.by_cell(
        "decision", found, _layout(found, strip=3 if predictions is not None else 0, left=15.0)
    )
    for panel in panels:
        own = panel.cell.of(decision)
        limits = prespecified or (float(own["threshold"].min()), float(own["threshold"].max()))
        draw_decision(panel.ax, own, shown, part=panel.cell.part, prespecified=limits)
        _finish(panel, own, scores, y="Net benefit")
        lead = next((m for m in shown if (own["model"] == m).any()), None)
        if predictions is not None and lead is not None:
            rows = panel.cell.of(predictions)
            high_risk.strip(panel, rows[rows["model"] == lead], lead, limits)
    return figure


@theme.drawn
def interventions(
    decision: pd.DataFrame,
    *,
    models: Sequence[str] = (),
    part: str | Sequence[str] | None = None,
    scores: pd.DataFrame | None = None,
) -> Figure:
    """Interventions avoided per 100 patients against treating all, net of missed events, by risk threshold.

    Table `decision` (Vickers and Elkin 2006, doi 10.1177/0272989X06295361); the first of the `models` has its 95 %
    band. A panel an endpoint and `part` (by default test); `scores` gives n and events.
    """
    found, shown = _cells(decision, part), list(models) or names.models(decision["model"])
    if not found:
        return theme.message("interventions", "No decision curve was computed.")
    figure, panels = grid.by_cell("interventions", found, _layout(found, strip=0, left=18.0))
    for panel in panels:
        own = panel.cell.of(decision).sort_values("threshold", kind="stable")
        _draw_interventions(panel, own, shown)
        _finish(panel, own, scores, y="Interventions avoided\nper 100 patients")
    return figure


def _draw_interventions(panel: grid.Panel, own: pd.DataFrame, models: Sequence[str]) -> None:
    ax, nobody = panel.ax, {"color": theme.MUTED, "linewidth": 1.0, "linestyle": (0, (6, 2, 1, 2))}
    ax.axvspan(own["threshold"].min(), own["threshold"].max(), color=theme.SHADE, linewidth=0, zorder=0)
    columns = ("interventions_avoided", "avoided_low", "avoided_high")
    lines = named_lines.draw_models(ax, own, models, columns=columns, part=panel.cell.part)
    ax.axhline(0, zorder=2, **nobody)
    shown = own[own["model"].isin(models)]
    top = np.clip(np.nanmax(shown[list(columns)].to_numpy(dtype=float), initial=0.0), 5.0, 100.0) * 1.03
    low = float(np.nanmin(shown["interventions_avoided"].to_numpy(dtype=float), initial=0.0))
    # At small thresholds a single missed event costs many interventions: the axis does not follow it all the way down.
    ax.set(xlim=(0, 1), ylim=(max(1.15 * low, -0.5 * top) - 0.05 * top, top))
    ax.set_xticks(*TICKS)
    named_lines.name_lines(ax, [*lines, (0.0, "Treat all", theme.MUTED, nobody)], edge=float(own["threshold"].max()))


@theme.drawn
def differences(
    decision_differences: pd.DataFrame,
    *,
    model: str = "nomogram",
    part: str | None = None,
    scores: pd.DataFrame | None = None,
) -> Figure:
    """Net benefit of one model minus that of every other strategy, with its 95 % interval, a panel a strategy.

    Table `decision_differences`; one `part`, by default that on which models are judged; `scores` gives n and events.
    The intervals describe and do not test (Vickers 2023, doi 10.1186/s41512-023-00148-y).
    """
    own = decision_differences[decision_differences["model_a"] == model]
    own = own[own["part"] == (part or grid.judged(own))]
    if own.empty:
        return theme.message("differences", "No difference in net benefit was computed.")
    own = own.assign(kind=np.where(own["part"] == "train", "oof", "frozen"))
    others = list(dict.fromkeys(own["model_b"]))
    count = 2 if len(others) in (2, 4) else min(len(others), 3)
    layout = grid.Layout(columns=count, height=48.0, foot=14.0, top=12.0, left=18.0, across=13.0, widest=92.0)
    found = grid.cells(own)
    figure, panels = grid.by_cell("differences", [replace(c) for c in found for _ in others], layout)
    for panel, other in zip(panels, others * len(found), strict=True):
        here = panel.cell.of(own)
        _draw_difference(panel.ax, here[here["model_b"] == other], model)
        panel.ax.set_ylim(_room(here, other))
        _name_sides(panel.ax, model, other)
        grid.label_axes(panel, x="Risk threshold", y="Difference in net benefit")
        size = "" if scores is None else f", {discrimination.size(panel.cell.of(scores))}"
        fitting.title(panel.ax, f"Against {strategy(other)}", f"{names.part(panel.cell.part)}{size}")
    return figure


def strategy(name: str) -> str:
    """ "treating all", or a model within a sentence."""
    label = theme.model_style(name)["label"]
    return POLICIES.get(name) or (label.lower() if name in theme.MODELS else label)


def _draw_difference(ax: Axes, rows: pd.DataFrame, model: str) -> None:
    rows = rows.sort_values("threshold", kind="stable")
    x, middle, low, high = (rows[c].to_numpy(dtype=float) for c in ("threshold", "difference", "low", "high"))
    color = theme.model_style(model)["color"]
    ax.axvspan(x[0], x[-1], color=theme.SHADE, linewidth=0, zorder=0)
    ax.axhline(0, color=theme.MUTED, linewidth=0.8, zorder=2)
    ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0, zorder=1)
    for limit in (low, high):
        ax.plot(x, limit, color=color, linewidth=0.6, zorder=3)
    ax.plot(x, middle, color=color, linewidth=theme.line_width("test"), zorder=4)
    ax.set_xlim(0, 1)
    ax.set_xticks(*TICKS)


def _room(rows: pd.DataFrame, other: str) -> tuple[float, float]:
    """One axis for all models and one for each policy, whose harm grows without bound; with room for words at both ends."""
    alike = (rows["model_b"] == other) if other in POLICIES else ~rows["model_b"].isin(POLICIES)
    values = rows.loc[alike, ["difference", "low", "high"]].to_numpy(dtype=float)
    low, high = float(np.nanmin(values, initial=-0.02)), float(np.nanmax(values, initial=0.02))
    pad = 0.14 * (high - low)
    return low - pad, high + pad


def _name_sides(ax: Axes, model: str, other: str) -> None:
    """Which side of zero speaks for whom."""
    sides = ((1.0, "top", -2, strategy(model)), (0.0, "bottom", 2, strategy(other)))
    wide = ax.figure.get_size_inches()[0] / theme.MM * ax.get_position().width
    for y, anchor, away, name in sides:
        ax.annotate(
            f"{names.shorten(name, wide - 14.0)} better", xy=(1, y), xycoords="axes fraction", xytext=(-1, away),
            textcoords="offset points", ha="right", va=anchor, fontsize=theme.SMALL, color=theme.MUTED, zorder=5,
        )  # fmt: skip


def _cells(decision: pd.DataFrame, part: str | Sequence[str] | None) -> list[grid.Cell]:
    part = part or grid.judged(decision)
    return grid.cells(decision, parts=[part] if isinstance(part, str) else list(part))


def _layout(found: Sequence[grid.Cell], *, strip: int, left: float) -> grid.Layout:
    # Names stand right of the curves, so two panels a row at most, and one alone is drawn wide.
    count = grid.columns(found, most=2)
    return grid.Layout(
        columns=count,
        height=70.0 if count == 1 else 58.0,
        foot=14.0 + strip * grid.LINE,
        top=12.0,
        left=left,
        right=named_lines.LABELS,
        across=named_lines.LABELS + 9.0,
        widest=130.0,
    )


def _finish(panel: grid.Panel, own: pd.DataFrame, scores: pd.DataFrame | None, *, y: str) -> None:
    """Axes' names, and a title with n, events and the prevalence where it is not the sample's."""
    grid.label_axes(panel, x="Risk threshold", y=y)
    here = panel.cell.of(scores) if scores is not None else None
    note = discrimination.size(here) if here is not None else ""
    if note and _restated(own, here):
        note += f", at a prevalence of {prose.number(float(own['prevalence'].iloc[0]))}"
    words = names.part(panel.cell.part, panel.cell.kind)
    fitting.title(panel.ax, words, note, beyond=named_lines.LABELS)


def _restated(own: pd.DataFrame, scores: pd.DataFrame) -> bool:
    """Whether the curve is at another prevalence than the sample's."""
    counts = scores[["n", "events"]].astype(float).max()
    return not np.isclose(float(own["prevalence"].iloc[0]), counts["events"] / counts["n"], atol=1e-6)


def draw_decision(
    ax: Axes, rows: pd.DataFrame, models: Sequence[str], *, part: str, prespecified: tuple[float, float]
) -> None:
    """Curves of one panel with their names at their right ends; the axis starts just below no net benefit."""
    rows = rows.sort_values("threshold", kind="stable")
    ax.axvspan(*prespecified, color=theme.SHADE, linewidth=0, zorder=0)
    lines = named_lines.draw_models(ax, rows, models, columns=("net_benefit", "low", "high"), part=part) + _treat(
        ax, rows
    )
    heights = rows.loc[rows["model"].isin(models), ["net_benefit", "high"]].to_numpy(dtype=float)
    top = max(float(np.nanmax(heights, initial=0.0)), 0.02) * 1.05
    ax.set(xlim=(0, 1), ylim=(-0.12 * top, top))
    ax.set_xticks(*TICKS)
    named_lines.name_lines(ax, lines, edge=float(rows["threshold"].max()))


def _treat(ax: Axes, rows: pd.DataFrame) -> list[named_lines.Line]:
    """The two policies without a model: dash-dotted for all, a plain line for none."""
    once = rows.drop_duplicates("threshold")
    everyone = {"color": theme.MUTED, "linewidth": 1.0, "linestyle": (0, (6, 2, 1, 2))}
    nobody = {"color": theme.MUTED, "linewidth": 0.8, "linestyle": "-"}
    ax.plot(once["threshold"], once["treat_all"], zorder=2, **everyone)
    ax.axhline(0, zorder=2, **nobody)
    last = float(once["treat_all"].iloc[-1])
    return [(last, "Treat all", theme.MUTED, everyone), (0.0, "Treat none", theme.MUTED, nobody)]
