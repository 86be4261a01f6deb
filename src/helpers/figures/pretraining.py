"""How the pretraining went, what it restores, and whether a linear model on the encoder is better for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import grid, names, rows, theme

CURVES = {
    "loss": ("Loss", "of the objective"),
    "psnr": ("Restoration, dB", "peak signal-to-noise ratio"),
    "spread": ("Spread", "of embeddings; 0 is collapse"),
}
LOOKS = {
    "train": {"color": theme.MUTED, "linestyle": (0, (4, 1.5))},
    "held out": {"color": theme.BLUE, "linestyle": "-"},
}
TOLD = {"train": "images learned from", "held out": "images of patients held out"}
ENCODERS = {
    "pretrained": ("Pretrained encoder", theme.BLUE, "o"),
    "random": ("The same with random weights", theme.CLINICAL, "D"),
    "volume": ("Lesion volume alone", theme.ORANGE, "s"),
}
SEEN = ("As it is", "As it was shown", "As it was restored")
WORDS, PITCH = 52.0, 6.0  # mm of the encoders' names, and from one to the next


@theme.drawn
def curves(pretraining: pd.DataFrame) -> Figure:
    """Loss, restoration and spread by epoch: table `pretraining`, learned from (dashed) and held out (solid)."""
    if pretraining.empty:
        return theme.message("pretraining", "Nothing was pretrained.")
    layout = grid.Layout(columns=3, height=40.0, left=13.0, top=13.0, foot=18.0, across=15.0)
    figure, axes = grid.panels("pretraining", [3], layout)
    for ax, (column, (words, note)) in zip(axes[0], CURVES.items(), strict=True):
        for part, look in LOOKS.items():
            own = pretraining[pretraining["part"] == part].dropna(subset=[column])
            ax.plot(own["epoch"] + 1, own[column], linewidth=1.6, **look)
        grid.title(ax, words, note)
        ax.set_xlabel("Epoch")
        ax.xaxis.get_major_locator().set_params(integer=True, nbins=5)
    top = axes[0][2].get_ylim()[1]
    axes[0][2].set_ylim(0, max(top, 0.1))
    _key(figure)
    return figure


def _key(figure: Figure) -> None:
    width, _ = figure.get_size_inches() / theme.MM
    foot = grid.add_axes(figure, (0, 0, width, 5.0))
    foot.set(xlim=(0, width), ylim=(0, 5.0))
    foot.set_axis_off()
    start = 13.0
    for part, look in LOOKS.items():
        foot.plot([start, start + 7], [2, 2], linewidth=1.6, **look)
        foot.text(start + 8.5, 2, TOLD[part], fontsize=theme.SMALL, va="center_baseline")
        start += 12.0 + names.width(TOLD[part])


@theme.drawn
def restored(pictures: np.ndarray) -> Figure:
    """Slices (n, 3, y, x) as they are, as they were shown and as they were restored, a row an image; shown as PNG."""
    if not len(pictures):
        return theme.message("restored", "Nothing was restored.")
    layout = grid.Layout(width=110.0, columns=3, left=1.0, right=1.0, top=6.0, foot=0.5, across=2.0)
    figure, axes = grid.panels("restored", [3] * len(pictures), layout)
    for line, images in zip(axes, pictures, strict=True):
        low, high = np.percentile(images[0], (1, 99))
        for ax, image in zip(line, images, strict=True):
            ax.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), interpolation="nearest")
            ax.set(xticks=[], yticks=[], facecolor="#3B4A63")
            ax.spines[:].set_visible(False)
    for ax, words in zip(axes[0], SEEN, strict=True):
        grid.title(ax, words)
    return theme.as_image(figure)


@theme.drawn
def probe(probe: pd.DataFrame) -> Figure:
    """AUC of a linear model on each encoder, a dot a repeat and an upright line their mean: table `probe`."""
    if probe.empty:
        return theme.message("probe", "No linear probe was made.")
    groups = list(probe.groupby("endpoint", sort=False))
    high = rows.AXIS + len(groups) * (rows.HEAD + PITCH * len(ENCODERS))
    sheet = rows.sheet("probe", height=high)
    wide = theme.DOUBLE - WORDS - 24.0
    limits = rows.limits(probe["auc"].to_numpy(dtype=float), within=(0.0, 1.0), always=(0.4, 0.8))
    ax = sheet.panel(WORDS, wide, bottom=rows.AXIS, top=high, limits=limits)
    ax.axvline(0.5, color=theme.RULE, linewidth=0.7, zorder=0)
    ax.set_xlabel("AUC in training patients whose labels the linear model was not given")
    y = high
    for endpoint, own in groups:
        y -= rows.HEAD
        labels = prose.count(int(own["labels"].iloc[0]), "label")
        sheet.write(0, y + rows.HEAD / 2, f"{names.endpoint(str(endpoint))}, {labels}", fontweight="bold")
        for encoder in ENCODERS:
            y -= PITCH
            _dots(sheet, ax, own[own["encoder"] == encoder], encoder, y + PITCH / 2)
    return sheet.figure


def _dots(sheet: rows.Sheet, ax: Axes, own: pd.DataFrame, encoder: str, y: float) -> None:
    words, color, mark = ENCODERS[encoder]
    values = own["auc"].to_numpy(dtype=float)
    sheet.write(2.0, y, words)
    ax.plot(values, np.full(values.size, y), linestyle="", marker=mark, markersize=3.6, color=color, alpha=0.5)
    if values.size:
        ax.plot([values.mean()] * 2, [y - 2.0, y + 2.0], color=color, linewidth=2.2)
        sheet.write(theme.DOUBLE - 22.0, y, f"mean {prose.number(float(values.mean()))}")
