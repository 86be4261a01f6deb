from __future__ import annotations

import pandas as pd
import pytest

from helpers.cohort import manifest
from helpers.errors import RadiogramError
from helpers.parameters import Endpoint

PROGRESSION = Endpoint(name="progression", positive="true progression", negative="pseudoprogression")


def save(tmp_path, content: str | bytes, name="sheet.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_sheet_saved_by_excel_in_german_is_read_as_meant_and_said(tmp_path):
    path = save(tmp_path, b"\xef\xbb\xbfpatient;age;volume\r\n007;61;12,5\r\n008;54;3,25\r\n")
    sheet = manifest.read(path)
    assert sheet.frame["volume"].tolist() == [12.5, 3.25]
    assert sheet.frame["patient"].tolist() == ["007", "008"]
    assert any("decimals with a comma in volume" in note for note in sheet.notes)
    assert any("byte-order mark" in note for note in sheet.notes)
    assert any("separated by ';'" in note for note in sheet.notes)


def test_thousands_of_features_in_a_plain_csv_need_no_note(tmp_path):
    assert manifest.read(save(tmp_path, "patient,age\na,61\n")).notes == ()


def test_words_for_missing_are_missing(tmp_path):
    frame = manifest.read(save(tmp_path, "patient,age,sex\na,61,F\nb,unknown,NA\n")).frame
    assert frame["age"].isna().tolist() == [False, True]
    assert frame["sex"].tolist() == ["F", None]


def test_a_windows_encoded_sheet_is_read_and_said(tmp_path):
    sheet = manifest.read(save(tmp_path, "patient,center\na,Z\xfcrich\n".encode("cp1252")))
    assert sheet.frame["center"].tolist() == ["Z\xfcrich"]
    assert "Windows-1252" in sheet.notes[0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("patient,age\n", "holds no rows"),
        ("patient,age,age\na,1,2\n", "column age more than once"),
        ("patient,age\na,1,2\n", "line 2: 3 cells below a header of 2"),
    ],
)
def test_a_broken_sheet_gets_one_sentence(tmp_path, content, sentence):
    with pytest.raises(RadiogramError, match=sentence):
        manifest.read(save(tmp_path, content))


def test_a_missing_sheet_is_named(tmp_path):
    with pytest.raises(RadiogramError, match=r"No file .*nowhere\.csv"):
        manifest.read(tmp_path / "nowhere.csv")


def test_a_duplicate_patient_is_named_with_both_lines():
    frame = pd.DataFrame({"patient": ["a", "b", "a"]})
    with pytest.raises(RadiogramError, match="patient a is given on lines 2 and 4"):
        manifest.one_row_a_patient(frame, where="sheet.csv")


def test_a_patient_in_both_parts_is_named():
    frame = pd.DataFrame({"patient": ["a", "b", "a"], "part": ["train", "test", "test"]})
    with pytest.raises(RadiogramError, match="patient a is in both test and train"):
        manifest.one_row_a_patient(frame, where="sheet.csv")


@pytest.mark.parametrize(
    "values", [["1", "0"], [1.0, 0.0], ["True", "false"], ["true progression", "Pseudoprogression"]]
)
def test_labels_are_read_however_they_are_written(values):
    read = manifest.binary(pd.Series(values), pd.Series(["a", "b"]), PROGRESSION, where="sheet.csv")
    assert read.tolist() == [1.0, 0.0]


def test_a_label_that_is_not_binary_names_patient_and_value():
    with pytest.raises(RadiogramError, match="endpoint progression of patient b is 2; it must be 1"):
        manifest.binary(pd.Series([1.0, 2.0]), pd.Series(["a", "b"]), PROGRESSION, where="sheet.csv")


def test_progression_is_not_found_inside_pseudoprogression():
    read = manifest.binary(pd.Series(["pseudoprogression"]), pd.Series(["a"]), PROGRESSION, where="sheet.csv")
    assert read.tolist() == [0.0]


def test_numbers_are_read_and_words_among_them_named():
    frame = pd.DataFrame({"patient": ["a", "b"], "fractions": [30.0, None], "prescription": ["60", "sixty"]})
    assert manifest.numbers(frame, ["fractions"], where="x.csv")["fractions"].tolist()[0] == 30
    with pytest.raises(RadiogramError, match="x.csv: column prescription holds sixty, which is no number"):
        manifest.numbers(frame, ["prescription"], where="x.csv")
