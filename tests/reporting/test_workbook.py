"""The workbook: typed cells, nobody's name, nothing that runs, the same bytes every time."""

from __future__ import annotations

import dataclasses
import re
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from helpers import study as studies
from helpers.evaluation import metrics
from helpers.reporting import glossary, workbook
from helpers.reporting.integrity import Check
from helpers.tables import DECLARED, empty

PATIENTS = [f"PAT{i:03d}" for i in range(6)]


def table(name, *rows):
    return pd.DataFrame(list(rows), columns=list(DECLARED[name].names))


def score(metric, estimate, low=np.nan, high=np.nan, *, model="nomogram", part="test", kind="frozen"):
    return ("progression", model, part, kind, metric, estimate, low, high, "DeLong", 20, 8)


@pytest.fixture
def study(tmp_path):
    """A run with shared tables beside tables that name patients."""
    made = dataclasses.replace(studies.load("demo"), folder=tmp_path / "demo")
    scores = [
        score("tp", 7.0), score("auc", 0.84, 0.73, 0.93), score("lr_positive", np.inf), score("brier", np.nan),
        score("auc", 0.8, 0.7, 0.9, part="train", kind="oof"), score("auc", 0.7, 0.6, 0.8, model="radiomics"),
    ]  # fmt: skip
    made.tables.write("scores", table("scores", *scores))
    made.tables.write(
        "comparisons",
        table(
            "comparisons",
            ("progression", "test", "=1+1", "@b", "-c", 0.06, -0.02, 0.14, 1.4, np.inf, 0.0412, 0.08, "+SUM(A1)"),
        ),
    )
    frequencies = [
        ("progression", "radiomics", "T1c_x", 0.9, True, 200),
        ("progression", "radiomics", "http://x.y", 0.2, False, 200),
    ]
    made.tables.write("selection_frequency", table("selection_frequency", *frequencies))
    made.tables.write("reader_scores", empty("reader_scores"))
    made.tables.write("cases", pd.DataFrame({"case": PATIENTS, "patient": PATIENTS, "center": "A", "part": "test"}))
    made.tables.write("fits", table("fits", ("progression", "nomogram", 0, "\n".join(PATIENTS), "f")))
    made.tables.write("exclusions", table("exclusions", ("PAT999", "cohort", "no mask")))
    made.tables.write(
        "predictions", table("predictions", *[(p, p, "progression", "m", "test", "frozen", 1, 0.5) for p in PATIENTS])
    )
    made.tables.write(
        "instability", table("instability", *[("progression", "m", p, 0.5, 0.4, 0.6, 0.1, 0.0) for p in PATIENTS])
    )
    return made


@pytest.fixture
def book(study):
    return openpyxl.load_workbook(workbook.write(study))


def cells(book, name):
    """Rows of a sheet as mappings from header to cell."""
    header, *rows = book[name].iter_rows()
    return [{str(h.value): cell for h, cell in zip(header, row, strict=True)} for row in rows]


def test_only_tables_that_are_there_and_may_be_shared_become_sheets(book):
    assert book.sheetnames == [
        "Read me",
        "Performance",
        "scores",
        "comparisons",
        "selection_frequency",
        "reader_scores",
    ]


def test_no_identifier_of_the_run_occurs_in_the_file(study):
    with zipfile.ZipFile(workbook.write(study)) as archive:
        text = " ".join(archive.read(name).decode() for name in archive.namelist())
    assert not re.search("PAT[0-9]", text) and "0.84" in text


def test_no_shared_table_has_a_column_of_patients_or_columns_of_the_user():
    for name in workbook.SHARED:
        assert not {"case", "patient", "patients"} & set(DECLARED[name].names) and not DECLARED[name].open, name


def test_numbers_are_numbers_in_sensible_formats(book):
    first = {row["metric"].value: row for row in cells(book, "scores")[:2]}
    assert (first["auc"]["estimate"].value, first["auc"]["estimate"].number_format) == (0.84, "0.000")
    assert (first["tp"]["estimate"].value, first["tp"]["estimate"].number_format) == (7, "0")
    assert (first["auc"]["n"].value, first["auc"]["n"].number_format) == (20, "0")
    p = cells(book, "comparisons")[0]["p"]
    assert (p.value, p.number_format, p.data_type) == (0.0412, "0.0000", "n")


def test_booleans_are_booleans(book):
    assert [row["in_final"].value for row in cells(book, "selection_frequency")] == [True, False]


def test_what_is_missing_is_empty_and_what_is_infinite_is_said(book):
    rows = {row["metric"].value: row for row in cells(book, "scores")}
    assert rows["brier"]["estimate"].value is None and rows["lr_positive"]["estimate"].value == "infinite"
    assert cells(book, "comparisons")[0]["df"].value == "infinite"


def test_text_is_never_a_formula_or_a_link(study, book):
    row = cells(book, "comparisons")[0]
    assert [row[c].value for c in ("model_a", "model_b", "test", "family")] == ["=1+1", "@b", "-c", "+SUM(A1)"]
    assert {cell.data_type for sheet in book for cells in sheet.iter_rows() for cell in cells} <= {"s", "n", "b"}
    with zipfile.ZipFile(workbook.write(study)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert not any("<f>" in text or "<hyperlink" in text for text in parts.values())


def test_headers_stay_in_sight_and_filter(book):
    for sheet in book.worksheets[1:]:
        assert sheet.freeze_panes and sheet.auto_filter.ref.startswith("A1:")
        assert all(8 <= column.width <= 61 for column in sheet.column_dimensions.values())


def test_headers_of_two_lines_have_the_room(book):
    assert book["Performance"].row_dimensions[1].height >= 45


def test_an_empty_table_is_a_sheet_with_its_header_alone(book):
    sheet = book["reader_scores"]
    assert sheet.max_row == 1 and [cell.value for cell in sheet[1]] == list(DECLARED["reader_scores"].names)


def test_performance_stands_side_by_side_in_cells_of_its_own(book):
    rows = {row["metric"].value: row for row in cells(book, "Performance")}
    assert list(rows) == ["Patients", "Events", "AUC", "Brier score", "Positive likelihood ratio", "True positives"]
    auc = [rows["AUC"][f"Nomogram, Test: {what}"].value for what in ("estimate", "low", "high")]
    assert auc == [0.84, 0.73, 0.93]
    assert rows["AUC"]["Nomogram, Training (out-of-fold): low"].value == 0.7
    assert rows["AUC"]["Radiomics signature, Test: high"].value == 0.8
    assert rows["Patients"]["Nomogram, Test: estimate"].value == 20
    assert rows["True positives"]["Nomogram, Test: estimate"].number_format == "0"


def test_the_first_sheet_says_what_everything_is(book):
    told = {row[0].value: row[1].value for row in book["Read me"].iter_rows(max_col=2)}
    assert book["Read me"]["A1"].value.startswith("Progression or pseudoprogression")
    assert told["Version"].startswith("Radiogram ") and told["scores"] == DECLARED["scores"].row
    assert told["p_holm"] == glossary.COLUMNS["p_holm"] and told["auc"].startswith("AUC: ")


def test_synthetic_patients_random_weights_and_failed_checks_are_announced(study):
    failed = [Check("No patient is in two parts", "failed", "1 patient", "sec-participants")]
    sheet = openpyxl.load_workbook(workbook.write(study, checks=failed))["Read me"]
    notes = [row[1].value for row in sheet.iter_rows(max_col=2) if row[0].value == "Read this first"]
    assert [note.split(".")[0] for note in notes] == ["Synthetic cohort", "Random weights", "Headline withheld"]


@pytest.mark.parametrize("name", workbook.SHARED)
def test_every_column_has_a_meaning_and_every_sheet_a_name_that_fits(name):
    assert len(name) <= 31 and set(DECLARED[name].names) <= set(glossary.COLUMNS)


def test_every_metric_has_a_meaning():
    assert set(metrics.METRICS) <= set(glossary.METRICS)


def test_the_same_tables_give_the_same_bytes_at_another_time(study, monkeypatch):
    first = workbook.write(study).read_bytes()
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert workbook.write(study).read_bytes() == first


def test_a_run_without_scores_has_a_workbook_too(tmp_path):
    bare = dataclasses.replace(studies.load("demo"), folder=tmp_path / "bare")
    assert openpyxl.load_workbook(workbook.write(bare)).sheetnames == ["Read me"]


def test_a_failure_leaves_the_earlier_workbook_alone(study, monkeypatch):
    path = workbook.write(study)
    before = path.read_bytes()
    monkeypatch.setattr(workbook, "performance", lambda scores: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        workbook.write(study)
    assert path.read_bytes() == before and [p.name for p in path.parent.glob("*results*")] == ["results.xlsx"]
