"""The contact sheet and the steps of preprocessing: everyone is seen, nobody is named, and nothing is cut or overlaps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from helpers.figures import contact_sheet, preprocessing, texts_images, theme
from helpers.imaging import overview

pytestmark = pytest.mark.slow

CONCERNS = (
    "Dice 0.52; has a note",
    "has a note; 5 gray levels; at scan's edge",
    "7 gray levels",
    "",
    "at scan's edge; 12 voxels",
)


def make_tiles(make, count=25, readers=("reader1", "reader2")):
    tiles = []
    for i in range(count):
        _, image, masks, pixel = make.panels(4)[i % 4]
        drawn = [(reader, np.roll(masks[0][1], k, axis=0)) for k, reader in enumerate(readers)]
        dice = 0.5 + 0.018 * i if len(readers) > 1 else np.nan
        tiles.append(
            SimpleNamespace(
                number=i + 1, dice=dice, concern=CONCERNS[i % 5] if i < 10 else "", slice=(image, drawn, pixel)
            )
        )
    return tiles


def make_steps(names=("As read", "N4", "Brain alone", "Normalized", "Resampled"), sequences=("T1c", "FLAIR")):
    rng = np.random.default_rng(0)
    steps = []
    for sequence in sequences:
        for k, name in enumerate(names):
            values = rng.normal(1000 if k < 3 else 0, 300 if k < 3 else 1, 4000)
            image = rng.normal(size=(60, 50))
            steps.append(overview.Step(sequence, name, f"what {name} did", image, (2.0, 2.0), values))
    return steps


@pytest.fixture(scope="module")
def drawn(make) -> dict[str, Figure]:
    """Both figures in ordinary and in awkward circumstances."""
    return {
        "sheet": contact_sheet.contact_sheet(make_tiles(make)),
        "sheet, five readers": contact_sheet.contact_sheet(
            make_tiles(make, 7, [f"A reader of long name {i}" for i in range(5)])
        ),
        "sheet, one reader, one case": contact_sheet.contact_sheet(make_tiles(make, 1, ("reader1",))),
        "steps": preprocessing.preprocessing(make_steps()),
        "steps, one": preprocessing.preprocessing(make_steps(("As read",), ("PET of a very long sequence name",))),
        "steps, six": preprocessing.preprocessing(
            make_steps(("As read", "Registered", "Reoriented", "N4", "Normalized", "Resampled"))
        ),
    }


def test_no_word_is_cut_overlaps_another_or_is_smaller_than_eight_points(drawn, layout):
    assert not {name: wrong for name, figure in drawn.items() if (wrong := layout.faults(figure))}


def test_a_full_sheet_fits_a_printed_page(drawn):
    width, height = drawn["sheet"].get_size_inches() / theme.MM
    assert width <= theme.DOUBLE + 0.1 and height <= 210


def test_every_case_and_every_reader_is_on_the_sheet(make, drawn, layout):
    found = [text for text, _, _ in layout.words(drawn["sheet"])]
    assert [f"{i} · Dice" in " ".join(found) for i in range(1, 26)] == [True] * 25
    assert {"Reader 1", "Reader 2"} <= set(found)
    tiles = [ax for ax in drawn["sheet"].axes if ax.images]
    assert len(tiles) == 25 and all(len(ax.collections) == 2 for ax in tiles)


def test_readers_differ_by_line_not_by_color_alone(make):
    figure = contact_sheet.contact_sheet(make_tiles(make, 1, [f"reader{i}" for i in range(1, 6)]))
    ax = next(ax for ax in figure.axes if ax.images)
    assert len({str(c.get_linestyle()) for c in ax.collections}) == 5


def test_a_case_that_cannot_be_drawn_keeps_its_place(make, layout):
    tiles = make_tiles(make, 3)
    tiles[1].slice = None
    found = [text for text, _, _ in layout.words(contact_sheet.contact_sheet(tiles))]
    assert "cannot be drawn" in found and "2 · Dice 0.52" in found


def test_both_figures_are_pictures_of_scans_and_the_same_bytes_each_time(drawn):
    for name in ("sheet", "steps"):
        assert set(theme.bundle(drawn[name])) == {"image/png"}
        assert theme.png(drawn[name], dpi=50) == theme.png(drawn[name], dpi=50)


def test_nothing_to_show_says_so():
    for figure in (contact_sheet.contact_sheet([]), preprocessing.preprocessing([])):
        assert len(figure.texts) == 1
    assert texts_images.alt_contact_sheet([]) and texts_images.alt_preprocessing([])


def test_each_step_shows_its_histogram_between_its_percentiles(drawn):
    histograms = [ax for ax in drawn["steps"].axes if ax.patches and not ax.images]
    assert len(histograms) == 10
    labels = [label.get_text() for label in histograms[0].get_xticklabels()]
    assert [float(x) for x in labels] == pytest.approx(np.percentile(make_steps()[0].values, [1, 99]), rel=0.01)


def test_alternative_text_of_the_sheet_gives_its_numbers_and_no_name(make):
    text = texts_images.alt_contact_sheet(make_tiles(make))
    assert "25 lesions" in text and "Reader 1 and Reader 2" in text
    assert "Dice 0.50 to 0.93" in text
    assert "number 1, Dice 0.52, has a note" in text
    assert "number 20" not in text
    plain = texts_images.alt_contact_sheet(make_tiles(make, 25, ("reader1",))[10:])
    assert "Dice" not in plain and "Nothing is unusual" in plain


def test_alternative_text_of_the_steps_tells_each_in_order():
    text = texts_images.alt_preprocessing(make_steps())
    assert "T1c: As read (what As read did), N4 (what N4 did)" in text
    assert "before" in text and "after" in text
    assert texts_images.told_steps(make_steps(("As read",))).count("measured as it was read") == 2
