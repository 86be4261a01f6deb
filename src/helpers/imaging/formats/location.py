"""Where an image or mask lies: a file or folder and, after `#`, what is meant within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

LISTED = 12  # names that a sentence lists


@dataclass(frozen=True)
class Location:
    """`scans/P1#T1c` is the folder scans/P1 and the selector T1c; without `#` the selector is ""."""

    path: Path
    selector: str = ""

    def __str__(self) -> str:
        return f"{self.path}#{self.selector}" if self.selector else str(self.path)


def locate(text: Path | str) -> Location:
    """Split at the first `#` before which something exists, so that names may hold `#` themselves."""
    text = str(text)
    if "#" not in text or Path(text).exists():
        return Location(Path(text))
    cuts = [at for at, letter in enumerate(text) if letter == "#"]
    at = next((at for at in cuts if text[:at] and Path(text[:at]).exists()), cuts[0])
    return Location(Path(text[:at]), text[at + 1 :].strip())


def shown(path: Location | Path | str) -> str:
    """A file as sentences name it: its folder and name, the same on every machine, and what is meant within it."""
    location = path if isinstance(path, Location) else locate(path)
    named = "/".join(location.path.parts[-2:])
    return f"{named}#{location.selector}" if location.selector else named


def matching(names: Sequence[str], wanted: str) -> list[int]:
    """Positions of the names that `wanted` means: the very name, else without regard to case, else as a glob."""
    folded = wanted.strip().casefold()
    exact = [i for i, name in enumerate(names) if name == wanted]
    alike = [i for i, name in enumerate(names) if name.strip().casefold() == folded]
    return exact or alike or [i for i, name in enumerate(names) if fnmatchcase(name.strip().casefold(), folded)]


def enumerated(names: Sequence[str]) -> str:
    """ "a, b, c", cut after a dozen with the number of those left out."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
