"""Features that can be used, that are not told by another one, and on one scale: all learned from training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from helpers.learning import relevance
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, require_training

BoolArray = NDArray[np.bool_]

# A feature with one value in this share of the rows says nothing about the others.
MOST_SHARED = 0.95
# A spread this small beside the mean is rounding.
LEAST_SPREAD = 1e-10
BLOCK = 256


def usable(rows: Rows, names: list[str]) -> list[str]:
    """Features finite in every training row, whose commonest value fills less than 95 % of them."""
    require_training(rows, "filter of constant features")
    return _named(names, varying(rows.features[names].to_numpy()))


def varying(values: FloatArray) -> BoolArray:
    """Columns of values (n, p) that are finite in every row and whose commonest value fills less than 95 % of them."""
    if not len(values):
        return np.zeros(values.shape[1], dtype=bool)
    finite = np.isfinite(values).all(axis=0)
    ordered = np.sort(np.where(finite, values, 0.0), axis=0)
    run = int(np.ceil(MOST_SHARED * len(values)))
    shared = (ordered[run - 1 :] == ordered[: len(values) - run + 1]).any(axis=0)
    spread = ordered.std(axis=0) > LEAST_SPREAD * np.abs(ordered.mean(axis=0))
    return finite & ~shared & spread


def _named(names: list[str], kept: BoolArray) -> list[str]:
    return [name for name, good in zip(names, kept, strict=True) if good]


def distinct(rows: Rows, names: list[str], *, limit: float, icc: Mapping[str, float] | None = None) -> list[str]:
    """Features of which no two have an absolute Spearman correlation above `limit`, in the order of `names`.

    Of two such features the one with the higher ICC stays, else the one that separates the classes better alone
    (largest distance of its AUC from 0.5), else the first by name.
    """
    require_training(rows, "redundancy filter")
    agreement = np.array([(icc or {}).get(name, 0.0) for name in names])
    values = rows.features[names].to_numpy()
    return _named(names, apart(values, rows.truth, limit=limit, agreement=agreement, names=names))


def apart(
    values: FloatArray, truth: np.ndarray, *, limit: float, agreement: FloatArray, names: Sequence[str]
) -> BoolArray:
    """Columns of values (n, p) left as `distinct` says, from truth (n,) of 0 and 1, agreement (p,) and names (p,)."""
    kept = np.zeros(len(names), dtype=bool)
    if kept.size:
        ranks = rankdata(values, axis=0)
        order = np.lexsort((np.array(names), -_relevance(ranks, truth), -agreement))
        kept[order[_greedy(ranks[:, order], limit=limit)]] = True
    return kept


def associated(rows: Rows, names: list[str], *, test: str, fdr: float) -> list[str]:
    """Features that differ between the classes by `test`, at that false discovery rate: see `relevance`."""
    require_training(rows, "univariate filter")
    p = relevance.p_values(rows.features[names].to_numpy(), rows.truth, test=test)
    return _named(names, relevance.discoveries(p, fdr=fdr))


def relevant(rows: Rows, names: list[str], *, count: int, criterion: str) -> list[str]:
    """The `count` features that mRMR takes first by `criterion`, in the order of `names`: see `relevance`."""
    require_training(rows, "mRMR")
    first = relevance.mrmr(rows.features[names].to_numpy(), rows.truth, count=count, criterion=criterion)
    return [names[j] for j in sorted(first)]


def _relevance(ranks: FloatArray, truth: np.ndarray) -> FloatArray:
    """|AUC - 0.5| of every column of ranks (n, p); integers of half ranks, so that ties are ties."""
    events, nonevents = int(truth.sum()), int((1 - truth).sum())
    rank_sum = ranks[truth == 1].sum(axis=0) - events * (events + 1) / 2
    return np.abs(2 * rank_sum - events * nonevents)


def _greedy(ranks: FloatArray, *, limit: float) -> np.ndarray:
    """Columns kept when each is dropped that correlates above `limit` with one kept before it.

    By blocks, so that thousands of features never need their whole correlation matrix.
    """
    centered = ranks - ranks.mean(axis=0)
    unit = centered / np.linalg.norm(centered, axis=0)
    kept: list[int] = []
    for start in range(0, unit.shape[1], BLOCK):
        block = unit[:, start : start + BLOCK]
        free = (np.abs(block.T @ unit[:, kept]) <= limit).all(axis=1) if kept else np.ones(block.shape[1], bool)
        within = np.abs(block.T @ block) > limit
        for i in range(block.shape[1]):
            if free[i]:
                kept.append(start + i)
                free[i + 1 :] &= ~within[i, i + 1 :]
    return np.array(kept, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaler(Fitted):
    """Mean and population standard deviation of features on the training rows."""

    names: tuple[str, ...]
    mean: FloatArray
    sd: FloatArray

    def transform(self, rows: Rows) -> FloatArray:
        """Standardized features (n, p) of new patients; raises RadiogramError for those it was fitted on."""
        self.refuse(rows.patient.tolist())
        return self._standardized(rows)

    def apparent(self, rows: Rows) -> FloatArray:
        """Standardized features (n, p) of the rows it was fitted on."""
        self.require_seen(rows)
        return self._standardized(rows)

    def gaps(self, rows: Rows) -> int:
        """Rows that lack a feature: the training mean stands in for it."""
        return int((~np.isfinite(self._raw(rows))).any(axis=1).sum())

    def _raw(self, rows: Rows) -> FloatArray:
        return rows.features.reindex(columns=list(self.names)).to_numpy(dtype=np.float64)

    def _standardized(self, rows: Rows) -> FloatArray:
        values = (self._raw(rows) - self.mean) / self.sd
        return np.where(np.isfinite(values), values, 0.0)


def scaler(rows: Rows, names: list[str]) -> Scaler:
    """Fit on training rows; the features must be usable. Raises RadiogramError for rows outside part train."""
    require_training(rows, "scaler")
    values: pd.DataFrame = rows.features[names]
    mean, sd = values.to_numpy().mean(axis=0), values.to_numpy().std(axis=0)
    return Scaler(what="scaler", seen=rows.patients, names=tuple(names), mean=mean, sd=sd)
