"""Internal validation, added value and worked examples, for a reader: tables and the sentences' numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from helpers import prose
from helpers.evaluation import order, printed

MEASURES = {
    "auc": "AUC",
    "brier": "Brier score",
    "scaled_brier": "Scaled Brier score",
    "calibration_in_the_large": "Calibration-in-the-large",
    "calibration_slope": "Calibration slope",
}
ABSENT = "\N{EN DASH}"
COLUMNS = [
    "",
    "Apparent",
    "Cross-validation (range over repeats)",
    "Bootstrap-corrected (95 % interval)",
    "Bootstrap, patients not drawn",
    "Bootstrap .632+",
]


def validation(validation: pd.DataFrame) -> pd.DataFrame:
    """One row a measure, one column a method, blocks by endpoint and model."""
    several, rows = validation["endpoint"].nunique() > 1, []
    for endpoint, of in validation.groupby("endpoint", sort=False):
        for model in order.models(of):
            here = of[of["model"] == model].set_index(["metric", "method"])
            name = f"{prose.variable(endpoint)}, {prose.model_inline(model)}" if several else prose.model_name(model)
            rows.append([f"**{name}**", *[""] * (len(COLUMNS) - 1)])
            rows += [[words, *_cells(here, metric)] for metric, words in MEASURES.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _cells(here: pd.DataFrame, metric: str) -> list[str]:
    repeated = (metric, "repeated cross-validation") in here.index
    return [
        _single(here, metric, "apparent"),
        _with_limits(here, metric, "repeated cross-validation")
        if repeated
        else _single(here, metric, "cross-validation"),
        _with_limits(here, metric, "bootstrap optimism"),
        _single(here, metric, "bootstrap out-of-bag"),
        _single(here, metric, "bootstrap .632+"),
    ]


def _single(here: pd.DataFrame, metric: str, method: str) -> str:
    return prose.number(here.loc[(metric, method), "estimate"]) if (metric, method) in here.index else ABSENT


def _with_limits(here: pd.DataFrame, metric: str, method: str) -> str:
    if (metric, method) not in here.index:
        return ABSENT
    return prose.interval(*here.loc[(metric, method), ["estimate", "low", "high"]])


def added_value(table: pd.DataFrame) -> pd.DataFrame:
    """One row a block of the nomogram: what leaving it out costs, by the likelihood-ratio test."""
    several = table["endpoint"].nunique() > 1
    rows = [
        (
            f"{prose.variable(row.endpoint)}: {_block(row.block)}" if several else _block(row.block), _terms(row.terms),
            prose.number(row.statistic), row.df, printed.p_or_none(row.p),
        )
        for row in table.itertuples()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Block", "Terms", "Chi-square", "Degrees of freedom", "P"])


def _terms(terms: str) -> str:
    named = [term.partition("=") for term in terms.split(", ")]
    return ", ".join(prose.variable(name, inline=True) + (f": {level}" if level else "") for name, _, level in named)


def _block(block: str) -> str:
    return "Clinical variables together" if block == "clinical" else prose.variable(block)


def contributions(worked: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a variable, one column a patient: by how much it moves the log odds; blocks by endpoint.

    The values themselves stay out: age, sex and dates of one patient might tell who it is.
    """
    rows: list[list[str]] = []
    for endpoint, own in worked.items():
        if own.empty:
            continue
        risks = own.drop_duplicates("patient")["risk"]
        of_what = f" of {prose.variable(endpoint, inline=True)}" if len(worked) > 1 else ""
        rows.append([f"Risk{of_what}", *(f"{100 * risk:.0f} %" for risk in risks)])
        for variable, of in own.groupby("variable", sort=False):
            rows.append([prose.variable(variable), *(_moved(row) for row in of.itertuples())])
    columns = ["", "Lowest risk", "Median risk", "Highest risk"]
    return pd.DataFrame(rows or [["No nomogram was fitted", "", "", ""]], columns=columns)


def _moved(row: Any) -> str:
    return f"{'+' if row.contribution >= 0.005 else ''}{prose.number(row.contribution)}"


def numbers(
    validation: pd.DataFrame, instability: pd.DataFrame, selection_frequency: pd.DataFrame, *, lead: str
) -> dict[str, Any]:
    """What prose says of internal validation: how often what was repeated, and what is left of the leading model."""
    here = validation[validation["model"] == lead]
    endpoints = here.groupby("endpoint", sort=False)
    name = prose.model_name(lead)
    repeats = here.loc[here["method"] == "repeated cross-validation", "replicates"]
    inline, several = prose.model_after_the(lead), endpoints.ngroups > 1
    told = [_sentence(of, inline, prose.variable(endpoint) if several else "") for endpoint, of in endpoints]
    return {
        "lead": name,
        "lead_lower": inline,
        "bootstraps": _bootstraps(here),
        "repeats": prose.count(int(repeats.max()) if len(repeats) else 1, "time", "times"),
        "answer": " ".join(told),
        "error": _error(instability, lead),
        "flips": _flips(instability, lead),
        "frequency": _frequency(selection_frequency),
    }


def _bootstraps(here: pd.DataFrame) -> str:
    counts = here.loc[here["method"] == "bootstrap optimism", "replicates"]
    return prose.count(int(counts.max()) if len(counts) else 0, "bootstrap sample")


def _sentence(of: pd.DataFrame, name: str, endpoint: str) -> str:
    """The AUC as it looks, and as it is expected in new patients."""
    areas = of[of["metric"] == "auc"].set_index("method")
    crossed = "repeated cross-validation" if "repeated cross-validation" in areas.index else "cross-validation"
    middle, low, high = areas.loc[crossed, ["estimate", "low", "high"]]
    spread = f" ({prose.number(low)} to {prose.number(high)} over the repeats)" if pd.notna(low) else ""
    text = (
        f"{f'For {endpoint}, the' if endpoint else 'The'} AUC of the {name} on the patients it was fitted to is "
        f"{prose.number(areas.loc['apparent', 'estimate'])}; on patients left out it is {prose.number(middle)}{spread}"
    )
    if "bootstrap .632+" in areas.index:
        text += f", and {prose.number(areas.loc['bootstrap .632+', 'estimate'])} by the bootstrap (.632+)"
    return f"{text}."


def _error(instability: pd.DataFrame, lead: str) -> str:
    errors = instability.loc[instability["model"] == lead, "error"].astype(float)
    if errors.empty:
        return "not examined: no bootstrap sample was drawn"
    return f"{100 * errors.mean():.0f} percentage points on average, and {100 * errors.max():.0f} for the patient it moves most"


def _flips(instability: pd.DataFrame, lead: str) -> str:
    """How many patients another sample would have called otherwise."""
    flips = instability.loc[instability["model"] == lead, "flips"].astype(float).dropna()
    if flips.empty:
        return "not examined"
    often = prose.percent(int((flips >= 0.25).sum()), len(flips))
    return f"{100 * flips.mean():.0f} of 100 cases, and for {often} patients in a quarter of the models or more"


def _frequency(table: pd.DataFrame) -> str:
    """How steady the final features are, by signature."""
    told = []
    for signature, of in table.groupby("signature", sort=False):
        final = of.loc[of["in_final"].astype(bool), "frequency"].astype(float)
        if len(final):
            name = prose.model_name(signature).lower()
            told.append(f"in the {name}, {prose.percent(int((final >= 0.5).sum()), len(final))}")
    return prose.listing(told) or "none, since no feature was kept"
