"""Missing clinical values for a reader: how many there are, whether they go with the outcome, and what handling them changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation import printed
from helpers.evaluation.by_endpoint import by_endpoint
from helpers.learning.missing_data import COMPLETE, HANDLINGS, MEDIAN, MULTIPLE, NOMOGRAM

INTERCEPT = "(intercept)"
NOTHING_MISSING = "No clinical value is missing."
NO_VARIABLES = "The study names no clinical variables."
# A P value below this is worth a sentence; it decides nothing.
REMARKABLE = 0.05


@by_endpoint
def values(table: pd.DataFrame) -> pd.DataFrame:
    """One row a clinical variable: missing in all, with and without the endpoint, and the test of a difference."""
    rows = [
        (
            prose.variable(r.variable), prose.percent(r.missing, r.n), prose.percent(r.events_missing, r.events),
            prose.percent(r.others_missing, r.others), printed.p_or_none(r.p) if r.missing else "",
        )
        for r in table.itertuples()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Variable", "Missing", "With the endpoint", "Without", "P (Fisher)"])


@by_endpoint
def coefficients(table: pd.DataFrame) -> pd.DataFrame:
    """One row a term, one column a handling: log odds for one unit with interval; blocks by model."""
    own = table[table["quantity"] == "coefficient"]
    rows = []
    for model, of in own.groupby("model", sort=False):
        sizes = [of.loc[of["handling"] == h, "n"].max() for h in HANDLINGS]
        rows.append([f"**{prose.model_name(model)}**", *(f"n = {n}" for n in sizes), ""])
        for term, here in of.groupby("term", sort=False):
            cells = here.set_index("handling")
            taken = cells.loc[MULTIPLE, "missing_information"]
            share = f"{100 * taken:.0f} %" if np.isfinite(taken) else ""
            rows.append([_term(term), *(_cell(cells, h, 3) for h in HANDLINGS), share])
    columns = ["Term", *map(_title, HANDLINGS), "Information missing"]
    return pd.DataFrame(rows, columns=columns)


@by_endpoint
def areas(table: pd.DataFrame) -> pd.DataFrame:
    """One row a model and part no model was fitted on, one column a handling: AUC with interval, events of patients."""
    own = table[table["quantity"] == "auc"]
    rows = []
    for (model, part), of in own.groupby(["model", "part"], sort=False):
        cells = of.set_index("handling")
        told = [
            f"{_cell(cells, h, 2)}, {cells.loc[h, 'events']} of {cells.loc[h, 'n']}" if h in cells.index else ""
            for h in HANDLINGS
        ]
        rows.append([prose.model_name(model), prose.part_name(part), *told])
    return pd.DataFrame(rows, columns=["Model", "Part", *map(_title, HANDLINGS)])


def _cell(cells: pd.DataFrame, handling: str, digits: int) -> str:
    if handling not in cells.index:
        return prose.NOT_ESTIMABLE
    return prose.interval(*cells.loc[handling, ["estimate", "low", "high"]], digits=digits)


def _term(term: str) -> str:
    if term == INTERCEPT:
        return "Intercept"
    name, _, level = term.partition("=")
    return prose.variable(name) + (f": {level}" if level else "")


def _title(handling: str) -> str:
    return handling[0].upper() + handling[1:]


def shown(table: pd.DataFrame) -> str:
    """The model whose coefficients are drawn: the nomogram where it reads clinical variables, else the clinical model."""
    models = list(dict.fromkeys(table["model"]))
    return NOMOGRAM if NOMOGRAM in models else next(iter(models), NOMOGRAM)


def numbers(values: pd.DataFrame, table: pd.DataFrame, *, imputations: int, iterations: int) -> dict[str, Any]:
    """What prose says of missing values; with `absent` where nothing is missing, and then the section is left out."""
    told = {
        "imputations": str(imputations),
        "iterations": str(iterations),
        "lead_lower": prose.model_inline(shown(table)),
    }
    if table.empty:
        words = dict.fromkeys(("amount", "pattern", "answer"), NOTHING_MISSING)
        return told | words | {"absent": NOTHING_MISSING if len(values) else NO_VARIABLES}
    first = values[values["endpoint"] == values["endpoint"].iloc[0]]
    gone = first[first["missing"] > 0]
    amount = [
        f"{prose.variable(r.variable, inline=True)} in {prose.percent(r.missing, r.n)}" for r in gone.itertuples()
    ]
    return told | {"amount": prose.listing(amount), "pattern": _pattern(values), "answer": _answer(table)}


def _pattern(values: pd.DataFrame) -> str:
    """Whether values are missing more often with one outcome."""
    gone = values[values["missing"] > 0]
    uneven = [
        f"{prose.variable(r.variable, inline=True)} ({prose.percent(r.events_missing, r.events)} with the endpoint and "
        f"{prose.percent(r.others_missing, r.others)} without, {prose.p_value(r.p)})"
        for r in gone.itertuples()
        if r.p < REMARKABLE
    ]
    if not uneven:
        return (
            "No variable is missing more often with one outcome than chance would have it, as far as these numbers can tell; it does "
            "not follow that values are missing at random."
        )
    return f"Missing values go with the outcome in {prose.listing(uneven)}: complete cases alone would be misleading."


def _answer(table: pd.DataFrame) -> str:
    """How far apart the three handlings lie in the model that is drawn."""
    own = table[table["model"] == shown(table)]
    text = []
    judged = own[own["quantity"] == "auc"]
    if len(judged):
        here = judged[judged["part"] == judged["part"].iloc[0]].set_index("handling")
        told = [
            f"{prose.interval(*here.loc[h, ['estimate', 'low', 'high']])} with {_short(h)}"
            for h in HANDLINGS
            if h in here.index
        ]
        part = prose.part_inline(judged["part"].iloc[0])
        text.append(f"The AUC of the {prose.model_inline(shown(table))} in the {part} part is {prose.listing(told)}.")
    changed = _changed(own[own["quantity"] == "coefficient"])
    text.append(
        f"{changed} has an interval that excludes no effect under one handling and not under another."
        if changed
        else "Whether a term's interval excludes no effect is the same under all three, so that no conclusion hangs on the handling."
    )
    return " ".join(text)


def _changed(own: pd.DataFrame) -> str:
    """Terms whose interval excludes zero under some handlings only."""
    own = own[own["term"] != INTERCEPT]
    clear = (own["low"].astype(float) > 0) | (own["high"].astype(float) < 0)
    known = own["low"].notna()
    mixed = clear[known].groupby(own.loc[known, "term"], sort=False).nunique() > 1
    named = [_term(term) for term in mixed.index[mixed]]
    return prose.listing(named)


def _short(handling: str) -> str:
    return {MEDIAN: "the median", MULTIPLE: "multiple imputation", COMPLETE: "complete cases"}[handling]
