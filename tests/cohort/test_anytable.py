"""Any table: what it is read as, what is left out, and the sentence for those that teach nothing."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from helpers.cohort import anyfile
from helpers.cohort.anytable import table
from helpers.errors import CaseError

N = 40


@pytest.fixture
def frame():
    values = np.random.default_rng(3).normal(size=(N, 4)).round(6)
    return pd.DataFrame(values, columns=["a", "b", "c", "d"]).assign(Target=np.arange(N) % 2)


@pytest.fixture
def read(tmp_path):
    """The table of a frame or of bytes saved under a name."""

    def read(content, name="table.csv", target="Target"):
        path = tmp_path / name
        path.write_bytes(content.to_csv(index=False).encode() if isinstance(content, pd.DataFrame) else content)
        return table(path, target=target)

    return read


def test_every_way_of_saving_gives_the_same_features(frame, read, tmp_path):
    plain = frame.to_csv(index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    ways = {
        "a.csv": plain.encode(),
        "a.gz": gzip.compress(plain.encode()),
        "b.csv": plain.encode("utf-8-sig"),
        "c.csv": plain.encode("utf-16"),
        "d.csv": frame.to_csv(index=False, sep=";", decimal=",").encode(),
        "e.tsv": frame.to_csv(index=False, sep="\t").encode(),
        "f.csv": plain.replace("\n", ",\n").encode(),
        "g.csv": frame.to_csv().encode(),
        "h.csv": plain.replace("\n", "\r\n").encode(),
        "a.parquet": (tmp_path / "a.parquet").read_bytes(),
        "a.xlsx": (tmp_path / "a.xlsx").read_bytes(),
    }
    for name, content in ways.items():
        found = read(content, name)
        np.testing.assert_allclose(found.features[list("abcd")], frame[list("abcd")], err_msg=name)
        np.testing.assert_array_equal(found.truth, frame["Target"], err_msg=name)


def test_identifiers_counters_words_constants_and_copies_of_the_outcome_are_no_features(frame, read):
    frame = frame.assign(
        ID=[f"P{i}" for i in range(N)], row_number=range(7, 7 + N), note=[f"word {i}" for i in range(N)],
        fixed=1.0, nothing=np.nan, again=np.where(frame["Target"] == 1, "ill", "well"),
    )  # fmt: skip
    found = read(frame)
    assert list(found.features) == ["a", "b", "c", "d"] and found.read == 10
    told = "; ".join(found.notes)
    for word in ("again left out", "1 column of words left out (note)", "2 features constant or empty"):
        assert word in told


def test_two_words_are_a_feature_and_junk_among_numbers_is_missing(frame, read):
    found = read(frame.assign(sex=np.where(np.arange(N) % 3, "f", "m"), b=["#DIV/0!", *frame["b"][1:]]))
    assert set(found.features["sex"]) == {0.0, 1.0}
    assert np.isnan(found.features["b"][0]) and found.features["b"][1] == frame["b"][1]


def test_columns_of_parquets_other_types_are_read_or_left_out(frame, tmp_path):
    whole = pd.array([1, 2, None, 5] * 10, dtype="Int64")
    kinds = {"whole": whole, "yes": [True, False, None, True] * 10, "kind": pd.Categorical(list("xy") * 20)}
    kinds |= {"lists": [[1, 2]] * N, "day": pd.date_range("2020", periods=N), "Target": np.arange(N) % 3 == 0}
    frame.assign(**kinds).to_parquet(tmp_path / "a.parquet")
    found = table(tmp_path / "a.parquet", target="Target")
    assert list(found.features) == ["a", "b", "c", "d", "whole", "yes", "kind"] and found.event == "True"
    assert found.features.loc[:3, "yes"].isna().tolist() == [False, False, True, False]


def test_infinite_and_absurd_numbers_are_missing(frame, read):
    values = read(frame.assign(a=["inf", "1e300", *frame["a"][2:]])).features["a"]
    assert values.isna().sum() == 2


def test_rows_of_one_patient_and_rows_that_are_the_same_share_a_patient(frame, read):
    named = read(frame.assign(patient=np.arange(N) // 2 * 2))
    assert (named.patient[::2] == named.patient[1::2]).all() and len(set(named.patient)) == N // 2
    doubled = read(pd.concat([frame, frame.iloc[:5]], ignore_index=True))
    assert (doubled.patient[:5] == doubled.patient[N:]).all() and len(set(doubled.patient)) == N


def test_columns_of_one_name_stay_apart(frame, read):
    found = read(frame.rename(columns={"d": "a"}))
    assert found.features.shape == (N, 4) and "has the name of another" in "; ".join(found.notes)


@pytest.mark.parametrize(
    ("values", "event"),
    [(("yes", "no"), "yes"), (("2", "1"), "2"), (("wild type", "mutant"), "mutant"), (("True", "False"), "True")],
)
def test_of_two_values_the_event_is_told_by_meaning_by_number_or_by_being_rarer(frame, read, values, event):
    rare = np.arange(N) % 3 == 0
    # Where words mean nothing, the rarer one is the event: here the second of the pair.
    first = ~rare if values[0] == "wild type" else rare
    found = read(frame.assign(Target=np.where(first, *values)))
    assert found.event == event and found.truth.sum() == rare.sum()


def test_a_stated_event_makes_two_classes_of_three(frame, read):
    three = frame.assign(Target=[["I", "II", "III"][i % 3] for i in range(N)])
    assert read(three, target="Target=II").truth.sum() == 13
    with pytest.raises(CaseError, match="has 3 values .I, II, III.*--target Target=I"):
        read(three)
    with pytest.raises(CaseError, match="never IV"):
        read(three, target="Target=IV")


def test_rows_that_were_filled_in_with_the_average_are_left_out_and_said(read):
    wide = pd.DataFrame(np.random.default_rng(5).normal(size=(N, 12))).add_prefix("f").assign(Target=np.arange(N) % 2)
    names = [name for name in wide if name != "Target"]
    wide.loc[[6, 9], names] = wide.drop(index=[6, 9])[names].mean().to_numpy()
    found = read(wide)
    assert len(found.truth) == len(found.features) == N - 2 and not {7, 10} & set(found.row)
    assert any(note.startswith("2 rows left out, nearly every feature") for note in found.notes)


def test_rows_without_an_outcome_are_left_out_and_the_others_keep_their_numbers(frame, read):
    found = read(frame.assign(Target=frame["Target"].astype(object).where(frame.index != 3)))
    assert found.row.tolist()[:4] == [1, 2, 3, 5] and "1 row without Target" in found.notes[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.assign(Target=1), "is 1 throughout"),
        (lambda f: f.assign(Target=np.nan), "empty throughout"),
        (lambda f: f.assign(Target=(f.index < 3) * 1), "only 3 patients with Target 1"),
        (lambda f: f.assign(Target=f["a"]), "has 40 values"),
        (lambda f: f.drop(columns="Target"), "no column Target among its 4"),
        (lambda f: f[["Target"]], "no feature varies"),
        (lambda f: f.assign(a=1, b=2, c=3, d=np.nan), "no feature varies"),
        (lambda f: f.assign(patient=f["Target"]), "only 1 patient with Target 1"),
        (lambda f: f.iloc[:0], "no rows"),
    ],
)
def test_a_table_that_teaches_nothing_says_why(frame, read, change, reason):
    with pytest.raises(CaseError, match=reason):
        read(change(frame))


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", gzip.compress(b"a,b\n" * 999, mtime=0)[:40], b"PAR1 and no more", b"PK\x03\x04 no workbook", b"a,b\n1,2\n1,2,3,4\n",
     b"\xd0\xcf\x11\xe0 old", bytes(range(256)) * 9],
)  # fmt: skip
def test_a_file_that_holds_no_table_says_so(read, content):
    with pytest.raises(CaseError):
        read(content)


def test_only_files_that_may_be_tables_are_read(tmp_path):
    for name in ("b.CSV", "a.gz", ".hidden.csv", "LICENSE.txt", "c.parquet"):
        (tmp_path / name).touch()
    tables, others = anyfile.tables_in(tmp_path)
    assert [path.name for path in tables] == ["a.gz", "b.CSV", "c.parquet"] and others == ["LICENSE.txt"]
