"""The engine against the image biomarker standardization initiative's manual, as the appendix prints it."""

from __future__ import annotations

import pandas as pd

from helpers import prose
from helpers.imaging.radiomics import ibsi

AGREES = ("yes", "after conversion", "no")
CLASSES = {
    "shape": "Shape", "firstorder": "First order", "glcm": "Co-occurrence", "glrlm": "Run length", "glszm": "Size zone",
    "gldm": "Dependence", "ngtdm": "Neighboring gray tone",
}  # fmt: skip


def values(table: pd.DataFrame) -> pd.DataFrame:
    """A feature a row: class with the manual's name, its code, both values, and whether they agree."""
    rows = []
    for row in table.itertuples():
        kind = CLASSES.get(row[1], row[1])  # `class` is no attribute
        rows.append((f"{kind}: {row.name}", row.code, row.agrees, _digits(row.reference), _digits(row.measured)))
    columns = ["Feature", "Code", "Agrees", "Manual", "Engine"]
    return pd.DataFrame(rows, columns=columns)


def numbers(table: pd.DataFrame) -> dict[str, str]:
    """What prose says: how many values agree, and what the phantom cannot show."""
    counts = table["agrees"].value_counts()
    same, converted, other = (int(counts.get(name, 0)) for name in AGREES)
    clauses = [f"{same} of {len(table)} values agree to three significant digits"]
    if converted:
        clauses.append(f"{converted} once a difference of definition is taken out")
    clauses.append(f"{other} do not" if other else "none differs otherwise")
    aggregated = [f"“{name}”" for name in dict.fromkeys(table["aggregation"]) if name]
    return {
        "agreement": f"{prose.listing(clauses)}.",
        "aggregation": f"Matrices are aggregated as the manual calls {prose.listing(aggregated)}."
        if aggregated
        else "",
        "conversion": _conversion(table),
        "preparation": " ".join(ibsi.PREPARATION),
    }


def _conversion(table: pd.DataFrame) -> str:
    """Which features are defined otherwise, and how."""
    converted = table[table["agrees"] == "after conversion"]
    told = [f"{prose.listing(list(own['name']))} ({remark})" for remark, own in converted.groupby("remark", sort=False)]
    return f"Defined otherwise by PyRadiomics: {'; '.join(told)}." if told else ""


def _digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,g}".replace("-", "\N{MINUS SIGN}")
