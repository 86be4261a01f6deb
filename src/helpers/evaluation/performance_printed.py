"""The report's tables of performance: estimate and interval in one cell, plain words, secondary measures apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation import metrics, order
from helpers.evaluation.by_endpoint import by_endpoint

NOTHING = "\N{EN DASH}"
# What the note of a Hosmer-Lemeshow test says at length, in the short form that the caption explains.
REMARKS = {"below 5": "E below 5", "fewer than 100": "n below 100", "more than 1000": "n above 1,000"}


def essential(scores: pd.DataFrame) -> pd.DataFrame:
    """Discrimination, calibration, and the operating point: one row a metric, one column a model, blocks by part."""
    return _blocks(scores, metrics.ESSENTIAL)


def secondary(scores: pd.DataFrame) -> pd.DataFrame:
    """Everything else that is asked for; sensitive to prevalence or threshold, or another variant of an interval."""
    return _blocks(scores, metrics.SECONDARY)


def _blocks(scores: pd.DataFrame, wanted: Mapping[str, str]) -> pd.DataFrame:
    judged = scores[scores["kind"].isin(["oof", "frozen"])]
    models = order.models(judged)
    rows = []
    for (endpoint, part, kind), here in judged.groupby(["endpoint", "part", "kind"], sort=False):
        cells = {(row.model, row.metric): row for row in here.itertuples()}
        rows.append([_block(here, endpoint, part, kind, scores), *[""] * len(models)])
        for metric in (m for m in wanted if m in set(here["metric"])):
            rows.append([wanted[metric], *[_cell(cells.get((model, metric))) for model in models]])
    return pd.DataFrame(rows, columns=["", *map(prose.model_name, models)])


def _block(here: pd.DataFrame, endpoint: str, part: str, kind: str, scores: pd.DataFrame) -> str:
    several = scores["endpoint"].nunique() > 1
    who = f"{here['n'].iloc[0]} patients, {here['events'].iloc[0]} events"
    return f"**{prose.variable(endpoint) + ', ' if several else ''}{prose.part_name(part, kind)}: {who}**"


def _cell(row) -> str:
    if row is None:
        return NOTHING
    told = value(row.metric, row.estimate, row.low, row.high)
    # The test that belongs to the rate: is the accuracy above what always naming the commoner class would give?
    return f"{told}; {row.method.partition(': ')[2]}" if row.metric == "no_information_rate" else told


def value(metric: str, estimate: float, low: float, high: float) -> str:
    """One metric as it is printed: counts whole, what has no interval alone, all else with it."""
    if metric in metrics.COUNTS:
        return f"{estimate:.0f}"
    if metric in metrics.ALONE:
        return prose.number(estimate)
    if metric.startswith("lr_") or metric == "diagnostic_odds_ratio":
        return "infinite" if np.isposinf(estimate) else prose.interval(estimate, low, high, digits=1)
    return prose.interval(estimate, low, high)


def baselines(scores: pd.DataFrame) -> pd.DataFrame:
    """One row an unfitted comparator, one column a part."""
    here = scores[scores["kind"] == "unfitted"]
    if here.empty:
        return pd.DataFrame([["None declared (cohort.baselines)", ""]], columns=["Comparator", "AUC"])
    parts = list(dict.fromkeys(here["part"]))
    rows = []
    for (endpoint, model), of in here.groupby(["endpoint", "model"], sort=False):
        cells = of.set_index("part")
        rows.append(
            [prose.variable(endpoint), prose.comparator_name(model), *[_auc_with_counts(cells, part) for part in parts]]
        )
    frame = pd.DataFrame(rows, columns=["Endpoint", "Comparator", *map(prose.part_name, parts)])
    return frame if here["endpoint"].nunique() > 1 else frame.drop(columns="Endpoint")


def _auc_with_counts(cells: pd.DataFrame, part: str) -> str:
    if part not in cells.index:
        return NOTHING
    row = cells.loc[part]
    return f"{prose.interval(row['estimate'], row['low'], row['high'])}, {row['events']} of {row['n']}"


@by_endpoint
def thresholds(table: pd.DataFrame) -> pd.DataFrame:
    """Each model's frozen threshold, and how far it would have moved with other training patients."""
    rows = [
        (prose.model_name(r.model), prose.interval(r.threshold, r.low, r.high), r.rule, r.chosen_on)
        for r in table.itertuples()
    ]
    rows = rows or [("None", "", "no training predictions, so no threshold", "")]
    return pd.DataFrame(rows, columns=["Model", "Threshold (95 % bootstrap interval)", "Rule", "Chosen on"])


@by_endpoint
def benefit(net: pd.DataFrame, *, model: str) -> pd.DataFrame:
    """Net benefit of one model at risk thresholds ten percent apart, plain, standardized and as interventions avoided."""
    tenth = np.isclose(net["threshold"] * 10, np.round(net["threshold"].astype(float) * 10))
    own = net[(net["model"] == model) & (net["kind"] == "frozen") & tenth]
    rows = [
        (
            prose.part_name(r.part), prose.number(r.threshold), prose.interval(r.net_benefit, r.low, r.high, 3),
            prose.number(r.treat_all, 3), prose.number(r.standardized),
            prose.interval(r.interventions_avoided, r.avoided_low, r.avoided_high, 0),
        )
        for r in own.itertuples()
    ]  # fmt: skip
    columns = [
        "Part",
        "Risk threshold",
        "Net benefit (95 % interval)",
        "Treating all",
        "Standardized",
        "Interventions avoided in 100",
    ]
    return pd.DataFrame(rows or [("None", "no probabilities in a part without fitting", *[""] * 4)], columns=columns)


@by_endpoint
def calibration_tests(table: pd.DataFrame) -> pd.DataFrame:
    """Every test against perfect calibration: one row a part and model, one column a test."""
    tests = list(dict.fromkeys(table["test"]))
    rows = []
    for (part, kind, model), here in table.groupby(["part", "kind", "model"], sort=False):
        found = {row.test: row for row in here.itertuples()}
        remarks = ", ".join(
            short for long, short in REMARKS.items() if here["note"].str.contains(long, regex=False).any()
        )
        cells = [_test(found[test]) if test in found else NOTHING for test in tests]
        rows.append((prose.part_name(part, kind), prose.model_name(model), *cells, remarks))
    if not rows:
        return pd.DataFrame([("None", "the scores are no probabilities")], columns=["Part", "Model"])
    return pd.DataFrame(rows, columns=["Part", "Model", *(t[0].upper() + t[1:] for t in tests), "Remark"])


def _test(row) -> str:
    degrees = "" if np.isnan(row.df) else f" on {row.df:.0f} df"
    return f"{prose.number(row.statistic)}{degrees}, {prose.p_value(row.p)}"


@by_endpoint
def recalibration(table: pd.DataFrame) -> pd.DataFrame:
    """Calibration in the parts no model was fitted on, as given and after recalibration in training."""
    names = ("calibration_in_the_large", "calibration_slope", "ici", "brier")
    rows = []
    for (_, model, part, version), here in table.groupby(["endpoint", "model", "part", "version"], sort=False):
        cells = here.set_index("metric")
        values = [prose.interval(*cells.loc[m, ["estimate", "low", "high"]]) for m in names]
        rows.append((prose.part_name(part), prose.model_name(model), version, *values))
    columns = ["Part", "Model", "Version", *(metrics.METRICS[m] for m in names)]
    return pd.DataFrame(
        rows or [("None", "", "no out-of-fold training probabilities to learn from", *[""] * 4)], columns=columns
    )
