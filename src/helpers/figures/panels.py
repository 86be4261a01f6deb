"""The small figures of the first screen: discrimination, calibration, net benefit, radiologists; those that exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.figures import calibration as calibrated
from helpers.figures import decision as decided
from helpers.figures import discrimination, grid, names, rows, theme
from helpers.figures.reader_changes import MEAN, condition_name
from helpers.figures.readers import CONDITIONS
from helpers.figures.signatures import rows as per_row

HIGH = 44.0  # mm of a panel
MOST = 6  # models whose AUC has room
ABOVE, LINES = 4, 9  # readers that have room for words above their lines; lines that have room at all
BESIDE = 38.0  # mm of the words left of the lines of more readers
LIMITS = (1.7, 2.6)  # mm of the mean's two intervals under its line
Drawn = tuple[str, str, Callable[[Axes], None]]  # question, who is in it, what draws it


@theme.drawn
def panels(
    scores: pd.DataFrame | None,
    calibration: pd.DataFrame | None,
    decision: pd.DataFrame | None,
    *,
    reader_scores: pd.DataFrame | None = None,
    model: str = "nomogram",
    part: str | None = None,
    endpoint: str | None = None,
    conditions: Sequence[str] = CONDITIONS,
) -> Figure:
    """AUC of every model, calibration and net benefit of `model` in `part`, and readers from one condition to the other.

    Tables `scores`, `calibration`, `decision` and `reader_scores`; what is None or has no rows has no panel.
    One endpoint, by default the first; one part, by default test.
    """
    shown = _of_model(scores, calibration, decision, model, part, endpoint)
    if reader_scores is not None and len(reader_scores):
        wanted = endpoint or _first_endpoint(scores, part) or str(reader_scores["endpoint"].iloc[0])
        readers = reader_scores[reader_scores["endpoint"] == wanted]
        question = "With a radiologist?" if shown else "How well do the readers tell them apart?"
        if len(readers):
            size = discrimination.size(readers)
            shown.append((question, f"Radiologists, {size}", lambda ax: _readers(ax, readers, conditions)))
    if not shown:
        return theme.message("panels", "No model was evaluated.")
    count = min(len(shown), 2)
    wide = theme.DOUBLE if count == 2 else 110.0
    layout = grid.Layout(width=wide, columns=count, height=HIGH, foot=15.0, top=13.0, across=20.0, widest=92.0)
    figure, axes = grid.panels("panels", per_row(len(shown), count), layout)
    for ax, (question, note, draw) in zip(sum(axes, []), shown, strict=True):
        draw(ax)
        grid.title(ax, question, note)
    return figure


def _first_endpoint(scores: pd.DataFrame | None, part: str | None) -> str | None:
    """The endpoint of the models' panels; None where there are no models."""
    if scores is None or scores.empty:
        return None
    here = scores[scores["part"] == (part or grid.judged(scores))]
    return str(here["endpoint"].iloc[0]) if len(here) else None


def _of_model(
    scores: pd.DataFrame | None,
    calibration: pd.DataFrame | None,
    decision: pd.DataFrame | None,
    model: str,
    part: str | None,
    endpoint: str | None,
) -> list[Drawn]:
    """The panels of the models: only those whose tables have rows of the part and endpoint."""
    endpoint = endpoint or _first_endpoint(scores, part)
    if scores is None or endpoint is None:
        return []
    part = part or grid.judged(scores)
    cell = next((c for c in grid.cells(scores, parts=[part]) if c.endpoint == endpoint), None)
    if cell is None:
        return []
    own = cell.of(scores)
    note = f"{names.part(cell.part, cell.kind)}, {discrimination.size(own)}"
    curve = _rows(cell, calibration, model)
    if "version" in curve:
        curve = curve[curve["version"] == "main"]
    shown: list[Drawn] = [("Can it tell them apart?", note, lambda ax: _aucs(ax, own))]
    if len(curve):
        shown.append(("Are its risks right?", note, lambda ax: _curve(ax, curve, model, part)))
    benefit = _rows(cell, decision, model)
    if len(benefit):
        shown.append(("Would it help decide?", note, lambda ax: _benefit(ax, benefit, model, part)))
    return shown


def _rows(cell: grid.Cell, table: pd.DataFrame | None, model: str) -> pd.DataFrame:
    if table is None or table.empty:
        return pd.DataFrame()
    own = cell.of(table)
    return own[own["model"] == model]


def _aucs(ax: Axes, scores: pd.DataFrame) -> None:
    """A dot and a line for each model's AUC and interval, with its name and numbers above."""
    aucs = scores[scores["metric"] == "auc"].set_index("model")
    models = names.models(aucs.index)[:MOST]
    panel = ax.figure.get_size_inches()[0] / theme.MM * ax.get_position().width
    for line, model in enumerate(models):
        estimate, low, high = aucs.loc[model, ["estimate", "low", "high"]].astype(float)
        look = theme.model_style(model)
        label = look.pop("label")
        ax.plot([low, high], [line, line], color=look["color"], linestyle=look["linestyle"], linewidth=1.9)
        ax.plot(estimate, line, color=look["color"], marker=look["marker"], markersize=6, clip_on=False)
        value = f" {rows.written(estimate, low, high)}"
        ax.annotate(
            names.shorten(label, panel - names.width(value) - 2.0) + value,
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


def _curve(ax: Axes, curve: pd.DataFrame, model: str, part: str) -> None:
    calibrated.draw_calibration(ax, curve, model, part=part)
    ax.set(xlabel="Predicted risk", ylabel="Observed proportion", anchor="W")


def _benefit(ax: Axes, own: pd.DataFrame, model: str, part: str) -> None:
    box = ax.get_position()  # the names of its curves need a third of the panel
    ax.set_position((box.x0, box.y0, box.width * 0.62, box.height))
    limits = (float(own["threshold"].min()), float(own["threshold"].max()))
    decided.draw_decision(ax, own, [model], part=part, prespecified=limits)
    ax.set(xlabel="Risk threshold", ylabel="Net benefit")


def _readers(ax: Axes, readers: pd.DataFrame, conditions: Sequence[str]) -> None:
    """Each reader from the first condition (open mark) to the second (full); AUC, or sensitivity where nobody rated.

    The mean of the readers stands on top. Many readers are named left of their lines, few above them.
    """
    metric = "auc" if (readers["metric"] == "auc").any() else "sensitivity"
    table = readers[readers["metric"] == metric].astype({"estimate": float})
    found = sorted(dict.fromkeys(table["reader"]), key=lambda reader: reader != MEAN)
    left_out, found = len(found) - LINES, found[:LINES]
    above = len(found) <= ABOVE
    people = [reader for reader in found if reader != MEAN]
    for line, reader in enumerate(found):
        both = table[table["reader"] == reader].set_index("condition")["estimate"]
        ends = [float(both.get(condition, np.nan)) for condition in conditions]
        if reader == MEAN:
            own = table[table["reader"] == MEAN].set_index("condition")
            _mean_limits(ax, [line + mm * len(found) / HIGH for mm in LIMITS], own, conditions)
        mark = "*" if reader == MEAN else theme.reader_mark(people.index(reader))
        _change(ax, line, ends, mark)
        told = " to ".join(rows.proportion(end) for end in ends if np.isfinite(end))
        _name(ax, line, reader, f": {told}", above=above)
    start = 0.5 if metric == "auc" else 0.0
    lowest = np.floor(min(start, float(table["estimate"].min())) * 10) / 10
    name = "AUC" if metric == "auc" else "Sensitivity"
    looks = [f"{condition_name(c).lower()} ({look})" for c, look in zip(conditions, ("open", "full"), strict=True)]
    read = " to ".join(look for look, c in zip(looks, conditions, strict=True) if (table["condition"] == c).any())
    more = f"\n{left_out} more in the tables" if left_out > 0 else ""
    ax.set(xlim=(lowest, 1), ylim=(len(found) - 0.5, -0.75 if above else -0.5), yticks=[])
    if not above:
        _make_room(ax, lowest)
    ax.set_xlabel(f"{name}, {read}{more}")
    ax.spines["left"].set_visible(False)


def _make_room(ax: Axes, lowest: float) -> None:
    """Begin the axis right of the readers' names."""
    wide = ax.figure.get_size_inches()[0] / theme.MM * ax.get_position().width
    ticks = [tick for tick in ax.get_xticks() if lowest - 1e-9 <= tick <= 1 + 1e-9]
    ax.set_xlim(1 - (1 - lowest) / (1 - BESIDE / wide), 1)
    ax.set_xticks(ticks[::-2])
    ax.spines["bottom"].set_bounds(lowest, 1)


def _change(ax: Axes, line: int, ends: Sequence[float], mark: str) -> None:
    look = {"marker": mark, "markersize": 8.5 if mark == "*" else 6.0, "color": theme.INK, "zorder": 4}
    ax.plot(ends, [line, line], color=theme.MUTED, linewidth=1.2, zorder=2)
    ax.plot(ends[0], line, linestyle="", markerfacecolor=theme.PAPER, clip_on=False, **look)
    ax.plot(ends[1], line, linestyle="", clip_on=False, **look)


def _mean_limits(ax: Axes, places: Sequence[float], mean: pd.DataFrame, conditions: Sequence[str]) -> None:
    """The mean's two intervals under its line, dashed for the first condition and solid for the second."""
    for condition, place, style in zip(conditions, places, ((0, (2.5, 1.5)), "-"), strict=True):
        if condition in mean.index:
            low, high = (float(mean.loc[condition, c]) for c in ("low", "high"))
            ax.plot([low, high], [place] * 2, color=theme.INK, linewidth=0.9, linestyle=style, zorder=3)


def _name(ax: Axes, line: int, reader: str, values: str, *, above: bool) -> None:
    """The reader's name, shortened to the room that its values leave."""
    weight = "bold" if reader == MEAN else "normal"
    room = (64.0 if above else BESIDE - 3.0) - names.width(values, weight=weight)
    name = "Mean" if reader == MEAN and not above else names.reader(str(reader))
    ax.annotate(
        names.shorten(name, room, weight=weight) + values, xy=(0, line), xycoords=("axes fraction", "data"),
        xytext=(4, 9) if above else (0, 0), textcoords="offset points", fontsize=theme.SMALL, fontweight=weight,
        va="center",
    )  # fmt: skip
