"""What can be measured of legibility: size, clipping and overlap of every word on every figure."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.figures import theme

pytestmark = pytest.mark.slow


def test_no_word_is_cut_overlaps_another_or_is_smaller_than_eight_points_at_print_size(gallery, layout):
    assert not {name: wrong for name, figure in gallery.items() if (wrong := layout.faults(figure))}


def test_overlap_would_be_noticed(layout):
    figure = theme.new_figure("x", width=85, height=20)
    figure.text(0.5, 0.5, "one")
    figure.text(0.52, 0.5, "two")
    assert layout.faults(figure) == ["overlap: one | two"]


def test_every_figure_is_one_or_two_columns_wide_at_most(gallery):
    widths = {name: figure.get_size_inches()[0] / theme.MM for name, figure in gallery.items()}
    assert not {name: w for name, w in widths.items() if w > theme.DOUBLE + 1e-6}


@pytest.mark.parametrize("name", ["roc", "roc, two endpoints", "readers", "readers, three"])
def test_roc_axes_have_equal_aspect_and_are_square_on_paper(gallery, layout, name):
    figure = gallery[name]
    layout.words(figure)  # draws it: axes are placed only then
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
def test_n_and_events_are_on_the_figure(gallery, layout, name):
    told = layout.told(gallery[name])
    assert ("n = 36, 20 events" in told) or ("n = 84, 33 events" in told) or ("true progression: 33 (39 %)" in told)
