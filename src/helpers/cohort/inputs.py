"""Fingerprints of everything a study reads from outside, so that a changed input is noticed and provenance can name it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from helpers.cohort import manifest
from helpers.errors import RadiogramError
from helpers.prose import listing
from helpers.study import Study

NO_FILE = ("random", "pretrained", "imagenet")  # weights of networks that name no file


def fingerprint(study: Study) -> dict[str, str]:
    """SHA-256 by name of input: sheets by content, scans by path, size and time of change (they may be terabytes)."""
    cohort = study.parameters.cohort
    found = {
        name: _content(path)
        for name in ("manifest", "features", "scores", "readings")
        if (path := getattr(cohort, name))
    }
    found |= {f"external cohort {name}": _content(path) for name, path in cohort.external.items()}
    if study.entry == "images":
        sheets = {f"scans of external cohort {name}": path for name, path in cohort.external.items() if path.is_file()}
        found |= {name: _stamps(_listed(path)) for name, path in sheets.items()}
    if cohort.manifest and cohort.manifest.is_file():
        found["scans"] = _stamps(_listed(cohort.manifest))
    if cohort.root:
        found["root"] = _stamps(sorted(p for p in cohort.root.rglob("*") if p.is_file()))
    found |= {f"settings of {name}": _content(path) for name, path in study.parameters.radiomics.settings.items()}
    weights = Path(study.parameters.deep.weights)
    if study.entry == "images" and weights.is_file():
        found["weights"] = _content(weights)
    for network in study.parameters.networks.models if "06_networks" in study.parameters.notebooks else ():
        if Path(network.weights).is_file():
            found[f"weights of {network.name}"] = _content(Path(network.weights))
    corpus = study.parameters.pretraining.folder
    if corpus is not None and "05_pretraining" in study.parameters.notebooks:
        found["volumes without labels"] = _stamps(sorted(p for p in corpus.rglob("*") if p.is_file()))
    return found


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"


def _listed(path: Path) -> list[Path]:
    """Every file that a cell of a manifest names, alone, within a folder of DICOM files, or with a selector after #."""
    cells = pd.unique(manifest.read(path).frame.astype(object).to_numpy().ravel())
    named = {_named(cell, path.parent) for cell in cells if isinstance(cell, str)}
    files = (p.rglob("*") if p.is_dir() else (p,) for p in named if p is not None)
    return sorted({p for found in files for p in found if p.is_file()})


def _named(cell: str, folder: Path) -> Path | None:
    """The file or folder below `folder` that a cell means; None for one that means neither."""
    cuts = [cell, *(cell[:at] for at, letter in enumerate(cell) if letter == "#")]
    found = (folder / cut for cut in cuts if cut.strip(". /") and "\0" not in cut)
    return next((path for path in found if len(path.name) < 256 and path.exists()), None)


def _stamps(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def require_weights(study: Study) -> None:
    """Raises RadiogramError for a network of this study whose file of weights is absent: better now than after the extraction."""
    models = study.parameters.networks.models if "06_networks" in study.parameters.notebooks else ()
    for network in models:
        if network.weights not in NO_FILE and not Path(network.weights).expanduser().is_file():
            raise RadiogramError(
                f"networks.models, {network.name}: there is no file of weights {network.weights}; give a path, or "
                f"{listing(NO_FILE, 'or')}."
            )
