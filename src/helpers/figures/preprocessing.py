"""What each step before measuring made of a scan: the slice after it, and how the head's intensities lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.figures import grid, names, theme

if TYPE_CHECKING:
    from helpers.imaging.overview import Step

LINES = 3  # of sequences that are shown
MARGIN, GAP, TOP, HISTOGRAM, FOOT, WIDEST = 2.0, 4.0, 10.0, 9.0, 6.5, 40.0  # mm


@theme.drawn
def preprocessing(steps: Sequence[Step]) -> Figure:
    """Each sequence's steps in a line; under each slice the histogram of the head. The figure is shown as PNG."""
    if not steps:
        return theme.message("preprocessing", "No scan was prepared.")
    by_sequence = {s: [step for step in steps if step.sequence == s] for s in dict.fromkeys(x.sequence for x in steps)}
    columns = max(len(own) for own in by_sequence.values())
    abreast = 2 if columns < 3 and len(by_sequence) > 1 else 1
    shown = list(by_sequence.items())[: abreast * LINES]
    total = columns * abreast
    side = min((theme.DOUBLE - 2 * MARGIN - (total - 1) * GAP) / total, WIDEST)
    width = max(2 * MARGIN + total * side + (total - 1) * GAP, theme.SINGLE)
    pitch, lines = TOP + side + HISTOGRAM + FOOT, -(-len(shown) // abreast)
    figure = theme.new_figure("preprocessing", width=width, height=pitch * lines)
    for i, (sequence, own) in enumerate(shown):
        line, place = divmod(i, abreast)
        top = pitch * (lines - line) - TOP
        for j, step in enumerate(own):
            left = MARGIN + (place * columns + j) * (side + GAP)
            _panel(figure, step, (left, top, side), sequence=sequence if j == 0 else "")
    return theme.as_image(figure)


def _panel(figure: Figure, step: Step, place: tuple[float, float, float], *, sequence: str) -> None:
    left, top, side = place
    ax = grid.add_axes(figure, (left, top - side, side, side))
    _slice(ax, step)
    head = names.shorten(step.name, side, theme.BODY, "bold")
    grid.title(ax, head, names.shorten(sequence.replace("_", " "), side) or " ")
    _histogram(grid.add_axes(figure, (left, top - side - HISTOGRAM, side, HISTOGRAM - 1.0)), step.values)


def _slice(ax: Axes, step: Step) -> None:
    rows, columns = step.image.shape
    low, high = np.percentile(step.values if step.values.size else step.image, [0.5, 99.5])
    extent = (0, columns * step.pixel[1], rows * step.pixel[0], 0)
    ax.imshow(step.image, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), extent=extent, interpolation="bilinear")
    side = max(extent[1], extent[2])
    middle = extent[1] / 2, extent[2] / 2
    ax.set(xlim=(middle[0] - side / 2, middle[0] + side / 2), ylim=(middle[1] + side / 2, middle[1] - side / 2))
    ax.set(xticks=[], yticks=[], facecolor="black")
    ax.spines[:].set_visible(False)


def _histogram(ax: Axes, values: np.ndarray) -> None:
    """The head's intensities; their 1st and 99th percentile are written under it."""
    ax.spines[["left"]].set_visible(False)
    ax.set_yticks([])
    if not values.size:
        ax.set_xticks([])
        return
    low, high = (float(v) for v in np.percentile(values, [1, 99]))
    reach = max(high - low, 1e-9)
    span = (low - 0.05 * reach, high + 0.05 * reach)
    ax.hist(values, bins=60, range=span, color=theme.CLINICAL, linewidth=0)
    ax.set_xlim(span)
    ax.set_xticks([low, high], [_short(low), _short(high)])
    for label, side in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
        label.set_horizontalalignment(side)


def _short(value: float) -> str:
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "\N{MINUS SIGN}")
