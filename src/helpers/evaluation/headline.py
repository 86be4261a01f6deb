"""The numbers that prose, captions and alternative texts are filled with."""

from __future__ import annotations

from typing import Any

import pandas as pd

from helpers import prose
from helpers.evaluation.printed import SINGLE
from helpers.study import Parameters


def models(predictions: pd.DataFrame) -> list[str]:
    """Models in the order in which the report shows them: the combined one first."""
    found = list(dict.fromkeys(predictions["model"]))
    return sorted(found, key=lambda model: (model != "nomogram", found.index(model)))


def model(predictions: pd.DataFrame) -> str:
    """The model the report leads with: the nomogram where there is one, else the first."""
    return models(predictions)[0]


def judged(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows the report leads with: test where there is one, else external, else out-of-fold."""
    for part in ("test", *sorted(p for p in scores["part"].unique() if p.startswith("external")), "train"):
        found = scores[(scores["part"] == part) & scores["kind"].isin(["frozen", "oof"])]
        if len(found):
            return found
    return scores


def numbers(
    scores: pd.DataFrame, decision: pd.DataFrame, thresholds: pd.DataFrame, *, lead: str, parameters: Parameters
) -> dict[str, Any]:
    """What prose says of performance: the leading model in the leading part."""
    here = judged(scores)
    own = here[here["model"] == lead]
    part, kind = own["part"].iloc[0], own["kind"].iloc[0]
    n, events = int(own["n"].iloc[0]), int(own["events"].iloc[0])
    metric = own[own["endpoint"] == own["endpoint"].iloc[0]].set_index("metric")
    found = {name: _formatted(metric.loc[name]) for name in metric.index}
    useful = _useful(decision[(decision["model"] == lead) & (decision["part"] == part) & (decision["kind"] == kind)])
    return {
        **found,
        "lead": prose.model_name(lead),
        "lead_lower": prose.model_name(lead).lower(),
        "judged": f"{n} {'test' if part == 'test' else prose.part_name(part, kind).lower()} patients ({events} with the endpoint)",
        "useful": useful,
        "decision_rationale": parameters.statistics.decision_rationale.rstrip("."),
        "thresholds": _thresholds(thresholds),
        "alt_panels": f"{prose.model_name(lead)}: AUC {found['auc']}; {useful}.",
        "alt_roc": _alt_roc(here),
        "alt_risk": f"Predicted risks of {n} patients, {events} with the endpoint, by true outcome.",
        "alt_calibration": _alt_calibration(found),
        "alt_decision": f"Net benefit of {prose.listing([prose.model_name(m).lower() for m in models(scores[scores['kind'] != 'unfitted'])])}; {useful}.",
    }


def _formatted(row: pd.Series) -> str:
    """Metrics that are never given an interval stand alone; where one should be and is not, that is said."""
    alone = row.name in SINGLE
    return prose.number(row["estimate"]) if alone else prose.interval(row["estimate"], row["low"], row["high"])


def _useful(curve: pd.DataFrame) -> str:
    """The thresholds at which the model beats treating everybody and nobody, in words."""
    better = curve.loc[curve["net_benefit"] > curve["treat_all"].clip(lower=0), "threshold"]
    if better.empty:
        return "no risk threshold of the declared range at which the model beats treating all or none"
    return f"more net benefit than treating all or none at risk thresholds between {100 * better.min():.0f} % and {100 * better.max():.0f} %"


def _thresholds(thresholds: pd.DataFrame) -> str:
    told = [f"{prose.model_name(row.model).lower()} {prose.number(row.threshold)}" for row in thresholds.itertuples()]
    return prose.listing(told) or "none (no training predictions)"


def _alt_roc(here: pd.DataFrame) -> str:
    aucs = here[here["metric"] == "auc"]
    told = [f"{prose.model_name(r.model)} AUC {prose.interval(r.estimate, r.low, r.high)}" for r in aucs.itertuples()]
    return "ROC curves. " + "; ".join(told) + "."


def _alt_calibration(found: dict[str, str]) -> str:
    if "calibration_slope" not in found:
        return "No calibration curve: the scores are not probabilities."
    return f"Calibration curve: slope {found['calibration_slope']}, calibration-in-the-large {found['calibration_in_the_large']}."


def reader_numbers(scores: pd.DataFrame, tests: pd.DataFrame, switches: pd.DataFrame) -> dict[str, Any]:
    """What prose says of the reader study."""
    readers = list(dict.fromkeys(scores["reader"]))
    mean = tests[(tests["reader"] == "mean of readers") & (tests["metric"] == "auc")]
    change = prose.interval(*mean.iloc[0][["estimate", "low", "high"]]) if len(mean) else prose.NOT_ESTIMABLE
    aucs = scores[scores["metric"] == "auc"].set_index(["reader", "condition"])["estimate"]
    told = [
        f"{reader} from {prose.number(aucs[reader, 'unaided'])} to {prose.number(aucs[reader, 'aided'])}"
        for reader in readers
        if (reader, "aided") in aucs.index
    ]
    fixed = len(readers) < 4
    return {
        "count": prose.count(len(readers), "radiologist"),
        "auc_change": change,
        "aucs": prose.listing(told),
        "scope": f"Inference is to these {len(readers)} readers only."
        if fixed
        else "Readers are a random sample of readers.",
        "switches": prose.listing(
            [
                f"{r.reader}: {r.wrong_to_right} to the better, {r.right_to_wrong} to the worse"
                for r in switches.itertuples()
            ]
        ),
        "alt": f"AUC of {prose.listing(told)} with the model; mean change {change}.",
    }
