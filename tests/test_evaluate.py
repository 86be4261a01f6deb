"""`radiogram evaluate` on anybody's table: which study it writes, and one sentence for each kind of bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from helpers import study as studies
from helpers.cli import main
from helpers.cohort import enroll, reading
from helpers.cohort.columns import Columns, scores
from helpers.errors import RadiogramError
from helpers.scaffold import evaluation


@pytest.fixture
def table():
    """Markers of 40 patients; `c` is low where the event is."""
    rng = np.random.default_rng(5)
    poor = np.arange(40) % 2
    return pd.DataFrame(
        {"id": [f"A{i}" for i in range(40)], "outcome": np.where(poor, "Poor", "Good"), "grade": poor + rng.normal(size=40),
         "b": poor + rng.normal(size=40), "c": rng.normal(size=40) - poor, "site": "x"}
    )  # fmt: skip


@pytest.fixture
def sheet():
    """Two readers, two modalities, twelve cases, ratings from 1 to 5."""
    rng = np.random.default_rng(6)
    rows = [
        (case, reader, modality, case % 2, int(np.clip(round(2 + 2 * (case % 2) + rng.normal()), 1, 5)))
        for case in range(1, 13) for reader in (1, 2) for modality in (1, 2)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["case", "reader", "modality", "truth", "rating"])


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a table, evaluate it, and load the study that was written; nothing is run."""
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path))

    def write(frame, *, readings=None, overrides=(), **columns):
        frame.to_csv(tmp_path / "table.csv", index=False)
        beside = tmp_path / "readings.csv" if readings is not None else None
        if beside:
            readings.to_csv(beside, index=False)
        path = evaluation(
            tmp_path / "table.csv", tmp_path / "out", columns=Columns(**columns), readings=beside, overrides=overrides
        )
        return studies.load(path, overrides=overrides)

    return write


def refused(match, call, *arguments, **options):
    with pytest.raises(RadiogramError, match=match):
        call(*arguments, **options)


MARKERS = {"truth": "outcome=Poor", "models": ("grade", "b", "c")}


def test_a_table_of_markers_becomes_a_study_of_scores(table, written):
    study = written(table, **MARKERS, patient="id")
    enrolled = enroll.enroll(study)
    assert study.entry == "scores" and set(enrolled.cases["part"]) == {"test"}
    assert enrolled.cases["outcome"].sum() == 20 and enrolled.cases["patient"].str.startswith("A").all()
    assert enrolled.predictions["model"].unique().tolist() == ["grade", "b", "c"]
    assert set(enrolled.predictions["kind"]) == {"frozen"}


def test_every_pair_of_models_is_declared_as_one_family(table, written):
    pairs = written(table, **MARKERS).parameters.statistics.comparisons
    assert pairs == (("grade", "b"), ("grade", "c"), ("b", "c"))


def test_absent_patients_and_parts_are_said_in_the_report(table, written):
    notes = " ".join(enroll.enroll(written(table, **MARKERS)).repairs["note"])
    assert "names no patients" in notes and "states no parts" in notes


def test_a_marker_that_is_low_in_events_is_turned_and_named_so(table, written):
    predictions = enroll.enroll(written(table, **MARKERS, lower=("c",))).predictions
    turned = predictions[predictions["model"] == "c (reversed)"]
    assert turned["probability"].to_numpy() == pytest.approx(-table["c"].to_numpy())


def test_the_users_table_is_never_overwritten(table, tmp_path):
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    before = path.read_bytes()
    evaluation(path, tmp_path, columns=Columns(**MARKERS))
    assert path.read_bytes() == before and (tmp_path / "table-evaluated.csv").is_file()


def test_a_positive_value_set_against_all_others_says_so(table):
    table["outcome"] = ["Poor", "Fair", "Good", "Good"] * 10
    endpoint = scores(table, Columns(**MARKERS), where="t.csv").endpoint
    assert (endpoint.positive, endpoint.negative) == ("Poor", "not Poor")


def test_stated_parts_and_centers_are_kept(table, written):
    table = table.assign(fold=["train", "test"] * 10 + ["test", "train"] * 10).rename(columns={"site": "center"})
    cases = enroll.enroll(written(table, **MARKERS, part="fold")).cases
    assert cases["part"].value_counts().to_dict() == {"train": 20, "test": 20} and set(cases["center"]) == {"x"}


def test_a_scores_table_needs_no_options(table, written):
    plain = table[["grade", "b"]].assign(
        patient=table["id"], truth=(table["outcome"] == "Poor").astype(int), part="test"
    )
    assert enroll.enroll(written(plain)).predictions["model"].unique().tolist() == ["grade", "b"]


def test_missing_values_name_the_model_and_the_remedy(table, written):
    table.loc[[3, 5], "b"] = np.nan
    refused("model b has no value in 2 of 40 rows.*--drop-missing", written, table, **MARKERS)
    assert len(enroll.enroll(written(table, **MARKERS, drop_missing=True)).cases) == 38


@pytest.mark.parametrize(
    "columns, sentence",
    [
        ({"models": ("grade",)}, r"no column truth"),
        ({"truth": "outcome"}, r"say which is the event, --truth outcome=Good"),
        ({"truth": "outcome=Bad"}, r"outcome is never Bad; its values are Good and Poor"),
        ({"truth": "outcome=Poor", "models": ("grade", "d")}, r"no column d"),
        ({"truth": "outcome=Poor", "models": ("grade", "site")}, r"column site holds x, which is no number"),
        ({"truth": "outcome=Poor", "models": ("grade",), "lower": ("b",)}, r"--lower b is not one of the models"),
        ({"truth": "outcome=Poor"}, r"no column patient"),
        ({"truth": "outcome=Poor", "models": ("grade",), "part": "fold"}, r"no column fold"),
        ({"truth": "site", "models": ("grade",)}, r"site is neither 0/1"),
    ],
)
def test_bad_columns_are_one_sentence_and_nothing_is_written(table, written, tmp_path, columns, sentence):
    refused(sentence, written, table, **columns)
    assert not (tmp_path / "out").exists()


def test_a_sheet_of_readings_becomes_a_reader_study(sheet, written):
    study = written(sheet)
    assert study.entry == "readings" and study.parameters.readers.conditions == ("1", "2")
    enrolled = enroll.enroll(study)
    assert len(enrolled.cases) == 12 and enrolled.cases["truth"].sum() == 6 and enrolled.predictions is None
    assert "06_statistics" not in study.parameters.notebooks


def test_readings_beside_scores_make_both_reports(sheet, written):
    models = pd.DataFrame(
        {"patient": range(1, 13), "part": "test", "truth": [i % 2 for i in range(1, 13)], "m": np.linspace(0, 1, 12)}
    )
    study = written(models, readings=sheet)
    assert study.parameters.notebooks[-3:-1] == ("06_statistics", "07_readers")
    assert {"readers", "performance"} <= set(study.parameters.report.sections)


def test_three_modalities_are_refused_until_two_are_named(sheet, written):
    three = pd.concat(
        [sheet, sheet.assign(modality=3).query("reader == 1"), sheet.assign(modality=3).query("reader == 2")]
    )
    three = three.drop_duplicates(["case", "reader", "modality"])
    refused("has 3 conditions .1, 2, 3.: name the two to compare", written, three)
    study = written(three, overrides=('readers.conditions=["1", "3"]',))
    assert study.parameters.readers.conditions == ("1", "3")


def test_a_truth_that_differs_between_readings_is_refused(sheet, written):
    sheet.loc[0, "truth"] = 1 - sheet.loc[0, "truth"]
    refused("truth of case 1 is not the same in all its readings", enroll.enroll, written(sheet))


@pytest.mark.parametrize(
    "column, value, sentence",
    [
        ("rating", "high", "rating holds high, which is no number"),
        ("reader", None, "line 2: no reader is named"),
        ("call", 3, "call holds 3; a call is 1 .positive. or 0 .negative."),
    ],
)
def test_bad_readings_are_one_sentence(sheet, written, column, value, sentence):
    sheet = sheet.assign(**{column: sheet.get(column, pd.Series(1, index=sheet.index)).astype(object)})
    sheet.loc[0, column] = value
    refused(sentence, written, sheet)


def test_calls_come_from_the_sheet_else_from_the_rating(sheet, written):
    study = written(sheet, overrides=("readers.call_at=3",))
    frame = reading.sheet(study.parameters.cohort.readings).frame
    table = reading.table(frame, study.parameters.readers, where="table.csv")
    assert (table["call"] == (table["rating"] >= 3)).all()
    own = reading.table(frame.assign(call=0.0), study.parameters.readers, where="table.csv")
    assert (own["call"] == 0).all()


def test_readings_without_ratings_are_calls_and_have_no_scale(sheet, written):
    calls = sheet.assign(call=(sheet["rating"] > 2).astype(int)).drop(columns="rating")
    frame = reading.sheet(written(calls).parameters.cohort.readings).frame
    assert (frame["rating"] == frame["call"]).all()


def test_evaluate_helps_with_examples():
    text = CliRunner().invoke(main, ["evaluate", "--help"]).output
    assert "--truth outcome=Poor --models wfns,s100b,ndka" in text and "--drop-missing" in text


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    result = CliRunner().invoke(main, ["evaluate", str(tmp_path / "no.csv"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and result.output.startswith("radiogram: No file") and result.output.count("\n") == 1


def test_check_counts_the_readings(sheet, written, tmp_path):
    written(sheet)
    result = CliRunner().invoke(main, ["check", str(tmp_path / "out" / "out.yaml")])
    assert result.exit_code == 0, result.output
    assert "Readings: 12 cases by 2 readers in 1 and 2, without calls" in result.output


def test_a_reading_that_is_missing_is_found_by_check(sheet, written, tmp_path):
    written(sheet.iloc[1:])
    result = CliRunner().invoke(main, ["check", str(tmp_path / "out" / "out.yaml")])
    assert result.exit_code == 2 and "reader 1 did not read case 1 in condition 1" in result.output


def test_the_written_study_is_plain_yaml(table, written, tmp_path):
    written(table, **MARKERS)
    text = (tmp_path / "out" / "out.yaml").read_text()
    assert yaml.safe_load(text)["cohort"]["endpoints"] == [{"name": "outcome", "positive": "Poor", "negative": "Good"}]
