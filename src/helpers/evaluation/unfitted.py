"""Comparators that are not fitted (volume, age, ...): their rows of table `scores`."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from helpers.errors import RadiogramError
from helpers.parameters import Baseline, Parameters
from helpers.statistics.discrimination import auc
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["scores"].names)


def baselines(
    cases: pd.DataFrame, features: pd.DataFrame | None, *, parameters: Parameters, level: float = 0.95
) -> pd.DataFrame:
    """AUC of each unfitted comparator in every part, and on all patients together (part `all`).

    Patients without a value are left out and counted out of `n`. Raises RadiogramError for an unknown column.
    """
    rows = []
    for baseline in parameters.cohort.baselines:
        values = baseline_values(cases, features, baseline)
        for endpoint in parameters.cohort.endpoints:
            for part, here in _parts(cases):
                known = here.index[values[here.index].notna() & here[endpoint.name].notna()]
                truth = cases.loc[known, endpoint.name].to_numpy()
                if 0 < truth.sum() < len(truth):
                    found = auc(truth, values[known].to_numpy(), level=level)
                    key = (endpoint.name, baseline.name, part, "unfitted", "auc")
                    limits = (found.estimate, found.low, found.high, found.method)
                    rows.append((*key, *limits, len(truth), int(truth.sum())))
    return pd.DataFrame(rows, columns=COLUMNS)


def _parts(cases: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", cases
    yield from cases.groupby("part")


def baseline_values(cases: pd.DataFrame, features: pd.DataFrame | None, baseline: Baseline) -> pd.Series:
    """The comparator's value of every case, turned so that higher means more likely."""
    if baseline.column in cases:
        values = cases[baseline.column]
    elif features is not None and baseline.column in features:
        own = features[features["reader"] == "reader1"].set_index("case")[baseline.column]
        values = cases["case"].map(own)
    else:
        raise RadiogramError(
            f"Baseline {baseline.name}: no column {baseline.column} among the features or the clinical variables."
        )
    if not pd.api.types.is_numeric_dtype(values):
        raise RadiogramError(f"Baseline {baseline.name}: column {baseline.column} is not a number; a baseline must be.")
    return values if baseline.direction == "higher" else -values
