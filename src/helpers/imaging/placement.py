"""Where the scans and masks of one case lie together: each on its own grid, or all on that of a reference sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import read, registration
from helpers.parameters import Imaging


@dataclass(frozen=True)
class Placed:
    """A scan where it is measured, the scan that its masks were drawn on, and what was done to bring both together.

    `steps` says it in words, `moved` whether the scan was interpolated; `notes` is what is unusual about its file.
    Masks are aligned to `drawn_on`, then carried.
    """

    scan: sitk.Image
    drawn_on: sitk.Image
    transform: sitk.Transform | None
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    moved: bool = False

    def carry(self, mask: sitk.Image) -> sitk.Image:
        """A 0/1 mask on the grid of `drawn_on`, on the grid and in the place of `scan`, by nearest neighbor."""
        return registration.carry_mask(mask, self.scan, self.transform)


def placed(sequence: str, paths: Mapping[str, str], *, imaging: Imaging) -> Placed:
    """One sequence of a case by `imaging.register_to` and `imaging.mask_space`; `paths` holds the case's scan files.

    Without either, the scan as it is read, which its masks were drawn on. Raises CaseError for an unusable file, a
    case without the reference or the sequence its masks were drawn on, and scans that do not overlap.
    """
    scan, remark = read.scan(paths[sequence])
    notes = [remark] if remark else []
    drawn = imaging.mask_space or sequence
    if not imaging.register_to:
        drawn_on = scan if drawn == sequence else read.image(_path(paths, drawn, "mask_space"))
        return Placed(scan, drawn_on, None, (), tuple(notes))
    reference = imaging.register_to
    fixed = scan if sequence == reference else read.image(_path(paths, reference, "register_to"))
    own = None if sequence == reference else _found(paths, sequence, imaging)
    there = own if drawn == sequence else None if drawn == reference else _found(paths, drawn, imaging)
    drawn_on = _same(drawn, {sequence: scan, reference: fixed}, paths)
    moved = registration.carry_scan(scan, fixed, own.transform if own else None)
    steps = (own.words,) if own else ()
    notes += [found.note for found in (own, there) if found and found.note and found.note not in notes]
    return Placed(moved, drawn_on, there.transform if there else None, steps, tuple(notes), moved is not scan)


def needed(sequence: str, paths: Mapping[str, str], *, imaging: Imaging) -> list[str]:
    """The scan files that decide where a sequence and its masks lie: what its key in the store must hold."""
    names = dict.fromkeys((sequence, imaging.register_to, imaging.mask_space))
    return [paths[name] for name in names if name and name in paths]


def movements(paths: Mapping[str, str], *, imaging: Imaging) -> dict[str, registration.Found]:
    """By sequence, how it was laid over the reference; empty without `imaging.register_to`."""
    reference = imaging.register_to
    return {name: _found(paths, name, imaging) for name in paths if reference and name != reference}


def _path(paths: Mapping[str, str], name: str, parameter: str) -> str:
    if name not in paths:
        raise CaseError(f"it has no {name} image, which imaging.{parameter} names.")
    return paths[name]


def _same(name: str, read_already: Mapping[str, sitk.Image], paths: Mapping[str, str]) -> sitk.Image:
    return read_already[name] if name in read_already else read.image(_path(paths, name, "mask_space"))


def _found(paths: Mapping[str, str], moving: str, imaging: Imaging) -> registration.Found:
    files = [_path(paths, name, "register_to") for name in (moving, imaging.register_to)]
    stamps = tuple(_stamp(path) for path in files)
    return _search(*files, stamps, imaging.register_transform, moving, imaging.register_limit)


def _stamp(path: str) -> tuple[int, int]:
    """Tells a file from an earlier one of that name; one that is missing is refused when it is read."""
    if not Path(path).exists():
        return 0, 0
    found = Path(path).stat()
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=32)
def _search(moving: str, fixed: str, stamps: tuple, how: str, name: str, limit: float) -> registration.Found:
    """Found once a process: the sequence that masks were drawn on is asked for with every other sequence."""
    return registration.find(read.image(moving), read.image(fixed), how=how, name=name, limit=limit)
