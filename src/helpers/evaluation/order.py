"""Which model leads, and in what order a reader meets the others."""

from __future__ import annotations

import pandas as pd


def models(table: pd.DataFrame) -> list[str]:
    """Models of any table with a column `model`: the combined one first, the others as they stand."""
    found = list(dict.fromkeys(table["model"]))
    return sorted(found, key=lambda model: (model != "nomogram", found.index(model)))


def lead(table: pd.DataFrame) -> str:
    """The model the report leads with: the nomogram where there is one, else the first."""
    return models(table)[0]
