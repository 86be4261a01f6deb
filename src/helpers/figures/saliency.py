"""What networks looked at: maps over chosen cases, how much of them lies in the lesion, and what is left without the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from helpers import prose
from helpers.evaluation.saliency_printed import percent
from helpers.figures import grid, montage, names, theme

OUTCOMES = {"TP": "True positive", "TN": "True negative", "FP": "False positive", "FN": "False negative"}
MARKS = {"TP": ("o", theme.BLUE), "TN": ("s", theme.SKY), "FP": ("^", theme.VERMILION), "FN": ("v", theme.ORANGE)}
METHOD_LOOKS = ((theme.BLUE, "-", "o"), (theme.VERMILION, (0, (4, 1.6)), "s"), (theme.GREEN, (0, (1.5, 1.2)), "^"))
HEAT, STRONGEST = "inferno", 0.75  # colors of a map, and how opaque its highest value is
CONTOUR, GUIDE = "#56B4E9", "#FFFFFF"
LEVELS = {"dose": (0.5, 0.95), "target": (0.5,)}  # of the prescribed dose, or of a voxel in the target
FIELD = 60.0  # mm shown around a lesion, more where it is larger
NAMED = 4.5  # mm of a line with the name of a row
Keys = tuple[str, str]  # endpoint and model


class Shown(Protocol):
    """A case of the figure: see learning.explain.explanation."""

    endpoint: str
    model: str
    number: int
    outcome: str
    probability: float
    sequence: str
    image: np.ndarray
    lesion: np.ndarray
    pixel: tuple[float, float]
    maps: dict[str, np.ndarray]
    inside: dict[str, float]
    guide: str
    guide_map: np.ndarray | None


@theme.drawn
def cases(shown: Sequence[Shown]) -> Figure:
    """A column an outcome; the slice with the lesion's contour, and below it the same slice under each method's map.

    The figure is shown as PNG.
    """
    if not shown:
        return theme.message("saliency", "No case was explained.")
    blocks = _blocks(shown)
    layout = grid.Layout(columns=4, left=2.0, right=2.0, top=10.5, foot=1.0, across=3.0)
    side, total = layout.panel_width(), sum(_block_height(block, layout) for block in blocks)
    figure = theme.new_figure("saliency", width=layout.width, height=total)
    top = total
    for block in blocks:
        heading = f"{names.endpoint(block[0].endpoint)} · {block[0].model} · {block[0].sequence}"
        _words(figure, layout.left, top - 1.0, heading, weight="bold")
        for j, outcome in enumerate(OUTCOMES):
            left = layout.left + j * (side + layout.across)
            found = [case for case in block if case.outcome == outcome]
            _column(figure, found, outcome, _methods(block), left=left, top=top - NAMED, side=side, layout=layout)
        top -= _block_height(block, layout)
    return theme.as_image(figure)


def _blocks(shown: Sequence[Shown]) -> list[list[Shown]]:
    """Cases of one endpoint and model, at most one of each outcome."""
    blocks: dict[tuple[str, str, int], list[Shown]] = {}
    for case in shown:
        key = (case.endpoint, case.model)
        rank = sum(
            case.outcome == other.outcome for (*own, _), held in blocks.items() if tuple(own) == key for other in held
        )
        blocks.setdefault((*key, rank), []).append(case)
    return list(blocks.values())


def _methods(block: Sequence[Shown]) -> list[str]:
    return list(dict.fromkeys(method for case in block for method in case.maps))


def _block_height(block: Sequence[Shown], layout: grid.Layout) -> float:
    rows = 1 + len(_methods(block))
    return NAMED + layout.top + rows * layout.panel_width() + (rows - 1) * NAMED + 3.0


def _column(
    figure: Figure, found: list[Shown], outcome: str, methods: list[str], *, left: float, top: float, side: float,
    layout: grid.Layout,
) -> None:  # fmt: skip
    """One case under its outcome; gray boxes where there was none."""
    bottom = top - layout.top - side
    for i, method in enumerate([None, *methods]):
        ax = grid.add_axes(figure, (left, bottom - i * (side + NAMED), side, side))
        if not found:
            _nobody(ax)
        else:
            _panel(ax, found[0], method, words=i == 0)
        if method is None:
            note = f"number {found[0].number}, risk {prose.number(found[0].probability)}" if found else " "
            grid.title(ax, OUTCOMES[outcome], note)
        else:
            share = f": {percent(found[0].inside[method])}" if found else ""
            words = names.shorten(f"{names.sentence_case(method)}{share}", side)
            _words(figure, left, bottom - i * (side + NAMED) + side + 3.6, words, size=theme.SMALL)


def _panel(ax: Axes, case: Shown, method: str | None, *, words: bool) -> None:
    outline = [("lesion", np.asarray(case.lesion) >= 0.5)]
    looks = {"lesion": (CONTOUR, "-")}
    montage.draw_slice(ax, np.asarray(case.image), outline, case.pixel, looks, field=FIELD, words=words)
    if method is not None:
        _heat(ax, case, method)
    if case.guide_map is not None:
        _guide(ax, case)


def _guide(ax: Axes, case: Shown) -> None:
    """Where the dose or the target that guided the network lies, as dashed lines."""
    levels = [v for v in LEVELS[case.guide] if case.guide_map.min() < v < case.guide_map.max()]
    if not levels:
        return
    rows, columns = case.image.shape
    xs, ys = (np.arange(columns) + 0.5) * case.pixel[1], (np.arange(rows) + 0.5) * case.pixel[0]
    ax.contour(xs, ys, case.guide_map, levels, colors=GUIDE, linestyles=[(0, (3, 1.6))], linewidths=1.0)


def _heat(ax: Axes, case: Shown, method: str) -> None:
    rows, columns = case.image.shape
    heat = np.clip(np.asarray(case.maps[method], dtype=float), 0, 1)
    extent = (0, columns * case.pixel[1], rows * case.pixel[0], 0)
    limits = ax.get_xlim(), ax.get_ylim()
    ax.imshow(
        heat, cmap=HEAT, norm=Normalize(0, 1), alpha=STRONGEST * np.sqrt(heat), extent=extent, interpolation="nearest"
    )
    ax.set(xlim=limits[0], ylim=limits[1])


def _nobody(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[], facecolor=theme.RULE)
    ax.spines[:].set_visible(False)
    ax.text(0.5, 0.5, "none", ha="center", va="center", transform=ax.transAxes, fontsize=theme.SMALL)


def _words(figure: Figure, x: float, y: float, text: str, *, size: float = theme.BODY, weight: str = "normal") -> None:
    width, height = figure.get_size_inches() / theme.MM
    figure.text(x / width, y / height, text, fontsize=size, va="top", fontweight=weight)


@theme.drawn
def inside(saliency: pd.DataFrame) -> Figure:
    """Each case's share of saliency inside the lesion against the lesion's share of what the network saw.

    A panel an endpoint, model and method; on the dashed line a map spread evenly would lie. Cases of the figure of cases
    carry their number.
    """
    if saliency.empty:
        return theme.message("inside", "No case was explained.")
    found = list(saliency.groupby(["endpoint", "model", "method"], sort=False))
    count = min(len(found), 3)
    layout = grid.Layout(columns=count, height=48.0, left=16.0, top=12.0, foot=16.0, across=12.0, widest=60.0)
    lines = [min(count, len(found) - i) for i in range(0, len(found), count)]
    figure, axes = grid.panels("inside", lines, layout)
    for ax, ((endpoint, model, method), own) in zip(sum(axes, []), found, strict=True):
        several = saliency["endpoint"].nunique() > 1
        head = f"{names.endpoint(endpoint)}: {model}" if several else model
        grid.title(ax, names.shorten(head, layout.panel_width(), theme.BODY, "bold"), names.sentence_case(method))
        _points(ax, own)
    for row in axes:
        row[0].set_ylabel("Saliency inside the lesion")
    _outcome_key(figure, axes[-1][0], layout)
    return figure


def _points(ax: Axes, own: pd.DataFrame) -> None:
    highest = float(np.nanmax(own[["inside", "volume_share"]].to_numpy(dtype=float), initial=0.01)) * 1.12
    ax.plot([0, highest], [0, highest], color=theme.MUTED, linestyle=(0, (4, 2)), linewidth=0.8)
    for outcome, (mark, color) in MARKS.items():
        here = own[own["outcome"] == outcome]
        ax.plot(here["volume_share"], here["inside"], mark, color=color, markersize=4, markeredgecolor="white",
                markeredgewidth=0.4, linestyle="none")  # fmt: skip
    widest = float(own["volume_share"].max()) * 1.3
    ax.set(xlim=(0, max(widest, 1e-3)), ylim=(0, highest), xlabel="Lesion's share of the volume")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        axis.get_major_locator().set_params(nbins=4)
    ax.set_yticks([tick for tick in ax.get_yticks() if tick <= highest])
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= widest])


def _outcome_key(figure: Figure, ax: Axes, layout: grid.Layout) -> None:
    """The marks of the outcomes, in a line below the figure."""
    place = grid.add_axes(figure, (layout.left, 0.5, layout.width - layout.left - layout.right, 4.5))
    width = layout.width - layout.left - layout.right
    place.set(xlim=(0, width), ylim=(0, 4.5))
    place.axis("off")
    at = 1.5
    for outcome, (mark, color) in MARKS.items():
        place.plot([at], [2.2], mark, color=color, markersize=5)
        place.text(at + 2.5, 2.2, OUTCOMES[outcome], va="center_baseline", fontsize=theme.SMALL)
        at += names.width(OUTCOMES[outcome]) + 9.0


@theme.drawn
def randomization(table: pd.DataFrame, saliency: pd.DataFrame) -> Figure:
    """Similarity to the trained network's maps, and saliency inside the lesion, as layers are drawn anew from the last down.

    A row an endpoint and model, a line a method; the dashed line is the lesion's median share of the volume.
    """
    if table.empty:
        return theme.message("randomization", "No network was checked.")
    found = list(table.groupby(["endpoint", "model"], sort=False))
    deepest = max(own["layer"].nunique() for _, own in found)
    labels = max(names.width(names.shorten(layer, 34.0)) for layer in table["layer"].map(_layer))
    layout = grid.Layout(
        columns=2, height=6.0 + 5.0 * deepest, left=labels + 5.0, top=12.0, foot=18.0, across=9.0, widest=68.0
    )
    figure, axes = grid.panels("randomization", [2] * len(found), layout)
    for (left, right), (keys, own) in zip(axes, found, strict=True):
        head = f"{names.endpoint(keys[0])}: {keys[1]}" if len(found) > 1 else keys[1]
        grid.title(
            left, names.shorten(head, layout.panel_width(), theme.BODY, "bold"), "likeness to the trained network's map"
        )
        grid.title(right, " ", "share inside the lesion")
        share = saliency[(saliency["endpoint"] == keys[0]) & (saliency["model"] == keys[1])]["volume_share"].median()
        _cascade(left, right, own, share=float(share))
        _method_key(left, list(dict.fromkeys(own["method"])))
    return figure


def _cascade(left: Axes, right: Axes, own: pd.DataFrame, *, share: float) -> None:
    layers = own.drop_duplicates("depth").sort_values("depth")
    for (color, line, mark), (_, lines) in zip(METHOD_LOOKS, own.groupby("method", sort=False), strict=False):
        look = {"color": color, "linestyle": line, "marker": mark, "markersize": 3.5, "linewidth": 1.2}
        lines = lines.sort_values("depth")
        left.plot(lines["similarity"], lines["depth"], **look)
        right.plot(lines["inside"], lines["depth"], **look)
    left.axvline(0, color=theme.RULE, linewidth=0.8)
    right.axvline(share, color=theme.MUTED, linestyle=(0, (4, 2)), linewidth=0.8)
    lowest = min(-0.1, float(own["similarity"].min()) - 0.05)
    left.set(xlim=(lowest, 1.05), xticks=[0, 0.25, 0.5, 0.75, 1], xlabel="Rank correlation")
    right.set(xlim=(0, max(float(own["inside"].max()), share) * 1.15), xlabel="Saliency inside")
    right.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    right.xaxis.get_major_locator().set_params(nbins=4)
    right.set_xticks([tick for tick in right.get_xticks() if tick <= right.get_xlim()[1]])
    for ax in (left, right):
        ax.set(ylim=(float(layers["depth"].max()) + 0.5, -0.5), yticks=layers["depth"].tolist())
    left.set_yticklabels([names.shorten(_layer(layer), 34.0) for layer in layers["layer"]])
    right.set_yticklabels([])


def _layer(name: str) -> str:
    """`layer4` -> "and layer4": layers above it are new as well."""
    return "trained" if name == "none" else f"down to {name}"


def _method_key(ax: Axes, methods: Sequence[str]) -> None:
    width, height = (v * s for v, s in zip(ax.get_position().size, ax.figure.get_size_inches() / theme.MM, strict=True))
    for i, (method, (color, line, mark)) in enumerate(zip(methods, METHOD_LOOKS, strict=False)):
        y = -(11.0 + i * grid.LINE) / height
        ax.plot([0, 7 / width], [y, y], color=color, linestyle=line, marker=mark, markersize=3.5, markevery=[1],
                linewidth=1.2, transform=ax.transAxes, clip_on=False)  # fmt: skip
        ax.text(9 / width, y, names.sentence_case(method), transform=ax.transAxes, va="center_baseline", fontsize=theme.SMALL,
                path_effects=[patheffects.Normal()])  # fmt: skip
