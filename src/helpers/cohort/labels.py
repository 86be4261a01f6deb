"""Labels that a sheet leaves open: each endpoint is told from the cases that have it, and unknown is never negative."""

from __future__ import annotations

import pandas as pd

from helpers import prose
from helpers.parameters import Endpoint


def known(cases: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """The cases whose label of this endpoint is known."""
    return cases[cases[endpoint].notna()]


def unknown(cases: pd.DataFrame, endpoint: str) -> int:
    """How many cases have no label of this endpoint."""
    return int(cases[endpoint].isna().sum())


def open_labels(cases: pd.DataFrame, endpoints: tuple[Endpoint, ...]) -> list[str]:
    """A clause an endpoint that some cases lack, with the number in each part; none where every label is known."""
    told = []
    for endpoint in endpoints:
        count = unknown(cases, endpoint.name)
        if count:
            parts = [
                f"{unknown(rows, endpoint.name)} in {prose.part_inline(part)}"
                for part, rows in sorted(cases.groupby("part"), key=lambda each: each[0], reverse=True)
            ]
            told.append(
                f"whether {endpoint.positive} or {endpoint.negative} is unknown in {count} of {len(cases)} patients "
                f"({prose.listing(parts)})"
            )
    return told


def integers(cases: pd.DataFrame, endpoints: tuple[Endpoint, ...]) -> pd.DataFrame:
    """Endpoints as int8; one that some cases lack stays float64, with NaN for unknown."""
    return cases.astype({e.name: "int8" for e in endpoints if cases[e.name].notna().all()})
