"""Table `comparisons`: DeLong's paired test where the models are frozen, Holm within the declared family."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.evaluation import order
from helpers.statistics.discrimination import compare_paired, holm
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["comparisons"].names)
TEST = "difference in AUC, paired DeLong"


def comparisons(
    predictions: pd.DataFrame, *, confirmatory: tuple[tuple[str, str], ...], level: float = 0.95
) -> pd.DataFrame:
    """Every pair of models in every part that no model was fitted on; the declared pairs are one Holm family."""
    frozen = predictions[predictions["kind"] == "frozen"]
    rows = []
    for (endpoint, part), here in frozen.groupby(["endpoint", "part"], sort=False):
        models = order.models(here)
        declared = [pair for pair in confirmatory if set(pair) <= set(models)]
        others = [p for p in combinations(models, 2) if not any(set(p) == set(d) for d in declared)]
        rows += _family(here, endpoint, part, declared, "confirmatory", level)
        rows += _family(here, endpoint, part, others, "exploratory", level)
    return pd.DataFrame(rows, columns=COLUMNS)


def delong(predictions: pd.DataFrame, *, endpoint: str, part: str, pair: tuple[str, str], level: float = 0.95):
    """DeLong's paired test of two models.

    Raises RadiogramError on training rows: there one model contains the other and both were fitted to these patients, so
    the test is not valid (Demler 2012, doi 10.1002/sim.5328); the likelihood-ratio test of the added term is.
    """
    here = predictions[(predictions["endpoint"] == endpoint) & (predictions["part"] == part)]
    if (here["kind"] != "frozen").any() or here.empty:
        raise RadiogramError(
            f"DeLong's test of {pair[0]} against {pair[1]} is for patients no model was fitted on, not for part {part}; "
            "in training use the likelihood-ratio test of the added term (table nomogram)."
        )
    wide = here.pivot(index="case", columns="model", values="probability")
    truth = here.drop_duplicates("case").set_index("case")["truth"].loc[wide.index]
    return compare_paired(truth.to_numpy(), wide[pair[0]].to_numpy(), wide[pair[1]].to_numpy(), level=level)


def _family(here: pd.DataFrame, endpoint: str, part: str, pairs: list, family: str, level: float) -> list[tuple]:
    tests = [delong(here, endpoint=endpoint, part=part, pair=pair, level=level) for pair in pairs]
    adjusted = holm(np.array([t.p for t in tests])) if tests else []
    return [
        (endpoint, part, a, b, TEST, t.estimate, t.low, t.high, t.statistic, t.df, t.p, p_holm, family)
        for (a, b), t, p_holm in zip(pairs, tests, adjusted, strict=True)
    ]
