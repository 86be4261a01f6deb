"""Would the model come out the same again: spread of predictions, frequency of selection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import discrimination, grid, names, rows, signatures, theme
from helpers.figures.optimism import optimism

__all__ = ["frequency", "instability", "optimism"]

SHOWN = 20  # features of a signature that have room
NAMES, SHARE = 50.0, 11.0  # mm: names of features, and their shares

KEY = 20.0  # mm left of a panel that its key begins


@theme.drawn
def instability(instability: pd.DataFrame, predictions: pd.DataFrame) -> Figure:
    """Each training patient's predicted risk against the 2.5 to 97.5 percentile range of the bootstrap models' risks.

    Table `instability`, and `predictions` for the outcomes; a panel a model, with the mean absolute error. A model that
    would come out the same again has all lines short and on the diagonal. Riley and Collins 2023,
    10.1002/bimj.202200302.
    """
    if instability.empty:
        return theme.message("instability", "No model was fitted again.")
    truth = predictions.drop_duplicates(["endpoint", "case"])[["endpoint", "case", "truth"]]
    table = instability.merge(truth, on=["endpoint", "case"], how="left")
    several = table["endpoint"].nunique() > 1
    groups = {(e, m): own for e in table["endpoint"].unique() for m, own in _models(table[table["endpoint"] == e])}
    widest = max(sum(e == endpoint for e, _ in groups) for endpoint, _ in groups)
    count = 2 if widest == 4 else min(widest, 3)
    wide = theme.SINGLE if len(groups) == 1 else theme.DOUBLE
    layout = grid.Layout(width=wide, columns=count, foot=14.0 + 2 * grid.LINE, top=16.0, across=12.0, widest=68.0)
    figure, axes = grid.panels("instability", signatures.rows(len(groups), count), layout)
    for position, (ax, ((endpoint, model), own)) in enumerate(zip(sum(axes, []), groups.items(), strict=True)):
        panel = grid.Panel(grid.Cell(endpoint, "train", "apparent"), ax, position % count == 0)
        _spread(ax, own, model)
        grid.label_axes(panel, x="Predicted risk", y="Risk by bootstrap models")
        label = theme.model_style(model)["label"]
        counted = names.patients(len(own), own["truth"].sum())
        error = f"mean absolute error {prose.number(own['error'].astype(float).mean(), 3)}"
        rows.title(ax, f"{names.endpoint(endpoint)}: {label}" if several else str(label), counted, error)
        grid.key(panel, _outcomes(model), below=13.0)
    return figure


def _models(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(model, table[table["model"] == model]) for model in names.models(table["model"])]


def _spread(ax: Axes, own: pd.DataFrame, model: str) -> None:
    """A patient is a vertical line from low to high, and a mark on the diagonal: full with the event, else open."""
    discrimination.square(ax)
    color = theme.model_style(model)["color"]
    x, low, high = (own[c].to_numpy(dtype=float) for c in ("probability", "low", "high"))
    many = len(own) > 300
    ax.vlines(x, low, high, color=color, linewidth=0.4 if many else 0.8, alpha=0.35 if many else 0.6, zorder=2)
    for outcome, row in zip((1, 0), _outcomes(model), strict=True):
        here = x[own["truth"].to_numpy() == outcome]
        ax.plot(here, here, **(row[0] | {"linestyle": "", "markersize": 1.5 if many else 3.2}), zorder=3, clip_on=False)


def _outcomes(model: str) -> list[grid.Row]:
    color = theme.model_style(model)["color"]
    look = {"color": color, "linewidth": 0.8, "markersize": 3.6, "markeredgewidth": 0.7, "markeredgecolor": color}
    full: dict[str, Any] = look | {"marker": "o", "markerfacecolor": color}
    return [(full, "with the event", ""), (look | {"marker": "s", "markerfacecolor": theme.PAPER}, "without", "")]


@theme.drawn
def frequency(selection_frequency: pd.DataFrame) -> Figure:
    """How often bootstrap samples selected each feature: the first 20 a signature.

    Table `selection_frequency`. A full bar and mark is a feature of the final model, an open one is not.
    """
    groups = signatures.groups(selection_frequency)
    if not groups:
        return theme.message("frequency", "No feature was selected again.")
    count = 2 if len(groups) > 1 else 1
    most = max(min(len(own), SHOWN) for own in groups.values())
    two_lines = any("\n" in names.feature_lines(str(f), NAMES - 4.0) for f in selection_frequency["feature"])
    layout = grid.Layout(
        width=theme.DOUBLE if count > 1 else 120.0,
        columns=count,
        height=max((7.6 if two_lines else 5.6) * most, 10.0),
        left=NAMES,
        right=SHARE,
        across=NAMES + SHARE + 2.0,
        top=16.0,
        foot=14.0 + 2 * grid.LINE,
    )
    figure, axes = grid.panels("frequency", signatures.rows(len(groups), count), layout)
    for ax, ((endpoint, signature), own) in zip(sum(axes, []), groups.items(), strict=True):
        top = own.assign(frequency=own["frequency"].astype(float)).sort_values(
            "frequency", ascending=False, kind="stable"
        )
        _bars(ax, top.head(SHOWN), signature, most)
        samples = prose.count(int(own["replicates"].max()), "bootstrap sample")
        ever = f"{len(own)} ever selected"
        rows.title(ax, signatures.group_title(endpoint, signature, selection_frequency), ever, f"in {samples}")
        panel = grid.Panel(grid.Cell(endpoint, "train", "apparent"), ax, True)
        looks = [_mark(signature, full) | {"linewidth": 0} for full in (True, False)]
        words = ("in the final model", "not in it")
        grid.key(panel, [(look, word, "") for look, word in zip(looks, words, strict=True)], below=13.0, outdent=KEY)
    return figure


def _mark(signature: str, full: bool) -> dict[str, Any]:
    color = theme.model_style(signature)["color"]
    face = color if full else theme.PAPER
    return {"marker": "o", "markersize": 6.0, "color": color, "markerfacecolor": face, "markeredgecolor": color}


def _bars(ax: Axes, own: pd.DataFrame, signature: str, most: int) -> None:
    color = theme.model_style(signature)["color"]
    for line, (_, row) in enumerate(own.iterrows()):
        share, final = float(row["frequency"]), bool(row["in_final"])
        ax.barh(line, share, 0.3, color=color if final else theme.PAPER, edgecolor=color, linewidth=0.8, zorder=2)
        ax.plot(share, line, zorder=3, clip_on=False, **_mark(signature, final))
        ax.annotate(
            f"{100 * share:.0f} %", xy=(1, line), xycoords=("axes fraction", "data"), xytext=(SHARE / names.POINT - 2, 0),
            textcoords="offset points", ha="right", va="center", fontsize=theme.SMALL,
        )  # fmt: skip
    ax.axvline(0.5, color=theme.MUTED, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    ax.set(xlim=(0, 1), ylim=(most - 0.5, -0.5), xlabel="Selected in")
    ax.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    lines = np.arange(len(own))
    ax.set_yticks(lines, [names.feature_lines(str(f), NAMES - 4.0) for f in own["feature"]], linespacing=1.1)
    ax.tick_params(axis="y", length=0)
