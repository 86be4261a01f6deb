"""What a person should look at before believing the numbers: readers who disagree, repairs, edges, flat or tiny lesions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import SimpleITK as sitk

from helpers import prose
from helpers.errors import CaseError
from helpers.imaging import geometry, labels, montage, placement, read
from helpers.imaging.extract import ImageRow, scan_files
from helpers.imaging.formats.location import locate
from helpers.imaging.formats.source import mask_object
from helpers.imaging.grids import resample_mask
from helpers.parameters import Imaging
from helpers.statistics import agreement
from helpers.tables import DECLARED, empty

LOW_DICE = 0.7  # below it two readers did not outline the same thing
FEW_LEVELS, MANY_LEVELS = 8, 100  # outside them, texture says little or counts noise
TINY = 125  # voxels, 5 x 5 x 5
COPIED = "perturbed"  # readers of this name are copies that we made


@dataclass(frozen=True)
class Seen:
    """One case's masks: rows of the table segmentations less the case, and whether one reaches the scan's edge."""

    pairs: tuple[tuple[str, str, str, float, float], ...]
    edge: bool


def segmentations(
    images: pd.DataFrame, *, imaging: Imaging, mapper: Callable[[Callable, Iterable], Iterator]
) -> tuple[pd.DataFrame, pd.Series]:
    """The table segmentations (Dice and Hausdorff distance of each pair of readers), and by case whether a mask reaches an edge.

    `images` are the rows of the cases that were measured. A mask file that serves several sequences is compared once.
    A mask that cannot be read was left out of the measurement with its reason, and is left out here.
    """
    items = [montage.rows_of(frame) for _, frame in images.groupby("case", sort=True)]
    pairs, edges = [], {}
    for outcome in mapper(partial(look, imaging=imaging), items):
        case = outcome.item[0].case
        if outcome.error is None:
            pairs += [(case, *pair) for pair in outcome.value.pairs]
            edges[case] = outcome.value.edge
    columns = ["case", "sequence", "reader_a", "reader_b", "dice", "hausdorff95"]
    table = pd.DataFrame(pairs, columns=columns) if pairs else empty("segmentations")
    return table, pd.Series(edges, dtype=bool)


def look(rows: Sequence[ImageRow], *, imaging: Imaging) -> Seen:
    """Compare the masks of one case, each pair of readers once for each set of mask files."""
    pairs, edge, scans = [], False, scan_files(rows)
    for names, readers in _mask_sets(rows).items():
        masks = {reader: _mask(row, scans, imaging) for reader, row in sorted(readers.items())}
        known = {reader: mask for reader, mask in masks.items() if mask is not None}
        edge |= any(touches_edge(sitk.GetArrayViewFromImage(mask) != 0) for mask in known.values())
        for a, b in combinations(known, 2):
            other = resample_mask(known[b], known[a])
            arrays = [sitk.GetArrayFromImage(mask) for mask in (known[a], other)]
            distance = agreement.hausdorff95(*arrays, spacing=known[a].GetSpacing()[::-1])
            pairs.append((names, a, b, float(agreement.dice(*arrays)), float(distance)))
    return Seen(tuple(pairs), bool(edge))


def touches_edge(lesion: np.ndarray) -> bool:
    """Whether a lesion (boolean z, y, x) reaches the first or last voxel of an axis that has more than one."""
    if not lesion.any():
        return False
    edges = zip(geometry.box(lesion), lesion.shape, strict=True)
    return any(n > 1 and (edge.start == 0 or edge.stop == n) for edge, n in edges)


def _mask_sets(rows: Sequence[ImageRow]) -> dict[str, dict[str, ImageRow]]:
    """By the sequences that share their mask files ("T1, T2"), the row of each reader."""
    sequences = list(dict.fromkeys(row.sequence for row in rows))
    files = {s: tuple((r.reader, r.mask) for r in rows if r.sequence == s and r.mask) for s in sequences}
    found: dict[str, dict[str, ImageRow]] = {}
    for masks in dict.fromkeys(files.values()):
        sharing = [s for s in sequences if files[s] == masks]
        own = [row for row in rows if row.sequence == sharing[0] and row.mask]
        found[", ".join(sharing)] = {row.reader: row for row in own}
    return found


def _mask(row: ImageRow, scans: dict[str, str], imaging: Imaging) -> sitk.Image | None:
    """A reader's mask; None for one that measuring left out, with its reason, before."""
    wanted = labels.of_sequence(imaging.mask_label, row.sequence)
    try:
        held = mask_object(locate(row.mask), None)
        if held is None or held.kind != "rtstruct":
            return read.mask(row.mask, label=wanted)[0]
        drawn_on = scans.get(imaging.mask_space or row.sequence, row.image)
        return read.mask_on(row.mask, read.image(drawn_on), drawn_on, label=wanted, reference=imaging.mask_reference)[0]
    except CaseError:
        return None


def registrations(
    images: pd.DataFrame, *, imaging: Imaging, mapper: Callable[[Callable, Iterable], Iterator]
) -> pd.DataFrame:
    """The table registrations of measured cases; empty without `imaging.register_to`."""
    if not imaging.register_to:
        return empty("registrations")
    items = [montage.rows_of(frame) for _, frame in images.groupby("case", sort=True)]
    outcomes = mapper(partial(_movements, imaging=imaging), items)
    rows = [row for outcome in outcomes if outcome.error is None for row in outcome.value]
    return pd.DataFrame(rows, columns=["case", "sequence", "moved", "before", "after"])


def _movements(rows: Sequence[ImageRow], *, imaging: Imaging) -> list[tuple]:
    found = placement.movements(scan_files(rows), imaging=imaging)
    return [(rows[0].case, name, own.moved, own.before, own.after) for name, own in found.items()]


def rank(geometry: pd.DataFrame, segmentations: pd.DataFrame, edges: pd.Series) -> pd.DataFrame:
    """The table quality: a case a row, worst first, with a running number that stands for it on the page.

    First come cases whose readers have a Dice below 0.7, then those with a note, with few gray levels, at an edge of
    the scan, and tiny ones; the others follow, by Dice.
    """
    drawn = geometry[~geometry["reader"].str.startswith(COPIED)]
    cases = drawn.groupby("case", sort=True)
    table = pd.DataFrame(
        {
            "note": _notes_of_their_own(drawn),
            "gray_levels": cases["gray_levels"].min(),
            "voxels": cases["voxels"].min(),
        }
    )
    compared = segmentations.groupby("case")
    table["dice"] = compared["dice"].min().astype(float).reindex(table.index)
    table["hausdorff95"] = compared["hausdorff95"].max().astype(float).reindex(table.index)
    table["edge"] = edges.reindex(table.index, fill_value=False).astype(bool)
    table["seen"] = table.index.isin(edges.index)
    found = [_concerns(row) for row in table.itertuples()]
    table["concern"] = ["; ".join(words for _, words in own) for own in found]
    table["order"] = [min((rank for rank, _ in own), default=9) for own in found]
    table = table.reset_index().sort_values(["order", "dice", "case"], kind="stable", na_position="last")
    table["number"] = np.arange(1, len(table) + 1)
    return table.drop(columns=["order", "seen"]).reset_index(drop=True)


def _notes_of_their_own(geometry: pd.DataFrame) -> pd.Series:
    """By case, its notes without those of most cases: what was done to the whole cohort is no reason to look at one."""
    parts = geometry[["case", "note"]].assign(note=geometry["note"].fillna("").str.split("; ")).explode("note")
    parts = parts[parts["note"] != ""].drop_duplicates()
    common = parts["note"].value_counts()
    cases = geometry["case"].nunique()
    own = parts[~parts["note"].isin(common.index[common > max(3, cases / 2)])]
    return own.groupby("case")["note"].agg("; ".join).reindex(sorted(geometry["case"].unique()), fill_value="")


def _concerns(row) -> list[tuple[int, str]]:
    """(rank, words) of everything that is unusual about a case."""
    found = []
    if row.dice < LOW_DICE:
        found.append((1, f"Dice {prose.number(row.dice)}"))
    if row.note:
        found.append((2, "has a note"))
    if not row.seen:
        found.append((2, "masks not compared"))
    if row.gray_levels < FEW_LEVELS:
        found.append((3, prose.count(int(row.gray_levels), "gray level")))
    if row.edge:
        found.append((4, "at scan's edge"))
    if row.voxels < TINY:
        found.append((5, prose.count(int(row.voxels), "voxel")))
    return found


def intensities(features: pd.DataFrame, geometry: pd.DataFrame, sequences: Sequence[str]) -> pd.DataFrame:
    """A case x sequence, reader1's mask: lowest, median and highest intensity of the lesion as measured, and its gray levels.

    Intensities are those of the first-order features of the original image, NaN where these were not asked for.
    """
    main = features[features["reader"] == "reader1"].set_index("case")
    levels = geometry[geometry["reader"] == "reader1"].set_index(["sequence", "case"])["gray_levels"]
    rows = []
    for sequence in sequences:
        columns = {
            column: main.get(f"{sequence}_original_firstorder_{name}", pd.Series(np.nan, main.index))
            for column, name in (("lowest", "Minimum"), ("median", "Median"), ("highest", "Maximum"))
        }
        own = pd.DataFrame(columns).assign(case=main.index, sequence=sequence)
        own["gray_levels"] = levels[sequence].reindex(main.index).to_numpy(float) if sequence in levels else np.nan
        rows.append(own.reset_index(drop=True))
    found = pd.concat(rows, ignore_index=True) if rows else empty("intensities")
    return found[list(DECLARED["intensities"].names)]
