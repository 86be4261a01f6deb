"""The images that the encoder learns from: the study's own training patients, or a folder of volumes without labels.

No test patient is among them: of the study's cases only those of part train, and of a folder no file whose voxels are
those of a scan of any other case. What holds the same voxels twice counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from helpers.errors import CaseError, RadiogramError
from helpers.imaging import plan, preprocess, read, region, volume_grid, volumes
from helpers.imaging.one_thread import one_thread
from helpers.learning.pretraining import corruption, naming
from helpers.parameters import Parameters
from helpers.study import Study
from helpers.tables import write_whole

FOLDER = "pretraining"  # in the store
RULES = "1"  # of preparing an image of a folder; grows when the same file comes out otherwise
CROPS = 2  # boxes taken of each volume of a folder where networks see lesions, as MONAI's recipe takes two
FEWEST = 4  # images below which there is nothing to learn from

Mapper = Callable[[Callable, Iterable], Iterator]


@dataclass(frozen=True)
class Image:
    """One image that is learned from: its file (z, y, x) float32, and whom it is of (a patient, or a folder)."""

    file: Path
    group: str


@dataclass(frozen=True)
class Corpus:
    """What is learned from, the training patients of the study among it, and what was left out."""

    images: tuple[Image, ...]
    patients: frozenset[str]
    volumes: int  # files or scans read
    repeated: int  # of them with the voxels of another
    testing: int  # of them with the voxels of a scan outside the training part
    unusable: tuple[str, ...]  # why files were left out, a sentence each


def collect(study: Study, listed: pd.DataFrame, cases: pd.DataFrame, *, mapper: Mapper) -> Corpus:
    """The images of `pretraining.sequences`, of the folder named or of the training cases in `listed` (table volumes).

    Raises RadiogramError for a folder or a sequence that is not there, and where hardly an image is left.
    """
    training = cases[cases["part"] == "train"]
    rows = listed[listed["case"].isin(training["case"])].sort_values("case", ignore_index=True)
    given = study.parameters.pretraining.folder
    found = _own(study, rows, training) if given is None else _given(study, Path(given), rows, cases, mapper)
    if len(found.images) < FEWEST:
        why = f" The first that was left out: {found.unusable[0]}" if found.unusable else ""
        raise RadiogramError(
            f"The pretraining has {len(found.images)} different images, too few to learn from: name a larger "
            f"pretraining.folder, or more pretraining.sequences.{why}"
        )
    return found


def positions(parameters: Parameters) -> list[int]:
    """Where `pretraining.sequences` stand among the study's. Raises RadiogramError for one that the study lacks."""
    own, asked = parameters.cohort.sequences, parameters.pretraining.sequences or parameters.cohort.sequences
    for name in asked:
        if name not in own:
            raise RadiogramError(
                f"pretraining.sequences names {name}, which is not among cohort.sequences: {', '.join(own)}."
            )
    return [own.index(name) for name in asked]


def _own(study: Study, rows: pd.DataFrame, training: pd.DataFrame) -> Corpus:
    patients = training.set_index("case")["patient"].astype(str)
    wanted, images, read_, seen = positions(study.parameters), [], 0, set()
    for row in rows.itertuples():
        volume = volumes.load(study, row.file)
        for k in wanted:
            if not volume.present[k]:
                continue
            read_ += 1
            name = _fingerprint(volume.images[k])
            if name not in seen:
                images.append(Image(_keep(study, name, volume.images[k]), patients[row.case]))
            seen.add(name)
    return Corpus(tuple(images), frozenset(patients[rows["case"]]), read_, read_ - len(images), 0, ())


def _given(study: Study, folder: Path, rows: pd.DataFrame, cases: pd.DataFrame, mapper: Mapper) -> Corpus:
    files = naming.named(folder, study.parameters.pretraining.sequences)
    testing = _testing(study, cases, mapper)
    box = _box(study, rows)
    prepare = partial(prepared, box=box, parameters=study.parameters, store=study.store / FOLDER)
    images, unusable, seen, found_testing = [], [], set(), 0
    for outcome in mapper(prepare, files):
        if outcome.error is not None:
            unusable.append(outcome.error)
            continue
        name, made = outcome.value
        found_testing += name in testing
        if name not in seen and name not in testing:
            images += [Image(file, naming.group(outcome.item, folder)) for file in made]
        seen.add(name)
    usable = len(files) - len(unusable)
    repeated = usable - len(seen)
    return Corpus(tuple(images), frozenset(), len(files), repeated, found_testing, tuple(unusable))


def prepared(path: Path, *, box: volume_grid.Triple, parameters: Parameters, store: Path) -> tuple[str, list[Path]]:
    """The fingerprint of a file's voxels, and the images made of it: of the whole head, or of boxes drawn within it.

    Each is brought to the intensities, the size and the voxels that networks see of the study. Raises CaseError.
    """
    with one_thread():
        scan = read.image(path)
        name = _fingerprint(sitk.GetArrayViewFromImage(scan))
        whole = parameters.volumes.extent == "whole"
        steps = _steps(path, parameters)
        key = hashlib.sha256(repr((RULES, name, box, parameters.volumes, steps, parameters.seed)).encode())
        files = [store / f"{key.hexdigest()}-{k}.npy" for k in range(1 if whole else CROPS)]
        if not all(file.is_file() for file in files):
            _prepare(scan, path, files, box=box, parameters=parameters, name=name)
    return name, files


def _prepare(
    scan: sitk.Image, path: Path, files: list[Path], *, box: volume_grid.Triple, parameters: Parameters, name: str
) -> None:
    try:
        ready = preprocess.follow(scan, _steps(path, parameters), name=str(path)).scan
    except CaseError as error:
        raise CaseError(f"image {read.shown(path)}: {error}") from error
    head = region.body(ready)
    if not head.any():
        raise CaseError(f"image {read.shown(path)}: no head stands out from the background.")
    low = np.float32(sitk.GetArrayViewFromImage(ready).min())
    for k, file in enumerate(files):
        middle, size = _middle(ready, head, k, box, parameters, name)
        values, _ = volume_grid.onto(ready, volume_grid.grid(ready, middle, size, parameters.volumes.size))
        shown = np.where(np.isfinite(values), values, low)
        write_whole(file, partial(_save, shown))


def _steps(path: Path, parameters: Parameters) -> plan.Plan:
    """How the study prepares the sequence that a file's name says; a folder has no brain masks, so the head sets the scale."""
    sequence = next((s for s in parameters.pretraining.sequences if naming.says(path, s)), "")
    steps = plan.of_sequence(parameters.imaging, sequence)
    method = "zscore" if steps.method == "zscore_mask" else steps.method
    return replace(steps, skull_strip=False, method=method)


def _middle(
    scan: sitk.Image, head: np.ndarray, k: int, box: volume_grid.Triple, parameters: Parameters, name: str
) -> tuple[volume_grid.Triple, volume_grid.Triple]:
    """Middle and size of the box: of the head, or of the study's size around a voxel of the head drawn by chance."""
    if parameters.volumes.extent == "whole":
        found = volume_grid.extent(scan, head)
        return found.middle, volume_grid.own_box(found, box)[0]
    inside = np.flatnonzero(head)
    drawn = corruption.generator(parameters.seed, f"crop {name}", k)
    z, y, x = np.unravel_index(inside[drawn.randint(inside.size)], head.shape)
    return scan.TransformIndexToPhysicalPoint((int(x), int(y), int(z))), box


def _box(study: Study, rows: pd.DataFrame) -> volume_grid.Triple:
    """Size in mm (z, y, x) of the box in which networks see the study's training cases: their median."""
    if rows.empty:
        raise RadiogramError("No training case has a volume: the pretraining does not know how large a box to take.")
    size = np.array(study.parameters.volumes.size)
    sides = [np.linalg.norm(volumes.load(study, file).affine[:3, :3], axis=0)[::-1] * size for file in rows["file"]]
    return tuple(float(side) for side in np.median(sides, axis=0))


def _testing(study: Study, cases: pd.DataFrame, mapper: Mapper) -> set[str]:
    """Fingerprints of every scan of a case outside the training part."""
    if not study.tables.exists("images"):
        return set()
    others = cases.loc[cases["part"] != "train", "case"]
    images = study.tables.read("images")
    paths = images.loc[images["case"].isin(others), "image"].dropna().unique()
    found = mapper(fingerprint, [study.folder / path for path in sorted(paths)])
    return {outcome.value for outcome in found if outcome.error is None}


def fingerprint(path: Path) -> str:
    """SHA-256 of a scan's voxels and size, whatever the file that holds them. Raises CaseError for an unusable file."""
    return _fingerprint(sitk.GetArrayFromImage(read.image(path)))  # a copy: a view would outlive the image


def _fingerprint(values: np.ndarray) -> str:
    content = np.ascontiguousarray(values, dtype="<f4")
    return hashlib.sha256(repr(content.shape).encode() + content.tobytes()).hexdigest()


def _keep(study: Study, name: str, values: np.ndarray) -> Path:
    path = study.store / FOLDER / f"{name}.npy"
    if not path.is_file():
        write_whole(path, partial(_save, values))
    return path


def _save(values: np.ndarray, path: Path) -> None:
    with open(path, "wb") as file:
        np.save(file, values.astype(np.float32))
