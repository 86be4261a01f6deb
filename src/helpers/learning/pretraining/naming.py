"""Which volumes of a folder are of which sequence, and of whom, by their names alone."""

from __future__ import annotations

from pathlib import Path

from helpers.errors import RadiogramError

SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")
ALIASES = {
    "t1c": ("t1c", "t1ce", "t1gd", "t1post", "t1kontrast"),
    "t1ce": ("t1c", "t1ce", "t1gd", "t1post"),
    "flair": ("flair", "t2f", "t2flair"),
    "t1": ("t1", "t1n"),
    "t2": ("t2", "t2w"),
}  # how public collections call them in names of files


def named(folder: Path, sequences: tuple[str, ...]) -> list[Path]:
    """The volumes in a folder whose names say one of the sequences, sorted; without sequences, every volume.

    Raises RadiogramError where there is no such folder or no such file.
    """
    if not folder.is_dir():
        raise RadiogramError(f"pretraining.folder: there is no folder {folder}: correct the path, or set it to null.")
    volumes_ = sorted(p for p in folder.rglob("*") if p.name.lower().endswith(SUFFIXES) and p.is_file())
    chosen = [p for p in volumes_ if not sequences or any(says(p, name) for name in sequences)]
    if not chosen:
        wanted = f" whose name says {' or '.join(sequences)}" if sequences else ""
        raise RadiogramError(
            f"pretraining.folder: {folder} has no volume{wanted} among its {len(volumes_)} volumes "
            f"({', '.join(SUFFIXES)}): name its sequences as the files do in pretraining.sequences, or set it to [] to take all."
        )
    return chosen


def says(path: Path, sequence: str) -> bool:
    """Whether a word of a file's name is the sequence, as it is called here or in public collections."""
    stem = path.name.lower().split(".", 1)[0]
    words = stem.replace("-", "_").replace(" ", "_").split("_")
    return any(alias in words for alias in (sequence.lower(), *ALIASES.get(sequence.lower(), ())))


def group(path: Path, folder: Path) -> str:
    """Whom a file is of: the folder it lies in, or, where all lie in one, its own name."""
    inside = path.relative_to(folder)
    return str(inside.parent) if len(inside.parts) > 1 else inside.name
