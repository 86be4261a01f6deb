"""Volumes in the store: the arrays of a case in one file, and what is said of them."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.errors import RadiogramError
from helpers.study import Study

FOLDER = "volumes"  # in the store
STORED = ("images",)  # too noisy to be worth compressing


@dataclass(frozen=True)
class CaseVolume:
    """One case in its box; s sequences in the order of `cohort.sequences`, all arrays float32 unless said otherwise."""

    images: np.ndarray  # (s, z, y, x), on the scale of the study's normalization, 0 where absent
    present: np.ndarray  # (s,) bool
    lesion: np.ndarray  # (z, y, x), share of the voxel inside reader1's mask
    dose: np.ndarray  # (z, y, x), share of the prescription
    target: np.ndarray  # (z, y, x), share of the voxel inside the target
    irradiated: np.ndarray  # (2,) bool, whether there is a dose, and a target
    affine: np.ndarray  # (4, 4) float64, from an index (x, y, z) to mm in LPS


def load(study: Study, file: str) -> CaseVolume:
    """The arrays of a row's `file`. Raises RadiogramError where it is gone or damaged."""
    path = study.store / FOLDER / file
    try:
        with np.load(path, allow_pickle=False) as held:
            return CaseVolume(**{name: held[name] for name in CaseVolume.__dataclass_fields__})
    except FileNotFoundError as error:
        raise RadiogramError(f"The volume {file} is no longer in the store: run the study again.") from error
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise RadiogramError(f"The volume {path} is damaged: delete the file and run the study again.") from error


def about(path: Path) -> dict[str, Any] | None:
    """What a file says of itself; None where there is none, or it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return json.loads(str(held["about"]))
    except (FileNotFoundError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As numpy.savez, without the time of day: the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w") as held:
        for name, values in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_STORED if name in STORED else zipfile.ZIP_DEFLATED
            with held.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, values, allow_pickle=False)
