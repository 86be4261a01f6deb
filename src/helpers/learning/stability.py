"""The reproducibility gate: features that another reader's mask, or a perturbed one, would have measured alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, require_training
from helpers.parameters import Selection
from helpers.statistics.agreement import icc

# Below this the interval of an ICC says nothing; 30 are advised (Koo & Li 2016, doi 10.1016/j.jcm.2016.02.012).
FEWEST_CASES = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate(Fitted):
    """ICC(A,1) of every feature on the training cases measured twice; `table` has feature, icc, low, high, kept."""

    table: pd.DataFrame
    cases: int

    @property
    def kept(self) -> list[str]:
        return self.table.loc[self.table["kept"], "feature"].tolist()

    @property
    def icc(self) -> dict[str, float]:
        return dict(zip(self.table["feature"], self.table["icc"], strict=True))


def gate(rows: Rows, names: list[str], *, selection: Selection) -> Gate | None:
    """Gate over the named features; None when selection.reproducibility is none, or when no feature is left to judge.

    ICC(A,1): two-way random, absolute agreement, single measurement (McGraw & Wong 1996,
    doi 10.1037/1082-989X.1.1.30), judged on the low bound or the estimate. A feature that is not finite in
    every measurement, or constant, has no ICC and is not kept. Raises RadiogramError for rows outside part
    train and when fewer than 5 cases were measured twice.
    """
    require_training(rows, "reproducibility gate")
    if selection.reproducibility == "none" or not names:
        return None
    require_repeats(rows, selection=selection)
    readers = [rows.features[names].to_numpy(), *(frame[names].to_numpy() for frame in rows.repeats)]
    ratings, cases = measured_again(readers)
    if cases < FEWEST_CASES:
        raise RadiogramError(
            f"Only {cases} of {len(rows)} training cases were measured twice, too few for an ICC: "
            "set selection.reproducibility=none, or measure more."
        )
    table = judged(ratings, names, threshold=selection.icc_threshold, bound=selection.icc_bound)
    return Gate(what="reproducibility gate", seen=rows.patients, table=table, cases=cases)


def judged(ratings: FloatArray, names: Sequence[str], *, threshold: float, bound: str) -> pd.DataFrame:
    """feature, icc, low, high, kept from ratings (features, cases, readers); bound is low or estimate."""
    found = icc(ratings, form="A,1")
    table = pd.DataFrame({"feature": names, "icc": found.estimate, "low": found.low, "high": found.high})
    table["kept"] = table["low" if bound == "low" else "icc"] >= threshold
    return table


def require_repeats(rows: Rows, *, selection: Selection) -> None:
    """Raises RadiogramError when a gate is asked for and nothing was measured twice."""
    if selection.reproducibility == "none" or rows.repeats:
        return
    other = {"reader": "second reader's masks", "perturbation": "perturbed masks"}[selection.reproducibility]
    raise RadiogramError(
        f"selection.reproducibility is {selection.reproducibility}, but table features has no {other}: "
        "set selection.reproducibility=none, or give them."
    )


def measured_again(readers: Sequence[FloatArray]) -> tuple[FloatArray, int]:
    """Ratings (features, cases measured by all readers, readers) from each reader's (n, p), and that number of cases."""
    measured = np.logical_and.reduce([~np.isnan(values).all(axis=1) for values in readers])
    # Features lie next to each other in memory, so that sums over cases and readers run along whole rows of features.
    ratings = np.stack([values[measured] for values in readers]).transpose(2, 1, 0)
    return np.where(np.isfinite(ratings), ratings, np.nan), int(measured.sum())
