"""The store looked after: what it holds, whether all of it is sound, and what may go."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from helpers import study as studies
from helpers.errors import RadiogramError
from helpers.imaging import store
from helpers.imaging.store import DAY, HEAD, MARK, SUFFIX

ABANDONED = 3600.0  # seconds after which a file that a writer began is nobody's any more
OLD_SUFFIX = ".json"  # of the entries of Radiogram 0.1, which are no longer read


@dataclass(frozen=True)
class Entry:
    """An entry by its file: bytes, seconds since 1970 when it was written and last used, its kind and engine."""

    path: Path
    bytes: int
    written: float
    used: float
    kind: str
    engine: str


@dataclass(frozen=True)
class Verified:
    """How many entries are sound, and the files that are not entries: damaged, left by a killed writer, of old."""

    sound: int
    damaged: list[Path]
    abandoned: list[Path]
    old: list[Path]


@dataclass(frozen=True)
class Pruned:
    """Files and bytes that went (or would go), and those that stayed."""

    removed: int
    removed_bytes: int
    kept: int
    kept_bytes: int


def folder(given: Path | None = None) -> Path:
    """The store of the runs folder, or the one given. Raises RadiogramError when there is none."""
    runs = Path(os.environ.get("RADIOGRAM_RUNS") or studies.house() / "runs") if given is None else None
    found = given if runs is None else runs / "store"
    if not found.is_dir():
        raise RadiogramError(
            f"There is no store at {found}: it begins with the first extraction; --store names another."
        )
    return found.absolute()


def entries(place: Path) -> Iterator[Entry]:
    """Every entry whose head can be read; those that vanish or are damaged meanwhile are passed over."""
    for path in sorted(place.glob(f"??/*{SUFFIX}")):
        try:
            state, about = path.stat(), _about(path)
        except FileNotFoundError:
            continue
        if about is not None:
            engine = json.dumps(about.get("engine"), sort_keys=True)
            yield Entry(path, state.st_size, about["written"], state.st_mtime, str(about.get("kind")), engine)


def summary(place: Path) -> pd.DataFrame:
    """A row a kind and engine: entries, bytes, days since the first was written and since the last was used."""
    found = pd.DataFrame([e.__dict__ for e in entries(place)], columns=[*Entry.__dataclass_fields__])
    now = time.time()
    rows = found.groupby(["kind", "engine"], sort=True).agg(
        entries=("bytes", "size"), bytes=("bytes", "sum"), oldest=("written", "min"), used=("used", "max")
    )
    rows["oldest"], rows["used"] = (now - rows["oldest"]) / DAY, (now - rows["used"]) / DAY
    return rows.reset_index()


def described(place: Path) -> Iterator[str]:
    """The store in lines: where, how much, and one line a kind and engine."""
    table = summary(place)
    yield f"{place}: {table['entries'].sum():,} entries, {size(table['bytes'].sum())}"
    for row in table.itertuples():
        engine = json.loads(row.engine)
        versions = ", ".join(f"{k} {v}" for k, v in engine.items()) if isinstance(engine, dict) else "of unknown engine"
        ages = f"the oldest is {days(row.oldest)} old, the last was used {days(row.used)} ago"
        yield f"{row.kind}: {row.entries:,} entries, {size(row.bytes)}, {ages} ({versions})"


def size(count: float) -> str:
    """16 kB, 1.2 MB, 34 GB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} bytes"


def days(count: float) -> str:
    """Less than a day, 1 day, 12 days."""
    return "less than a day" if count < 1 else f"{count:.0f} {'day' if round(count) == 1 else 'days'}"


def _outdated(kind: str, engine: Any) -> bool:
    """Whether this Radiogram, with the packages installed here, would not name this engine any more."""
    from helpers.imaging import deep, duplicates
    from helpers.imaging.radiomics import measure

    own = {"radiomics": measure.ENGINE, "deep": deep.ENGINE, "fingerprint": duplicates.ENGINE}
    if not isinstance(engine, dict) or kind not in own:
        return True
    return any(
        own[kind] != value if name == "engine" else _other_version(name, value) for name, value in engine.items()
    )


def _other_version(package: str, version: Any) -> bool:
    try:
        return metadata.version(package) != version
    except metadata.PackageNotFoundError:
        return False  # not a package: the hash of weights, a setting


def verify(place: Path) -> Verified:
    """Read everything: checksums, and whether each entry lies under the name that its content gives."""
    sound, damaged = 0, []
    for path in sorted(place.glob(f"??/*{SUFFIX}")):
        try:
            found = store.unpack(path.read_bytes())
        except FileNotFoundError:
            continue  # pruned meanwhile
        if found is None or path != store.place(place, path.stem) or not store.matches(path.stem, found[0]):
            damaged.append(path)
        else:
            sound += 1
    return Verified(sound, damaged, _abandoned(place), sorted(place.glob(f"??/*{OLD_SUFFIX}")))


def prune(
    place: Path,
    *,
    written_before: float | None = None,
    unused_since: float | None = None,
    outdated: Callable[[str, Any], bool] | None = None,
    keep_bytes: float | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Remove entries written or last used before a time (seconds since 1970), of an outdated (kind, engine), and
    then the longest unused ones beyond `keep_bytes`; and always what is no entry: damaged, abandoned or of old.

    Whoever has an entry open reads on; whoever comes later finds none and measures again.
    """
    useless = verify(place)
    gone = {path: state.st_size for path, state in _found((*useless.damaged, *useless.abandoned, *useless.old))}
    held = [entry for entry in entries(place) if entry.path not in gone]
    leaving = {
        entry.path: entry.bytes
        for entry in held
        if (written_before is not None and entry.written < written_before)
        or (unused_since is not None and entry.used < unused_since)
        or (outdated is not None and outdated(entry.kind, json.loads(entry.engine)))
    }
    staying = sorted((entry for entry in held if entry.path not in leaving), key=lambda entry: -entry.used)
    total = 0
    for entry in staying:
        total += entry.bytes
        if keep_bytes is not None and total > keep_bytes:
            leaving[entry.path] = entry.bytes
    gone |= leaving
    if not dry_run:
        for path in gone:
            path.unlink(missing_ok=True)
    kept = [entry.bytes for entry in held if entry.path not in leaving]
    return Pruned(len(gone), sum(gone.values()), len(kept), sum(kept))


def chosen(
    *, older_than: float | None, unused_for: float | None, outdated: bool, keep_gigabytes: float | None
) -> dict[str, Any]:
    """Options of the command (days, gigabytes) as those of `prune`."""
    now = time.time()
    return {
        "written_before": None if older_than is None else now - older_than * DAY,
        "unused_since": None if unused_for is None else now - unused_for * DAY,
        "outdated": _outdated if outdated else None,
        "keep_bytes": None if keep_gigabytes is None else keep_gigabytes * 1e9,
    }


def _about(path: Path) -> dict[str, Any] | None:
    """What an entry says of itself, from its first bytes alone; None where they are not those of an entry."""
    with open(path, "rb") as file:
        start = file.read(len(MARK) + HEAD.size)
        if not start.startswith(MARK) or len(start) < len(MARK) + HEAD.size:
            return None
        _, size, _, _ = HEAD.unpack_from(start, len(MARK))
        try:
            parts = json.loads(zlib.decompress(file.read(size)))
            return {**parts["about"], "written": parts["written"]}
        except (zlib.error, ValueError, KeyError, TypeError):
            return None


def _abandoned(place: Path) -> list[Path]:
    now = time.time()
    return [path for path, state in _found(sorted(place.glob("??/.*"))) if now - state.st_mtime > ABANDONED]


def _found(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Those that are still there; others work in the store too."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path, path.stat()
