"""Does the model work in everyone: discrimination and calibration by subgroup, a row a level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, rows, theme

WHOLE = "all patients"  # the variable of the rows of the whole cohort
METRICS = {  # metric: words under its axis, its ideal value, and what its axis never leaves
    "auc": ("AUC (95 % CI)", 0.5, (0.0, 1.0)),
    "calibration_in_the_large": ("Calibration in the large", 0.0, (-2.0, 2.0)),
    "calibration_slope": ("Calibration slope", 1.0, (-0.5, 3.0)),
}
LABELS, COUNT, EVENTS = 2.0, 49.0, 60.0  # mm: left edge of the levels, right edges of the two counts
LEFT, WIDE, ACROSS = 65.0, 32.0, 5.5  # mm: the first panel, a panel, between panels
NARROWER = 150.0  # mm of a figure of AUCs alone
ROW, NARROW, TITLE = 9.0, 5.0, 8.0  # mm: a level with numbers, one that is suppressed, the figure's title


@dataclass(frozen=True)
class Line:
    """One line of the forest: a heading (without rows), or a level with its rows of the table."""

    words: str
    note: str = ""
    level: pd.DataFrame | None = None
    whole: bool = False

    @property
    def suppressed(self) -> bool:
        return self.level is not None and bool(self.level["suppressed"].fillna(False).astype(bool).all())

    @property
    def height(self) -> float:
        return rows.HEAD if self.level is None else NARROW if self.suppressed else ROW


@theme.drawn
def forest(
    subgroups: pd.DataFrame,
    subgroup_tests: pd.DataFrame,
    *,
    model: str = "nomogram",
    part: str | None = None,
    fewest: int = 10,
) -> Figure:
    """AUC, calibration in the large and calibration slope of one model by subgroup, in one part (by default the judged).

    Tables `subgroups` and `subgroup_tests`; the whole cohort, a diamond and a line through all rows, are the rows whose
    variable is "all patients". A level with fewer than `fewest` patients with (or without) the event has no numbers, and
    says so. A marker that is no probability has no calibration, and the figure no panels for it.
    """
    own = subgroups[subgroups["model"] == model]
    part = part or grid.judged(own)
    found = grid.cells(own, parts=[part])
    if not found:
        return theme.message("subgroups", "No subgroup was analyzed.")
    tests = subgroup_tests[(subgroup_tests["model"] == model) & (subgroup_tests["part"] == part)]
    blocks = []
    for cell in found:
        heading = [Line(names.endpoint(cell.endpoint))] if len(found) > 1 else []
        here = cell.of(own)
        everyone, levels = (here[(here["variable"] == WHOLE) == wanted] for wanted in (True, False))
        whole = [Line("All patients", level=everyone, whole=True)] if len(everyone) else []
        blocks.append([*heading, *whole, *_lines(levels, tests[tests["endpoint"] == cell.endpoint])])
    height = TITLE + sum(line.height for block in blocks for line in block) + rows.AXIS
    metrics = [metric for metric in METRICS if (own["metric"] == metric).any()]
    sheet = rows.sheet("subgroups", height=height, width=theme.DOUBLE if len(metrics) > 1 else NARROWER)
    look = theme.model_style(model)
    axes = _axes(sheet, own[own["part"] == part], metrics, height)
    sheet.write(LABELS, height - 3.0, f"{look['label']}, {names.part(part, found[0].kind)}", fontweight="bold")
    for right, words in ((COUNT, "n"), (EVENTS, "Events")):
        sheet.write(right, height - TITLE + 0.5, words, ha="right", color=theme.MUTED)
    y = height - TITLE
    for block in blocks:
        y = _block(sheet, axes, block, y, model=model, fewest=fewest)
    return sheet.figure


def _lines(levels: pd.DataFrame, tests: pd.DataFrame) -> Iterator[Line]:
    for variable, own in levels.groupby("variable", sort=False):
        yield Line(prose.variable(str(variable)), note=interaction(tests[tests["variable"] == variable]))
        for level, rows_ in own.groupby("level", sort=False):
            yield Line(f"  {level}", level=rows_)


def interaction(tests: pd.DataFrame) -> str:
    """ "interaction in AUC: P = 0.31 (Holm)" of a variable; of several pairs of levels the smallest."""
    known = tests["p_holm"].astype(float).dropna()
    if known.empty:
        return ""
    value = prose.p_value(known.min())
    pairs = f", smallest of {len(tests)} pairs" if len(tests) > 1 else ""
    return f"interaction in AUC: {value} (Holm{pairs})"


def suppression(row: pd.Series, fewest: int) -> str:
    """Why a level has no numbers: "suppressed: fewer than 10 events"."""
    short = float(row["events"]) < fewest
    return f"suppressed: fewer than {fewest} {'events' if short else 'without the event'}"


def _axes(sheet: rows.Sheet, table: pd.DataFrame, metrics: list[str], height: float) -> dict[str, Axes]:
    axes = {}
    shown = table[~table["suppressed"].fillna(False).astype(bool)]
    for i, metric in enumerate(metrics):
        words, ideal, within = METRICS[metric]
        own = shown[shown["metric"] == metric]
        values = own[["estimate", "low", "high"]].to_numpy(dtype=float).ravel()
        always = (0.5, 1.0) if metric == "auc" else (ideal - 0.5, ideal + 0.5)
        span = rows.limits(values, within=within, always=always)
        wide = WIDE if len(metrics) > 1 else NARROWER - LEFT - ACROSS
        ax = sheet.panel(LEFT + i * (WIDE + ACROSS), wide, bottom=rows.AXIS, top=height - TITLE, limits=span)
        ax.axvline(ideal, color=theme.RULE, linewidth=0.7, zorder=0)
        ax.set_xlabel(words)
        axes[metric] = ax
    return axes


def _block(sheet: rows.Sheet, axes: dict[str, Axes], block: list[Line], y: float, *, model: str, fewest: int) -> float:
    """The lines of one endpoint from height `y` down; returns where they end."""
    top = y
    for line in block:
        middle, y = y - line.height / 2, y - line.height
        if line.level is None:
            sheet.write(LABELS, middle - 0.4, line.words, fontweight="bold")
            sheet.write(LEFT, middle - 0.4, line.note, color=theme.MUTED, bbox=rows.MASK)
        else:
            _level(sheet, axes, line, middle, model=model, fewest=fewest)
    for line in block:
        if line.whole:
            _references(axes, line.level, top=top, bottom=y)
    return y


def _references(axes: dict[str, Axes], level: pd.DataFrame, *, top: float, bottom: float) -> None:
    """The whole cohort's value as a line through all rows of its endpoint."""
    for metric, ax in axes.items():
        value = level.loc[level["metric"] == metric, "estimate"].astype(float)
        if len(value) and np.isfinite(value.iloc[0]):
            ax.plot(
                [value.iloc[0]] * 2, [bottom, top], color=theme.MUTED, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1
            )


def _level(sheet: rows.Sheet, axes: dict[str, Axes], line: Line, y: float, *, model: str, fewest: int) -> None:
    quiet = theme.MUTED if line.suppressed else theme.INK
    low = y if line.suppressed else y - 1.6  # on the interval's height: the numbers stand above it
    weight = "bold" if line.whole else "normal"
    room = COUNT - LABELS - 9.0
    sheet.write(LABELS, low, names.shorten(line.words, room, weight=weight), color=quiet, fontweight=weight)
    counted = line.level[["n", "events"]].dropna().astype(float)
    for right, column in ((COUNT, "n"), (EVENTS, "events")):
        if len(counted):
            sheet.write(right, low, f"{counted[column].iloc[0]:,.0f}", ha="right", color=quiet)
    if line.suppressed:
        sheet.write(LEFT, y, suppression(line.level.iloc[0], fewest), color=theme.MUTED, bbox=rows.MASK)
        return
    look = theme.model_style(model)
    for metric, ax in axes.items():
        row = line.level[line.level["metric"] == metric]
        value = row.iloc[0][["estimate", "low", "high"]].astype(float) if len(row) else [np.nan] * 3
        draw = rows.diamond if line.whole else rows.interval
        mark = {} if line.whole else {"mark": look["marker"]}
        draw(ax, low, value, color=look["color"], **mark)
        left = LEFT + list(axes).index(metric) * (WIDE + ACROSS)
        words = rows.written(*value)
        sheet.write(left, y + 1.9, words, bbox=rows.MASK)
