"""Does the guide guide: the experiment by seed, and what guided networks attend to, with their guide drawn over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from helpers import prose
from helpers.figures import grid, montage, names, theme

GUIDES = {  # guide of table guidance: its words on the axis and in a sentence, color and mark
    "none": ("none", "No guide", theme.CLINICAL, "D"),
    "signal": ("on the\nregion", "Guide on the region", theme.BLUE, "o"),
    "elsewhere": ("else-\nwhere", "Guide elsewhere", theme.VERMILION, "s"),
}
PANELS = {  # column: title, what it is
    "auc": ("AUC of new cases", "each line is one seed"),
    "attention": ("Attention to the region", "that alone tells the label"),
    "beta": ("Weight of the guide", "beta, mean of heads"),
}
BAR = 0.22  # half the width of a mean's bar
HEAT, STRONGEST = "inferno", 0.75  # colors of attention, and how opaque its highest value is
LOOKS = {"lesion": ("#56B4E9", (0, (2, 1.2))), "guide": ("#F0E442", "-")}
FIELD = 60.0  # mm shown around a lesion, more where it is larger
HALF = 0.5  # of a lesion or target: where its contour runs
ISODOSE = 0.95  # of the prescription: where the contour of a dose runs


class Attended(Protocol):
    """A case of the figure of attention: see learning.explain.attended."""

    model: str
    guide: str
    event: bool
    probability: float
    sequence: str
    image: np.ndarray  # (y, x)
    lesion: np.ndarray  # (y, x), share of the voxel
    share: np.ndarray  # (y, x), the guide, as a share of the prescription, or of the voxel
    attention: np.ndarray  # (y, x), 1 at its highest
    pixel: tuple[float, float]  # mm along y and x


@theme.drawn
def experiment(table: pd.DataFrame) -> Figure:
    """AUC, attention to the telling region and weight of the guide, by guide; a line a seed, a bar the mean.

    Table `guidance`.
    """
    if table.empty:
        return theme.message("guidance", "The experiment was not run.")
    layout = grid.Layout(columns=3, height=46.0, top=12.0, foot=16.0, across=16.0)
    figure, axes = grid.panels("guidance", [3], layout)
    for ax, (column, (words, note)) in zip(axes[0], PANELS.items(), strict=True):
        _by_guide(ax, table, column)
        grid.title(ax, words, note)
    low = min(0.5, float(table["auc"].min())) - 0.03
    axes[0][0].axhline(0.5, color=theme.RULE, linewidth=0.7, zorder=0)
    axes[0][0].set(ylim=(low, 1.01), ylabel="AUC")
    axes[0][1].set(ylim=(0, max(1.1 * float(table["attention"].max()), 0.1)))
    axes[0][1].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes[0][2].set(ylim=(0, max(1.1 * float(table["beta"].max()), 0.1)))
    return figure


def _by_guide(ax: Axes, table: pd.DataFrame, column: str) -> None:
    wide = table.pivot(index="seed", columns="guide", values=column)[list(GUIDES)]
    places = np.arange(len(GUIDES))
    for values in wide.to_numpy(dtype=float):
        ax.plot(places, values, color=theme.RULE, linewidth=0.8, zorder=1)
    for place, (guide, (_, _, color, mark)) in zip(places, GUIDES.items(), strict=True):
        own = wide[guide].to_numpy(dtype=float)
        ax.plot(np.full(own.size, place), own, mark, color=color, markersize=4, markeredgecolor=theme.PAPER,
                markeredgewidth=0.4, zorder=3, clip_on=False)  # fmt: skip
        ax.plot([place - BAR, place + BAR], [own.mean()] * 2, color=color, linewidth=2.0, zorder=2)
    ax.set(xlim=(-0.5, len(GUIDES) - 0.5), xlabel="Guide")
    ax.set_xticks(places, [words for words, *_ in GUIDES.values()])
    ax.tick_params(axis="x", length=0)
    ax.yaxis.get_major_locator().set_params(nbins=5)


def alt_experiment(table: pd.DataFrame) -> str:
    """Mean and range of the AUC by guide, and what the summary token attended to."""
    told = [f"Results of {prose.count(table['seed'].nunique(), 'seed')} by guide."]
    for guide, (_, words, _, _) in GUIDES.items():
        own = table[table["guide"] == guide]
        mean, low, high = (prose.number(float(v)) for v in (own["auc"].mean(), own["auc"].min(), own["auc"].max()))
        share = f"{100 * float(own['attention'].mean()):.0f} % of attention in the telling region"
        told.append(f"{words}: mean AUC {mean}, {low} to {high}, {share}.")
    return " ".join(told)


@theme.drawn
def attention(shown: Sequence[Attended]) -> Figure:
    """Slices with the contours of lesion and guide, and beside each the same slice under the attention of the summary token.

    Attention stands by patch, as the network has it, brightest at 1. The figure is shown as PNG.
    """
    if not shown:
        return theme.message("attention", "No network of this study attends under a guide.")
    layout = grid.Layout(columns=4, left=2.0, right=2.0, top=12.0, foot=2.0, across=3.0)
    pairs = [2 * min(2, len(shown) - i) for i in range(0, len(shown), 2)]
    figure, axes = grid.panels("attention", pairs, layout)
    flat = sum(axes, [])
    for i, case in enumerate(shown):
        left, right = flat[2 * i], flat[2 * i + 1]
        _slice(left, case, heat=False)
        _slice(right, case, heat=True)
        room = layout.panel_width()
        grid.title(left, names.shorten(case.model, room, theme.BODY, "bold"), names.shorten(_about(case), room))
        grid.title(right, "Attention", f"guide: {case.guide}")
    return theme.as_image(figure)


def _about(case: Attended) -> str:
    return f"{'event' if case.event else 'no event'}, risk {prose.number(case.probability)}"


def _slice(ax: Axes, case: Attended, *, heat: bool) -> None:
    level = ISODOSE if case.guide == "dose" else HALF
    outlines = [("lesion", np.asarray(case.lesion) >= HALF)]
    if case.guide != "lesion":
        outlines.append(("guide", np.asarray(case.share) >= level))
    montage.draw_slice(ax, np.asarray(case.image), outlines, case.pixel, LOOKS, field=FIELD, words=not heat)
    if heat:
        _overlay(ax, np.clip(np.asarray(case.attention, dtype=float), 0, 1), case.pixel)


def _overlay(ax: Axes, values: np.ndarray, pixel: tuple[float, float]) -> None:
    limits: dict[str, Any] = {"xlim": ax.get_xlim(), "ylim": ax.get_ylim()}
    rows, columns = values.shape
    extent = (0, columns * pixel[1], rows * pixel[0], 0)
    ax.imshow(values, cmap=HEAT, norm=Normalize(0, 1), alpha=STRONGEST * values, extent=extent, interpolation="nearest")
    ax.set(**limits)


def alt_attention(shown: Sequence[Attended]) -> str:
    """Which cases are shown and by what each network is guided."""
    if not shown:
        return "No network of this study attends under a guide."
    told = [f"{case.model}, guided by the {case.guide}, {_about(case)}" for case in shown]
    return f"Slices with the contours of lesion and guide, and attention by patch laid over them. {'; '.join(told)}."
