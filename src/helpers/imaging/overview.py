"""What extraction shows of itself: slices of example cases, the contact sheet, the steps, and the numbers of prose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from helpers import prose
from helpers.imaging import geometry, montage, placement, plan, preprocess, quality, read, slices
from helpers.imaging.extract import scan_files
from helpers.imaging.grids import resample_mask
from helpers.study import Study

Panel = tuple[str, np.ndarray, list[tuple[str, np.ndarray]], tuple[float, float]]
SHEET = 25  # cases on the contact sheet
AIR = 10.0  # mm shown around the head where preprocessing is shown


@dataclass(frozen=True)
class Step:
    """What one step made of a sequence: its name, words and slice (y, x; pixel in mm y, x), and intensities of the head."""

    sequence: str
    name: str
    words: str
    image: np.ndarray
    pixel: tuple[float, float]
    values: np.ndarray


def panels(study: Study, images: pd.DataFrame, cases: pd.DataFrame) -> list[Panel]:
    """(title, slice, readers' masks, pixel size) of the first case of each outcome, one a sequence."""
    endpoint = study.parameters.cohort.endpoints[0]
    shown = []
    for value, words in ((1, endpoint.positive), (0, endpoint.negative)):
        case = cases.loc[cases[endpoint.name] == value, "case"].iloc[0]
        rows = montage.rows_of(images[images["case"] == case])
        paths = scan_files(rows)
        for sequence in study.parameters.cohort.sequences:
            of = [row for row in rows if row.sequence == sequence and row.mask]
            picture = montage.slice_for_display(of, imaging=study.parameters.imaging, paths=paths, lenient=True)
            shown.append((f"{sequence}: {words}", *picture))
    return shown


def sheet(
    study: Study, images: pd.DataFrame, looked_at: pd.DataFrame, *, mapper: Callable[[Callable, Iterable], Iterator]
) -> list[montage.Tile]:
    """The tiles of the contact sheet, on the sequence the masks were drawn on, else the first."""
    parameters = study.parameters
    sequence = parameters.imaging.mask_space or parameters.cohort.sequences[0]
    return montage.tiles(
        images, looked_at, sequence=sequence, imaging=parameters.imaging, most=SHEET, mapper=mapper
    )  # fmt: skip


def steps(study: Study, images: pd.DataFrame, cases: pd.DataFrame) -> list[Step]:
    """Every step of preprocessing on the first case, in order, sequence by sequence."""
    imaging = study.parameters.imaging
    rows = montage.rows_of(images[images["case"] == cases["case"].iloc[0]])
    paths = scan_files(rows)
    found = []
    for sequence in study.parameters.cohort.sequences:
        row = next(row for row in rows if row.sequence == sequence)
        placed = placement.placed(sequence, paths, imaging=imaging)
        brain = preprocess.brain(row.brain, placed) if row.brain else None
        asked = plan.of_sequence(imaging, sequence)
        prepared = preprocess.follow(placed.scan, asked, brain=brain, name=row.image, keep=True)
        stages = list(prepared.stages)
        if placed.steps:
            raw = read.image(row.image)
            registered = preprocess.Stage("Registered" if placed.moved else "In place", placed.steps[0], placed.scan)
            stages = [preprocess.Stage("As read", stages[0].words, raw), registered, *stages[1:]]
        found += _steps(sequence, stages)
    return found


def _steps(sequence: str, stages: list[preprocess.Stage]) -> list[Step]:
    """Slices and intensities after each step: of the head as it was read, or of the brain once it stands alone."""
    found, region = [], None
    for stage in stages:
        oriented = slices.axial(stage.scan)
        if region is None or stage.name in ("Registered", "Brain alone"):
            head = preprocess.body(oriented) if stage.name != "Brain alone" else _above_lowest(oriented)
            region = sitk.GetImageFromArray(head.astype(np.uint8))
            region.CopyInformation(oriented)
        found.append(_step(sequence, stage, oriented, sitk.GetArrayFromImage(resample_mask(region, oriented)) != 0))
    return found


def _above_lowest(scan: sitk.Image) -> np.ndarray:
    values = sitk.GetArrayFromImage(scan)
    return values > values.min()


def _step(sequence: str, stage: preprocess.Stage, oriented: sitk.Image, inside: np.ndarray) -> Step:
    values = sitk.GetArrayFromImage(oriented)
    z = int(np.median(np.nonzero(inside)[0])) if inside.any() else len(values) // 2
    spacing = oriented.GetSpacing()[1::-1]
    window = _around(inside, spacing)
    return Step(sequence, stage.name, stage.words, values[z][window], spacing, values[inside][::7])


def _around(inside: np.ndarray, spacing: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns of the head and AIR mm around it."""
    if not inside.any():
        return slice(None), slice(None)
    margins = [round(AIR / s) for s in spacing]
    edges = geometry.box(inside)[1:]
    return tuple(slice(max(0, e.start - m), e.stop + m) for e, m in zip(edges, margins, strict=True))


def numbers(study: Study, features: pd.DataFrame, measured: pd.DataFrame) -> dict[str, Any]:
    """What prose says of extraction."""
    endpoint = study.parameters.cohort.endpoints[0]
    names = [c for c in features if c not in ("case", "reader")]
    deep = sum("_deep_" in name for name in names)
    readers = list(dict.fromkeys(features["reader"]))
    drawn = [r for r in readers if not r.startswith(quality.COPIED)]
    return {
        "features": f"{len(names):,}",
        "radiomics": f"{len(names) - deep:,}",
        "deep": f"{deep:,}",
        "cases": str(features["case"].nunique()),
        "masks": f"{len(measured):,}",
        "shown": f"one patient with {endpoint.positive} and one with {endpoint.negative}",
        "contours": contours(len(drawn)),
        "sequences": prose.listing(study.parameters.cohort.sequences),
        "weights": Path(study.parameters.deep.weights).name,
    }


def contours(readers: int) -> str:
    """How contours are told apart, in words."""
    if readers < 2:
        return "the outline of the only reader"
    if readers == 2:
        return "two readers' outlines, solid and dashed"
    return f"the outlines of {readers} readers, each with its own line"
