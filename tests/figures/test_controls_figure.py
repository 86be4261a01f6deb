"""The figure of voxel controls: every AUC a row, the mark tells the control, and words as in the table."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.evaluation import controls_printed
from helpers.figures import controls
from helpers.tables import DECLARED, empty

AREAS = {"original": 0.83, "inside": 0.52, "outside": 0.81}


@pytest.fixture
def table():
    rows = [
        (control, "recurrence", model, part, kind, area, area - 0.1, min(area + 0.1, 1), 84, 42)
        for control, area in reversed(AREAS.items())
        for model in ("texture", "radiomics", "nomogram")
        for part, kind in (("test", "frozen"), ("train", "oof"))
    ]
    return pd.DataFrame(rows, columns=list(DECLARED["controls"].names))


@pytest.fixture
def features():
    return pd.DataFrame({"case": ["P1", "P1", "P2", "P2"], "control": ["inside", "outside"] * 2})


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_auc_is_a_row_in_order_and_scans_as_they_are_come_first(table):
    said = words(controls.controls(table))
    assert said[0].startswith("Training (out-of-fold)") and said.index("Nomogram") < said.index("Texture alone")
    named = [w for w in said if w.startswith(("as scanned", "shuffled"))]
    assert named == ["as scanned", "shuffled within the lesion", "shuffled outside the lesion"] * 6
    assert said.count("0.83 (0.73 to 0.93)") == 6


def test_marks_tell_the_control_without_color(table):
    dots = [line for line in controls.controls(table).axes[1].lines if line.get_marker() in {"o", "s", "^"}]
    assert [dot.get_marker() for dot in dots] == ["o", "s", "^"] * 6
    assert [dot.get_markerfacecolor() != "#FFFFFF" for dot in dots] == [True, False, False] * 6


def test_a_table_without_rows_says_so():
    assert "No voxel control" in controls.alt_controls(empty("controls"))
    assert controls.controls(empty("controls")).texts
    assert controls_printed.numbers(empty("controls"), empty("control_features"))["answer"].startswith(
        "No voxel control"
    )


def test_the_answer_tells_what_each_model_reaches_in_patients_it_never_saw(table, features):
    told = controls_printed.numbers(table, features)
    assert told["shuffled"] == "shuffled within the lesion or outside the lesion" and told["cases"] == "2 cases"
    assert (
        "Texture alone (recurrence, test) reaches an AUC of 0.83 (0.73 to 0.93) on the scans as they are, 0.52 (0.42 to "
        "0.62) with voxels shuffled within the lesion and 0.81 (0.71 to 0.91) with voxels shuffled outside the lesion."
    ) in told["answer"]
    alone = controls_printed.numbers(table[table["part"] == "train"], features)
    assert "(recurrence, training (out-of-fold))" in alone["answer"]


def test_the_alternative_text_has_every_auc(table):
    assert controls.alt_controls(table).count("0.52 (0.42 to 0.62)") == 6
