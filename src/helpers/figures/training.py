"""How the networks learned: loss epoch by epoch, and how far the seed of a training moved the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, rows, signatures, theme
from helpers.statistics.discrimination import auc

HIGH = 42.0  # mm of a panel
PITCH = 6.0  # mm from one network to the next
WORDS = 62.0  # mm of the networks' names
PARTS = ("train", "inner")
TOLD = {"train": "patients trained on", "inner": "inner patients, who only decide when to stop"}
ALL_SEEDS = "all seeds"


@theme.drawn
def learning(training: pd.DataFrame) -> Figure:
    """Loss of every training by epoch, a panel a network: thin lines are trainings, thick ones their median.

    Table `training`. Marks are the epochs whose weights were kept: the smallest loss of the inner patients.
    """
    models = list(dict.fromkeys(training["model"]))
    if not models:
        return theme.message("learning", "No network was trained.")
    count = min(len(models), 3)
    layout = grid.Layout(columns=count, height=HIGH, top=16.0, foot=14.0, across=13.0, widest=80.0)
    figure, axes = grid.panels("learning", signatures.rows(len(models), count), layout)
    for position, (ax, model) in enumerate(zip(sum(axes, []), models, strict=True)):
        own = training[training["model"] == model]
        for part in PARTS:
            _curves(ax, own[own["part"] == part], _look(model, part))
        _kept(ax, own, model)
        trainings = prose.count(own[["fold", "seed"]].drop_duplicates().shape[0], "training")
        grid.title(ax, names.shorten(model, layout.panel_width() - 1, theme.BODY, "bold"), trainings)
        ax.set(xlabel="Epoch", ylabel="Loss" if position % count == 0 else "")
        ax.xaxis.get_major_locator().set_params(integer=True, nbins=5)
    _key(figure, models[0])
    return figure


def _look(model: str, part: str) -> dict[str, Any]:
    if part == "train":
        return {"color": theme.MUTED, "linestyle": (0, (4, 1.5))}
    return {"color": theme.model_style(model)["color"], "linestyle": "-"}


def _curves(ax: Axes, own: pd.DataFrame, look: dict[str, Any]) -> None:
    """Every training faintly, and the median over those that lasted to an epoch."""
    if own.empty:
        return
    table = own.pivot_table(index="epoch", columns=["fold", "seed"], values="loss")
    for column in table:
        ax.plot(table.index, table[column], linewidth=0.5, alpha=0.35, **look)
    ax.plot(table.index, table.median(axis=1), linewidth=1.8, **look)


def _kept(ax: Axes, own: pd.DataFrame, model: str) -> None:
    kept = own[(own["part"] == "inner") & own["kept"].fillna(False).astype(bool)]
    look = {"color": theme.model_style(model)["color"], "markerfacecolor": theme.PAPER}
    ax.plot(kept["epoch"], kept["loss"], linestyle="", marker="o", markersize=3.2, markeredgewidth=0.8, **look)


def _key(figure: Figure, model: str) -> None:
    """What the lines are, once, at the foot of the figure."""
    width, height = figure.get_size_inches() / theme.MM
    foot = grid.add_axes(figure, (0, 0, width, 5.0))
    foot.set(xlim=(0, width), ylim=(0, 5.0))
    foot.set_axis_off()
    start = 15.0
    for part in PARTS:
        foot.plot([start, start + 7], [2, 2], linewidth=1.8, **_look(model, part))
        foot.text(start + 8.5, 2, TOLD[part], fontsize=theme.SMALL, va="center_baseline")
        start += 12.0 + names.width(TOLD[part])


@theme.drawn
def seeds(seed_scores: pd.DataFrame, predictions: pd.DataFrame) -> Figure:
    """AUC of each seed's networks alone, and of all seeds together, in each part: how much of a result is luck.

    Tables `seed_scores` and `predictions`; dots are seeds, the upright line is the mean of their log odds.
    """
    if seed_scores.empty:
        return theme.message("seeds", "No network was trained.")
    table = together(seed_scores, predictions)
    lines = list(table.groupby(["endpoint", "model"], sort=False))
    parts = sorted(set(table["part"]), key=grid.part_order)
    high = 12.0 + PITCH * len(lines) + rows.AXIS
    sheet = rows.sheet("seeds", height=high)
    wide = (theme.DOUBLE - WORDS - 3.0) / len(parts) - 5.0
    limits = rows.limits(table["auc"], within=(0.0, 1.0), always=(0.5, 1.0))
    several = table["endpoint"].nunique() > 1
    for j, part in enumerate(parts):
        left = WORDS + j * (wide + 5.0)
        ax = sheet.panel(left, wide, bottom=rows.AXIS, top=high - 10.0, limits=limits)
        ax.axvline(0.5, color=theme.RULE, linewidth=0.7, zorder=0)
        ax.set_xlabel("AUC")
        kind = table.loc[table["part"] == part, "kind"].iloc[0]
        sheet.write(left, high - 5.0, names.part(part, kind), fontweight="bold", fontsize=theme.BODY)
        for i, (_, own) in enumerate(lines):
            _seed_row(ax, own[own["part"] == part], high - 12.0 - PITCH * (i + 0.5))
    for i, ((endpoint, model), _) in enumerate(lines):
        words = f"{names.endpoint(endpoint)}: {model}" if several else str(model)
        sheet.write(0, high - 12.0 - PITCH * (i + 0.5), names.shorten(words, WORDS - 3.0))
    return sheet.figure


def _seed_row(ax: Axes, own: pd.DataFrame, y: float) -> None:
    if own.empty:
        return
    color = theme.model_style(str(own["model"].iloc[0]))["color"]
    alone, all_ = own[own["seed"] != ALL_SEEDS], own[own["seed"] == ALL_SEEDS]
    ax.plot(alone["auc"], [y] * len(alone), linestyle="", marker="o", markersize=4.5, color=color, alpha=0.75)
    for value in all_["auc"].astype(float):
        ax.plot([value, value], [y - 2.2, y + 2.2], color=theme.INK, linewidth=1.8)


def together(seed_scores: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Table `seed_scores` with one more row a model and part, of seed "all seeds": the AUC of the averaged predictions."""
    keys = ["endpoint", "model", "part", "kind"]
    wanted = seed_scores[keys].drop_duplicates()
    own = predictions.merge(wanted, on=keys)
    found = [
        (*key, ALL_SEEDS, auc(here["truth"], here["probability"]).estimate if here["truth"].nunique() > 1 else np.nan)
        for key, here in own.groupby(keys, sort=False)
    ]
    rows_ = pd.DataFrame(found, columns=[*keys, "seed", "auc"])
    return pd.concat([seed_scores.astype({"seed": object}), rows_], ignore_index=True)
