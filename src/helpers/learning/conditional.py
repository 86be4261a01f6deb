"""One variable given others, as multiple imputation draws it: predictive mean matching, or a category by logistic draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.learning import regression
from helpers.learning.fitted import FloatArray

DONORS = 5  # of the nearest predictions one is taken (van Buuren & Groothuis-Oudshoorn 2011)
RIDGE = 1e-5  # of the diagonal, where predictors nearly determine each other


@dataclass(frozen=True, eq=False)
class Matching:
    """A number: the observed values of training rows, sorted by their prediction, and coefficients drawn to predict with.

    Little 1988 (doi 10.2307/1391878): a value that was really measured, in a row whose prediction is near.
    """

    drawn: FloatArray
    predicted: FloatArray
    observed: FloatArray

    def draw(self, x: FloatArray, uniform: FloatArray) -> FloatArray:
        """Values (n,) for design x (n, k) and one uniform number (n,) a row."""
        wanted = _with_one(x) @ self.drawn
        count = min(DONORS, self.observed.size)
        above = np.searchsorted(self.predicted, wanted)
        near = np.clip(above[:, None] + np.arange(-count, count), 0, self.observed.size - 1)
        distance = np.abs(self.predicted[near] - wanted[:, None])
        # A row at the edge meets the same donor more than once: only its first place counts.
        distance[:, 1:][near[:, 1:] == near[:, :-1]] = np.inf
        best = np.argsort(distance, axis=1, kind="stable")[:, :count]
        chosen = best[np.arange(len(x)), np.floor(uniform * count).astype(int)]
        return self.observed[near[np.arange(len(x)), chosen]]


@dataclass(frozen=True, eq=False)
class Category:
    """A word: log odds of every level against the first, (levels - 1, k + 1), coefficients drawn.

    Individualized logits (Begg & Gray 1984, doi 10.1093/biomet/71.1.11): each level against the first, by a logistic regression of
    its own; Firth's penalty where classes separate.
    """

    levels: tuple[str, ...]
    drawn: FloatArray

    def draw(self, x: FloatArray, uniform: FloatArray) -> np.ndarray:
        """Levels (n,) for design x (n, k) and one uniform number (n,) a row."""
        odds = np.column_stack([np.zeros(len(x)), _with_one(x) @ self.drawn.T])
        share = np.exp(odds - odds.max(axis=1, keepdims=True))
        edges = np.cumsum(share, axis=1) / share.sum(axis=1, keepdims=True)
        return np.array(self.levels, dtype=object)[(edges[:, :-1] < uniform[:, None]).sum(axis=1)]


def matching(x: FloatArray, values: FloatArray, rng: np.random.Generator) -> Matching:
    """Fitted on rows x (n, k) with observed values (n,); the coefficients are drawn from their posterior (type 1 matching)."""
    design = _with_one(x)
    information = design.T @ design
    inverse = np.linalg.inv(information + RIDGE * np.diag(np.diag(information) + 1e-12))
    estimate = inverse @ design.T @ values
    residual = values - design @ estimate
    variance = residual @ residual / rng.chisquare(max(len(x) - design.shape[1], 1))
    spread = np.linalg.cholesky((inverse + inverse.T) / 2)
    drawn = estimate + np.sqrt(variance) * spread @ rng.standard_normal(estimate.size)
    predicted = design @ estimate
    order = np.argsort(predicted, kind="stable")
    return Matching(drawn, predicted[order], values[order])


def category(x: FloatArray, words: np.ndarray, rng: np.random.Generator) -> Category:
    """Fitted on rows x (n, k) with observed words (n,); coefficients are drawn from their approximate posterior."""
    levels, counts = np.unique(words.astype(str), return_counts=True)
    levels = levels[np.lexsort((levels, -counts))]
    drawn = [_drawn(x, words, str(levels[0]), str(level), rng) for level in levels[1:]]
    return Category(tuple(map(str, levels)), np.array(drawn).reshape(len(drawn), x.shape[1] + 1))


def _drawn(x: FloatArray, words: np.ndarray, first: str, level: str, rng: np.random.Generator) -> FloatArray:
    """Coefficients (k + 1,) of one level against the first; a column that others tell keeps 0."""
    both = (words == first) | (words == level)
    fitted = regression.fit(x[both], (words[both] == level).astype(np.int64))
    known = np.isfinite(np.diag(fitted.covariance))
    values, vectors = np.linalg.eigh(fitted.covariance[np.ix_(known, known)])
    coefficients = fitted.coefficients.copy()
    coefficients[known] += vectors @ (np.sqrt(np.clip(values, 0, None)) * rng.standard_normal(int(known.sum())))
    return coefficients


def _with_one(x: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(x)), x])
