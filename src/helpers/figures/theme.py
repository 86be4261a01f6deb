"""The one theme: what a model, a part or a radiologist looks like, everywhere.

Colors are Okabe and Ito's (Color universal design, 2008). Every distinction is also a line or a mark, so that
the figures survive a black-and-white printer.
"""

from __future__ import annotations

import functools
import io
import re
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib
from matplotlib.figure import Figure

SINGLE, DOUBLE = 85.0, 175.0  # widths in mm: one column, and the text's whole width
MM = 1 / 25.4  # mm to inches
BODY, SMALL = 9.0, 8.0  # points; nothing is smaller than SMALL
INK, MUTED, RULE, PAPER = "#222222", "#5F5F5F", "#BDBDBD", "#FFFFFF"
SHADE, EXAMPLE = "#EEF3F7", "#B5321A"  # a prespecified range; a worked example

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, BROWN, TEAL = "#56B4E9", "#D55E00", "#8C6D1F", "#44AA99"
CLINICAL, WINE = "#4D4D4D", "#882255"

# Model: color of its line, darker color of its words, line, mark, label.
MODELS: dict[str, tuple[str, str, Any, str, str]] = {
    "fusion": (PURPLE, "#8E3F6C", "-", "P", "Fusion"),
    "nomogram": (BLUE, "#005A8C", "-", "o", "Nomogram"),
    "winner": (WINE, WINE, "-", "*", "Contest winner"),
    "radiomics": (ORANGE, "#8F6200", (0, (6, 1.6)), "s", "Radiomics"),
    "deep": (GREEN, "#00684C", (0, (5, 1.4, 1.2, 1.4)), "^", "Deep"),
    "clinical": (CLINICAL, "#3A3A3A", (0, (2.6, 1.2)), "D", "Clinical"),
}
NETWORK_LINES = ("-", (0, (7, 1.5, 1.5, 1.5)), (0, (3, 1.2)), (0, (1.2, 1.2)))
NETWORK_MARKS = ("P", "X", "p", "h")
FURTHER = ((SKY, "#1F6E9C"), (VERMILION, "#A34700"), (BROWN, "#6B5316"), (TEAL, "#1F6B5E"))
FURTHER_LINES = ((0, (1.2, 1.2)), (0, (4, 1.2, 1.2, 1.2, 1.2, 1.2)), (0, (9, 2)), (0, (4, 2.4)))
FURTHER_MARKS = ("v", "<", ">", "*", "d", "8")
READER_MARKS = ("o", "s", "^", "D", "v", "P", "X", "p")

STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same page on every machine
    "font.size": BODY,
    "text.color": INK,
    "axes.labelsize": BODY,
    "axes.labelcolor": INK,
    "axes.titlesize": BODY,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 3,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 0.6,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "savefig.facecolor": PAPER,
    # Glyphs as outlines: browsers without the font would otherwise move and clip the words.
    "svg.fonttype": "path",
}


def _styled() -> Any:
    """A context in which matplotlib has its own defaults and this theme, and after which it is as it was."""
    context = matplotlib.rc_context()
    context.__enter__()
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(STYLE)
    return context


def drawn(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw under the theme, whatever the notebook has set."""

    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Figure:
        context = _styled()
        try:
            return function(*args, **options)
        finally:
            context.__exit__(None, None, None)

    return wrapper


def model_style(model: str) -> dict[str, Any]:
    """Color, linestyle, label and marker of a model, ready for `Axes.plot`; everywhere the same."""
    color, _, line, mark, label = _look(model)
    return {"color": color, "linestyle": line, "label": label, "marker": mark}


def ink(model: str) -> str:
    """The model's color, dark enough for words on white (contrast above 4.5)."""
    return _look(model)[1]


def line_width(part: str) -> float:
    """Training thin, test and external thick."""
    return 1.0 if part == "train" else 1.9


def reader_mark(position: int) -> str:
    """The mark of the radiologist at a position in the table."""
    return READER_MARKS[position % len(READER_MARKS)]


_ENLISTED: dict[str, int] = {}


def enlist(models: Iterable[str]) -> None:
    """Give the models of a run that the house does not know looks by their order, so that no two share a line."""
    _ENLISTED.clear()
    unknown = [m for m in models if m not in MODELS and not m.lower().startswith("network")]
    _ENLISTED.update({model: i for i, model in enumerate(dict.fromkeys(unknown))})


def _look(model: str) -> tuple[str, str, Any, str, str]:
    if model in MODELS:
        return MODELS[model]
    label = model.replace("_", " ").strip()  # as the user wrote it
    code = zlib.crc32(model.encode())  # not hash(): that differs from run to run
    if model.lower().startswith("network"):
        return PURPLE, "#8E3F6C", NETWORK_LINES[code % 4], NETWORK_MARKS[code // 4 % 4], label
    place = _ENLISTED.get(model)
    # A second round of colors gets other lines.
    at = (place, place + place // len(FURTHER), place) if place is not None else (code, code // 4, code // 16)
    color, word = FURTHER[at[0] % len(FURTHER)]
    line, mark = FURTHER_LINES[at[1] % len(FURTHER_LINES)], FURTHER_MARKS[at[2] % len(FURTHER_MARKS)]
    return color, word, line, mark, label


def new_figure(name: str, *, width: float, height: float) -> Figure:
    """An empty figure of a size in mm, known by its name and by no global state."""
    figure = Figure(figsize=(width * MM, height * MM))
    figure.set_gid(name)
    return figure


def message(name: str, sentence: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = new_figure(name, width=SINGLE, height=14)
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=MUTED)
    return figure


def as_image(figure: Figure) -> Figure:
    """Mark a figure of scans: it is shown as PNG, all others as SVG."""
    figure.radiogram_image = True
    return figure


def svg(figure: Figure) -> str:
    """The figure as an `<svg>` element: same figure, same bytes; its ids are its own on a page of many."""
    name = figure.get_gid() or "figure"
    context = _styled()
    try:
        matplotlib.rcParams["svg.hashsalt"] = name
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    finally:
        context.__exit__(None, None, None)
    text = buffer.getvalue()
    text = re.sub(r" *<metadata>.*?</metadata>\n", "", text[text.index("<svg") :], flags=re.DOTALL)
    own = f"{name}-{zlib.crc32(text.encode()):08x}-"
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}", text)
    return text.replace("<svg ", '<svg role="img" ', 1)


def png(figure: Figure, *, dpi: int = 220) -> bytes:
    """The figure as PNG bytes, without the date or the name of the software."""
    context = _styled()
    try:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    finally:
        context.__exit__(None, None, None)
    return buffer.getvalue()


def bundle(figure: Figure) -> dict[str, Any]:
    """What a notebook stores of a figure: one picture, neither HTML nor a Python repr."""
    if getattr(figure, "radiogram_image", False):
        return {"image/png": png(figure)}
    return {"image/svg+xml": svg(figure)}


def show_figures() -> None:
    """In a notebook, show a Figure left at the end of a cell as one picture; elsewhere do nothing."""
    from IPython import get_ipython
    from IPython.display import publish_display_data

    shell = get_ipython()
    if shell is not None:
        formatter = shell.display_formatter.ipython_display_formatter
        formatter.for_type(Figure, lambda figure: publish_display_data(bundle(figure)))
