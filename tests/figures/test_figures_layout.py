"""What can be measured of legibility: size, clipping and overlap of every word on every figure."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from helpers.figures import theme


@theme.drawn
def words(figure: Figure) -> list[tuple[str, Bbox, float]]:
    """Every visible text of a figure: words, extent in pixels, size in points."""
    FigureCanvasAgg(figure).draw()
    renderer = figure.canvas.get_renderer()
    found = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and shown(text):
            box = (
                Text.get_window_extent(text, renderer)
                if isinstance(text, Annotation)
                else text.get_window_extent(renderer)
            )
            found.append((text.get_text(), box, text.get_fontsize()))
    return found


def shown(text: Text) -> bool:
    """Not a tick label outside its axis' limits, nor on an axis that is switched off."""
    axes = text.axes
    if axes is None or (axes.axison is False and text in axes.texts) or text in axes.texts:
        return True
    if not axes.axison:
        return False
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if text in (tick.label1, tick.label2):
                return low - 1e-9 <= tick.get_loc() <= high + 1e-9
    return True


@pytest.fixture(scope="module")
def measured(gallery) -> dict[str, list[tuple[str, Bbox, float]]]:
    """The words of every figure, measured once."""
    return {name: words(figure) for name, figure in gallery.items()}


def collide(a: Bbox, b: Bbox) -> bool:
    """More than a pixel and a half in both directions: extents hold the line's leading, not only the ink."""
    wide = min(a.x1, b.x1) - max(a.x0, b.x0)
    high = min(a.y1, b.y1) - max(a.y0, b.y0)
    return wide > 1.5 and high > 2.5


def test_no_word_is_cut_by_the_edge_of_its_figure(gallery, measured):
    cut = {}
    for name, figure in gallery.items():
        width, height = figure.get_size_inches() * figure.dpi
        out = [t for t, b, _ in measured[name] if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1]
        if out:
            cut[name] = out
    assert not cut


def test_no_two_words_overlap(measured):
    over = {}
    for name, found in measured.items():
        pairs = [(a[0], b[0]) for a, b in combinations(found, 2) if collide(a[1], b[1])]
        if pairs:
            over[name] = pairs
    assert not over


def test_overlap_would_be_noticed():
    figure = theme.new_figure("x", width=85, height=20)
    figure.text(0.5, 0.5, "one")
    figure.text(0.52, 0.5, "two")
    (_, first, _), (_, second, _) = words(figure)
    assert collide(first, second)


def test_no_text_is_smaller_than_eight_points_at_print_size(measured):
    small = {name: [w for w, _, size in found if size < theme.SMALL] for name, found in measured.items()}
    assert not {name: found for name, found in small.items() if found}


def test_every_figure_is_one_or_two_columns_wide_at_most(gallery):
    widths = {name: figure.get_size_inches()[0] / theme.MM for name, figure in gallery.items()}
    assert not {name: w for name, w in widths.items() if w > theme.DOUBLE + 1e-6}


@pytest.mark.parametrize("name", ["roc", "roc, two endpoints", "readers", "readers, three"])
def test_roc_axes_have_equal_aspect_and_are_square_on_paper(gallery, measured, name):
    figure = gallery[name]
    assert figure.axes
    for ax in figure.axes:
        assert ax.get_aspect() == 1
        box = ax.get_window_extent()
        assert np.isclose(box.width, box.height, rtol=0.01)


def test_calibration_panels_have_equal_aspect(gallery):
    curves = [ax for ax in gallery["calibration"].axes if ax.get_ylim() == (0, 1)]
    assert len(curves) == 2
    assert all(ax.get_aspect() == 1 for ax in curves)


@pytest.mark.parametrize("name", ["flow", "roc", "risk", "calibration", "decision", "readers", "panels", "nomogram"])
def test_n_and_events_are_on_the_figure(measured, name):
    told = " ".join(w for w, _, _ in measured[name])
    assert ("n = 36, 20 events" in told) or ("n = 84, 33 events" in told) or ("true progression: 33 (39 %)" in told)
