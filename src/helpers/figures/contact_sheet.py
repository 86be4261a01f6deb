"""The cohort on one sheet: every reader's contour on each lesion's largest slice, those to look at first in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, montage, names, theme

COLUMNS = 5
FIELD = 70.0  # mm shown around a lesion, more where it is larger
LAYOUT = grid.Layout(columns=COLUMNS, left=2.0, right=2.0, across=5.0)
LEGEND, NUMBERED, NOTED, FOOT = (
    6.5,
    5.6,
    9.6,
    0.6,
)  # mm: the legend; above a row of tiles without and with notes; below it
GAP = 4.0  # mm between the readers of the legend


class Tile(Protocol):
    """A case: its running number, the lowest Dice of two readers (NaN for one), what is unusual, and its slice or None."""

    number: int
    dice: float
    concern: str
    slice: tuple[np.ndarray, list[tuple[str, np.ndarray]], tuple[float, float]] | None


@theme.drawn
def contact_sheet(tiles: Sequence[Tile]) -> Figure:
    """Tiles in rows of five, numbered, with the legend of the contours above them. The figure is shown as PNG."""
    if not tiles:
        return theme.message("contact-sheet", "No lesion was measured.")
    looks = montage.looks_of(readers_of(tiles))
    side = LAYOUT.panel_width()
    rows = [tiles[i : i + COLUMNS] for i in range(0, len(tiles), COLUMNS)]
    tops = [NOTED if any(_note(tile, side) for tile in row) else NUMBERED for row in rows]
    total = LEGEND + sum(tops) + (side + FOOT) * len(rows)
    figure = theme.new_figure("contact-sheet", width=LAYOUT.width, height=total)
    _legend(figure, looks, total)
    bottom = total - LEGEND
    for row, top in zip(rows, tops, strict=True):
        bottom -= top + side
        for j, tile in enumerate(row):
            ax = grid.add_axes(figure, (LAYOUT.left + j * (side + LAYOUT.across), bottom, side, side))
            _tile(ax, tile, looks, noted=top == NOTED)
        bottom -= FOOT
    return theme.as_image(figure)


def readers_of(tiles: Sequence[Tile]) -> list[str]:
    """Whoever drew a contour on the sheet, in order of name."""
    return sorted({reader for tile in tiles if tile.slice for reader, _ in tile.slice[1]})


def _note(tile: Tile, width: float) -> str:
    """The first thing that is unusual beside the Dice, and how many more there are."""
    others = [words for words in tile.concern.split("; ") if words and not words.startswith("Dice")]
    more = f" (+{len(others) - 1})" if len(others) > 1 else ""
    return names.shorten(others[0], width - names.width(more)) + more if others else ""


def _tile(ax: Axes, tile: Tile, looks: dict, *, noted: bool) -> None:
    width = LAYOUT.panel_width()
    overlap = f" · Dice {prose.number(tile.dice)}" if np.isfinite(tile.dice) else ""
    note = (_note(tile, width) or " ") if noted else ""
    grid.title(ax, names.shorten(f"{tile.number}{overlap}", width, theme.BODY, "bold"), note)
    if tile.slice is None:
        ax.set(xticks=[], yticks=[], facecolor=theme.RULE)
        ax.text(0.5, 0.5, "cannot be drawn", ha="center", va="center", transform=ax.transAxes, fontsize=theme.SMALL)
        return
    image, masks, pixel = tile.slice
    montage.draw_slice(ax, image, masks, pixel, looks, field=FIELD, words=False)


def _legend(figure: Figure, looks: dict, total: float) -> None:
    """Each reader's line on a dark patch, as on the scans, with the name beside it."""
    ax = grid.add_axes(figure, (LAYOUT.left, total - 5.2, LAYOUT.width - LAYOUT.left - LAYOUT.right, 5.0))
    ax.set(xlim=(0, LAYOUT.width - LAYOUT.left - LAYOUT.right), ylim=(0, 5.0))
    ax.axis("off")
    at = 0.0
    room = (LAYOUT.width - LAYOUT.left - LAYOUT.right) / max(len(looks), 1)
    for reader, (color, line) in looks.items():
        ax.add_patch(_patch(at))
        ax.plot([at + 1.0, at + 10.0], [2.5, 2.5], color=color, linestyle=line, linewidth=1.6)
        words = names.shorten(names.reader(reader), min(room, 60.0) - 12.5 - GAP)
        ax.text(at + 12.5, 2.5, words, va="center_baseline", fontsize=theme.SMALL)
        at += 12.5 + names.width(words) + GAP


def _patch(left: float):
    from matplotlib.patches import Rectangle

    return Rectangle((left, 0.4), 11.0, 4.2, facecolor="#333333", edgecolor="none")
