"""Table `reader_agreement`: how far readers agree with each other, corrected for chance, and what chance had to work with.

Kappa falls where nearly all cases get the same call, however often readers agree (Feinstein and Cicchetti 1990,
doi 10.1016/0895-4356(90)90158-L): raw agreement and the share of positive calls stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from helpers.evaluation.crossed import ORDINAL, Crossed
from helpers.statistics.agreement import Kappa, cohen_kappa, fleiss_kappa, kappa_of_table
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["reader_agreement"].names)
EVERYONE = "all readers"
COHEN, FLEISS = "Cohen kappa of calls", "Fleiss kappa of calls"
WEIGHTED = "quadratic-weighted kappa of ratings"
PREVALENCE = "share of positive calls"
MOST_LEVELS = 10  # more levels than this are a continuous scale, to which kappa does not apply


def agreement(study: Crossed, *, level: float = 0.95) -> pd.DataFrame:
    """Kappa of each pair of readers and of all of them, in each condition; none for a single reader."""
    rows = []
    for i, condition in enumerate(study.conditions):
        rows += [(study.endpoint, condition, *row) for row in _in_condition(study, i, level)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _in_condition(study: Crossed, i: int, level: float) -> Iterator[tuple]:
    ordinal = ORDINAL <= np.unique(study.rating).size <= MOST_LEVELS
    for a, b in combinations(range(len(study.readers)), 2):
        pair = (study.readers[a], study.readers[b])
        if study.call is not None:
            calls = study.call[i, [a, b]]
            yield *pair, COHEN, *_numbers(cohen_kappa(*calls, level=level))
            yield *pair, PREVALENCE, *_share(calls)
        if ordinal:
            yield *pair, WEIGHTED, *_numbers(_weighted(study, i, a, b, level))
    if study.call is not None and len(study.readers) > 2:
        positive = study.call[i].sum(axis=0)
        counts = np.column_stack([len(study.readers) - positive, positive])
        yield EVERYONE, "", FLEISS, *_numbers(fleiss_kappa(counts, level=level))
        yield EVERYONE, "", PREVALENCE, *_share(study.call[i])


def _weighted(study: Crossed, i: int, a: int, b: int, level: float) -> Kappa:
    """Weights go by the levels of the study's scale, also those that these two readers left unused."""
    levels = np.unique(study.rating)
    table = np.zeros((levels.size, levels.size))
    np.add.at(table, tuple(np.searchsorted(levels, study.rating[i, [a, b]])), 1)
    return kappa_of_table(table, weights="quadratic", level=level)


def _numbers(kappa: Kappa) -> tuple[float, float, float, float, int]:
    return kappa.estimate, kappa.low, kappa.high, kappa.agreement, kappa.n


def _share(calls: np.ndarray) -> tuple[float, float, float, float, int]:
    """How many of the calls are positive; raw agreement belongs to kappa and is left out here."""
    return float(calls.mean()), np.nan, np.nan, np.nan, calls.shape[1]
