"""One sequence of one case: its image is read and filtered once for all masks the store does not know yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
from threadpoolctl import threadpool_limits

from helpers.errors import CaseError
from helpers.imaging import deep, geometry, perturbation, preprocess, read, store
from helpers.imaging.radiomics import measure
from helpers.parameters import Parameters

if TYPE_CHECKING:
    from helpers.imaging.extract import ImageRow

Entries = dict[str, dict[str, Any]]  # of one mask, by kind: radiomics (with the geometry) and deep


@dataclass(frozen=True)
class Measurement:
    """Features of one mask, named without the sequence, and its row of the table `geometry` less the keys."""

    features: dict[str, float]
    geometry: dict[str, Any]


@dataclass(frozen=True)
class Lesion:
    """A mask on the grid that is measured, what is reported of it, and what was repaired."""

    mask: sitk.Image
    report: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """One mask: the names of its entries in the store, and those of them that the store holds."""

    row: ImageRow
    keys: dict[str, str]
    held: Entries

    def lacks(self, kind: str) -> bool:
        return kind in self.keys and kind not in self.held

    @property
    def complete(self) -> bool:
        return bool(self.keys) and not any(self.lacks(kind) for kind in self.keys)


def measure_all(rows: Sequence[ImageRow], *, parameters: Parameters, store: Path) -> list[Measurement | CaseError]:
    """A measurement of each row, or the CaseError that says why there is none; all rows share one sequence.

    Rows that name the same image file are measured together.
    """
    tasks = [_task(row, parameters, store) for row in rows]
    results: dict[ImageRow, Measurement | CaseError] = {t.row: _measurement(t.held) for t in tasks if t.complete}
    for image in dict.fromkeys(task.row.image for task in tasks if not task.complete):
        missing = [task for task in tasks if task.row.image == image and not task.complete]
        for task, found in zip(missing, _compute(missing, parameters), strict=True):
            results[task.row] = found if isinstance(found, CaseError) else _keep(found, task, store)
    return [results[row] for row in rows]


def physical(sequence: str, parameters: Parameters) -> bool:
    """Whether a sequence keeps its physical units."""
    return _method(sequence, parameters) == "none"


def _method(sequence: str, parameters: Parameters) -> str:
    methods = parameters.imaging.normalize
    return methods.get(sequence, methods.get("default", "zscore"))


def _task(row: ImageRow, parameters: Parameters, folder: Path) -> _Task:
    """Without keys where a file cannot be hashed: reading it will say why."""
    try:
        keys = _keys(row, parameters, files=[store.digest(path) for path in (row.image, row.mask)])
    except OSError:
        keys = {}
    entries = {kind: store.read(folder, key) for kind, key in keys.items()}
    return _Task(row, keys, {kind: entry for kind, entry in entries.items() if entry is not None})


def _keys(row: ImageRow, parameters: Parameters, *, files: list[str]) -> dict[str, str]:
    content = {
        "files": files,
        "perturbation": [parameters.seed, row.case, row.perturbation] if row.perturbation else None,
        "method": _method(row.sequence, parameters),
        "imaging": parameters.imaging.model_dump(mode="json", exclude={"normalize", "perturbations"}),
    }
    settings = parameters.radiomics.model_dump(mode="json")
    keys = {"radiomics": store.key(kind="radiomics", settings=settings, engine=measure.engine(), **content)}
    if parameters.deep.enabled:
        network = parameters.deep.model_dump(mode="json", exclude={"weights"})
        engine = deep.engine(parameters.deep, parameters.seed)
        keys["deep"] = store.key(kind="deep", settings=network, engine=engine, **content)
    return keys


def _keep(computed: Entries, task: _Task, folder: Path) -> Measurement:
    for kind, entry in computed.items():
        store.write(folder, task.keys[kind], entry)
    return _measurement({**task.held, **computed})


def _measurement(entries: Entries) -> Measurement:
    features = {**entries["radiomics"]["features"], **entries.get("deep", {}).get("features", {})}
    return Measurement(features, dict(entries["radiomics"]["geometry"]))


def _compute(tasks: list[_Task], parameters: Parameters) -> list[Entries | CaseError]:
    """The entries that each mask of one image lacks, or its CaseError; a bad image is every mask's error."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # cases run side by side
    with threadpool_limits(1):
        try:
            image = read.image(tasks[0].row.image)
            prepared = _prepared(image, tasks[0].row, parameters)
            lesions = [_lesion(task.row, image, prepared.scan, parameters) for task in tasks]
            return _measured(tasks, lesions, prepared, parameters)
        except CaseError as error:
            return [error] * len(tasks)


def _prepared(image: sitk.Image, row: ImageRow, parameters: Parameters) -> preprocess.Prepared:
    imaging = parameters.imaging
    method = _method(row.sequence, parameters)
    try:
        return preprocess.prepare(image, method=method, clip_sd=imaging.clip_sd, spacing=imaging.spacing)
    except CaseError as error:
        raise CaseError(f"image {read.shown(row.image)}: {error}") from error


def _lesion(row: ImageRow, image: sitk.Image, scan: sitk.Image, parameters: Parameters) -> Lesion | CaseError:
    """Read, align, perturb if asked, resample and check one mask."""
    imaging = parameters.imaging
    try:
        mask, value_note = read.mask(row.mask, label=imaging.mask_label)
    except CaseError as error:
        return error
    try:
        mask, grid_note = geometry.align(mask, image, imaging.geometry_tolerance)
        geometry.check_lesion(sitk.GetArrayViewFromImage(mask) != 0, minimum_voxels=imaging.minimum_voxels)
        if row.perturbation:
            mask = perturbation.perturb(mask, seed=parameters.seed, case=row.case, index=row.perturbation)
        mask = preprocess.resample_mask(mask, scan)
        geometry.check_lesion(sitk.GetArrayViewFromImage(mask) != 0, minimum_voxels=imaging.minimum_voxels)
    except CaseError as error:
        return CaseError(f"mask {read.shown(row.mask)} on {read.shown(row.image)}: {error}")
    return Lesion(mask, geometry.report(mask), tuple(filter(None, (value_note, grid_note))))


def _measured(
    tasks: list[_Task], lesions: list[Lesion | CaseError], prepared: preprocess.Prepared, parameters: Parameters
) -> list[Entries | CaseError]:
    entries: list[Any] = [{} if isinstance(lesion, Lesion) else lesion for lesion in lesions]
    due = [i for i, task in enumerate(tasks) if isinstance(lesions[i], Lesion) and task.lacks("radiomics")]
    measured = _radiomics([tasks[i] for i in due], [lesions[i] for i in due], prepared, parameters)
    for i, found in zip(due, measured, strict=True):
        entries[i] = found if isinstance(found, CaseError) else {"radiomics": found}
    for i, task in enumerate(tasks):
        if not isinstance(entries[i], CaseError) and task.lacks("deep"):
            entries[i]["deep"] = _deep(lesions[i], prepared, parameters)
    return entries


def _radiomics(
    tasks: list[_Task], lesions: list[Lesion], prepared: preprocess.Prepared, parameters: Parameters
) -> list[dict[str, Any] | CaseError]:
    if not tasks:
        return []
    arrays = [sitk.GetArrayFromImage(lesion.mask) != 0 for lesion in lesions]
    units = physical(tasks[0].row.sequence, parameters)
    try:
        found = measure.features(prepared.scan, arrays, settings=parameters.radiomics, physical=units)
    except CaseError as error:
        raise CaseError(f"image {read.shown(tasks[0].row.image)}: {error}") from error
    return [_radiomics_entry(*one) for one in zip(tasks, lesions, found, strict=True)]


def _radiomics_entry(task: _Task, lesion: Lesion, found: measure.Measured | CaseError) -> dict[str, Any] | CaseError:
    if isinstance(found, CaseError):
        return CaseError(f"mask {read.shown(task.row.mask)} on {read.shown(task.row.image)}: {found}")
    note = "; ".join(filter(None, (*lesion.notes, found.note)))
    return {"features": found.features, "geometry": {**lesion.report, "gray_levels": found.gray_levels, "note": note}}


def _deep(lesion: Lesion, prepared: preprocess.Prepared, parameters: Parameters) -> dict[str, Any]:
    scan, window = prepared.scan, prepared.window
    return {"features": deep.features(scan, lesion.mask, deep=parameters.deep, window=window, seed=parameters.seed)}
