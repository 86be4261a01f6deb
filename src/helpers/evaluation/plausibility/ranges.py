"""Rules of range: an interval holds its estimate, and every quantity stays where it can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation.plausibility.rule import LOOK, WRONG, Amiss, Checked, Given, Verdict, place, results

ROUNDING = 1e-9
USUAL = (("estimate", "low", "high"),)
LIMITS = {
    "decision": (("net_benefit", "low", "high"), ("interventions_avoided", "avoided_low", "avoided_high")),
    "decision_adjusted": (("net_benefit", "low", "high"), ("interventions_avoided", "avoided_low", "avoided_high")),
    "decision_differences": (("difference", "low", "high"),),
    "calibration": (("observed", "low", "high"),),
    "calibration_groups": (("observed", "low", "high"),),
    "roc_band": (("sensitivity", "low", "high"),),
    "thresholds": (("threshold", "low", "high"),),
    "nomogram": (("odds_ratio", "low", "high"),),
    "reproducibility": (("icc", "low", "high"),),
}
# A percentile interval of a biased measure may honestly miss its estimate (the bootstrap raises every ICI), so these are
# looked at and not refused.
RESAMPLED = ("thresholds", "calibration", "roc_band", "decision_differences", "validation", "recalibration")

SHARE, CORRELATION, POSITIVE, GAP = (0.0, 1.0), (-1.0, 1.0), (0.0, np.inf), (-1.0, 1.0)
METRICS = {
    **dict.fromkeys(
        ("auc", "auc_wald", "auc_logit", "auc_bootstrap", "partial_auc", "sensitivity", "specificity", "ppv", "npv", "accuracy",
         "balanced_accuracy", "f1", "no_information_rate", "ppv_at_prevalence", "npv_at_prevalence", "brier", "ici", "e50", "e90",
         "emax"), SHARE),
    **dict.fromkeys(("lr_positive", "lr_negative", "diagnostic_odds_ratio", "observed_expected", "seconds", "tp", "fp", "fn", "tn"),
                    POSITIVE),
    "mcc": CORRELATION, "scaled_brier": (-np.inf, 1.0),
}  # fmt: skip
COLUMNS = {
    "roc": {"sensitivity": SHARE, "specificity": SHARE},
    "roc_band": {"sensitivity": SHARE, "specificity": SHARE, "low": SHARE, "high": SHARE},
    "calibration": {"predicted": SHARE, "observed": SHARE, "low": SHARE, "high": SHARE},
    "calibration_groups": {"predicted": SHARE, "observed": SHARE, "low": SHARE, "high": SHARE},
    "decision": {"threshold": SHARE, "prevalence": SHARE},
    "decision_adjusted": {"threshold": SHARE, "prevalence": SHARE},
    "selection_frequency": {"frequency": SHARE},
    "selected": {"frequency": SHARE},
    "reproducibility": {"icc": (-np.inf, 1.0)},
    "reader_agreement": {"estimate": CORRELATION, "agreement": SHARE},
    "nomogram": {"odds_ratio": POSITIVE, "low": POSITIVE},
}  # fmt: skip
COUNTS = ("n", "events", "count", "cases", "nonevents")
# The difference of two shares or areas; other differences (of times, of coefficients) have no bounds.
DIFFERENCES = ("comparisons", "reader_comparisons", "subgroup_tests")


def intervals(tables: Given, level: float) -> Iterator[Checked]:
    """Every interval contains its estimate; a curve counts as one place."""
    for name, table in results(tables):
        known = [group for group in LIMITS.get(name, USUAL) if set(group) <= set(table)]
        if name == "instability" or not known:  # there the limits are those of other models
            continue
        found = [_contained(table, name, *columns) for columns in known]
        count = sum(n for n, _ in found)
        if count:
            yield Checked(name, count, "interval", tuple(amiss for _, own in found for amiss in own))


def _contained(table: pd.DataFrame, name: str, estimate: str, low: str, high: str) -> tuple[int, list[Amiss]]:
    value, below, above = (pd.to_numeric(table[c], errors="coerce") for c in (estimate, low, high))
    known = value.notna() & (below.notna() | above.notna())
    slack = ROUNDING * (1 + value.abs().where(np.isfinite(value), 0))
    bad = known & ((value < below - slack) | (value > above + slack) | (below > above + slack))
    rows = table[bad].assign(_place=[place(row) for row in table[bad].to_dict("records")])
    amiss = []
    for where, here in rows.groupby("_place", sort=False):
        first = here.iloc[0]
        more = f", and {len(here) - 1} more" if len(here) > 1 else ""
        amiss.append(
            Amiss(where, prose.interval(*first[[estimate, low, high]], digits=3) + more, _severity(name, first))
        )
    return int(known.sum()), amiss


def _severity(name: str, row: pd.Series) -> Verdict:
    said = str(row.get("method", ""))
    return LOOK if name in RESAMPLED or "bootstrap" in said or "repeated" in said else WRONG


def possible(tables: Given, level: float) -> Iterator[Checked]:
    """Shares and areas lie in [0, 1], correlations in [-1, 1], ratios and counts above 0; limits as well as estimates."""
    for name, table in results(tables):
        seen = [*_by_metric(name, table), *_by_column(name, table), *_by_difference(name, table)]
        count = sum(len(values) for values, _, _ in seen)
        if count:
            amiss = [a for values, rows, bounds in seen for a in _outside(values, rows, bounds)]
            yield Checked(name, count, "value", tuple(amiss))


Seen = tuple[pd.Series, pd.DataFrame, tuple[float, float]]


def _by_metric(name: str, table: pd.DataFrame) -> Iterable[Seen]:
    if "metric" not in table or name in DIFFERENCES:
        return
    for metric, rows in table[table["metric"].isin(METRICS)].groupby("metric", sort=False):
        for column in ("estimate", "low", "high", "apparent"):
            if column in rows:
                yield rows[column].dropna(), rows, METRICS[metric]


def _by_column(name: str, table: pd.DataFrame) -> Iterable[Seen]:
    bounds = {**dict.fromkeys(("p", "p_holm"), SHARE), **COLUMNS.get(name, {})}
    if name != "reclassification":  # its events and nonevents are parts of an index, not counts
        bounds |= dict.fromkeys(COUNTS, POSITIVE)
    if "smoother" in table:  # a local quadratic may leave [0, 1], in R as here
        table = table[table["smoother"] != "loess"]
    for column in (c for c in bounds if c in table):
        yield table[column].dropna(), table, bounds[column]


def _by_difference(name: str, table: pd.DataFrame) -> Iterable[Seen]:
    if name in DIFFERENCES and "estimate" in table:
        shares = [metric for metric, bounds in METRICS.items() if bounds == SHARE]
        rows = table[table["metric"].isin(shares)] if "metric" in table else table
        yield rows["estimate"].dropna(), rows, GAP


def _outside(values: pd.Series, rows: pd.DataFrame, bounds: tuple[float, float]) -> list[Amiss]:
    values = pd.to_numeric(values, errors="coerce").dropna()
    bad = values[(values < bounds[0] - ROUNDING) | (values > bounds[1] + ROUNDING)]
    allowed = f"{bounds[0]:g} to {bounds[1]:g}"
    return [
        Amiss(place(rows.loc[i].to_dict()), f"{values.name} {v:.4g}, possible is {allowed}") for i, v in bad.items()
    ]
