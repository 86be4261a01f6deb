"""What extraction shows of itself: a slice of a case of each outcome, and the numbers of prose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.imaging import extract, montage
from helpers.study import Study

Panel = tuple[str, np.ndarray, list[tuple[str, np.ndarray]], tuple[float, float]]


def panels(study: Study, images: pd.DataFrame, cases: pd.DataFrame) -> list[Panel]:
    """(title, slice, readers' masks, pixel size) of the first case of each outcome, one a sequence."""
    endpoint = study.parameters.cohort.endpoints[0]
    shown = []
    for value, words in ((1, endpoint.positive), (0, endpoint.negative)):
        case = cases.loc[cases[endpoint.name] == value, "case"].iloc[0]
        for sequence in study.parameters.cohort.sequences:
            of = images[(images["case"] == case) & (images["sequence"] == sequence)].sort_values("reader")
            rows = [
                extract.ImageRow(*map(str, row))
                for row in of[["case", "sequence", "reader", "image", "mask"]].to_numpy()
            ]
            settings = study.parameters.imaging
            picture = montage.slice_for_display(
                rows, mask_label=settings.mask_label, tolerance=settings.geometry_tolerance
            )
            shown.append((f"{sequence}: {words}", *picture))
    return shown


def numbers(study: Study, features: pd.DataFrame, geometry: pd.DataFrame) -> dict[str, Any]:
    """What prose says of extraction."""
    endpoint = study.parameters.cohort.endpoints[0]
    names = [c for c in features if c not in ("case", "reader")]
    deep = sum("_deep_" in name for name in names)
    readers = list(dict.fromkeys(features["reader"]))
    drawn = [r for r in readers if not r.startswith("perturbed")]
    return {
        "features": f"{len(names):,}",
        "radiomics": f"{len(names) - deep:,}",
        "deep": f"{deep:,}",
        "cases": str(features["case"].nunique()),
        "masks": f"{len(geometry):,}",
        "shown": f"one patient with {endpoint.positive} and one with {endpoint.negative}",
        "contours": "two readers' outlines, solid and dashed" if len(drawn) > 1 else "the outline of the only reader",
        "sequences": prose.listing(study.parameters.cohort.sequences),
        "weights": Path(study.parameters.deep.weights).name,
    }
