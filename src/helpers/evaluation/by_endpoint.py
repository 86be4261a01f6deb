"""Tables printed for one endpoint, put on top of each other where a study has several."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pandas as pd

from helpers import prose

Printed = Callable[..., pd.DataFrame]


def by_endpoint(printed: Printed) -> Printed:
    """Print the rows of each endpoint apart, named in a first column; a table of one endpoint is printed as it is."""

    @functools.wraps(printed)
    def wrapper(table: pd.DataFrame, *args: Any, **options: Any) -> pd.DataFrame:
        endpoints = list(dict.fromkeys(table["endpoint"]))
        if len(endpoints) < 2:
            return printed(table, *args, **options)
        frames = []
        for endpoint in endpoints:
            frame = printed(table[table["endpoint"] == endpoint], *args, **options)
            frame.insert(0, "Endpoint", prose.variable(str(endpoint)))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True).fillna("")

    return wrapper
