"""Segmentation uncertainty for a reader: a table, and the sentences' numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation import headline, order

ABSENT = "\N{EN DASH}"
COLUMNS = [
    "",
    "Patients",
    "Outlines",
    "Calls that change",
    "Share (95 % CI)",
    "SD of the risk between outlines",
    "ICC(A,1) of the risk (95 % CI)",
]


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """One row a model, blocks by endpoint and part."""
    several, rows = table["endpoint"].nunique() > 1, []
    for endpoint, of in table.groupby("endpoint", sort=False):
        for part in sorted(set(of["part"]), key=lambda part: (part != "test", part)):
            here = of[of["part"] == part]
            where = f"{endpoint}, {prose.part_inline(part)}" if several else prose.part_name(part)
            rows.append([f"**{where}**", *[""] * (len(COLUMNS) - 1)])
            rows += [_cells(here[here["model"] == model].iloc[0]) for model in order.models(here)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _cells(row: pd.Series) -> list[Any]:
    known = np.isfinite(float(row["estimate"]))
    return [
        prose.model_name(row["model"]), int(row["n"]), int(row["masks"]),
        int(row["flipped"]) if known else ABSENT,
        _share(row) if known else ABSENT,
        prose.number(row["mask_sd"], 3), _icc(row),
    ]  # fmt: skip


def _share(row: pd.Series) -> str:
    return f"{100 * row['estimate']:.0f} % ({100 * row['low']:.0f} to {100 * row['high']:.0f})"


def _icc(row: pd.Series) -> str:
    return prose.interval(row["icc"], row["icc_low"], row["icc_high"]) if np.isfinite(float(row["icc"])) else ABSENT


def numbers(uncertainty: pd.DataFrame, agreed: pd.DataFrame, *, lead: str) -> dict[str, Any]:
    """What prose says of other outlines: the leading model in the part that is judged first, endpoint by endpoint."""
    here = headline.judged(agreed.assign(kind="frozen"))
    here = here[here["model"] == lead]
    several = here["endpoint"].nunique() > 1
    told = [_sentence(row, uncertainty, row["endpoint"] if several else "") for _, row in here.iterrows()]
    return {"answer": " ".join(told), "lead_lower": prose.model_inline(lead)}


def _sentence(row: pd.Series, uncertainty: pd.DataFrame, endpoint: str) -> str:
    own = uncertainty.merge(row[["endpoint", "model", "part"]].to_frame().T, on=["endpoint", "model", "part"])
    wide = (own["high"] - own["low"]).astype(float)
    about = f"For {endpoint}, by" if endpoint else "By"
    called = "it has no threshold at which a call could change"
    if np.isfinite(float(row["estimate"])):
        called = (
            f"another outline changes the call of {int(row['flipped'])} of {prose.count(int(row['n']), 'patient')}, "
            f"{100 * row['estimate']:.0f} % (95 % CI {100 * row['low']:.0f} to {100 * row['high']:.0f})"
        )
    held = f"; the ICC(A,1) of the risk itself is {_icc(row)}" if np.isfinite(float(row["icc"])) else ""
    return (
        f"{about} the {prose.model_inline(row['model'])}, {called}. The risk of a patient differs between outlines by a standard "
        f"deviation of {100 * row['mask_sd']:.1f} percentage points, and by {100 * wide.max():.0f} points in the patient it "
        f"moves most{held}."
    )
