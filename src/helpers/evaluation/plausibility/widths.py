"""Rules of printed intervals: as wide as the number of patients allows, and never the same for two estimates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from helpers import prose
from helpers.evaluation.plausibility.rule import (
    FEW_VALUES,
    LOOK,
    MEAN_OF_READERS,
    WRONG,
    Amiss,
    Checked,
    Given,
    Verdict,
    few_values,
    place,
    present,
)  # fmt: skip
from helpers.statistics.discrimination import hanley_mcneil_se

AREAS = ("auc", "auc_wald", "auc_logit", "auc_bootstrap")
NARROW, WIDE = 0.5, 2.0
# Beyond these Hanley and McNeil's error is a poor guide, and a narrow interval is only looked at.
FEWEST, HIGHEST = 10, 0.95
DIGITS = 4
# Measures of so many possible values that two models share one only when their predictions do.
CONTINUOUS = ("auc", "brier", "calibration_slope")
WITH_COUNTS = ("scores", "subgroups", "reader_scores")


def widths(tables: Given, level: float) -> Iterator[Checked]:
    """The interval of an area is between half and double the width that Hanley and McNeil (1982) expect of its counts.

    doi 10.1148/radiology.143.1.7063747; Huang 2016 (doi 10.1200/JCO.2015.65.9128) prints 0.778 (0.769 to 0.787) for 200
    patients, a quarter of the width that is possible.
    """
    for name, table in present(tables, *WITH_COUNTS):
        rows = table[table["metric"].isin(AREAS) & table[["low", "high"]].notna().all(axis=1)]
        rows = rows[(rows["events"] > 0) & (rows["n"] > rows["events"])]
        if "reader" in rows:
            rows = rows[rows["reader"] != MEAN_OF_READERS]
        found = [_width(row, tables, name, level) for row in rows.itertuples()]
        if found:
            yield Checked(name, len(found), "AUC interval", tuple(amiss for amiss in found if amiss))


def _width(row: object, tables: Given, name: str, level: float) -> Amiss | None:
    expected = _expected(row.estimate, int(row.events), int(row.n - row.events), level)
    ratio = (row.high - row.low) / expected if expected > 0 else np.nan
    if not (ratio < NARROW or ratio > WIDE):
        return None
    seen = f"{prose.interval(row.estimate, row.low, row.high, 3)} with {row.events} events of {row.n}: {ratio:.2f} times the expected width"
    return Amiss(place(row), seen, _grave(row, tables, name, ratio))


def _expected(area: float, events: int, nonevents: int, level: float) -> float:
    half = stats.norm.ppf(0.5 + level / 2) * hanley_mcneil_se(area, events, nonevents) if 0 <= area <= 1 else np.nan
    return float(min(area + half, 1.0) - max(area - half, 0.0))


def _grave(row: object, tables: Given, name: str, ratio: float) -> Verdict:
    """Too narrow is impossible for a continuous score of enough patients; clusters of lesions honestly widen."""
    far = min(row.events, row.n - row.events) < FEWEST or not 1 - HIGHEST <= row.estimate <= HIGHEST
    if ratio > WIDE or far or name == "reader_scores" or few_values(tables, row.endpoint, row.model):
        return LOOK
    return WRONG


def repeated(tables: Given, level: float) -> Iterator[Checked]:
    """No interval is printed for two estimates, nor one estimate with its interval for two models.

    PMC12372389, Table 2, prints 0.810 (0.7433-0.8769) and 0.860 (0.7433-0.8769).
    """
    for name, table in present(tables, "scores", "subgroups", "comparisons", "reader_scores", "reader_comparisons"):
        rows = _printed(table)
        if len(rows):
            yield Checked(name, len(rows), "printed interval", (*_two_estimates(rows), *_two_models(rows, tables)))


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with both limits, as text; reading times are whole seconds and repeat honestly, limits at both bounds too."""
    shown = table[np.isfinite(table[["estimate", "low", "high"]].astype(float)).all(axis=1)]
    if "metric" in shown:
        shown = shown[shown["metric"] != "seconds"]
    shown = shown[(shown["high"] > shown["low"]) & ~((shown["low"] == 0) & (shown["high"] == 1))]
    text = [
        " to ".join(prose.number(v, DIGITS) for v in pair) for pair in zip(shown["low"], shown["high"], strict=True)
    ]
    return shown.assign(_limits=text, _value=[prose.number(v, DIGITS - 1) for v in shown["estimate"]])


def _two_estimates(rows: pd.DataFrame) -> Iterator[Amiss]:
    keys = [c for c in ("endpoint", "metric", "test") if c in rows]
    for _, here in rows.groupby([*keys, "_limits"], sort=False):
        if here["_value"].nunique() > 1:
            values = prose.listing(sorted(set(here["_value"])))
            told = f"{here['_limits'].iloc[0]} is the interval of {values}"
            yield Amiss(_places(here), told, LOOK if _on_a_grid(here) else WRONG)


def _on_a_grid(rows: pd.DataFrame) -> bool:
    """Whether limits are percentiles of a partial area: of few patients it takes few values, and bottoms out at one of them."""
    if "method" not in rows or "metric" not in rows:
        return False
    return bool((rows["metric"] == "partial_auc").all() and rows["method"].str.contains("percentile").all())


def _two_models(rows: pd.DataFrame, tables: Given) -> Iterator[Amiss]:
    keys = [c for c in ("endpoint", "part", "kind", "variable", "level", "metric") if c in rows]
    if "model" not in rows:
        return
    for _, here in rows[rows["metric"].isin(CONTINUOUS)].groupby([*keys, "_value", "_limits"], sort=False):
        if here["model"].nunique() > 1:
            yield Amiss(_places(here), f"{here['_value'].iloc[0]} ({here['_limits'].iloc[0]}) stands for both", LOOK)


def _places(rows: pd.DataFrame) -> str:
    return "; ".join(dict.fromkeys(place(row) for row in rows.to_dict("records")))


def duplicates(tables: Given, level: float) -> Iterator[Checked]:
    """No two models predict exactly the same; constants and categories may meet by chance."""
    for name, table in present(tables, "predictions"):
        amiss, count = [], 0
        for key, here in table.groupby(["endpoint", "part", "kind"], sort=False):
            wide = here.pivot(index="case", columns="model", values="probability")
            count += wide.shape[1]
            for models in _same(wide):
                alike = wide[models[0]].nunique() <= FEW_VALUES or set(models) <= _contested(tables)
                verdict = LOOK if alike else WRONG
                told = f"{prose.listing(models)} predict the same for every patient"
                amiss.append(Amiss(", ".join(map(str, key)), told, verdict))
        yield Checked(name, count, "set of predictions", tuple(amiss))


def _contested(tables: Given) -> set[str]:
    """Models of a contest: the winner is one of them, and inputs are alike where LASSO kept nothing of what sets them apart."""
    return {"winner", *tables["contest"]["inputs"]} if "contest" in tables else set()


def _same(wide: pd.DataFrame) -> list[list[str]]:
    """Models that share all their predictions, to twelve decimals."""
    held: dict[bytes, list[str]] = {}
    for model in wide.columns[wide.notna().all()]:
        held.setdefault(wide[model].round(12).to_numpy(dtype=float).tobytes(), []).append(str(model))
    return [models for models in held.values() if len(models) > 1]
