"""Table `comparisons`: models against each other where they are frozen, in families declared beforehand.

Within a part the areas are compared by DeLong's paired test, and all of them at once; between independent parts by
the unpaired one; and calls at the frozen thresholds by McNemar's mid-P test. Every family is Holm-adjusted on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from helpers import prose
from helpers.errors import RadiogramError
from helpers.evaluation import order
from helpers.statistics.discrimination import compare_all, compare_paired, compare_unpaired, holm
from helpers.statistics.thresholds import Threshold, paired_proportions
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["comparisons"].names)
TEST = "difference in AUC, paired DeLong"
GLOBAL = "equal AUC of all models, DeLong chi-square"
UNPAIRED = "difference in AUC, unpaired DeLong"
CALLS = {1: "difference in sensitivity, McNemar mid-p", 0: "difference in specificity, McNemar mid-p"}
Pair = tuple[str, str]
Thresholds = Mapping[tuple[str, str], Threshold]


def comparisons(
    predictions: pd.DataFrame,
    *,
    confirmatory: tuple[Pair, ...],
    thresholds: Thresholds | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Every comparison of the run; the declared pairs are one Holm family in each part, all others are exploratory."""
    frozen = predictions[predictions["kind"] == "frozen"]
    rows = []
    for (endpoint, part), here in frozen.groupby(["endpoint", "part"], sort=False):
        models = order.models(here)
        declared = [pair for pair in confirmatory if set(pair) <= set(models)]
        others = [p for p in combinations(models, 2) if not any(set(p) == set(d) for d in declared)]
        rows += _family(here, endpoint, part, declared, "confirmatory", level)
        rows += _family(here, endpoint, part, others, "exploratory", level)
        rows += _all_at_once(here, endpoint, part)
        rows += _calls(here, endpoint, part, declared, thresholds or {}, level)
    rows += _between_parts(predictions, level)
    return pd.DataFrame(rows, columns=COLUMNS)


def delong(predictions: pd.DataFrame, *, endpoint: str, part: str, pair: Pair, level: float = 0.95):
    """DeLong's paired test of two models.

    Raises RadiogramError on training rows: there one model contains the other and both were fitted to these patients, so
    the test is not valid (Demler 2012, doi 10.1002/sim.5328); the likelihood-ratio test of the added term is.
    """
    here = predictions[(predictions["endpoint"] == endpoint) & (predictions["part"] == part)]
    if (here["kind"] != "frozen").any() or here.empty:
        raise RadiogramError(
            f"DeLong's test of {pair[0]} against {pair[1]} is for patients no model was fitted on, not for part {part}; "
            "in training use the likelihood-ratio test of the added term (table added_value)."
        )
    truth, wide = _wide(here)
    return compare_paired(truth, wide[pair[0]].to_numpy(), wide[pair[1]].to_numpy(), level=level)


def _wide(here: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Truth (n,) and one column a model, by case."""
    wide = here.pivot(index="case", columns="model", values="probability")
    return here.drop_duplicates("case").set_index("case")["truth"].loc[wide.index].to_numpy(), wide


def _family(here: pd.DataFrame, endpoint: str, part: str, pairs: list[Pair], family: str, level: float) -> list[tuple]:
    tests = [delong(here, endpoint=endpoint, part=part, pair=pair, level=level) for pair in pairs]
    adjusted = holm(np.array([t.p for t in tests])) if tests else []
    return [
        (endpoint, part, a, b, TEST, t.estimate, t.low, t.high, t.statistic, t.df, t.p, p_holm, family)
        for (a, b), t, p_holm in zip(pairs, tests, adjusted, strict=True)
    ]


def _all_at_once(here: pd.DataFrame, endpoint: str, part: str) -> list[tuple]:
    """The global test; of two models it would repeat the paired one."""
    truth, wide = _wide(here)
    if wide.shape[1] < 3:
        return []
    t = compare_all(truth, wide.to_numpy().T)
    limits = (np.nan, np.nan, np.nan)
    return [(endpoint, part, "all models", "", GLOBAL, *limits, t.statistic, t.df, t.p, t.p, "global")]


def _calls(
    here: pd.DataFrame, endpoint: str, part: str, pairs: list[Pair], thresholds: Thresholds, level: float
) -> list[tuple]:
    """Sensitivity and specificity of the declared pairs at each model's own frozen threshold, Holm over the two."""
    truth, wide = _wide(here)
    rows = []
    for a, b in pairs:
        cuts = [thresholds.get((endpoint, model)) for model in (a, b)]
        if None in cuts:
            continue
        positive = [wide[model].to_numpy() >= cut.value for model, cut in zip((a, b), cuts, strict=True)]
        tests = []
        for outcome in CALLS:
            of = truth == outcome
            right = [call[of] == bool(outcome) for call in positive]
            tests.append(paired_proportions(*right, level=level))
        adjusted = holm(np.array([t.mid_p for t in tests]))
        for name, t, p_holm in zip(CALLS.values(), tests, adjusted, strict=True):
            gap = t.difference
            found = (gap.estimate, gap.low, gap.high, np.nan, np.nan, t.mid_p, p_holm)
            rows.append((endpoint, part, a, b, name, *found, "operating point"))
    return rows


def _between_parts(predictions: pd.DataFrame, level: float) -> list[tuple]:
    """Each model in one part against the same model in another: do its results carry over? Holm over an endpoint's."""
    judged = predictions[predictions["kind"].isin(["oof", "frozen"])]
    rows = []
    for endpoint, of_endpoint in judged.groupby("endpoint", sort=False):
        found = list(_across(of_endpoint, level))
        adjusted = holm(np.array([t.p for _, _, t in found])) if found else []
        rows += [
            (
                endpoint,
                where,
                model,
                model,
                UNPAIRED,
                t.estimate,
                t.low,
                t.high,
                t.statistic,
                t.df,
                t.p,
                p,
                "between parts",
            )
            for (where, model, t), p in zip(found, adjusted, strict=True)
        ]
    return rows


def _across(here: pd.DataFrame, level: float) -> Iterator[tuple]:
    for model in order.models(here):
        parts = {key: rows for key, rows in here[here["model"] == model].groupby(["part", "kind"], sort=False)}
        for first, second in combinations(parts, 2):
            values = [parts[key][column].to_numpy() for key in (first, second) for column in ("truth", "probability")]
            if min(len(set(values[0])), len(set(values[2]))) == 2:
                where = f"{prose.part_name(*first)} against {prose.part_inline(*second)}"
                yield where, model, compare_unpaired(*values, level=level)
