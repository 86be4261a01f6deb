"""The reader study's tables, formatted: estimate and interval in one cell, the analysis that leads in bold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation import reader_agreement, reader_words
from helpers.evaluation.reader_tests import MCNEMAR, MEAN
from helpers.statistics.discrimination import holm
from helpers.statistics.readers import FEWEST_RANDOM_READERS

DASH = "\N{EN DASH}"
SHOWN = ("auc", "sensitivity", "specificity", "ppv", "npv", "accuracy")
HEADERS = {"ppv": "PPV", "npv": "NPV"}
TIME = "Seconds a case, median (quartiles)"


def readers(table: pd.DataFrame) -> pd.DataFrame:
    """One row a radiologist and condition, the readers' mean below; a column for what was measured, and no other."""
    shown = [m for m in SHOWN if (table["metric"] == m).any()]
    timed = (table["metric"] == "seconds").any()
    rows = []
    for (reader, condition), here in table.groupby(["reader", "condition"], sort=False):
        cell = here.set_index("metric")
        values = [_cell(cell, metric, 3 if reader == MEAN else 2) for metric in shown]
        times = [_cell(cell, "seconds", 0)] if timed else []
        rows.append((reader_words.reader(reader), reader_words.condition(condition), *values, *times))
    names = [HEADERS.get(metric, reader_words.METRICS[metric]) for metric in shown]
    return pd.DataFrame(rows, columns=["Reader", "Condition", *names, *([TIME] if timed else [])])


def _cell(cells: pd.DataFrame, metric: str, digits: int) -> str:
    return prose.interval(*cells.loc[metric, ["estimate", "low", "high"]], digits) if metric in cells.index else DASH


def comparisons(table: pd.DataFrame) -> pd.DataFrame:
    """The conditions against each other: the analysis that leads first, then the other means, then each reader."""
    here = _with_holm(table[~_of_model(table)])
    if here.empty:
        return _none("Readings were given in one condition only, so there is nothing to compare.")
    place = np.select([here["leading"].astype(bool), here["reader"] == MEAN], [0, 1], 2)
    readers = here.loc[here["reader"] != MEAN, "reader"].nunique()
    rows = [
        _comparison(row, readers) for row in here.assign(place=place).sort_values("place", kind="stable").itertuples()
    ]
    columns = [
        "Reader",
        "Metric",
        f"{reader_words.contrast(here['contrast'].iloc[0])} (95 % interval)",
        "P",
        "P, Holm",
        "Analysis",
    ]
    return pd.DataFrame(rows, columns=columns)


def _analysis(row: tuple, readers: int) -> str:
    """What two or three readers say of readers in general hangs on a variance of one or two degrees of freedom."""
    shaky = row.reader == MEAN and not row.leading and readers < FEWEST_RANDOM_READERS
    return f"{row.method}; not reliable with {readers} readers" if shaky else row.method


def _comparison(row: tuple, readers: int) -> tuple[str, ...]:
    """A row of the table; Holm's adjustment is of the two tests of one reader's calls."""
    cells = (
        reader_words.reader(row.reader), reader_words.METRICS[row.metric],
        reader_words.change(row.metric, row.estimate, row.low, row.high),
        prose.p_cell(row.p), prose.p_cell(row.holm) if np.isfinite(row.holm) else DASH, _analysis(row, readers),
    )  # fmt: skip
    return tuple(f"**{cell}**" if row.leading and cell != DASH else cell for cell in cells)


def _with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """Sensitivity and specificity of one reader in one contrast are a family."""
    table = table.assign(holm=np.nan)
    calls = table[table["method"] == MCNEMAR]
    for _, family in calls.groupby(["reader", "contrast"], sort=False):
        table.loc[family.index, "holm"] = holm(family["p"].to_numpy(dtype=float))
    return table


def _of_model(table: pd.DataFrame) -> pd.Series:
    return table["contrast"].astype(str).str.startswith("model - ")


def against_model(table: pd.DataFrame) -> pd.DataFrame:
    """The model minus each reader and their mean, by condition."""
    here = table[_of_model(table)]
    if here.empty:
        return _none("The study has no model whose scores could be set against the readers.")
    rows = [
        (
            reader_words.contrast(row.contrast), reader_words.reader(row.reader), reader_words.METRICS[row.metric],
            reader_words.change(row.metric, row.estimate, row.low, row.high), prose.p_cell(row.p), row.method,
        )
        for row in here.itertuples()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Contrast", "Reader", "Metric", "Difference (95 % interval)", "P", "Analysis"])


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Kappa of every pair of readers and of all, with raw agreement and how often the call was positive."""
    if table.empty:
        return _none("Agreement is not told: there was one reader, or neither calls nor ratings of up to ten levels.")
    prevalence = table[table["statistic"] == reader_agreement.PREVALENCE]
    share = prevalence.set_index(["condition", "reader_a", "reader_b"])["estimate"]
    rows = []
    for row in table[table["statistic"] != reader_agreement.PREVALENCE].itertuples():
        of_calls = row.statistic in (reader_agreement.COHEN, reader_agreement.FLEISS)
        positive = f"{100 * share[row.condition, row.reader_a, row.reader_b]:.0f} %" if of_calls else DASH
        who = f"{reader_words.reader(row.reader_a)} and {reader_words.reader(row.reader_b).lower()}"
        who = who if row.reader_b else reader_words.reader(row.reader_a)
        raw = f"{100 * row.agreement:.0f} %"
        cells = (row.statistic, prose.interval(row.estimate, row.low, row.high), raw, positive)
        rows.append((who, reader_words.condition(row.condition), *cells))
    columns = ["Readers", "Condition", "Statistic", "Kappa (95 % interval)", "Same answer", "Positive calls"]
    return pd.DataFrame(rows, columns=columns)


def switches(table: pd.DataFrame) -> pd.DataFrame:
    """Calls that changed between the conditions, and what the model had to do with it."""
    if table.empty:
        return _none("There are no calls of readers in two conditions and of a model beside them.")
    columns = {
        "reader": "Reader", "wrong_to_right": "Wrong to right", "right_to_wrong": "Right to wrong",
        "right_to_right": "Right both times", "wrong_to_wrong": "Wrong both times", "rescued": "Corrected, model right",
        "ignored": "Kept wrong, model right", "automation_bias": "Given up, model wrong",
        "model_wrong": "Model wrong", "cases": "Cases",
    }  # fmt: skip
    told = table[list(columns)].rename(columns=columns)
    return told.assign(Reader=told["Reader"].map(reader_words.reader))


def _none(sentence: str) -> pd.DataFrame:
    return pd.DataFrame([[sentence]], columns=["None"])
