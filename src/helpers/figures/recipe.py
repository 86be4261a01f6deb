"""The optimism panel: what ours found, and what each step of the common recipe would have claimed on the same data."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from helpers import prose
from helpers.evaluation.integrity_printed import STEP_WORDS
from helpers.evaluation.permuted import OURS, PERMUTED, TRUE
from helpers.figures import names, rows, theme

LEFT, WIDE = 66.0, 72.0  # mm: the panel and its width
NUMBERS = LEFT + WIDE + 3.0  # mm at which the numbers begin
PITCH = 9.4  # mm of a step: true labels above, permuted ones below
OFFSET = 2.1  # mm from the middle of a step to either
KEY = 11.0  # mm of the key above the first step


@theme.drawn
def dumbbell(recipe: pd.DataFrame) -> Figure:
    """AUC by step, joined to ours by a line: on the true labels (dots) and, as a mean with its range, on permuted ones (diamonds).

    Table `recipe`. Filled marks are ours, open ones what would have been claimed; the vertical line at 0.5 is chance.
    """
    if recipe.empty:
        return theme.message("recipe", "No test part: the common recipe was not run.")
    endpoints = list(dict.fromkeys(recipe["endpoint"]))
    several = len(endpoints) > 1
    steps = recipe["step"].nunique()
    total = KEY + len(endpoints) * (steps * PITCH + rows.HEAD * several) + rows.AXIS
    sheet = rows.sheet("recipe", height=total)
    span = rows.limits(recipe["auc"].astype(float), within=(0.0, 1.0), always=(0.4, 1.0))
    ax = sheet.panel(LEFT, WIDE, bottom=rows.AXIS, top=total - KEY, limits=span)
    ax.axvline(0.5, color=theme.RULE, linewidth=0.7, zorder=0)
    ax.set_xlabel("AUC in the test patients")
    _key(sheet, total, bool((recipe["labels"] == PERMUTED).any()))
    y = total - KEY
    for endpoint in endpoints:
        own = recipe[recipe["endpoint"] == endpoint]
        if several:
            sheet.write(2.0, y - rows.HEAD / 2, names.endpoint(endpoint), fontweight="bold")
            y -= rows.HEAD
        for step in dict.fromkeys(own["step"]):
            y -= PITCH
            sheet.write(2.0, y + PITCH / 2, STEP_WORDS[step], fontweight="bold" if step == OURS else "normal")
            for labels, at in ((TRUE, OFFSET), (PERMUTED, -OFFSET)):
                _mark(sheet, ax, y + PITCH / 2 + at, own[own["labels"] == labels], step, labels)
    return sheet.figure


def _mark(sheet: rows.Sheet, ax, y: float, own: pd.DataFrame, step: str, labels: str) -> None:
    """One end of a dumbbell, the line to ours, and its number."""
    areas = own.loc[own["step"] == step, "auc"].to_numpy(dtype=float)
    if not areas.size:
        return
    ours = float(own.loc[own["step"] == OURS, "auc"].astype(float).mean())
    color, mark = (theme.BLUE, "o") if labels == TRUE else (theme.VERMILION, "D")
    mean = float(areas.mean())
    if step != OURS:
        ax.plot(
            [ours, mean],
            [y, y],
            color=color,
            linewidth=1.2,
            linestyle="-" if labels == TRUE else (0, (3, 1.5)),
            zorder=2,
        )
        ax.plot(ours, y, marker="|", color=color, markersize=5.0, linestyle="", zorder=3)
    face = color if step == OURS else theme.PAPER
    ax.plot(
        mean,
        y,
        marker=mark,
        markersize=5.0,
        markerfacecolor=face,
        markeredgecolor=color,
        linestyle="",
        zorder=4,
        clip_on=False,
    )
    words = prose.number(mean)
    if labels == PERMUTED and areas.size > 1:
        words += f" [{prose.number(np.min(areas))} to {prose.number(np.max(areas))}]"
    sheet.write(NUMBERS, y, words, color=theme.INK if labels == TRUE else theme.MUTED)


def _key(sheet: rows.Sheet, total: float, permuted: bool) -> None:
    """What the marks mean, above the panel."""
    entries = [("o", theme.BLUE, "true labels")]
    entries += [("D", theme.VERMILION, "permuted labels: nothing to find (mean [range])")] if permuted else []
    for (mark, color, words), x in zip(entries, (LEFT, LEFT + 27.0), strict=False):
        sheet.ax.plot(x + 1.5, total - 3.5, marker=mark, markersize=5.0, color=color, linestyle="")
        sheet.write(x + 4.0, total - 3.5, words)
    note = "filled: ours; open: the common recipe, wrong on purpose, joined to ours"
    sheet.write(LEFT, total - 8.0, note, color=theme.MUTED)


def alt(recipe: pd.DataFrame) -> str:
    """The figure in words."""
    if recipe.empty:
        return "No figure: the study has no test part."
    told = []
    for (endpoint, labels), own in recipe.groupby(["endpoint", "labels"], sort=False):
        means = own.groupby("step", sort=False)["auc"].mean()
        values = [
            f"{STEP_WORDS[str(step)].removeprefix('+ ').lower()} {prose.number(float(v))}" for step, v in means.items()
        ]
        told.append(f"{names.endpoint(endpoint)}, {labels} labels: AUC {prose.listing(values)}.")
    return "Dumbbells. " + " ".join(told)
