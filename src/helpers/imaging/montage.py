"""One slice of one case with the readers' masks, as the figures of segmentation show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import geometry, labels, placement, read, slices
from helpers.imaging.extract import ImageRow, image_rows, scan_files
from helpers.parameters import Imaging

Slice = tuple[np.ndarray, list[tuple[str, np.ndarray]], tuple[float, float]]


@dataclass(frozen=True)
class Tile:
    """A case on the contact sheet: its running number, the readers' lowest Dice (NaN for one reader), what is unusual,
    and its slice (None where it cannot be drawn).
    """

    number: int
    dice: float
    concern: str
    slice: Slice | None


def slice_for_display(
    rows: Sequence[ImageRow], *, imaging: Imaging, paths: Mapping[str, str] | None = None, lenient: bool = False
) -> Slice:
    """The axial slice where the first row's lesion is largest: (image y x, [(reader, mask y x)], pixel in mm y x).

    `rows` are the readers' rows of one case and sequence; rows run from the patient's front to back, columns from
    right to left, as radiologists look. `paths` are the case's scans by sequence, where they are placed together.
    A `lenient` look leaves out further readers whose mask cannot be used. Raises CaseError for an unusable file.
    """
    first = rows[0]
    scans = {**(paths or {}), first.sequence: first.image}
    placed = placement.placed(first.sequence, scans, imaging=imaging)
    drawn_on = scans.get(imaging.mask_space or first.sequence, first.image)
    masks = []
    for row in rows:
        try:
            masks.append((row.reader, _mask(row, placed, drawn_on, imaging)))
        except CaseError:
            if not lenient or row is first:
                raise
    oriented = slices.axial(placed.scan)
    z = slices.largest_slices(masks[0][1], 1)[0]
    spacing = oriented.GetSpacing()
    values = sitk.GetArrayFromImage(oriented)[z]
    return values, [(reader, mask[z]) for reader, mask in masks], (spacing[1], spacing[0])


def _mask(row: ImageRow, placed: placement.Placed, drawn_on: str, imaging: Imaging) -> np.ndarray:
    wanted = labels.of_sequence(imaging.mask_label, row.sequence)
    lesion, _ = read.mask_on(row.mask, placed.drawn_on, drawn_on, label=wanted, reference=imaging.mask_reference)
    aligned, _ = geometry.align(lesion, placed.drawn_on, imaging.geometry_tolerance)
    return sitk.GetArrayFromImage(slices.axial(placed.carry(aligned))) != 0


def rows_of(images: pd.DataFrame) -> list[ImageRow]:
    """Rows of the table images, readers in order within the order of the table."""
    return image_rows(images.sort_values("reader", kind="stable"))


def tiles(
    images: pd.DataFrame,
    quality: pd.DataFrame,
    *,
    sequence: str,
    imaging: Imaging,
    most: int,
    mapper: Callable[[Callable, Iterable], Iterator],
) -> list[Tile]:
    """The `most` cases of the table quality that come first, worst first, on one sequence with every reader's contour."""
    shown = quality.sort_values("number").head(most)
    by_case = dict(tuple(images.groupby("case")))
    items = [rows_of(by_case[case]) for case in shown["case"]]
    outcomes = mapper(partial(_tile, sequence=sequence, imaging=imaging), items)
    rows = zip(shown.itertuples(), outcomes, strict=True)
    return [Tile(int(row.number), float(row.dice), row.concern, outcome.value) for row, outcome in rows]


def _tile(rows: list[ImageRow], *, sequence: str, imaging: Imaging) -> Slice:
    paths = scan_files(rows)
    own = [row for row in rows if row.sequence == sequence and row.mask]
    return slice_for_display(own, imaging=imaging, paths=paths, lenient=True)
