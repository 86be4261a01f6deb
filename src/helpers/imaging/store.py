"""Features kept by content: the same image, mask, parameters and engine are never measured twice.

One file an entry, named by its key, in one of 256 folders; any number of processes and machines may read and write
at once. A file holds, after a mark and the SHA-256 of all that follows, three parts: what is not a feature (JSON,
compressed), the features' names (compressed), and their values as 64-bit floats. A writer fills a file of its own
beside the entry's place and renames it, so that nobody meets half an entry. Nothing is forced to the disk (fsync):
after a power cut the newest entries may be gone or damaged; a damaged one fails its checksum and is measured again.
The time of a file is when it was last used, to the day.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
import uuid
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from helpers.errors import RadiogramError
from helpers.tables import full_disk

MARK = b"radiogram features 2\n"
SUFFIX = ".features"
HEAD = struct.Struct("<32sIII")  # checksum of what follows it; bytes of the first two parts; number of values
DAY = 86400.0
SETTLED = 2.0  # seconds; a file changed more lately might change again under the same time


class Key(str):
    """The name of an entry; it knows what of its parts is kept in the entry, to be listed and verified."""

    about: dict[str, Any]


def digest(path: Path | str) -> str:
    """SHA-256 of a file's bytes; one that has not changed since is not read again. Raises OSError."""
    state = os.stat(path)
    if time.time() - max(state.st_mtime, state.st_ctime) < SETTLED:
        return _file_digest.__wrapped__(str(path))
    return _file_digest(str(path), state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@lru_cache(maxsize=4096)
def _file_digest(path: str, *_state: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(*, kind: str | None = None, engine: Any = None, **parts: Any) -> Key:
    """SHA-256 of everything that decides an entry: hashes of bytes, parameters, and the engine with its versions.

    `kind` and `engine` are kept readable in the entry; of the other parts only their hash is.
    """
    about = {"kind": kind, "engine": engine, "rest": _hash(parts)}
    made = Key(_hash(about))
    made.about = about
    return made


def read(store: Path, name: str) -> dict[str, Any] | None:
    """The entry of that key, or None where there is none or where its checksum does not fit.

    Raises RadiogramError when it may not be read.
    """
    path = place(store, name)
    try:
        with open(path, "rb") as file:
            content = file.read()
            _mark_used(file.fileno())
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise RadiogramError(f"The store {store} may not be read: ask its owner for the permission.") from error
    about_and_entry = unpack(content)
    return None if about_and_entry is None else about_and_entry[1]


def write(store: Path, name: str, entry: dict[str, Any]) -> None:
    """Write an entry whole or not at all. Floats survive to the last bit; the order of names is kept.

    Raises RadiogramError when the disk is full or the store may not be written.
    """
    path = place(store, name)
    beside = path.with_name(f".{name}.{uuid.uuid4().hex}")
    content = pack(getattr(name, "about", {}), entry)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        os.replace(beside, path)
    except PermissionError as error:
        raise RadiogramError(f"The store {store} may not be written: ask its owner for the permission.") from error
    except OSError as error:
        raise full_disk(error, "an entry of the store") from error
    finally:
        beside.unlink(missing_ok=True)


def place(store: Path, name: str) -> Path:
    """Where the entry of a key lies."""
    return store / name[:2] / f"{name}{SUFFIX}"


def pack(about: dict[str, Any], entry: dict[str, Any]) -> bytes:
    """An entry as bytes; its features, where they are all floats, in binary."""
    features = entry.get("features")
    binary = isinstance(features, dict) and all(isinstance(value, float) for value in features.values())
    rest = {k: None if binary and k == "features" else v for k, v in entry.items()}
    head = zlib.compress(json.dumps({"about": about, "written": int(time.time()), "entry": rest}).encode())
    names = _packed_names(tuple(features)) if binary else b""
    values = np.fromiter(features.values(), "<f8", len(features)).tobytes() if binary else b""
    body = head + names + values
    sizes = struct.pack("<III", len(head), len(names), len(values) // 8)
    return MARK + hashlib.sha256(sizes + body).digest() + sizes + body


def unpack(content: bytes) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(about, entry) of an entry's bytes; None for bytes that are not exactly what was written."""
    start = len(MARK) + HEAD.size
    if not content.startswith(MARK) or len(content) < start:
        return None
    checksum, head, names, count = HEAD.unpack_from(content, len(MARK))
    if hashlib.sha256(memoryview(content)[len(MARK) + 32 :]).digest() != checksum:
        return None
    parts = json.loads(zlib.decompress(content[start : start + head]))
    entry = parts["entry"]
    if names:
        values = np.frombuffer(content, "<f8", count, start + head + names).tolist()
        found = _unpacked_names(content[start + head : start + head + names])
        entry["features"] = dict(zip(found, values, strict=True))
    return {**parts["about"], "written": parts["written"]}, entry


def matches(name: str, about: dict[str, Any]) -> bool:
    """Whether a key is the hash of what its entry says of itself; nothing to say where it was not told."""
    return "rest" not in about or _hash({k: about[k] for k in ("kind", "engine", "rest")}) == name


@lru_cache(maxsize=64)
def _packed_names(names: tuple[str, ...]) -> bytes:
    return zlib.compress(json.dumps(names).encode())


@lru_cache(maxsize=64)
def _unpacked_names(packed: bytes) -> tuple[str, ...]:
    return tuple(json.loads(zlib.decompress(packed)))


def _mark_used(descriptor: int) -> None:
    """At most once a day; in a store of somebody else's it stays as it is."""
    now = time.time()
    if now - os.fstat(descriptor).st_mtime > DAY:
        try:
            os.utime(descriptor, (now, now))
        except PermissionError:
            return


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
