"""Panels and titles that fit their words."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from helpers.figures import grid, names, theme


def columns(found: Sequence[grid.Cell], keys: Sequence[Sequence[grid.Row]]) -> int:
    """How many columns the cells need: at most three, or two where an interval is said in words and needs the room."""
    return grid.columns(found, most=2 if _said(keys) else 3)


def outdent(layout: grid.Layout, keys: Sequence[Sequence[grid.Row]]) -> float:
    """How far (mm) keys begin left of their panel: names need it beside a narrow panel or an interval said in words."""
    narrow = layout.columns > 2 or (layout.columns == 1 and _said(keys))
    return layout.left - 1 if narrow else 0.0


def _said(keys: Sequence[Sequence[grid.Row]]) -> bool:
    return any(names.width(value) > 36.0 for rows in keys for _, _, value in rows)


def title(ax: Axes, words: str, note: str, *, beyond: float = 2.0) -> None:
    """Title and note of a panel, shortened where they would pass `beyond` mm right of it."""
    room = ax.figure.get_size_inches()[0] / theme.MM * ax.get_position().width + beyond
    grid.title(ax, names.shorten(words, room, theme.BODY, "bold"), names.shorten(note, room))
