"""An entry is what was written, or it is not there."""

import json
import math

import pytest

from helpers.errors import RadiogramError
from helpers.imaging import store


def only_file(folder):
    (path,) = [p for p in folder.rglob("*") if p.is_file()]
    return path


def test_entry_survives_to_the_last_bit_and_in_order(tmp_path):
    entry = {"features": {"b": 0.1 + 0.2, "a": 1e-300, "nan": math.nan}}
    store.write(tmp_path, store.key(x=1), entry)
    again = store.read(tmp_path, store.key(x=1))
    assert json.dumps(again) == json.dumps(entry)
    assert list(again["features"]) == ["b", "a", "nan"]


def test_absent_entry_is_none(tmp_path):
    assert store.read(tmp_path, store.key(x=1)) is None


DAMAGES = [lambda b: b[:-10], lambda b: b"", lambda b: b.replace(b"0.5", b"0.6"), lambda b: b"\xff" + b]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_entry_is_not_trusted(tmp_path, damage):
    store.write(tmp_path, store.key(x=1), {"features": {"a": 0.5}})
    path = only_file(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert store.read(tmp_path, store.key(x=1)) is None


def test_key_depends_on_every_part_and_not_on_their_order():
    assert store.key(a=1, b=[1.0, None]) == store.key(b=[1.0, None], a=1)
    assert len({store.key(a=1), store.key(a=2), store.key(b=1), store.key(a=1, b=1)}) == 4


def test_digest_is_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert store.digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    import errno
    from pathlib import Path

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RadiogramError, match="The disk is full"):
        store.write(tmp_path, store.key(x=1), {})
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
