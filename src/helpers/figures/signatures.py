"""Panels by endpoint and signature."""

from __future__ import annotations

import pandas as pd

from helpers.figures import names


def groups(frame: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Rows by endpoint and signature, signatures in the order of every figure."""
    found = {}
    for endpoint in dict.fromkeys(frame["endpoint"]):
        for signature in names.models(frame.loc[frame["endpoint"] == endpoint, "signature"]):
            found[endpoint, signature] = frame[(frame["endpoint"] == endpoint) & (frame["signature"] == signature)]
    return found


def rows(count: int, columns: int) -> list[int]:
    """How many panels each row has."""
    return [min(columns, count - start) for start in range(0, count, columns)]


def group_title(endpoint: str, signature: str, frame: pd.DataFrame) -> str:
    """Title of a panel; the endpoint is named where there are several."""
    several = frame["endpoint"].nunique() > 1
    return f"{names.endpoint(endpoint)} · {names.signature(signature)}" if several else names.signature(signature)
