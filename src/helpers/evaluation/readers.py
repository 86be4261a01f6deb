"""The reader study, reader by reader: areas, calls and times in each condition, and calls that changed between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from helpers.evaluation.advice import Advice
from helpers.evaluation.crossed import Crossed
from helpers.evaluation.reader_tests import MEAN, METRICS, multi_reader
from helpers.statistics.discrimination import auc
from helpers.statistics.switches import switches as count_switches
from helpers.statistics.thresholds import proportion
from helpers.tables import DECLARED

SCORES = list(DECLARED["reader_scores"].names)
SWITCHES = list(DECLARED["switches"].names)


def scores(study: Crossed, *, covariance: str = "delong", level: float = 0.95) -> pd.DataFrame:
    """Table `reader_scores`: AUC, sensitivity, specificity, predictive values, accuracy and time, and the readers' means.

    The AUC needs ratings of three levels or more, the shares need calls, the time needs seconds; what is not there is left out.
    """
    rows = []
    for j, reader in enumerate(study.readers):
        for i, condition in enumerate(study.conditions):
            rows += [
                (study.endpoint, reader, condition, *row, *study.counted) for row in _of_reader(study, i, j, level)
            ]
    rows += [(study.endpoint, MEAN, *row, *study.counted) for row in _means(study, covariance, level)]
    return pd.DataFrame(rows, columns=SCORES)


def _of_reader(study: Crossed, i: int, j: int, level: float) -> Iterator[tuple]:
    if study.scaled(j):
        found = auc(study.truth, study.rating[i, j], level=level)
        yield "auc", found.estimate, found.low, found.high, found.method
    if study.call is not None:
        yield from _shares(study.truth, study.call[i, j], level)
    if study.seconds is not None:
        low, middle, high = np.quantile(study.seconds[i, j], [0.25, 0.5, 0.75])
        yield "seconds", middle, low, high, "median and quartiles"


def _shares(truth: np.ndarray, call: np.ndarray, level: float) -> Iterator[tuple]:
    """What the calls are worth; a predictive value without a call of its kind does not exist."""
    right = call == truth
    of = {
        "sensitivity": truth == 1,
        "specificity": truth == 0,
        "ppv": call == 1,
        "npv": call == 0,
        "accuracy": truth >= 0,
    }
    for name, counted in of.items():
        if counted.any():
            share = proportion(int(right[counted].sum()), int(counted.sum()), level=level)
            yield name, share.estimate, share.low, share.high, "Wilson"


def _means(study: Crossed, covariance: str, level: float) -> Iterator[tuple]:
    """The readers' mean in each condition, with the limits of the analysis that leads."""
    if len(study.readers) < 2 or not study.paired:
        return
    for metric in METRICS:
        found = multi_reader(study, metric, covariance=covariance, level=level)
        if found is None:
            continue
        means = found.means
        for i, condition in enumerate(study.conditions):
            limits = np.clip([means.low[i], means.high[i]], 0.0, 1.0)
            yield condition, metric, means.estimate[i], *limits, f"Obuchowski-Rockette, {found.leading}"


def switches(study: Crossed, advice: Advice | None) -> pd.DataFrame:
    """Table `switches`: how each reader's calls moved from the first condition to the second, beside the model's.

    Automation bias is a right call turned wrong where the model was wrong. Without calls of the model, or of the readers,
    there is no row.
    """
    if study.call is None or not study.paired or advice is None or advice.call is None:
        return pd.DataFrame(columns=SWITCHES)
    rows = []
    for reader, before, after in zip(study.readers, *study.call, strict=True):
        found = count_switches(study.truth, before, after, advice.call)
        rows.append({"endpoint": study.endpoint, "reader": reader, **asdict(found), "cases": found.n})
    return pd.DataFrame(rows)[SWITCHES]
