"""Tables of the images' quality: how far readers agree, what intensities and gray levels lesions have, on which grids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.imaging.quality import FEW_LEVELS, LOW_DICE, MANY_LEVELS, TINY
from helpers.parameters import Parameters

LEVELS = 32  # gray levels that the recommended bin width gives the median lesion
OFTEN = 0.1  # share of cases from which a warning is given
UNITS = {
    "none": "physical units", "zscore": "SD of the head", "zscore_mask": "SD of the brain", "percentile": "percentile scale",
    "whitestripe_t1": "SD of white matter", "whitestripe_t2": "SD of white matter",
}  # fmt: skip


def agreement(segmentations: pd.DataFrame) -> pd.DataFrame:
    """By sequences and pair of readers: cases, Dice and 95 % Hausdorff distance as median (range), Dice below 0.7."""
    rows = []
    for (sequence, a, b), own in segmentations.groupby(["sequence", "reader_a", "reader_b"], sort=False):
        pair = prose.listing([prose.reader_name(a), prose.reader_name(b)])
        low = prose.percent(int((own["dice"] < LOW_DICE).sum()), len(own))
        rows.append((sequence, pair, len(own), _range(own["dice"], 2), low, _range(own["hausdorff95"], 1)))
    rows = rows or [("All", "one outline of each lesion", 0, "no second reader", "", "")]
    columns = ["Sequences", "Readers", "Cases", "Dice", f"Dice below {LOW_DICE:g}", "Hausdorff distance (95 %), mm"]
    return pd.DataFrame(rows, columns=columns)


def intensities(table: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """By sequence: intensities and gray levels of the lesions, the bin width that suits them, and a warning where it does not."""
    rows = []
    for sequence, own in table.groupby("sequence", sort=False):
        levels = own["gray_levels"].dropna()
        few, many = int((levels < FEW_LEVELS).sum()), int((levels > MANY_LEVELS).sum())
        name = f"{sequence}, {UNITS[_method(parameters, sequence)]}"
        rows.append((
            name, _spread(own), _range(levels, 0), _share(few, len(levels)), _share(many, len(levels)), width(own),
            _warning(few, many, len(levels)),
        ))  # fmt: skip
    columns = [
        "Sequence, scale", "Intensity", "Gray levels", f"Below {FEW_LEVELS}", f"Above {MANY_LEVELS}",
        f"Bin width for {LEVELS} levels", "Warning",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def geometry(table: pd.DataFrame) -> pd.DataFrame:
    """By sequence and reader: cases, lesion volume, voxels, the commonest voxel size and how many there are, cases with a note."""
    rows = []
    for (sequence, reader), own in table.groupby(["sequence", "reader"], sort=False):
        sizes = own["spacing"].value_counts()
        others = f" ({len(sizes) - 1} other)" if len(sizes) > 1 else ""
        noted = int((own["note"].fillna("") != "").sum())
        rows.append((
            sequence, prose.reader_name(reader), len(own), _range(own["volume_ml"], 1), _range(own["voxels"], 0),
            f"{sizes.index[0]}{others}", noted,
        ))  # fmt: skip
    columns = ["Sequence", "Masks", "Cases", "Lesion volume, ml", "Voxels", "Voxel size, mm", "Cases with a note"]
    return pd.DataFrame(rows, columns=columns)


def registration(registrations: pd.DataFrame, reference: str | None) -> str:
    """A sentence on how far registration moved each sequence, and whether that told more than the headers."""
    if reference is None or registrations.empty:
        return "No sequence was moved onto another; each kept the place that its file gives."
    told = [
        f"{sequence} by a median of {_range(own['moved'], 1)} mm (mutual information {_change(own)})"
        for sequence, own in registrations.groupby("sequence", sort=False)
    ]
    return (
        f"Registration to {reference} moved {prose.listing(told)}; the range is in parentheses, and a movement of zero means that the "
        "sequence was aligned already or that moving it told too little."
    )


def _change(own: pd.DataFrame) -> str:
    return f"{prose.number(own['before'].median())} before and {prose.number(own['after'].median())} after"


def numbers(
    quality: pd.DataFrame, segmentations: pd.DataFrame, intensities: pd.DataFrame, *, shown: int
) -> dict[str, Any]:
    """What prose says of the images' quality; `shown` is the number of tiles on the contact sheet."""
    return {
        "shown": f"all {prose.count(shown, 'case')}" if shown == len(quality) else f"{shown} of {len(quality)} cases",
        "order": _order(segmentations),
        "key": _key(segmentations),
        "concerns": _concerns(quality),
        "agreement": _agreement(segmentations),
        "levels": _levels(intensities),
    }


def _order(segmentations: pd.DataFrame) -> str:
    """By what the contact sheet is ordered, in words."""
    first = f"a Dice below {LOW_DICE:g}, then " if len(segmentations) else ""
    rest = f"a note, fewer than {FEW_LEVELS} gray levels, a mask at the edge of the scan, fewer than {TINY} voxels"
    last = "; the others by Dice" if len(segmentations) else ""
    return f"those to look at first in front ({first}{rest}{last})"


def _key(segmentations: pd.DataFrame) -> str:
    """Whose contours the contact sheet shows, and what its Dice is of."""
    if segmentations.empty:
        return "The contour is that of the only reader."
    return (
        "Readers' contours are told apart by line and color, as the key above them says; Dice is that of the two readers who agree "
        "least, in the whole lesion."
    )


def _concerns(quality: pd.DataFrame) -> str:
    """One sentence on what is unusual in the whole cohort."""
    low, few = int((quality["dice"] < LOW_DICE).sum()), int((quality["gray_levels"] < FEW_LEVELS).sum())
    noted, edge = int((quality["note"] != "").sum()), int(quality["edge"].sum())
    found = [
        (low, f"the readers' Dice was below {LOW_DICE:g}"), (noted, "a file was read with a note"),
        (few, f"a lesion has fewer than {FEW_LEVELS} gray levels"), (edge, "a mask reaches the edge of the scan"),
    ]  # fmt: skip
    told = [f"in {prose.percent(n, len(quality))} {words}" for n, words in found if n]
    if not told:
        return "No mask was unusual in agreement, repairs, gray levels or place."
    return f"{prose.listing(told)[:1].upper()}{prose.listing(told)[1:]}."


def _agreement(pairs: pd.DataFrame) -> str:
    if pairs.empty:
        return "Each lesion was outlined by one reader, so that agreement between readers cannot be judged."
    low = prose.percent(int((pairs["dice"] < LOW_DICE).sum()), len(pairs))
    least, middle, most = (prose.number(v) for v in (pairs["dice"].min(), pairs["dice"].median(), pairs["dice"].max()))
    return f"The median Dice of two readers was {middle} (range {least} to {most}); it was below {LOW_DICE:g} in {low} comparisons."


def _levels(measured: pd.DataFrame) -> str:
    levels = measured["gray_levels"].dropna()
    few, many = (levels < FEW_LEVELS).sum(), (levels > MANY_LEVELS).sum()
    if levels.empty:
        return "Gray levels were not counted, as no texture was measured."
    if not few + many:
        return f"Every lesion occupies {FEW_LEVELS} to {MANY_LEVELS} gray levels, between which texture is usually computed."
    return (
        f"Of {prose.count(len(levels), 'lesion')}, {few} occupy fewer than {FEW_LEVELS} gray levels, where texture says little, and "
        f"{many} more than {MANY_LEVELS}, where it counts noise."
    )


def width(own: pd.DataFrame) -> str:
    """The bin width that cuts the median lesion's range into 32 levels, to two significant digits."""
    reach = (own["highest"] - own["lowest"]).median()
    return f"{float(f'{reach / LEVELS:.2g}'):g}" if np.isfinite(reach) and reach > 0 else "not known"


def _method(parameters: Parameters, sequence: str) -> str:
    rules = parameters.imaging.normalize
    return rules.get(sequence, rules.get("default", "zscore"))


def _share(count: int, cases: int) -> str:
    return f"{count} ({100 * count / cases:.0f} %)" if cases else prose.NOT_ESTIMABLE


def _warning(few: int, many: int, cases: int) -> str:
    if few > OFTEN * cases:
        return "too few levels: narrow the bins"
    return "too many levels: widen the bins" if many > OFTEN * cases else "none"


def _spread(own: pd.DataFrame) -> str:
    """Median of the lesions' medians, and from the lowest to the highest intensity of any of them."""
    values = own["median"].median(), own["lowest"].min(), own["highest"].max()
    if not np.isfinite(values).all():
        return "not measured"
    middle, low, high = (f"{value:.3g}".replace("-", "\N{MINUS SIGN}") for value in values)
    return f"{middle} ({low} to {high})"


def _range(values: pd.Series, digits: int) -> str:
    if not len(values):
        return prose.NOT_ESTIMABLE
    low, middle, high = values.min(), values.median(), values.max()
    return f"{prose.number(middle, digits)} ({prose.number(low, digits)} to {prose.number(high, digits)})"
