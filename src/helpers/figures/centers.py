"""Does the model hold where it has never been: a row a center; and do the features still tell where a patient was scanned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import names, rows, theme

KINDS = {"left out": "fitted without it", "frozen": "no patient of it in training"}
METRICS = {  # metric: words under its axis, its ideal value, what its axis never leaves, and what it always shows
    "auc": ("AUC (95 % CI)", 0.5, (0.0, 1.0), (0.5, 1.0)),
    "calibration_in_the_large": ("Calibration in the large", 0.0, (-2.0, 2.0), (-0.5, 0.5)),
}
TRACES = {"center_accuracy": "Center told right (share)", "center_auc": "AUC for the center"}
VERSIONS = {"as measured": "As measured", "harmonized": "Harmonized"}
LABELS, COUNT, EVENTS = 2.0, 60.0, 72.0  # mm: left edge of the names, right edges of the two counts
LEFTS, WIDE = (80.0, 130.0), 38.0  # mm: the two panels
ROW, NARROW, TITLE = 10.0, 7.0, 8.0  # mm: a row with numbers, one of a center without, the figure's title
NOBODY = "There is one center only."
NOT_COMPARED = "Centers were not compared."


@theme.drawn
def forest(centers: pd.DataFrame, center_pooled: pd.DataFrame, *, model: str) -> Figure:
    """AUC and calibration in the large of one model in every center it never saw, pooled, and for a further center.

    Tables `centers` and `center_pooled`. A center with too few patients has its counts and a reason. The diamond is the pooled
    AUC with its interval, the bracket under it the prediction interval of a further center.
    """
    own = centers[centers["model"].isin([model, ""])]
    if own.empty:
        return theme.message("centers", NOBODY)
    pooled = center_pooled[center_pooled["model"] == model]
    blocks = [
        (endpoint, here, pooled[pooled["endpoint"] == endpoint])
        for endpoint, here in own.groupby("endpoint", sort=False)
    ]
    height = TITLE + rows.AXIS + sum(_high(here, of, several=len(blocks) > 1) for _, here, of in blocks)
    sheet = rows.sheet("centers", height=height)
    limits = ["estimate", "low", "high", "prediction_low", "prediction_high"]
    further = pd.DataFrame({"metric": "auc", "estimate": pooled[limits].to_numpy(dtype=float).ravel()})
    axes = _axes(sheet, pd.concat([own, further]) if len(further) else own, METRICS, height)
    look = theme.model_style(model)
    sheet.write(LABELS, height - 3.0, f"{look['label']}, in centers it never saw", fontweight="bold")
    for right, words in ((COUNT, "n"), (EVENTS, "Events")):
        sheet.write(right, height - TITLE + 0.5, words, ha="right", color=theme.MUTED)
    y = height - TITLE
    for endpoint, here, of in blocks:
        if len(blocks) > 1:
            sheet.write(LABELS, y - rows.HEAD / 2, names.endpoint(endpoint), fontweight="bold")
            y -= rows.HEAD
        for center, levels in here.groupby("center", sort=False):
            y = _center(sheet, axes, str(center), levels, y, look)
        y = _summary(sheet, axes["auc"], of, y, look)
    return sheet.figure


def _high(here: pd.DataFrame, pooled: pd.DataFrame, *, several: bool) -> float:
    shown = here[here["metric"] == "auc"]["estimate"].notna()
    further = len(pooled) and np.isfinite(pooled["prediction_low"].iloc[0])
    return shown.sum() * ROW + (~shown).sum() * NARROW + len(pooled) * ROW + bool(further) * ROW + several * rows.HEAD


def _axes(sheet: rows.Sheet, table: pd.DataFrame, metrics: Mapping[str, tuple], height: float) -> dict[str, Axes]:
    axes = {}
    for left, (metric, (words, ideal, within, always)) in zip(LEFTS, metrics.items(), strict=True):
        values = table.loc[table["metric"] == metric, ["estimate", "low", "high"]].to_numpy(dtype=float).ravel()
        span = rows.limits(values, within=within, always=always)
        axes[metric] = sheet.panel(left, WIDE, bottom=rows.AXIS, top=height - TITLE, limits=span)
        axes[metric].axvline(ideal, color=theme.RULE, linewidth=0.7, zorder=0)
        axes[metric].set_xlabel(words)
    return axes


def _center(
    sheet: rows.Sheet, axes: dict[str, Axes], center: str, levels: pd.DataFrame, y: float, look: Mapping[str, object]
) -> float:
    """A center's row from height `y` down; returns where it ends."""
    first = levels[levels["metric"] == "auc"].iloc[0]
    judged = np.isfinite(float(first["estimate"]))
    high = ROW if judged else NARROW
    middle, quiet = y - high / 2, theme.INK if judged else theme.MUTED
    name = names.shorten(center, COUNT - LABELS - 9.0)
    sheet.write(LABELS, middle + 1.7, name, color=quiet)
    sheet.write(LABELS, middle - 1.9, KINDS[first["kind"]], color=theme.MUTED)
    for right, value in ((COUNT, first["n"]), (EVENTS, first["events"])):
        sheet.write(right, middle + 1.7, f"{value:,.0f}", ha="right", color=quiet)
    if not judged:
        sheet.write(LEFTS[0], middle, first["note"], color=theme.MUTED, bbox=rows.MASK)
        return y - high
    for left, (metric, ax) in zip(LEFTS, axes.items(), strict=True):
        of = levels[levels["metric"] == metric]
        value = of.iloc[0][["estimate", "low", "high"]].astype(float) if len(of) else [np.nan] * 3
        rows.interval(ax, middle - 1.9, value, color=look["color"], mark=look["marker"])
        sheet.write(left, middle + 1.9, rows.written(*value), bbox=rows.MASK)
    return y - high


def _summary(sheet: rows.Sheet, ax: Axes, pooled: pd.DataFrame, y: float, look: Mapping[str, object]) -> float:
    """The pooled area and the prediction for a further center; returns where they end."""
    for row in pooled.itertuples():
        middle = y - ROW / 2
        sheet.write(LABELS, middle, f"Pooled over {prose.count(row.centers, 'center')}", fontweight="bold")
        rows.diamond(ax, middle - 1.9, (row.estimate, row.low, row.high), color=look["color"])
        sheet.write(LEFTS[0], middle + 1.9, rows.written(row.estimate, row.low, row.high), bbox=rows.MASK)
        y -= ROW
        if np.isfinite(row.prediction_low):
            middle = y - ROW / 2
            sheet.write(LABELS, middle, "A further center is expected within")
            limits = (row.estimate, row.prediction_low, row.prediction_high)
            rows.bracket(ax, middle - 1.9, limits, color=look["color"], mark=look["marker"])
            words = f"{prose.number(row.prediction_low)} to {prose.number(row.prediction_high)}"
            sheet.write(LEFTS[0], middle + 1.9, words, bbox=rows.MASK)
            y -= ROW
    return y


@theme.drawn
def traces(harmonization: pd.DataFrame) -> Figure:
    """How well the features of every signature tell a training patient's center, as measured (open) and harmonized (filled).

    Table `harmonization`. The line in the left panel is what naming the commonest center would get right, in the right one
    what chance gets.
    """
    own = harmonization[harmonization["metric"].isin([*TRACES, "center_commonest"])]
    if own.empty:
        return theme.message("traces", NOT_COMPARED)
    groups = list(own.groupby(["endpoint", "model"], sort=False))
    height = TITLE + rows.AXIS + len(groups) * (rows.HEAD + 2 * ROW)
    sheet = rows.sheet("traces", height=height)
    commonest = float(own.loc[own["metric"] == "center_commonest", "estimate"].iloc[0])
    ideals = {"center_accuracy": commonest, "center_auc": 0.5}
    metrics = {metric: (words, ideals[metric], (0.0, 1.0), (0.0, 1.0)) for metric, words in TRACES.items()}
    axes = _axes(sheet, own, metrics, height)
    sheet.write(LABELS, height - 3.0, "Which center? Told from features, out-of-fold in training", fontweight="bold")
    y = height - TITLE
    for (endpoint, model), here in groups:
        label = f"{theme.model_style(model)['label']} features"
        words = f"{names.endpoint(endpoint)}: {label}" if own["endpoint"].nunique() > 1 else label
        sheet.write(
            LABELS,
            y - rows.HEAD / 2,
            f"{words}, n = {here['n'].iloc[0]:,.0f}",
            color=theme.ink(model),
            fontweight="bold",
        )
        y -= rows.HEAD
        for version, words in VERSIONS.items():
            y = _version(sheet, axes, words, here[here["version"] == version], y, model)
    return sheet.figure


def _version(sheet: rows.Sheet, axes: dict[str, Axes], words: str, here: pd.DataFrame, y: float, model: str) -> float:
    middle, look = y - ROW / 2, theme.model_style(model)
    sheet.write(LABELS + 3.0, middle - 1.9, words)
    for left, (metric, ax) in zip(LEFTS, axes.items(), strict=True):
        value = here.loc[here["metric"] == metric, ["estimate", "low", "high"]].iloc[0].astype(float)
        full = words == VERSIONS["harmonized"]
        rows.interval(ax, middle - 1.9, value, color=look["color"], mark=look["marker"], full=full)
        sheet.write(left, middle + 1.9, rows.written(*value), bbox=rows.MASK)
    return y - ROW


def alt_forest(centers: pd.DataFrame, center_pooled: pd.DataFrame, *, model: str) -> str:
    """AUC with interval of every center, what has none and why, and the pooled value."""
    own = centers[centers["model"].isin([model, ""]) & (centers["metric"] == "auc")]
    if own.empty:
        return NOBODY
    told = [
        f"Forest plot of the {theme.model_style(model)['label'].lower()} in centers it never saw; AUC with interval."
    ]
    for endpoint, here in own.groupby("endpoint", sort=False):
        values = [_told(row) for row in here.itertuples()]
        where = f"{names.endpoint(endpoint)}: " if own["endpoint"].nunique() > 1 else ""
        told.append(f"{where}{'; '.join(values)}.")
        pooled = center_pooled[(center_pooled["endpoint"] == endpoint) & (center_pooled["model"] == model)]
        told += [f"Pooled {rows.written(p.estimate, p.low, p.high)}." for p in pooled.itertuples()]
    return " ".join(told)


def _told(row: object) -> str:
    who = f"{row.center} ({names.patients(row.n, row.events)})"
    return (
        f"{who} {rows.written(row.estimate, row.low, row.high)}" if np.isfinite(row.estimate) else f"{who} {row.note}"
    )


def alt_traces(harmonization: pd.DataFrame) -> str:
    """How often the center is told, by signature, before and after."""
    own = harmonization[harmonization["metric"] == "center_auc"]
    if own.empty:
        return NOT_COMPARED
    told = []
    for (_, model), here in own.groupby(["endpoint", "model"], sort=False):
        values = [f"{r.version} {rows.written(r.estimate, r.low, r.high)}" for r in here.itertuples()]
        told.append(f"{theme.model_style(model)['label']} features: {', '.join(values)}")
    return f"AUC with which features tell the center of a training patient. {'; '.join(told)}."
