"""Images with the contours of the readers, so that anyone can see what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, theme

# Color and line of each reader, in order; the lines differ without the colors too.
CONTOURS = (
    ("#F0E442", "-"), ("#56B4E9", (0, (3, 1.4))), ("#FFFFFF", (0, (1, 1))), ("#E69F00", (0, (5, 2, 1, 2))),
    ("#CC79A7", (0, (2, 5))),
)  # fmt: skip
BAR = 20.0  # mm of the scale bar
Panel = tuple[str, np.ndarray, Sequence[tuple[str, np.ndarray]], tuple[float, float] | float]


@theme.drawn
def segmentation(panels: Sequence[Panel], *, field: float = 90.0) -> Figure:
    """Slices in gray with the readers' contours, a 20 mm bar, and Dice where two readers drew.

    A panel is ("sequence: what it shows", image (y, x), [(reader, mask (y, x))], pixel in mm as one number or (y, x)). Around the
    lesion `field` mm are shown, more where the lesion needs it. The figure is shown as PNG.
    """
    if not panels:
        return theme.message("segmentation", "No image was read.")
    count = min(len(panels), 3 if len(panels) in (3, 5, 6) else 4)
    layout = grid.Layout(
        width=theme.SINGLE if count == 1 else theme.DOUBLE,
        columns=count,
        left=2,
        right=2,
        top=12.0,
        foot=2.0,
        across=4.0,
    )
    lines = [min(count, len(panels) - i) for i in range(0, len(panels), count)]
    figure, axes = grid.panels("segmentation", lines, layout)
    readers = list(dict.fromkeys(reader for panel in panels for reader, _ in panel[2]))
    looks = looks_of(readers)
    for ax, (title, image, masks, spacing) in zip(sum(axes, []), panels, strict=True):
        pixel = (spacing, spacing) if np.isscalar(spacing) else tuple(spacing)
        draw_slice(ax, image, masks, pixel, looks, field=field)
        head, _, note = title.replace("_", " ").partition(": ")
        overlap = f" · Dice {prose.number(dice(masks[0][1], masks[1][1]))}" if len(masks) == 2 else ""
        head = names.shorten(head + overlap, layout.panel_width(), theme.BODY, "bold")
        grid.title(ax, head, names.shorten(note, layout.panel_width()) or " ")
    _key(axes[0][0], looks)
    return theme.as_image(figure)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Dice similarity of two masks of one slice; NaN when both are empty."""
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    both = first.sum() + second.sum()
    return float(2 * (first & second).sum() / both) if both else float("nan")


def looks_of(readers: Sequence[str]) -> dict[str, tuple]:
    """Color and line of each reader's contour, by their order."""
    return {reader: CONTOURS[i % len(CONTOURS)] for i, reader in enumerate(readers)}


def draw_slice(
    ax: Axes, image: np.ndarray, masks, pixel: tuple[float, float], looks: dict, *, field: float, words: bool = True
) -> None:
    """One slice in gray with its contours, `field` mm wide or more, and the scale bar, with its length in `words`."""
    rows, columns = image.shape
    low, high = np.nanpercentile(image, [1, 99.5])
    extent = (0, columns * pixel[1], rows * pixel[0], 0)
    ax.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), extent=extent, interpolation="bilinear")
    xs, ys = (np.arange(columns) + 0.5) * pixel[1], (np.arange(rows) + 0.5) * pixel[0]
    width = 1.3 if len(masks) < 3 else 1.0
    for reader, mask in masks:
        if not np.any(mask):
            continue
        color, line = looks[reader]
        drawn = ax.contour(
            xs, ys, np.asarray(mask, dtype=float), [0.5], colors=color, linestyles=[line], linewidths=width
        )
        drawn.set_path_effects(
            [patheffects.Stroke(linewidth=width + 0.8, foreground="black", alpha=0.6), patheffects.Normal()]
        )
    (left, right), (top, bottom) = _window(masks, pixel, extent, field)
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], facecolor="black")
    ax.spines[:].set_visible(False)
    _scale_bar(ax, right, bottom, right - left, words=words)


def _window(masks, pixel: tuple[float, float], extent, field: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """A square around the lesion, in mm, not beyond the image where the image is large enough."""
    whole = extent[1], extent[2]
    lesion = (
        np.any([np.asarray(mask, dtype=bool) for _, mask in masks], axis=0) if masks else np.zeros((1, 1), dtype=bool)
    )
    if not lesion.any():
        side, center = max(whole), (whole[0] / 2, whole[1] / 2)
    else:
        y, x = np.nonzero(lesion)
        spans = (np.ptp(x) + 1) * pixel[1], (np.ptp(y) + 1) * pixel[0]
        side = min(max(field, 1.5 * max(spans)), max(whole))
        center = (x.min() + x.max() + 1) / 2 * pixel[1], (y.min() + y.max() + 1) / 2 * pixel[0]
    limits = []
    for middle, length in zip(center, whole, strict=True):
        start = np.clip(middle - side / 2, 0, length - side) if length >= side else (length - side) / 2
        limits.append((float(start), float(start + side)))
    return limits[0], limits[1]


def _scale_bar(ax: Axes, right: float, bottom: float, side: float, *, words: bool) -> None:
    y, end = bottom - 0.05 * side, right - 0.05 * side
    cased = [patheffects.withStroke(linewidth=2.5, foreground="black")]
    ax.plot([end - BAR, end], [y, y], color="white", linewidth=2, path_effects=cased)
    if not words:
        return
    ax.text(end - BAR / 2, y - 0.02 * side, f"{BAR:.0f} mm", color="white", ha="center", va="bottom",
            fontsize=theme.SMALL, path_effects=cased)  # fmt: skip


def _key(ax: Axes, looks: dict) -> None:
    """Whose contour is whose, written on the first image."""
    cased = [patheffects.withStroke(linewidth=2.5, foreground="black")]
    for i, (reader, (color, line)) in enumerate(looks.items()):
        y = 0.95 - 0.085 * i
        ax.plot(
            [0.04, 0.15],
            [y, y],
            color=color,
            linestyle=line,
            linewidth=1.6,
            transform=ax.transAxes,
            path_effects=cased,
        )
        ax.text(0.18, y, names.reader(reader), color="white", va="center_baseline", transform=ax.transAxes,
                fontsize=theme.SMALL, path_effects=cased)  # fmt: skip
