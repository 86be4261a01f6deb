"""The reader study: radiologists alone and with the model, on cases that no model was fitted on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.statistics.discrimination import auc, compare_paired
from helpers.statistics.readers import mrmc
from helpers.statistics.readers import switches as count_switches
from helpers.statistics.thresholds import paired_proportions, proportion
from helpers.tables import DECLARED

SCORES = list(DECLARED["reader_scores"].names)
CONTRASTS = list(DECLARED["reader_comparisons"].names)
CONDITIONS = ("unaided", "aided")


def check(readings: pd.DataFrame, cases: pd.DataFrame) -> None:
    """Raises RadiogramError when readings are of training cases, incomplete, or given twice."""
    known = cases.set_index("case")["part"]
    for case in readings["case"].unique():
        if case not in known.index or known[case] == "train":
            raise RadiogramError(
                f"Readings: case {case} is {'unknown' if case not in known.index else 'a training case'}; readers are judged on "
                "cases the model was not fitted on."
            )
    counts = readings.groupby("case").size()
    expected = readings["reader"].nunique() * readings["condition"].nunique()
    for case in counts.index[counts != expected]:
        raise RadiogramError(
            f"Readings: case {case} has {counts[case]} readings, not one a reader and condition ({expected})."
        )


def scores(readings: pd.DataFrame, cases: pd.DataFrame, *, endpoint: str, level: float = 0.95) -> pd.DataFrame:
    """AUC of the ratings, sensitivity and specificity of the calls, and median reading time, by reader and condition."""
    truth = cases.set_index("case")[endpoint]
    rows = []
    for (reader, condition), here in readings.groupby(["reader", "condition"], sort=False):
        events = truth[here["case"]].to_numpy()
        counted = (len(events), int(events.sum()))
        rows += [(endpoint, reader, condition, *row, *counted) for row in _of_reader(here, events, level)]
    return pd.DataFrame(rows, columns=SCORES)


def _of_reader(here: pd.DataFrame, truth: np.ndarray, level: float) -> Iterator[tuple]:
    if here["rating"].nunique() > 2:
        found = auc(truth, here["rating"].to_numpy(dtype=float), level=level)
        yield "auc", found.estimate, found.low, found.high, found.method
    call = here["call"].to_numpy(dtype=int)
    for name, of in (("sensitivity", truth == 1), ("specificity", truth == 0)):
        right = int((call[of] == truth[of]).sum())
        share = proportion(right, int(of.sum()), level=level)
        yield name, share.estimate, share.low, share.high, "Wilson"
    seconds = here["seconds"].astype(float)
    yield "seconds", seconds.median(), seconds.quantile(0.25), seconds.quantile(0.75), "median and quartiles"


def comparisons(readings: pd.DataFrame, cases: pd.DataFrame, *, endpoint: str, level: float = 0.95) -> pd.DataFrame:
    """Aided minus unaided: AUC, sensitivity and specificity of each reader, and the readers' mean AUC by Obuchowski-Rockette.

    With fewer than four readers the readers are fixed: the inference is to these readers only.
    """
    truth = cases.set_index("case")[endpoint]
    rows = []
    for reader, here in readings.groupby("reader", sort=False):
        rows += [(endpoint, reader, *row) for row in _contrasts(here, truth, level)]
    rows += [(endpoint, "mean of readers", *row) for row in _multi_reader(readings, truth)]
    return pd.DataFrame(rows, columns=CONTRASTS)


def _contrasts(here: pd.DataFrame, truth: pd.Series, level: float) -> Iterator[tuple]:
    rating = here.pivot(index="case", columns="condition", values="rating").astype(float)
    call = here.pivot(index="case", columns="condition", values="call").astype(int)
    events = truth[rating.index].to_numpy()
    if here["rating"].nunique() > 2:
        test = compare_paired(events, rating["aided"].to_numpy(), rating["unaided"].to_numpy(), level=level)
        yield "auc", test.estimate, test.low, test.high, test.statistic, test.df, test.p, "paired DeLong"
    for name, value in (("sensitivity", 1), ("specificity", 0)):
        of = events == value
        right = {c: call[c].to_numpy()[of] == value for c in CONDITIONS}
        test = paired_proportions(right["aided"], right["unaided"], level=level)
        gap = test.difference
        yield name, gap.estimate, gap.low, gap.high, np.nan, np.nan, test.mid_p, "McNemar, mid-p"


def _multi_reader(readings: pd.DataFrame, truth: pd.Series) -> Iterator[tuple]:
    readers, order = list(dict.fromkeys(readings["reader"])), sorted(readings["case"].unique())
    if len(readers) < 2 or readings["rating"].nunique() <= 2:
        return
    cube = np.array([[_ratings(readings, r, c, order) for r in readers] for c in ("aided", "unaided")])
    found = mrmc(truth[order].to_numpy(), cube)
    test = found.fixed_readers if found.leading == "fixed readers" else found.random_readers
    yield (
        "auc",
        test.difference,
        test.low,
        test.high,
        test.statistic,
        test.df,
        test.p,
        f"Obuchowski-Rockette, {found.leading}",
    )


def _ratings(readings: pd.DataFrame, reader: str, condition: str, order: list[str]) -> np.ndarray:
    here = readings[(readings["reader"] == reader) & (readings["condition"] == condition)]
    return here.set_index("case")["rating"].astype(float).loc[order].to_numpy()


def switches(readings: pd.DataFrame, cases: pd.DataFrame, model_call: pd.Series, *, endpoint: str) -> pd.DataFrame:
    """How the model's advice changed calls, one row a reader; `model_call` is the model's call (0/1) by case.

    Automation bias is a right call turned wrong where the model was wrong.
    """
    truth = cases.set_index("case")[endpoint]
    rows = []
    for reader, here in readings.groupby("reader", sort=False):
        call = here.pivot(index="case", columns="condition", values="call").astype(int)
        advice = model_call.loc[call.index].to_numpy()
        events = truth[call.index].to_numpy()
        found = count_switches(events, call["unaided"].to_numpy(), call["aided"].to_numpy(), advice)
        rows.append((reader, found.wrong_to_right, found.right_to_wrong, found.automation_bias, found.n))
    return pd.DataFrame(rows, columns=["reader", "wrong_to_right", "right_to_wrong", "automation_bias", "cases"])


def model_calls(predictions: pd.DataFrame, thresholds: pd.DataFrame, *, endpoint: str, model: str) -> pd.Series:
    """The model's call (0/1) by case at its frozen threshold, for cases it was not fitted on."""
    here = predictions.query("endpoint == @endpoint and model == @model and kind == 'frozen'")
    own = thresholds[(thresholds["endpoint"] == endpoint) & (thresholds["model"] == model)]
    return (here.set_index("case")["probability"] >= own["threshold"].iloc[0]).astype(int)
