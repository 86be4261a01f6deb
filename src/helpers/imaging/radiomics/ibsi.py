"""The engine on the digital phantom of the image biomarker standardization initiative, against its manual."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.imaging.radiomics import discretize, firstorder, glcm, gldm, glrlm, glszm, ngtdm, shape
from helpers.imaging.radiomics import ibsi_reference as manual
from helpers.imaging.radiomics.settings import Settings

TEXTURES = {"glcm": glcm, "glrlm": glrlm, "glszm": glszm, "gldm": gldm, "ngtdm": ngtdm}

# The phantom by Zwanenburg (data sets of theibsi, CC BY 4.0): slices, in each its rows; voxels of 2 mm.
SLICES = ("14411 14611 41641 44641", "14411 11611 11311 44611", "14411 11111 11911 11611", "14411 11111 11111 11611")
OUTSIDE = ((1, 2, 0), (2, 0, 3), (2, 0, 4), (2, 2, 2), (3, 0, 3), (3, 0, 4))  # z, y, x of voxels not in the lesion
SPACING = (2.0, 2.0, 2.0)

PHANTOM = Settings(bin_width=1.0)  # leaves the phantom's gray levels as they are
AGGREGATIONS = {
    manual.AVERAGED: PHANTOM,
    manual.MERGED: PHANTOM.of({"weighting_norm": "no_weighting"}),
    manual.SLICES_AVERAGED: PHANTOM.of({"force2d": True}),
    manual.SLICES_MERGED: PHANTOM.of({"force2d": True, "weighting_norm": "no_weighting"}),
    "3D": PHANTOM,
    "2.5D": PHANTOM.of({"force2d": True}),
    "": PHANTOM,
}
DEFAULT = ("", "3D", manual.AVERAGED)  # how PyRadiomics aggregates unless told otherwise


class Departure(NamedTuple):
    """Where PyRadiomics' definition is another one: what differs, and the manual's value from its value and n."""

    remark: str
    converted: Callable[[float, int], float]


def _of_sample(length: float, voxels: int) -> float:
    return length * np.sqrt(voxels / (voxels - 1))


_AXIS = Departure("variance divided by the n voxels; the manual's value is that divided by n - 1", _of_sample)
DEPARTURES = {
    ("firstorder", "Kurtosis"): Departure("3 is not subtracted", lambda value, _: value - 3),
    ("shape", "MajorAxisLength"): _AXIS,
    ("shape", "MinorAxisLength"): _AXIS,
    ("shape", "LeastAxisLength"): _AXIS,
}

# What PyRadiomics measures and the manual has no value of.
UNKNOWN = {
    "shape": ("Maximum2DDiameterColumn", "Maximum2DDiameterRow", "Maximum2DDiameterSlice"),
    "firstorder": ("TotalEnergy", "StandardDeviation"),
    "glcm": ("MCC",),
}

# What the phantom cannot show, as it needs no preparation.
PREPARATION = (
    "Bins of a fixed width begin at a multiple of the width; the manual's (Q3RU) begin at the lesion's minimum or at "
    "the lower bound of re-segmentation.",
    "A resampled grid shares the outer corner of the image's first voxel; the manual (3WE3) recommends to share the "
    "centers of both grids.",
    "Resampled intensities of an image of whole numbers lose their fraction; the manual rounds them.",
)


def phantom() -> tuple[np.ndarray, np.ndarray]:
    """The digital phantom: intensities and the lesion (bool), both z, y, x of 4 x 4 x 5 voxels of 2 mm."""
    values = np.array([[[float(value) for value in row] for row in rows.split()] for rows in SLICES])
    lesion = np.ones(values.shape, dtype=bool)
    lesion[tuple(np.transpose(OUTSIDE))] = False
    return values, lesion


def table(aggregations: tuple[str, ...] = DEFAULT) -> pd.DataFrame:
    """Each feature of the manual that PyRadiomics measures too, measured here by the engine, beside its reference.

    Columns: class, feature (PyRadiomics' names), code, name, aggregation (the manual's), reference, measured,
    agrees (yes, after conversion, no) and remark. Two values agree when three significant digits do, all that the
    manual prints.
    """
    rows = []
    for reference in manual.REFERENCE:
        for aggregation in aggregations:
            if aggregation in reference.values:
                rows.append(_row(reference, aggregation))
    return pd.DataFrame(rows)


def _row(reference: manual.Reference, aggregation: str) -> dict[str, object]:
    kind, feature, expected = reference.kind, reference.feature, reference.values[aggregation]
    value = _measured(aggregation)[kind, feature]
    departure = DEPARTURES.get((kind, feature))
    agrees = "yes" if printed(value) == expected else "no"
    if departure and printed(departure.converted(value, int(phantom()[1].sum()))) == expected:
        agrees = "after conversion"
    return {
        "class": kind,
        "feature": feature,
        "code": reference.code,
        "name": reference.title,
        "aggregation": aggregation,
        "reference": expected,
        "measured": value,
        "agrees": agrees,
        "remark": departure.remark if departure else "",
    }


def printed(value: float) -> float:
    """To three significant digits, as the manual prints."""
    return float(f"{value:.3g}")


@cache
def _measured(aggregation: str) -> dict[tuple[str, str], float]:
    """Every feature of the phantom, by class and name."""
    settings = AGGREGATIONS[aggregation]
    values, lesion = phantom()
    levels = discretize.discretize(values, lesion, settings=settings, name="original")
    inside = discretize.intensities(values, lesion)
    statistics = firstorder.measure(inside, levels.counts, voxel_volume=float(np.prod(SPACING)), settings=settings)
    form = shape.measure(lesion, spacing=SPACING)
    found = {
        "shape": (shape, [*form, *shape.deprecated(form)]),
        "firstorder": (firstorder, [*statistics, *firstorder.deprecated(statistics)]),
    }
    for kind, module in TEXTURES.items():
        found[kind] = (module, module.measure(levels, spacing=SPACING, settings=settings))
    return {
        (kind, name): float(value)
        for kind, (module, numbers) in found.items()
        for name, value in zip((*module.NAMES, *getattr(module, "DEPRECATED", ())), numbers, strict=True)
    }
