"""Features kept by content: the same image, mask, parameters and engine are never measured twice."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from helpers.tables import write_whole


def digest(path: Path | str) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(**parts: Any) -> str:
    """SHA-256 of everything that decides an entry: hashes of bytes, parameters, engine versions."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read(store: Path, name: str) -> dict[str, Any] | None:
    """The entry of that key, or None where there is none or where its checksum does not fit (a truncated file)."""
    path = _path(store, name)
    try:
        checksum, _, body = path.read_text(encoding="utf-8").partition("\n")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return json.loads(body) if checksum == _checksum(body) else None


def write(store: Path, name: str, entry: dict[str, Any]) -> None:
    """Write an entry whole or not at all. Floats survive to the last bit; the order of names is kept.

    Raises RadiogramError when the disk is full.
    """
    body = json.dumps(entry)
    text = f"{_checksum(body)}\n{body}"
    write_whole(_path(store, name), lambda path: path.write_text(text, encoding="utf-8"))


def _path(store: Path, name: str) -> Path:
    return store / name[:2] / f"{name}.json"


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
