"""The four small figures of the first screen: discrimination, calibration, net benefit, radiologists."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import calibration as calibrated
from helpers.figures import decision as decided
from helpers.figures import discrimination, grid, names, theme

QUESTIONS = (
    "Can it tell them apart?",
    "Are its risks right?",
    "Would it help decide?",
    "With a radiologist?",
)
HIGH = 44.0  # mm of a panel
MOST = 6  # models whose AUC has room


@theme.drawn
def panels(
    scores: pd.DataFrame,
    calibration: pd.DataFrame,
    decision: pd.DataFrame,
    *,
    reader_scores: pd.DataFrame | None = None,
    model: str = "nomogram",
    part: str | None = None,
    endpoint: str | None = None,
) -> Figure:
    """AUC of every model, calibration and net benefit of `model` in `part`, and readers unaided to aided.

    Tables `scores`, `calibration`, `decision` and `reader_scores`; without the last there are three panels.
    One endpoint, by default the first; one part, by default test.
    """
    part = part or grid.judged(scores)
    here = scores[scores["part"] == part]
    if here.empty:
        return theme.message("panels", "No model was evaluated.")
    endpoint = endpoint or str(here["endpoint"].iloc[0])
    cell = next(c for c in grid.cells(here) if c.endpoint == endpoint)
    readers = reader_scores[reader_scores["endpoint"] == endpoint] if reader_scores is not None else pd.DataFrame()
    layout = grid.Layout(columns=2, height=HIGH, foot=15.0, top=13.0, across=20.0)
    figure, axes = grid.panels("panels", [2, 2 if len(readers) else 1], layout)
    own = cell.of(scores)
    note = f"{names.part(cell.part, cell.kind)}, {discrimination.size(own)}"
    flat = [ax for row in axes for ax in row]
    _aucs(flat[0], own)
    curve = cell.of(calibration)
    calibrated.draw_calibration(flat[1], curve[curve["model"] == model], model, part=part)
    _square_left(flat[1])
    box = flat[2].get_position()  # the names of its curves need a third of the panel
    flat[2].set_position((box.x0, box.y0, box.width * 0.62, box.height))
    _benefit(flat[2], cell.of(decision), model, part)
    if len(readers):
        _readers(flat[3], readers)
    for ax, question in zip(flat, QUESTIONS, strict=False):
        grid.title(ax, question, note)
    return figure


def _aucs(ax: Axes, scores: pd.DataFrame) -> None:
    """A dot and a line for each model's AUC and interval, with its name and numbers above."""
    aucs = scores[scores["metric"] == "auc"].set_index("model")
    models = names.models(aucs.index)[:MOST]
    for line, model in enumerate(models):
        estimate, low, high = aucs.loc[model, ["estimate", "low", "high"]].astype(float)
        look = theme.model_style(model)
        label = look.pop("label")
        ax.plot([low, high], [line, line], color=look["color"], linestyle=look["linestyle"], linewidth=1.9)
        ax.plot(estimate, line, color=look["color"], marker=look["marker"], markersize=6, clip_on=False)
        words = f"{names.shorten(label, 22.0)} {prose.interval(estimate, low, high)}"
        ax.annotate(
            words,
            xy=(0, line),
            xycoords=("axes fraction", "data"),
            xytext=(4, 8),
            textcoords="offset points",
            fontsize=theme.SMALL,
            color=theme.ink(model),
            zorder=1,  # over the line of no discrimination, under the intervals
            bbox={"facecolor": theme.PAPER, "edgecolor": "none", "pad": 0.5},
            va="center",
        )
    lowest = min(0.5, float(np.nanmin(aucs["low"].astype(float), initial=0.5)))
    ax.set(
        xlim=(np.floor(lowest * 10) / 10, 1),
        ylim=(len(models) - 0.5, -0.75),
        yticks=[],
        xlabel="AUC (95 % CI)",
    )
    ax.axvline(0.5, color=theme.RULE, linewidth=0.7, zorder=0)
    ax.spines["left"].set_visible(False)


def _square_left(ax: Axes) -> None:
    ax.set(xlabel="Predicted risk", ylabel="Observed proportion", anchor="W")


def _benefit(ax: Axes, rows: pd.DataFrame, model: str, part: str) -> None:
    own = rows[rows["model"] == model]
    if own.empty:
        return
    limits = (float(own["threshold"].min()), float(own["threshold"].max()))
    decided.draw_decision(ax, rows, [model], part=part, prespecified=limits)
    ax.set(xlabel="Risk threshold", ylabel="Net benefit")


def _readers(ax: Axes, readers: pd.DataFrame) -> None:
    """Each reader from unaided (open mark) to aided (full mark); AUC, or sensitivity where nobody rated."""
    metric = "auc" if (readers["metric"] == "auc").any() else "sensitivity"
    table = readers[readers["metric"] == metric]
    found = list(dict.fromkeys(table["reader"]))
    for line, reader in enumerate(found):
        both = table[table["reader"] == reader].set_index("condition")["estimate"].astype(float)
        mark = {
            "marker": theme.reader_mark(line),
            "markersize": 6.5,
            "color": theme.INK,
            "zorder": 4,
            "clip_on": False,
        }
        ends = [both.get(condition, np.nan) for condition in ("unaided", "aided")]
        ax.plot(ends, [line, line], color=theme.MUTED, linewidth=1.2, zorder=2)
        ax.plot(ends[0], line, linestyle="", markerfacecolor=theme.PAPER, **mark)
        ax.plot(ends[1], line, linestyle="", **mark)
        words = f"{names.reader(reader)}: {prose.number(ends[0])} to {prose.number(ends[1])}"
        ax.annotate(
            words,
            xy=(0, line),
            xycoords=("axes fraction", "data"),
            xytext=(4, 9),
            textcoords="offset points",
            fontsize=theme.SMALL,
            va="center",
        )
    start = 0.5 if metric == "auc" else 0.0
    lowest = np.floor(min(start, float(table["estimate"].astype(float).min())) * 10) / 10
    name = "AUC" if metric == "auc" else "Sensitivity"
    ax.set(
        xlim=(lowest, 1),
        ylim=(len(found) - 0.5, -0.75),
        yticks=[],
        xlabel=f"{name}, unaided (open) to aided (full)",
    )
    ax.spines["left"].set_visible(False)
