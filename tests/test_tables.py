from __future__ import annotations

import errno

import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.tables import Tables, empty, write_whole


def exclusions(*cases, stage="cohort"):
    return pd.DataFrame([(c, stage, "no endpoint") for c in cases], columns=["case", "stage", "reason"])


def test_a_table_comes_back_as_it_was_written(tmp_path):
    tables = Tables(tmp_path)
    tables.write("exclusions", exclusions("a", "b"))
    assert tables.read("exclusions")["case"].tolist() == ["a", "b"]


def test_the_same_frame_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        Tables(tmp_path / name).write("exclusions", exclusions("a"))
    assert (
        Tables(tmp_path / "one").path("exclusions").read_bytes()
        == Tables(tmp_path / "two").path("exclusions").read_bytes()
    )


def test_an_undeclared_column_is_refused(tmp_path):
    with pytest.raises(ValueError, match="undeclared columns"):
        Tables(tmp_path).write("exclusions", exclusions("a").assign(color="red"))


def test_a_missing_table_says_what_to_do(tmp_path):
    with pytest.raises(RadiogramError, match="run the notebook that writes it"):
        Tables(tmp_path).read("cases")


def test_appending_replaces_what_the_stage_wrote_before(tmp_path):
    tables = Tables(tmp_path)
    tables.write("exclusions", exclusions("a"))
    for case in ("b", "c"):
        tables.append("exclusions", exclusions(case, stage="extraction"), replacing="stage")
    assert tables.read("exclusions")["case"].tolist() == ["a", "c"]


def test_an_empty_table_keeps_its_columns(tmp_path):
    Tables(tmp_path).write("exclusions", empty("exclusions"))
    assert list(Tables(tmp_path).read("exclusions")) == ["case", "stage", "reason"]


def test_a_full_disk_is_said_and_nothing_is_left_half_written(tmp_path):
    def fill(path):
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    target = tmp_path / "table.parquet"
    with pytest.raises(RadiogramError, match="The disk is full: table.parquet"):
        write_whole(target, fill)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_keeps_the_earlier_file(tmp_path):
    target = tmp_path / "kept.txt"
    target.write_text("before")
    with pytest.raises(ZeroDivisionError):
        write_whole(target, lambda path: 1 / 0)
    assert target.read_text() == "before"
