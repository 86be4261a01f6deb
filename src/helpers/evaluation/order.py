"""Which model leads, and in what order a reader meets the others."""

from __future__ import annotations

import pandas as pd

# Models that combine others, and therefore lead; where there is none, the first that was written does.
COMBINED = ("fusion", "nomogram")


def models(table: pd.DataFrame) -> list[str]:
    """Models of any table with a column `model`: the fusion and the nomogram first, the others as they stand."""
    found = list(dict.fromkeys(table["model"]))
    return sorted(
        found, key=lambda model: (COMBINED.index(model) if model in COMBINED else len(COMBINED), found.index(model))
    )


def lead(table: pd.DataFrame) -> str:
    """The model the report leads with: the fusion where there is one, else the nomogram, else the first."""
    return models(table)[0]
