"""The numbers that prose, captions and alternative texts are filled with."""

from __future__ import annotations

from typing import Any

import pandas as pd

from helpers import prose
from helpers.evaluation import performance_printed
from helpers.parameters import Parameters


def judged(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows the report leads with: test where there is one, else external, else out-of-fold."""
    for part in ("test", *sorted(p for p in scores["part"].unique() if p.startswith("external")), "train"):
        found = scores[(scores["part"] == part) & scores["kind"].isin(["frozen", "oof"])]
        if len(found):
            return found
    return scores


def numbers(scores: pd.DataFrame, thresholds: pd.DataFrame, *, lead: str, parameters: Parameters) -> dict[str, Any]:
    """What prose says of performance: the leading model in the leading part."""
    here = judged(scores)
    own = here[(here["model"] == lead) & (here["endpoint"] == here["endpoint"].iloc[0])]
    part, kind = own["part"].iloc[0], own["kind"].iloc[0]
    n, events = int(own["n"].iloc[0]), int(own["events"].iloc[0])
    metric = own.set_index("metric")
    statistics, fewest = parameters.statistics, parameters.statistics.subgroup_events
    return {
        **{name: _value(metric.loc[name]) for name in metric.index},
        "lead": prose.model_name(lead),
        "lead_lower": prose.model_after_the(lead),
        "judged": f"{n} {'test' if part == 'test' else prose.part_inline(part, kind)} patients ({events} with the endpoint)",
        "decision_rationale": statistics.decision_rationale.rstrip("."),
        "thresholds": _thresholds(thresholds),
        "intervals": _intervals(here),
        "secondary": _secondary(parameters),
        "prevalence": "none stated" if statistics.prevalence is None else prose.number(statistics.prevalence),
        "suppressed": f"Subgroups with fewer than {fewest} events, or fewer than {fewest} without, are suppressed.",
    }


def _value(row: pd.Series) -> str:
    return performance_printed.value(str(row.name), row["estimate"], row["low"], row["high"])


def _intervals(here: pd.DataFrame) -> str:
    """What a reader must know of the intervals of the AUC in the leading part."""
    methods = " ".join(here.loc[here["metric"] == "auc", "method"].astype(str))
    sentences = [
        "AUC intervals are DeLong's: logit where the AUC exceeds 0.95 or a class has fewer than 40 patients, else Wald."
    ]
    if "perfect separation" in methods:
        sentences.append("Where a model separates the patients perfectly, only a lower limit of its AUC can be given.")
    return " ".join(sentences)


def _secondary(parameters: Parameters) -> str:
    statistics = parameters.statistics
    low, high = (prose.number(value) for value in statistics.partial_range)
    told = f"The partial AUC covers {statistics.partial_focus} {low} to {high}."
    if statistics.prevalence is None:
        return told
    return f"{told} The stated prevalence is {prose.number(statistics.prevalence)}."


def _thresholds(thresholds: pd.DataFrame) -> str:
    told = [f"{prose.model_inline(row.model)} {prose.number(row.threshold)}" for row in thresholds.itertuples()]
    return prose.listing(told) or "none (no training predictions)"
