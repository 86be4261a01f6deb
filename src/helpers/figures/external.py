"""Whether a frozen model's risks are right in another cohort, and what updating them there would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import fitting, grid, names, theme
from helpers.figures.calibration import draw_calibration

METRICS = {"calibration_in_the_large": "In the large (0)", "calibration_slope": "Slope (1)", "ici": "ICI (0)"}
TITLES = ("As frozen", "Intercept updated", "Both updated")
NOTES = ("the model that was sent there", "another model: learned there", "another model: learned there")
NONE = "No patients came from another file or center."


@theme.drawn
def updates(curves: pd.DataFrame, update: pd.DataFrame, *, model: str) -> Figure:
    """Calibration of one model in every external cohort: a row a cohort, a panel a version.

    Tables `external_calibration` and `external_update` (the metrics written below; ideal values in brackets).
    """
    own = curves[curves["model"] == model]
    found = grid.cells(own)
    if not found:
        judged = len(update[update["model"] == model])
        return theme.message("external", "Everyone is told the same risk." if judged else NONE)
    versions = list(dict.fromkeys(own["version"]))
    layout = grid.Layout(columns=len(versions), foot=17.0 + grid.LINE * len(METRICS), top=16.0, across=7.0, left=17.0)
    figure, axes = grid.panels("external", [len(versions)] * len(found), layout)
    several = len({cell.endpoint for cell in found}) > 1
    for cell, row in zip(found, axes, strict=True):
        for ax, version, title, note in zip(row, versions, TITLES, NOTES, strict=False):
            panel = grid.Panel(replace(cell), ax, ax is row[0])
            curve = cell.of(own[own["version"] == version])
            ax.set_label(" ".join((cell.endpoint, cell.part, version)))
            draw_calibration(ax, curve.assign(version="main"), model, part=cell.part)
            grid.label_axes(panel, x="Predicted risk", y="Observed proportion")
            fitting.title(ax, title, note)
            grid.key(panel, _lines(_rows(update, cell, model, version)), below=14.0, outdent=layout.left - 1.0)
        _heading(row[0], _who(cell, update, several=several), layout)
    return figure


def alt_updates(update: pd.DataFrame, *, model: str) -> str:
    """Slope and mean error of one model in every external cohort, by version."""
    own = update[update["model"] == model]
    if own.empty:
        return NONE
    told = ["Calibration curves in external cohorts, as frozen and after updates learned there."]
    for (endpoint, part, version), here in own.groupby(["endpoint", "part", "version"], sort=False):
        cells = here.set_index("metric")
        if "calibration_slope" in cells.index:
            slope, error = (
                prose.interval(*cells.loc[m, ["estimate", "low", "high"]]) for m in ("calibration_slope", "ici")
            )
            where = f"{names.part(part)}{f', {names.endpoint(endpoint)}' if own['endpoint'].nunique() > 1 else ''}"
            told.append(f"{where}, {version}: slope {slope}, ICI {error}.")
    return " ".join(told)


def _rows(update: pd.DataFrame, cell: grid.Cell, model: str, version: str) -> pd.DataFrame:
    here = update[(update["endpoint"] == cell.endpoint) & (update["part"] == cell.part)]
    return here[(here["model"] == model) & (here["version"] == version)]


def _lines(rows: pd.DataFrame) -> Sequence[grid.Row]:
    cells: Mapping = rows.set_index("metric")[["estimate", "low", "high"]].astype(float).to_dict("index")
    return [
        (None, words, prose.interval(*cells[metric].values()) if metric in cells else "–")
        for metric, words in METRICS.items()
    ]


def _who(cell: grid.Cell, update: pd.DataFrame, *, several: bool) -> str:
    here = update[(update["endpoint"] == cell.endpoint) & (update["part"] == cell.part)]
    endpoint = f"{names.endpoint(cell.endpoint)}, " if several else ""
    return f"{endpoint}{names.part(cell.part)}, {names.patients(*here[['n', 'events']].astype(float).max())}"


def _heading(ax: Axes, words: str, layout: grid.Layout) -> None:
    width, height = ax.figure.get_size_inches() / theme.MM
    top = ax.get_position().y1 * height + layout.top - 1.0
    ax.figure.text(1.0 / width, top / height, words, fontsize=theme.BODY, va="top", fontstyle="italic")
