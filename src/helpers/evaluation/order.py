"""Which model leads, and in what order a reader meets the others."""

from __future__ import annotations

import pandas as pd

# Models that combine others, or won over them, and therefore lead; where there is none, the first that was written does.
COMBINED = ("fusion", "nomogram", "winner")


def models(table: pd.DataFrame) -> list[str]:
    """Models of any table with a column `model`: the fusion, the nomogram and the contest's winner first, the others as they stand."""
    found = list(dict.fromkeys(table["model"]))
    return sorted(
        found, key=lambda model: (COMBINED.index(model) if model in COMBINED else len(COMBINED), found.index(model))
    )


def lead(table: pd.DataFrame) -> str:
    """The model the report leads with: the fusion where there is one, else the nomogram, else the contest's winner, else the first."""
    return models(table)[0]
