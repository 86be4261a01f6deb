"""Table `reader_comparisons`: the conditions against each other, and the model against the readers.

Each reader is compared on the same cases (paired DeLong, McNemar's mid-P, Wilcoxon), the readers' mean by Obuchowski and
Rockette in all three of its readings: these readers, any readers, these cases. One of them leads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from helpers.evaluation.advice import Advice
from helpers.evaluation.crossed import Crossed
from helpers.parameters import Readers
from helpers.statistics.discrimination import Comparison, compare_paired
from helpers.statistics.readers import MRMC, ModalityTest, mrmc, readers_against_model
from helpers.statistics.thresholds import paired_proportions
from helpers.statistics.times import paired_times
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["reader_comparisons"].names)
MEAN = "mean of readers"
METRICS = ("auc", "sensitivity", "specificity")
OUTCOMES = {"sensitivity": 1, "specificity": 0}
MCNEMAR = "McNemar, mid-p"
WILCOXON = "Wilcoxon signed-rank, Hodges-Lehmann"


def comparisons(study: Crossed, advice: Advice | None, *, settings: Readers, level: float = 0.95) -> pd.DataFrame:
    """Table `reader_comparisons`, every reader first and their mean last; what cannot be compared is left out."""
    rows = []
    if study.paired:
        rows += list(_between_conditions(study, level))
        rows += list(_of_means(study, settings.covariance, level))
    if advice is not None:
        rows += list(_against_model(study, advice, settings.margin, level))
    return pd.DataFrame([(study.endpoint, *row) for row in rows], columns=COLUMNS)


def multi_reader(study: Crossed, metric: str, *, covariance: str, level: float) -> MRMC | None:
    """Obuchowski and Rockette's analysis of a metric; None with one reader, one condition, or nothing to analyze.

    Sensitivity and specificity have no DeLong covariance; theirs is that of the jackknife.
    """
    if len(study.readers) < 2 or not study.paired:
        return None
    if metric == "auc":
        return mrmc(study.truth, study.rating, covariance=covariance, level=level) if study.all_scaled else None
    if study.call is None:
        return None
    return mrmc(study.truth, study.call, covariance="jackknife", level=level, metric=metric)


def _between_conditions(study: Crossed, level: float) -> Iterator[tuple]:
    """Second condition minus first, reader by reader; a single reader leads, as there is no mean."""
    alone = len(study.readers) == 1
    for j, reader in enumerate(study.readers):
        if study.scaled(j):
            test = compare_paired(study.truth, study.rating[1, j], study.rating[0, j], level=level)
            yield reader, study.contrast, "auc", *_delong(test), "paired DeLong", alone
        if study.call is not None:
            for row in _calls(study.truth, study.call[1, j], study.call[0, j], level):
                yield reader, study.contrast, *row, alone
        if study.seconds is not None:
            test = paired_times(study.seconds[1, j], study.seconds[0, j], level=level)
            shift = (test.shift, test.low, test.high, test.statistic, np.nan, test.p)
            yield reader, study.contrast, "seconds", *shift, WILCOXON, False


def _delong(test: Comparison) -> tuple[float, ...]:
    return test.estimate, test.low, test.high, test.statistic, test.df, test.p


def _calls(truth: np.ndarray, first: np.ndarray, second: np.ndarray, level: float) -> Iterator[tuple]:
    """Sensitivity and specificity of one set of calls minus those of another on the same cases."""
    for name, outcome in OUTCOMES.items():
        of = truth == outcome
        test = paired_proportions((first == truth)[of], (second == truth)[of], level=level)
        gap = test.difference
        yield name, gap.estimate, gap.low, gap.high, np.nan, np.nan, test.mid_p, MCNEMAR


def _of_means(study: Crossed, covariance: str, level: float) -> Iterator[tuple]:
    """The mean over readers, second condition minus first: the leading analysis stands first."""
    for metric in METRICS:
        found = multi_reader(study, metric, covariance=covariance, level=level)
        if found is None:
            continue
        tests = {
            "fixed readers": found.fixed_readers,
            "random readers": found.random_readers,
            "fixed cases": found.fixed_cases,
        }
        for name in sorted(tests, key=lambda name: name != found.leading):
            numbers = _turned(tests[name])
            yield MEAN, study.contrast, metric, *numbers, f"Obuchowski-Rockette, {name}", name == found.leading


def _turned(test: ModalityTest) -> tuple[float, ...]:
    """The analysis subtracts the second condition from the first, the report the first from the second."""
    # With few readers a t interval can leave what a difference of areas or shares can be.
    low, high = (float(np.clip(limit, -1, 1)) for limit in (-test.high, -test.low))
    return -test.difference, low, high, test.statistic, test.df, test.p


def _against_model(study: Crossed, advice: Advice, margin: float, level: float) -> Iterator[tuple]:
    """The model minus each reader and their mean; a score and a rating are different kinds of judgment."""
    for i, condition in enumerate(study.conditions):
        contrast = f"model - {condition}"
        scaled = [j for j in range(len(study.readers)) if study.scaled(j)]
        if scaled:
            found = readers_against_model(
                study.truth, study.rating[i, scaled], advice.score, margin=margin, level=level
            )
            for j, test in zip(scaled, found.per_reader, strict=True):
                yield (
                    study.readers[j],
                    contrast,
                    "auc",
                    *_delong(test),
                    f"paired DeLong; {_verdict(test, margin)}",
                    False,
                )
        if advice.call is not None and study.call is not None:
            for reader, call in zip(study.readers, study.call[i], strict=True):
                for row in _calls(study.truth, advice.call, call, level):
                    yield reader, contrast, *row, False
        if len(scaled) == len(study.readers) > 1:
            test = found.mean_of_readers
            yield MEAN, contrast, "auc", *_delong(test), f"DeLong against the mean; {_verdict(test, margin)}", False


def _verdict(test: Comparison, margin: float) -> str:
    """Non-inferiority, judged on the lower limit."""
    shown = "not inferior" if test.low > -margin else "non-inferiority not shown"
    return f"{shown}, margin {margin:g}"
