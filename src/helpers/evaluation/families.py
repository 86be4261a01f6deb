"""Table `families`: every model of the study and the fitted baselines on the same folds, against the leading model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from helpers.evaluation import order
from helpers.learning.baselines import NOTHING
from helpers.statistics.discrimination import auc, compare_paired, holm
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["families"].names)
BASELINE = "baseline"
SAME = "the same risk for everyone: 0.50 by definition"
NONE = float("nan")


def families(
    predictions: pd.DataFrame, baselines: pd.DataFrame, absent: Mapping[str, str], *, level: float = 0.95
) -> pd.DataFrame:
    """AUC of every model out of fold and frozen; where frozen, the leading model minus each other one (DeLong, Holm).

    `baselines` are rows as of table `predictions`, `absent` says why a baseline is missing. The comparisons of an endpoint,
    in all its parts, are one family. A model that gives everyone of a fold one risk has an AUC of 0.50 by definition: the
    folds' different prevalences would otherwise pass for a ranking.
    """
    rows = []
    judged = predictions[predictions["kind"].isin(["oof", "frozen"])]
    for endpoint, models in judged.groupby("endpoint", sort=False):
        own = baselines[baselines["endpoint"] == endpoint]
        here = [row for part in _parts(models) for row in _part(models, own, *part, level=level)]
        rows += _adjusted(here)
        rows += [_missing(endpoint, name, why) for name, why in absent.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _parts(predictions: pd.DataFrame) -> list[tuple[str, str]]:
    return list(predictions[["part", "kind"]].drop_duplicates().itertuples(index=False, name=None))


def _part(models: pd.DataFrame, baselines: pd.DataFrame, part: str, kind: str, *, level: float) -> Iterator[dict]:
    """Rows of one part: models in the order of the report, then baselines."""
    lead = order.lead(models)
    both = [(models, "model", order.models(models)), (baselines, BASELINE, list(dict.fromkeys(baselines["model"])))]
    leading = _scores(models, lead, part, kind)
    if leading is None or leading["truth"].nunique() < 2:
        return
    for table, group, names in both:
        for name in names:
            own = _scores(table, name, part, kind)
            if own is None or own["truth"].nunique() < 2:
                continue
            row = {"endpoint": own["endpoint"].iloc[0], "model": name, "group": group, "part": part, "kind": kind}
            row |= _area(own, constant=_constant(table, name), level=level)
            tested = kind == "frozen" and name != lead and own.index.equals(leading.index)
            yield row | (_against(leading, own, level) if tested else dict.fromkeys(TESTED, NONE)) | {"note": ""}


TESTED = ("difference", "difference_low", "difference_high", "p")


def _scores(table: pd.DataFrame, model: str, part: str, kind: str) -> pd.DataFrame | None:
    """Rows of a model by case, in the order of cases; None where it has none."""
    own = table[(table["model"] == model) & (table["part"] == part) & (table["kind"] == kind)]
    return own.set_index("case").sort_index() if len(own) else None


def _constant(table: pd.DataFrame, model: str) -> bool:
    """Whether the final model gives everyone one risk: folds then differ by their prevalence alone."""
    frozen = table[(table["model"] == model) & (table["kind"] == "frozen")]
    return model == NOTHING or (len(frozen) > 0 and frozen["probability"].nunique() == 1)


def _area(own: pd.DataFrame, *, constant: bool, level: float) -> dict:
    n, events = len(own), int(own["truth"].sum())
    if constant:
        return {"estimate": 0.5, "low": NONE, "high": NONE, "method": SAME, "n": n, "events": events}
    found = auc(own["truth"].to_numpy(dtype=int), own["probability"].to_numpy(dtype=float), level=level)
    low = found.lower_bound if np.isnan(found.low) else found.low
    return {
        "estimate": found.estimate,
        "low": low,
        "high": found.high,
        "method": found.method,
        "n": n,
        "events": events,
    }


def _against(leading: pd.DataFrame, own: pd.DataFrame, level: float) -> dict:
    found = compare_paired(
        leading["truth"].to_numpy(dtype=int), leading["probability"].to_numpy(float), own["probability"].to_numpy(float),
        level=level,
    )  # fmt: skip
    return dict(zip(TESTED, (found.estimate, found.low, found.high, found.p), strict=True))


def _adjusted(rows: list[dict]) -> list[dict]:
    """Holm over every comparison of the endpoint."""
    tested = [row for row in rows if np.isfinite(row["p"])]
    adjusted = holm(np.array([row["p"] for row in tested])) if tested else []
    held = {id(row): p for row, p in zip(tested, adjusted, strict=True)}
    return [row | {"p_holm": held.get(id(row), NONE)} for row in rows]


def _missing(endpoint: str, name: str, why: str) -> dict:
    blank = dict.fromkeys(("estimate", "low", "high", *TESTED, "p_holm"), NONE)
    return blank | {
        "endpoint": endpoint, "model": name, "group": BASELINE, "part": "", "kind": "", "method": "", "n": 0, "events": 0,
        "note": why,
    }  # fmt: skip
