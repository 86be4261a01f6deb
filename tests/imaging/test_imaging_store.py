"""An entry is what was written, or it is not there; and whoever looks after the store breaks nothing."""

import errno
import json
import math
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from helpers.cli import main
from helpers.errors import RadiogramError
from helpers.imaging import store, store_keeping

DAY = store.DAY
ENTRY = {"features": {"a": 0.5, "b": 1.5}, "geometry": {"voxels": 27, "note": ""}}


def only_file(folder):
    (path,) = [p for p in folder.rglob("*") if p.is_file()]
    return path


def fill(folder, count, *, kind="radiomics", engine=None):
    keys = [store.key(kind=kind, engine=engine or {"engine": 1}, case=i) for i in range(count)]
    for key in keys:
        store.write(folder, key, ENTRY)
    return keys


def age(path, *, days):
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def test_entry_survives_to_the_last_bit_and_in_order(tmp_path):
    entry = {"features": {"b": 0.1 + 0.2, "a": 1e-300, "nan": math.nan, "zero": -0.0, "inf": -math.inf}, "geometry": {}}
    store.write(tmp_path, store.key(x=1), entry)
    again = store.read(tmp_path, store.key(x=1))
    assert json.dumps(again) == json.dumps(entry)
    assert list(again["features"]) == ["b", "a", "nan", "zero", "inf"]


names = st.text(min_size=1, max_size=30)
values = st.one_of(st.floats(), st.integers(-(2**60), 2**60), st.none(), names, st.booleans())


@pytest.mark.slow
@given(
    features=st.one_of(st.dictionaries(names, st.floats()), st.dictionaries(names, values)),
    rest=st.dictionaries(names.filter(lambda name: name != "features"), values),
)
def test_whatever_json_can_say_comes_back(features, rest):
    entry = {**rest, "features": features}
    _, again = store.unpack(store.pack({}, entry))
    assert json.dumps(again, sort_keys=True) == json.dumps(entry, sort_keys=True)
    assert list(again["features"]) == list(features)


def test_absent_entry_is_none(tmp_path):
    assert store.read(tmp_path, store.key(x=1)) is None


@given(content=st.binary(max_size=200))
def test_bytes_of_another_kind_are_no_entry(content):
    assert store.unpack(content) is None and store.unpack(store.MARK + content) is None


def test_an_entry_with_any_byte_changed_cut_or_added_is_not_trusted(tmp_path):
    key = store.key(kind="radiomics", engine={"engine": 1}, case=1)
    store.write(tmp_path, key, ENTRY)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    damages = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    for damage in [*damages, *(whole[:i] for i in range(len(whole))), whole + b"\0"]:
        path.write_bytes(damage)
        assert store.read(tmp_path, key) is None
    assert store_keeping.verify(tmp_path).damaged == [path]
    store.write(tmp_path, key, ENTRY)  # measured again
    assert store.read(tmp_path, key) == ENTRY and store_keeping.verify(tmp_path).sound == 1


def test_key_depends_on_every_part_and_not_on_their_order():
    assert store.key(a=1, b=[1.0, None]) == store.key(b=[1.0, None], a=1)
    keys = [store.key(a=1), store.key(a=2), store.key(b=1), store.key(a=1, b=1), store.key(kind="x"), store.key()]
    assert len({*keys, store.key(engine="x"), store.key(kind="x", engine="x")}) == 8


def test_a_key_travels_to_other_processes_with_what_it_knows():
    key = store.key(kind="radiomics", engine={"engine": 1}, case="P1")
    again = pickle.loads(pickle.dumps(key))
    assert again == key and again.about == key.about


def test_no_part_of_a_key_but_kind_and_engine_can_be_read_in_the_store(tmp_path):
    store.write(tmp_path, store.key(kind="radiomics", engine={"engine": 1}, case="Miller"), ENTRY)
    about, _ = store.unpack(only_file(tmp_path).read_bytes())
    assert set(about) == {"kind", "engine", "rest", "written"} and "Miller" not in json.dumps(about)


def test_digest_is_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert store.digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_is_hashed_again_when_it_changed_even_within_its_times(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    first, state = store.digest(path), path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert store.digest(path) != first
    age(path, days=3)
    before = store.digest(path)
    path.write_bytes(b"xyz")
    age(path, days=3)
    assert store.digest(path) != before


def test_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RadiogramError, match="The disk is full"):
        store.write(tmp_path, store.key(x=1), {})
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_store_of_somebody_elses_is_said_in_a_sentence(tmp_path, monkeypatch):
    (key,) = fill(tmp_path, 1)

    def refused(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(RadiogramError, match="may not be written: ask its owner"):
        store.write(tmp_path, key, ENTRY)
    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(RadiogramError, match="may not be read: ask its owner"):
        store.read(tmp_path, key)


WRITER = """
import sys
from pathlib import Path
from helpers.imaging import store
place, own = Path(sys.argv[1]), float(sys.argv[2])
names = [f"feature {i}" for i in range(1500)]
for turn in range(150):
    store.write(place, store.key(x=turn % 5), {"features": dict.fromkeys(names, own)})
"""


@pytest.mark.slow
def test_readers_of_an_entry_that_two_processes_write_see_one_of_the_two_whole(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(own)]) for own in (1, 2)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        for i in range(5):
            entry = store.read(tmp_path, store.key(x=i))
            if entry is not None:
                seen |= set(entry["features"].values())
                assert len(entry["features"]) == 1500 and len(set(entry["features"].values())) == 1
    assert [writer.returncode for writer in writers] == [0, 0] and seen <= {1.0, 2.0}
    found = store_keeping.verify(tmp_path)
    assert (found.sound, found.damaged, list(tmp_path.glob("??/.*"))) == (5, [], [])


def test_reading_notes_the_day_of_use_and_looking_after_the_store_does_not(tmp_path):
    fill(tmp_path, 1)
    path = only_file(tmp_path)
    age(path, days=5)
    store_keeping.verify(tmp_path)
    list(store_keeping.described(tmp_path))
    assert time.time() - path.stat().st_mtime > 4 * DAY
    store.read(tmp_path, store.key(kind="radiomics", engine={"engine": 1}, case=0))
    assert time.time() - path.stat().st_mtime < 60


def test_verify_finds_an_entry_under_a_name_that_is_not_its_own(tmp_path):
    first, second = fill(tmp_path, 2)
    wrong = store.place(tmp_path, second)
    wrong.write_bytes(store.place(tmp_path, first).read_bytes())
    assert store_keeping.verify(tmp_path).damaged == [wrong]


def test_what_killed_writers_and_earlier_versions_left_is_no_damage_and_goes_with_any_pruning(tmp_path):
    (key,) = fill(tmp_path, 1)
    beside = store.place(tmp_path, key).parent
    for name, days in ((".begun", 1.0), (".being written", 0.0), ("0a.json", 0.0)):
        (beside / name).write_bytes(b"half")
        age(beside / name, days=days)
    found = store_keeping.verify(tmp_path)
    assert found.sound == 1 and not found.damaged
    assert [p.name for p in (*found.abandoned, *found.old)] == [".begun", "0a.json"]
    done = store_keeping.prune(tmp_path)
    assert (done.removed, done.kept) == (2, 1)
    assert {p.name for p in beside.iterdir()} == {".being written", store.place(tmp_path, key).name}


def test_prune_takes_what_was_asked_and_says_it_beforehand(tmp_path):
    keys = fill(tmp_path, 10)
    paths = [store.place(tmp_path, key) for key in keys]
    for i, path in enumerate(paths):
        age(path, days=i + 0.5)
    asked = store_keeping.chosen(older_than=None, unused_for=6, outdated=False, keep_gigabytes=None)
    would = store_keeping.prune(tmp_path, **asked, dry_run=True)
    assert (would.removed, would.kept) == (4, 6) and all(path.exists() for path in paths)
    assert store_keeping.prune(tmp_path, **asked) == would
    assert [path.exists() for path in paths] == [True] * 6 + [False] * 4
    one = paths[0].stat().st_size
    limited = store_keeping.chosen(older_than=None, unused_for=None, outdated=False, keep_gigabytes=2.5 * one / 1e9)
    assert store_keeping.prune(tmp_path, **limited).kept == 2
    assert [path.exists() for path in paths[:3]] == [True, True, False]  # those used last
    assert store_keeping.prune(tmp_path, written_before=time.time() + 1).kept == 0


def test_prune_knows_engines_that_are_no_longer_current(tmp_path):
    from importlib import metadata

    from helpers.imaging.radiomics import measure

    current = {"engine": measure.ENGINE, "simpleitk": metadata.version("simpleitk"), "weights": "0a1b"}
    kept = fill(tmp_path, 2, engine=current)
    fill(tmp_path, 3, engine={**current, "engine": 0})
    fill(tmp_path, 4, engine={**current, "simpleitk": "1.0"})
    fill(tmp_path, 5, kind="unknown", engine=current)
    asked = store_keeping.chosen(older_than=None, unused_for=None, outdated=True, keep_gigabytes=None)
    assert store_keeping.prune(tmp_path, **asked).removed == 12
    assert all(store.read(tmp_path, key) == ENTRY for key in kept)


def test_prune_does_not_break_whoever_reads(tmp_path):
    (key,) = fill(tmp_path, 1)
    with open(store.place(tmp_path, key), "rb") as reader:
        store_keeping.prune(tmp_path, keep_bytes=0)
        assert store.unpack(reader.read())[1] == ENTRY
    assert store.read(tmp_path, key) is None
    store.write(tmp_path, key, ENTRY)
    assert store.read(tmp_path, key) == ENTRY


def test_the_command_lists_verifies_and_prunes(tmp_path, monkeypatch):
    def radiogram(*arguments):
        return CliRunner().invoke(main, ["store", *arguments])

    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path))
    refused = radiogram("list")
    assert refused.exit_code == 2 and "There is no store at" in refused.output
    keys = fill(tmp_path / "store", 3)
    listed = radiogram("list").output.splitlines()
    assert listed[0].startswith(f"{tmp_path / 'store'}: 3 entries, ")
    assert listed[1].startswith("radiomics: 3 entries, ") and listed[1].endswith("(engine 1)")
    assert radiogram("verify").exit_code == 0
    store.place(tmp_path / "store", keys[0]).write_bytes(b"")
    found = radiogram("verify", "--store", str(tmp_path / "store"))
    assert found.exit_code == 1 and "2 entries are sound, 1 damaged" in found.output and keys[0] in found.output
    assert "1 file would be removed" in radiogram("prune", "--dry-run").output
    assert "2 entries left" in radiogram("prune").output
    assert "0 entries left" in radiogram("prune", "--keep-gigabytes", "0").output
