"""The alternative texts of the statistics notebook, all from its tables, by key of numbers.yml."""

from __future__ import annotations

from helpers.figures import texts, texts_performance, texts_robustness
from helpers.tables import Tables


def statistics(tables: Tables, *, model: str, fewest: int) -> dict[str, str]:
    """What every figure of `model` shows, in words and with its numbers; `fewest` events make a subgroup."""
    predictions, scores, net = (tables.read(name) for name in ("predictions", "scores", "decision"))
    fitted = scores[scores["kind"].isin(["oof", "frozen"])]
    needed = ("recalibration", "decision", "decision_differences", "scores", "comparisons")
    performance = texts_performance.alt_performance(
        {name: tables.read(name) for name in needed}, predictions, tables.read("thresholds"), model=model
    )
    within, between = tables.read("subgroups"), tables.read("subgroup_tests")
    forest = texts_robustness.alt_forest(within, between, model=model, fewest=fewest)
    return {
        "alt_panels": texts.alt_panels(fitted, net, model=model),
        "alt_roc": texts.alt_roc(fitted),
        "alt_risk": texts.alt_risk(predictions[predictions["kind"] != "apparent"], model=model),
        "alt_calibration": texts.alt_calibration(fitted, model=model),
        "alt_decision": texts.alt_decision(net, model=model),
        "alt_adjusted": texts.alt_decision(tables.read("decision_adjusted"), model=model),
        "alt_forest": forest,
        **performance,
    }
