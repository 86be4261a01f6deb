"""Captions are filled, announced and complete; nothing but labelled output is taken along."""

from __future__ import annotations

import json

import pytest

from helpers.errors import RadiogramError
from helpers.reporting import notebook


@pytest.fixture
def staged(making):
    def stage(labels=("fig-roc", "tbl-performance"), numbers=making.numbers, announcements=(), change=None):
        made = making.executed(list(labels))
        if change:
            change(made["cells"][-1])
        return notebook.staged(made, name="06_statistics", numbers=numbers, announcements=announcements)

    return stage


def test_placeholders_of_captions_and_alternative_texts_are_filled(staged):
    said = notebook.options(staged()["cells"][0])
    assert "60 patients" in said["fig-cap"] and "0.84 (0.73 to 0.93)" in said["fig-cap"]
    assert '"AUC" 0.84 (0.73 to 0.93), x < y' in said["fig-alt"]


def test_an_unknown_key_is_refused_by_notebook_cell_and_key(staged, making):
    numbers = {**making.numbers, "statistics": {"aucs": "0.84"}}
    with pytest.raises(
        RadiogramError,
        match=r"06_statistics, cell fig-roc, fig-cap: .*\{statistics.auc\}.*Did you mean statistics.aucs",
    ):
        staged(numbers=numbers)


def test_a_key_that_holds_a_group_is_no_value(making):
    numbers = making.numbers
    assert notebook.lookup(numbers, "cohort") is None and notebook.lookup(numbers, "cohort.patients.more") is None


def test_announcements_end_every_caption(staged):
    cells = staged(announcements=("Synthetic cohort.",))["cells"]
    captions = [notebook.options(cells[0])["fig-cap"], notebook.options(cells[1])["tbl-cap"]]
    assert all(caption.endswith(" Synthetic cohort.") for caption in captions)
    assert not notebook.options(cells[0])["fig-alt"].endswith("Synthetic cohort.")


def test_only_labelled_cells_come_along_without_code_or_metadata(staged):
    text = json.dumps(staged())
    assert "secret" not in text and "P0001" not in text and "text/html" not in text and "papermill" not in text
    assert list(notebook.labelled(staged())) == ["fig-roc", "tbl-performance"]


def test_html_of_a_labelled_cell_is_refused(staged):
    def change(made):
        made["outputs"][0]["data"]["text/html"] = "<table></table>"

    with pytest.raises(RadiogramError, match="cell tbl-performance: its output is HTML"):
        staged(change=change)


@pytest.mark.parametrize("shown", [0, 2])
def test_a_labelled_cell_shows_exactly_one_thing(staged, shown):
    with pytest.raises(RadiogramError, match=f"it shows {shown} pictures or tables"):
        staged(change=lambda made: made.update(outputs=made["outputs"] * shown))


@pytest.mark.parametrize("option", ["fig-cap", "fig-alt"])
def test_a_figure_without_its_words_is_refused(staged, option):
    def change(made):
        made["source"] = "\n".join(line for line in made["source"].splitlines() if option not in line)

    with pytest.raises(RadiogramError, match=f"cell fig-roc: it has no {option}"):
        staged(labels=["fig-roc"], change=change)


def test_a_picture_of_scans_is_shown_at_its_size_in_print(staged, making):
    assert notebook.css_width(making.png(440, 8661)) == 192  # 440 pixels at 220 to the inch are 2 inches
    assert staged(["fig-segmentation"])["cells"][0]["outputs"][0]["metadata"] == {"image/png": {"width": 192}}


def test_a_picture_without_a_size_in_print_is_shown_pixel_by_pixel(making):
    assert notebook.css_width(making.png(300, 0)) == 300


def test_an_unexecuted_notebook_is_named(tmp_path):
    with pytest.raises(RadiogramError, match="Notebook 04_selection.ipynb has not been executed"):
        notebook.read(tmp_path / "04_selection.ipynb")
