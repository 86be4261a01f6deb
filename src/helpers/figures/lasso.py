"""The LASSO's path: cross-validated deviance, and coefficients entering as the penalty falls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, signatures, theme

MOST_NAMED = 8  # features named at the end of a path


@theme.drawn
def lasso(lasso: pd.DataFrame, lasso_path: pd.DataFrame) -> Figure:
    """Cross-validated deviance and coefficient paths against -log(lambda), a row a signature.

    Tables `lasso` and `lasso_path`; the line marks the chosen lambda, the top counts nonzero coefficients.
    """
    groups = signatures.groups(lasso)
    if not groups:
        return theme.message("lasso", "No LASSO was fitted.")
    top, high, foot = 18.0, 56.0, 13.0
    figure = theme.new_figure("lasso", width=theme.DOUBLE, height=(top + high + foot) * len(groups))
    paths = signatures.groups(lasso_path)
    for i, ((endpoint, signature), own) in enumerate(groups.items()):
        bottom = (top + high + foot) * (len(groups) - i) - top - high
        left, right = (grid.add_axes(figure, (x, bottom, wide, high)) for x, wide in ((15.0, 46.0), (78.0, 46.0)))
        own = own.sort_values("lambda", ascending=False)
        _deviance(left, own)
        _paths(right, paths.get((endpoint, signature)), own, signature)
        count = int(own.loc[own["chosen"].astype(bool), "nonzero"].max()) if own["chosen"].any() else 0
        _over(
            left,
            29,
            signatures.group_title(endpoint, signature, lasso),
            fontweight="bold",
            fontsize=theme.BODY,
        )
        _over(left, 17, f"dashed: chosen λ, {prose.count(count, 'feature')}", color=theme.MUTED)
        _over(right, 17, "on top: nonzero coefficients", color=theme.MUTED)
    return figure


def _over(ax: Axes, points: float, words: str, **look: Any) -> None:
    at = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": theme.SMALL}
    ax.annotate(words, xy=(0, 1), xytext=(0, points), **(at | look))


def _deviance(ax: Axes, own: pd.DataFrame) -> None:
    x = -np.log(own["lambda"].to_numpy(dtype=float))
    mean, error = own["deviance"].to_numpy(dtype=float), own["standard_error"].to_numpy(dtype=float)
    ax.vlines(x, mean - error, mean + error, color=theme.RULE, linewidth=1.0)
    ax.plot(x, mean, "o", color=theme.VERMILION, markersize=2.6)
    ax.set(xlabel="−log λ", ylabel="Binomial deviance ± SE")
    _chosen(ax, own, x)
    _counts(ax, own, x)


def _paths(ax: Axes, path: pd.DataFrame | None, own: pd.DataFrame, signature: str) -> None:
    x = -np.log(own["lambda"].to_numpy(dtype=float))
    ax.axhline(0, color=theme.RULE, linewidth=0.6)
    ax.set(xlabel="−log λ", ylabel="Coefficient (per SD)")
    _chosen(ax, own, x)
    _counts(ax, own, x)
    if path is None or path.empty:
        ax.set(ylim=(-1, 1), yticks=[0])
        ax.text(0.5, 0.6, "no feature entered", transform=ax.transAxes, ha="center", color=theme.MUTED)
        return
    table = path.pivot_table(index="lambda", columns="feature", values="coefficient", sort=False)
    table = table.reindex(own["lambda"]).fillna(0.0)
    chosen = table[own["chosen"].to_numpy(dtype=bool)].abs().max().sort_values(ascending=False, kind="stable")
    named = list(chosen[chosen > 0].index[:MOST_NAMED])
    for feature in table:
        look = {"color": theme.model_style(signature)["color"], "linewidth": 1.3, "zorder": 3}
        if feature not in named:
            look = {"color": theme.RULE, "linewidth": 0.7, "zorder": 2}
        ax.plot(x, table[feature], **look)
    _name_paths(ax, table[named].iloc[-1], left_out=int((chosen > 0).sum()) - len(named), signature=signature)


def _name_paths(ax: Axes, ends: pd.Series, *, left_out: int, signature: str) -> None:
    """Names of the selected features right of their paths, two lines each, the largest coefficients only."""
    low, high = ax.get_ylim()
    places = grid.spread(ends.to_numpy(dtype=float), gap=7.0 / 56.0 * (high - low), low=low, high=high)
    ax.set_ylim(low, high)
    for (feature, end), place in zip(ends.items(), places, strict=True):
        at = {"xycoords": ("axes fraction", "data"), "textcoords": ("axes fraction", "data")}
        ax.annotate(
            names.feature_lines(str(feature), 45.0),
            xy=(0.975, end),
            xytext=(1.09, place),
            va="center",
            fontsize=theme.SMALL,
            linespacing=1.1,
            color=theme.ink(signature),
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": theme.RULE,
                "linewidth": 0.5,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
            **at,
        )
    if left_out:
        ax.annotate(
            f"and {left_out} more",
            xy=(1.09, 0),
            xycoords="axes fraction",
            xytext=(0, -12),
            textcoords="offset points",
            fontsize=theme.SMALL,
            color=theme.MUTED,
        )


def _chosen(ax: Axes, own: pd.DataFrame, x: np.ndarray) -> None:
    for place in x[own["chosen"].to_numpy(dtype=bool)]:
        ax.axvline(place, color=theme.INK, linewidth=0.9, linestyle=(0, (4, 2)))


def _counts(ax: Axes, own: pd.DataFrame, x: np.ndarray) -> None:
    """Nonzero coefficients on the top axis: at even places, and in bold at the chosen lambda."""
    margin = 0.03 * np.ptp(x) or 0.5
    ax.set_xlim(x.min() - margin, x.max() + margin)
    counts = own["nonzero"].to_numpy(dtype=int)
    chosen = np.flatnonzero(own["chosen"].to_numpy(dtype=bool))
    span = np.ptp(x) or 1.0
    places = np.unique(np.linspace(0, len(x) - 1, 5).round().astype(int))
    clear = [i for i in places if all(abs(x[i] - x[j]) > 0.1 * span for j in chosen)]
    for i in [*clear, *chosen]:
        bold = i in chosen
        ax.annotate(
            str(counts[i]),
            xy=(x[i], 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=theme.SMALL,
            fontweight="bold" if bold else "normal",
            color=theme.INK if bold else theme.MUTED,
        )
