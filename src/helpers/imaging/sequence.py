"""One sequence of one case: its image is read and filtered once for all masks the store does not know yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
from threadpoolctl import threadpool_limits

from helpers.errors import CaseError
from helpers.imaging import (
    deep,
    geometry,
    grids,
    labels,
    perturbation,
    placement,
    plan,
    preprocess,
    read,
    store,
    voxel_controls,
)
from helpers.imaging.radiomics import choice, measure, reference
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
class Ready:
    """One sequence of a case where and as it is measured, and what reading it had to say."""

    placed: placement.Placed
    prepared: preprocess.Prepared
    notes: tuple[str, ...]


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
    scans: dict[str, str]
    keys: dict[str, str]
    held: Entries

    def lacks(self, kind: str) -> bool:
        return kind in self.keys and kind not in self.held

    @property
    def complete(self) -> bool:
        return bool(self.keys) and not any(self.lacks(kind) for kind in self.keys)


def measure_all(
    rows: Sequence[ImageRow], *, parameters: Parameters, store: Path, scans: Mapping[str, str] | None = None
) -> list[Measurement | CaseError]:
    """A measurement of each row, or the CaseError that says why there is none; all rows share one sequence.

    Rows that name the same image file are measured together. `scans` holds the image file of each sequence of the
    case, which registration and masks drawn on another sequence need.
    """
    tasks = [_task(row, {**(scans or {}), row.sequence: row.image}, parameters, store) for row in rows]
    results: dict[ImageRow, Measurement | CaseError] = {t.row: _measurement(t.held) for t in tasks if t.complete}
    for image in dict.fromkeys(task.row.image for task in tasks if not task.complete):
        missing = [task for task in tasks if task.row.image == image and not task.complete]
        for task, found in zip(missing, _compute(missing, parameters), strict=True):
            results[task.row] = found if isinstance(found, CaseError) else _keep(found, task, store)
    return [results[row] for row in rows]


def _task(row: ImageRow, scans: dict[str, str], parameters: Parameters, folder: Path) -> _Task:
    """Without keys where a file cannot be hashed: reading it will say why."""
    try:
        needed = placement.needed(row.sequence, scans, imaging=parameters.imaging)
        files = [read.digest(path) for path in needed]
        files += [read.digest(path, what="mask", image=row.image) for path in (row.mask, row.brain) if path]
        keys = _keys(row, parameters, files=files)
    except (OSError, CaseError):
        keys = {}
    entries = {kind: store.read(folder, key) for kind, key in keys.items()}
    return _Task(row, scans, keys, {kind: entry for kind, entry in entries.items() if entry is not None})


def _perturbation(row: ImageRow, parameters: Parameters) -> list[Any] | None:
    """What makes a perturbed mask the one it is; None for a mask as it was drawn."""
    if not row.perturbation:
        return None
    return [parameters.seed, row.case, row.perturbation, parameters.imaging.perturbation.model_dump(mode="json")]


def _keys(row: ImageRow, parameters: Parameters, *, files: list[str]) -> dict[str, str]:
    content = {
        "files": files,
        "reading": read.RULES,
        "perturbation": _perturbation(row, parameters),
        "method": choice.normalization(row.sequence, parameters),
        "sequence": _of_the_sequence(row.sequence, parameters),
        "imaging": parameters.imaging.model_dump(
            mode="json", exclude={"normalize", "perturbations", "perturbation", "mask_label", "n4"}
        ),
    }
    if row.control:
        content["control"] = [parameters.seed, row.control, voxel_controls.RULES]
    radiomics = {
        "settings": choice.of_sequence(row.sequence, parameters).canonical(),
        "physical": choice.physical(row.sequence, parameters),
        "engine": measure.engine(parameters.radiomics.engine),
    }
    keys = {"radiomics": store.key(kind="radiomics", **radiomics, **content)}
    if parameters.deep.enabled:
        network = deep.settings(parameters.deep)
        engine = deep.engine(parameters.deep, parameters.seed)
        keys["deep"] = store.key(kind="deep", settings=network, engine=engine, **content)
    return keys


def _of_the_sequence(sequence: str, parameters: Parameters) -> dict[str, Any]:
    """What parameters that are given by sequence mean for this one."""
    values = labels.of_sequence(parameters.imaging.mask_label, sequence)
    label = values if isinstance(values, int | str) else list(values)
    return {"label": label, "n4": plan.of_sequence(parameters.imaging, sequence).n4}


def _keep(computed: Entries, task: _Task, folder: Path) -> Measurement:
    for kind, entry in computed.items():
        if kind in task.keys:
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
            ready = _ready(tasks[0].row, tasks[0].scans, parameters)
            lesions = [_lesion(task, ready, parameters) for task in tasks]
            return _by_scan(tasks, lesions, ready.prepared, parameters)
        except CaseError as error:
            return [error] * len(tasks)


def _ready(row: ImageRow, scans: dict[str, str], parameters: Parameters) -> Ready:
    """Read the scan, lay it where it is measured, and prepare it."""
    imaging = parameters.imaging
    placed, remark = _placed(row.sequence, scans, parameters)
    try:
        brain = preprocess.brain(row.brain, placed) if row.brain else None
        steps = plan.of_sequence(imaging, row.sequence)
        prepared = preprocess.follow(placed.scan, steps, brain=brain, name=row.image)
    except CaseError as error:
        raise CaseError(f"image {read.shown(row.image)}: {error}") from error
    return Ready(placed, prepared, tuple(filter(None, (remark, *placed.notes, *prepared.notes))))


def _placed(sequence: str, scans: dict[str, str], parameters: Parameters) -> tuple[placement.Placed, str]:
    imaging = parameters.imaging
    if imaging.register_to or imaging.mask_space not in (None, sequence):
        return placement.placed(sequence, scans, imaging=imaging), ""
    scan, remark = read.scan(scans[sequence])
    return placement.Placed(scan, scan, None), remark


def _lesion(task: _Task, ready: Ready, parameters: Parameters) -> Lesion | CaseError:
    """Read, align, perturb if asked, carry to the scan and check one mask."""
    row, imaging, placed = task.row, parameters.imaging, ready.placed
    label = labels.of_sequence(imaging.mask_label, row.sequence)
    drawn_on = task.scans.get(imaging.mask_space or row.sequence, row.image)
    try:
        mask, value_note = read.mask_on(
            row.mask, placed.drawn_on, drawn_on, label=label, reference=imaging.mask_reference
        )
    except CaseError as error:
        return error
    try:
        mask, grid_note = geometry.align(mask, placed.drawn_on, imaging.geometry_tolerance)
        geometry.check_lesion(sitk.GetArrayViewFromImage(mask) != 0, minimum_voxels=imaging.minimum_voxels)
        if row.perturbation:
            chances = {"seed": parameters.seed, "case": row.case, "index": row.perturbation}
            mask = perturbation.perturb(mask, **chances, **imaging.perturbation.model_dump())
        mask = grids.resample_mask(placed.carry(mask), ready.prepared.scan)
        geometry.check_lesion(sitk.GetArrayViewFromImage(mask) != 0, minimum_voxels=imaging.minimum_voxels)
    except CaseError as error:
        return CaseError(f"mask {read.shown(row.mask)} on {read.shown(drawn_on)}: {error}")
    notes = tuple(filter(None, (*ready.notes, value_note, grid_note)))
    return Lesion(mask, geometry.report(mask), notes)


def _by_scan(
    tasks: list[_Task], lesions: list[Lesion | CaseError], prepared: preprocess.Prepared, parameters: Parameters
) -> list[Entries | CaseError]:
    """Masks of the scan are measured together; each control is another scan, shuffled by its mask."""
    found: dict[int, Entries | CaseError] = {}
    plain = [i for i, task in enumerate(tasks) if not task.row.control]
    for group in filter(None, (plain, *([i] for i, task in enumerate(tasks) if task.row.control))):
        first, measured = group[0], prepared
        if tasks[first].row.control and isinstance(lesions[first], Lesion):
            where, mask = tasks[first].row.control, lesions[first].mask
            scan = voxel_controls.shuffled(prepared.scan, mask, where=where, seed=parameters.seed)
            measured = replace(prepared, scan=scan)
        entries = _measured([tasks[i] for i in group], [lesions[i] for i in group], measured, parameters)
        found.update(zip(group, entries, strict=True))
    return [found[i] for i in range(len(tasks))]


def _measured(
    tasks: list[_Task], lesions: list[Lesion | CaseError], prepared: preprocess.Prepared, parameters: Parameters
) -> list[Entries | CaseError]:
    entries: list[Any] = [{} if isinstance(lesion, Lesion) else lesion for lesion in lesions]
    due = [i for i, task in enumerate(tasks) if isinstance(lesions[i], Lesion) and not _held(task, "radiomics")]
    measured = _radiomics([tasks[i] for i in due], [lesions[i] for i in due], prepared, parameters)
    for i, found in zip(due, measured, strict=True):
        entries[i] = found if isinstance(found, CaseError) else {"radiomics": found}
    if parameters.deep.enabled:
        due = [i for i, task in enumerate(tasks) if not isinstance(entries[i], CaseError) and not _held(task, "deep")]
        shown = [(prepared.scan, lesions[i].mask, prepared.window) for i in due]
        for i, found in zip(due, deep.features_of(shown, deep=parameters.deep, seed=parameters.seed), strict=True):
            entries[i]["deep"] = {"features": found}
    return entries


def _held(task: _Task, kind: str) -> bool:
    return kind in task.held


def _radiomics(
    tasks: list[_Task], lesions: list[Lesion], prepared: preprocess.Prepared, parameters: Parameters
) -> list[dict[str, Any] | CaseError]:
    if not tasks:
        return []
    arrays = [sitk.GetArrayFromImage(lesion.mask) != 0 for lesion in lesions]
    sequence, engine = tasks[0].row.sequence, reference if parameters.radiomics.engine == "pyradiomics" else measure
    settings, units = choice.of_sequence(sequence, parameters), choice.physical(sequence, parameters)
    try:
        found = engine.features(prepared.scan, arrays, settings=settings, physical=units)
    except CaseError as error:
        raise CaseError(f"image {read.shown(tasks[0].row.image)}: {error}") from error
    return [_radiomics_entry(*one) for one in zip(tasks, lesions, found, strict=True)]


def _radiomics_entry(task: _Task, lesion: Lesion, found: measure.Measured | CaseError) -> dict[str, Any] | CaseError:
    if isinstance(found, CaseError):
        return CaseError(f"mask {read.shown(task.row.mask)} on {read.shown(task.row.image)}: {found}")
    note = "; ".join(filter(None, (*lesion.notes, found.note)))
    return {"features": found.features, "geometry": {**lesion.report, "gray_levels": found.gray_levels, "note": note}}
