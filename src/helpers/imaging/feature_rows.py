"""Features of many cases held as numbers, their names once: a table that grows by 8 bytes a value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from helpers import tables


class FeatureRows:
    """Rows of the table `features` in the order they are added; each as it comes may be forgotten by who adds it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._rows: list[tuple[str, str, tuple[str, ...], np.ndarray]] = []

    def add(self, case: str, reader: str, found: Mapping[str, float]) -> None:
        names = tuple(found)
        values = np.fromiter(found.values(), dtype=float, count=len(found))
        self._rows.append((case, reader, self._known.setdefault(names, names), values))

    def frame(self) -> pd.DataFrame:
        """The table; columns in the order they first came, NaN where a row lacks one."""
        if not self._rows:
            return tables.empty("features")
        columns = {name: i for i, name in enumerate(dict.fromkeys(name for names in self._known for name in names))}
        places = {names: [columns[name] for name in names] for names in self._known}
        values = np.full((len(self._rows), len(columns)), np.nan)
        for row, (_, _, names, own) in zip(values, self._rows, strict=True):
            row[places[names]] = own
        cases, readers = [row[0] for row in self._rows], [row[1] for row in self._rows]
        keys = pd.DataFrame({"case": cases, "reader": readers})
        return pd.concat([keys, pd.DataFrame(values, columns=list(columns))], axis=1)
