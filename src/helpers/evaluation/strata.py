"""Table `strata`: how well each model ranks patients who are alike in what no model reads, such as the grade of the tumor.

A model that only tells strata apart ranks the patients of one stratum no better than chance, however high its AUC in all of
them is. Strata with too few patients of either outcome are said not to be judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation import subgroups
from helpers.evaluation.subgroups import WHOLE
from helpers.evaluation.unfitted import baseline_values
from helpers.parameters import Parameters, Subgroup
from helpers.statistics.discrimination import auc
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["strata"].names)
KEY = ["endpoint", "model", "part", "kind"]
KINDS = ("oof", "frozen")


def groupings(parameters: Parameters) -> list[Subgroup]:
    """The subgroups of the study that are made by what no model reads."""
    return [g for g in parameters.statistics.subgroups if g.column in parameters.cohort.strata]


def strata(
    predictions: pd.DataFrame, cases: pd.DataFrame, features: pd.DataFrame | None, *, parameters: Parameters
) -> pd.DataFrame:
    """AUC of every model and unfitted comparator in all patients and in every level of those subgroups, by part.

    Raises RadiogramError for a comparator whose column is not there.
    """
    found = [(grouping.name, subgroups.levels(cases, features, grouping)) for grouping in groupings(parameters)]
    options, rows = parameters.statistics, []
    if found:
        fitted = predictions.loc[predictions["kind"].isin(KINDS), [*KEY, "case", "truth", "probability"]]
        judged = pd.concat([fitted, _comparators(fitted, cases, features, parameters)], ignore_index=True)
        for key, here in judged.groupby(KEY, sort=False):
            rows.append(_row(here, key, WHOLE, "", level=options.level, fewest=1))
            for name, level_of in found:
                for level, inside in _levels(here, level_of):
                    rows.append(_row(inside, key, name, level, level=options.level, fewest=options.subgroup_events))
    return pd.DataFrame(rows, columns=COLUMNS)


def _comparators(
    fitted: pd.DataFrame, cases: pd.DataFrame, features: pd.DataFrame | None, parameters: Parameters
) -> pd.DataFrame:
    """The unfitted comparators as rows like those of models, on the patients that models were judged on."""
    patients = fitted.drop_duplicates(["endpoint", "part", "case"])
    frames = [fitted.head(0)]
    for baseline in parameters.cohort.baselines:
        values = pd.Series(baseline_values(cases, features, baseline).to_numpy(dtype=float), index=cases["case"])
        own = patients.assign(model=baseline.name, kind="unfitted", probability=patients["case"].map(values))
        frames.append(own[own["probability"].notna()])
    return pd.concat(frames, ignore_index=True)


def _levels(here: pd.DataFrame, level_of: pd.Series) -> Iterator[tuple[str, pd.DataFrame]]:
    """Levels in their order with the patients of each; one that this part lacks is left out."""
    placed = here["case"].map(level_of)
    for level in pd.unique(level_of.dropna()):
        if (placed == level).any():
            yield level, here[placed == level]


def _row(here: pd.DataFrame, key: tuple, variable: str, stratum: str, *, level: float, fewest: int) -> tuple:
    truth = here["truth"].to_numpy(dtype=int)
    events, n = int(truth.sum()), len(truth)
    reason = _too_few(events, n, fewest)
    if reason:
        return (*key, variable, stratum, "auc", np.nan, np.nan, np.nan, n, events, f"not judged: {reason}")
    found = auc(truth, here["probability"].to_numpy(dtype=float), level=level)
    note = found.method if found.method.startswith("not estimable") else ""
    return (*key, variable, stratum, "auc", found.estimate, found.low, found.high, n, events, note)


def _too_few(events: int, n: int, fewest: int) -> str:
    """Why a stratum says nothing of ranking; "" where it does."""
    if not events or events == n:
        return f"all {prose.count(n, 'patient')} {'with' if events else 'without'} the endpoint"
    short = [f"{count} {words}" for count, words in ((events, "with"), (n - events, "without")) if count < fewest]
    return f"{prose.listing(short)} the endpoint, fewer than {fewest}" if short else ""
