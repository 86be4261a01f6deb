"""Tables `subgroups` and `subgroup_tests`: does the leading model work alike by center, sex, age, lesion size?

Cells with too few events are suppressed and said to be: their estimates would be read as findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from helpers import prose
from helpers.cohort.clinical import in_words
from helpers.errors import RadiogramError
from helpers.evaluation.performance import are_probabilities
from helpers.parameters import Parameters, Subgroup
from helpers.statistics.calibration import calibration
from helpers.statistics.discrimination import auc, compare_unpaired, holm
from helpers.tables import DECLARED

WHOLE = "all patients"
METRICS = ("auc", "calibration_in_the_large", "calibration_slope")
FEW_LEVELS = 3  # a number with no more values than this is a category, such as sex coded 0 and 1
KEY = ["endpoint", "part", "kind"]


def subgroups(
    predictions: pd.DataFrame,
    cases: pd.DataFrame,
    features: pd.DataFrame | None,
    *,
    model: str,
    parameters: Parameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """AUC, calibration-in-the-large and slope of `model` in every level of `statistics.subgroups`, and tests between levels.

    Bands of a number are cut where the study says, else at the training median. Tests are unpaired DeLong, Holm-adjusted
    over all of an endpoint and part. Raises RadiogramError for an unknown column.
    """
    options = parameters.statistics
    groupings = {g.name: levels(cases, features, g) for g in options.subgroups}
    own = predictions[(predictions["model"] == model) & predictions["kind"].isin(["oof", "frozen"])]
    rows, tests = [], []
    for key, here in own.groupby(KEY, sort=False):
        rows += _rows(here, key, model, WHOLE, "", options.level, fewest=1)
        found = []
        for name, level_of in groupings.items():
            placed = here.assign(level=here["case"].map(level_of))
            present = [level for level in pd.unique(level_of.dropna()) if (placed["level"] == level).any()]
            if len(present) < 2:
                continue
            for level in present:
                inside = placed[placed["level"] == level]
                rows += _rows(inside, key, model, name, level, options.level, fewest=options.subgroup_events)
            found += _tests(placed, key, model, name, present, options.level, fewest=options.subgroup_events)
        adjusted = holm(np.array([row[-1] for row in found])) if found else []
        tests += [(*row, p) for row, p in zip(found, adjusted, strict=True)]
    names = (list(DECLARED[table].names) for table in ("subgroups", "subgroup_tests"))
    return tuple(pd.DataFrame(found, columns=columns) for found, columns in zip((rows, tests), names, strict=True))


def levels(cases: pd.DataFrame, features: pd.DataFrame | None, grouping: Subgroup) -> pd.Series:
    """Level of each case in words, in rising order of the values; index case, missing where the value is."""
    values = _values(cases, features, grouping).sort_values(kind="stable")
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric or (values.nunique() <= FEW_LEVELS and not grouping.cuts):
        return in_words(values).where(values.notna(), np.nan)
    cuts = np.unique(grouping.cuts or (_middle(values, cases),))
    digits = 0 if (cuts == np.round(cuts)).all() else 1
    band = np.searchsorted(cuts, values.to_numpy(dtype=float), side="right")
    told = pd.Series([_band(i, cuts, digits) for i in band], index=values.index, dtype=object)
    return told.where(values.notna(), np.nan)


def _middle(values: pd.Series, cases: pd.DataFrame) -> float:
    """Training median, rounded as it is printed, so that the label of a band is its true limit."""
    training = cases.loc[cases["part"] == "train", "case"]
    middle = float(values.reindex(training).median() if len(training) else values.median())
    return round(middle) if abs(middle) >= 100 else round(middle, 1)


def _values(cases: pd.DataFrame, features: pd.DataFrame | None, grouping: Subgroup) -> pd.Series:
    if grouping.column in cases:
        return cases.set_index("case")[grouping.column]
    if features is not None and grouping.column in features:
        own = features[features["reader"] == "reader1"].set_index("case")[grouping.column]
        return own.reindex(cases["case"])
    raise RadiogramError(
        f"Subgroup {grouping.name}: no column {grouping.column} among the cases or the features; see statistics.subgroups."
    )


def _band(i: int, cuts: np.ndarray, digits: int) -> str:
    if i == 0:
        return f"below {prose.number(cuts[0], digits)}"
    if i == len(cuts):
        return f"{prose.number(cuts[-1], digits)} or more"
    return f"{prose.number(cuts[i - 1], digits)} to {prose.number(cuts[i], digits)}"


def _enough(truth: np.ndarray, fewest: int) -> bool:
    return min(truth.sum(), len(truth) - truth.sum()) >= fewest


def _rows(
    here: pd.DataFrame, key: tuple, model: str, name: str, level: str, confidence: float, *, fewest: int
) -> list[tuple]:
    endpoint, part, kind = key
    truth, probability = here["truth"].to_numpy(), here["probability"].to_numpy()
    counts = (len(truth), int(truth.sum()))
    shown = _enough(truth, fewest)
    found = dict(_metrics(truth, probability, confidence)) if shown else {}
    nothing = (np.nan, np.nan, np.nan)
    wanted = METRICS if are_probabilities(here["probability"].to_numpy()) else METRICS[:1]
    return [
        (endpoint, model, part, kind, name, level, metric, *found.get(metric, nothing), *counts, not shown)
        for metric in wanted
    ]


def _metrics(truth: np.ndarray, probability: np.ndarray, confidence: float) -> Iterator[tuple[str, tuple]]:
    area = auc(truth, probability, level=confidence)
    yield "auc", (area.estimate, area.low, area.high)
    if are_probabilities(probability):
        found = calibration(truth, probability, level=confidence)
        for name, value in (("calibration_in_the_large", found.in_the_large), ("calibration_slope", found.slope)):
            yield name, (value.estimate, value.low, value.high)


def _tests(
    placed: pd.DataFrame, key: tuple, model: str, name: str, present: list[str], confidence: float, *, fewest: int
) -> list[tuple]:
    endpoint, part, _ = key
    cells = {level: placed[placed["level"] == level] for level in present}
    usable = [level for level, rows in cells.items() if _enough(rows["truth"].to_numpy(), fewest)]
    rows = []
    for a, b in combinations(usable, 2):
        values = [cells[level][column].to_numpy() for level in (a, b) for column in ("truth", "probability")]
        t = compare_unpaired(*values, level=confidence)
        rows.append((endpoint, model, part, name, a, b, t.estimate, t.low, t.high, t.statistic, t.df, t.p))
    return rows
