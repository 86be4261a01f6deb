"""The three tests of Hillis 2007 that modalities perform alike, and the limits of each modality alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .arrays import FloatArray
from .discrimination import ZERO_VARIANCE


@dataclass(frozen=True)
class ModalityTest:
    """Test of equal means; difference is first minus second modality, NaN with more than two modalities.

    df is that of the chi-square with a normal interval, or of the error term with a t interval; see `method`.
    """

    difference: float
    low: float
    high: float
    standard_error: float
    statistic: float
    df: float
    p: float
    method: str


@dataclass(frozen=True, eq=False)
class ModalityMeans:
    """Mean over readers of each modality (modalities,) with limits; df is infinite for normal limits."""

    estimate: FloatArray
    standard_error: FloatArray
    df: FloatArray
    low: FloatArray
    high: FloatArray


def _means(values: FloatArray, error: FloatArray, df: FloatArray, level: float) -> ModalityMeans:
    half = stats.t.ppf(0.5 + level / 2, df) * error
    mean = values.mean(axis=1)
    return ModalityMeans(mean, error, df, mean - half, mean + half)


def means_of_random_readers(values: FloatArray, blocks: FloatArray, level: float) -> ModalityMeans:
    """Limits that speak of readers and cases in general; NaN for a single reader.

    values are (modalities, readers), blocks their covariance (modalities, readers, modalities, readers).
    """
    i, j = values.shape
    if j == 1:
        return _means(values, np.full(i, np.nan), np.full(i, np.nan), level)
    ms_reader = values.var(axis=1, ddof=1)
    spread = ms_reader + j * np.maximum(_between_readers(blocks), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = spread**2 / (ms_reader**2 / (j - 1))
    return _means(values, np.sqrt(spread / j), df, level)


def means_of_fixed_readers(values: FloatArray, blocks: FloatArray, level: float) -> ModalityMeans:
    """Limits that speak of these readers on cases in general; shapes as in `means_of_random_readers`."""
    i, j = values.shape
    variance = np.array([np.diagonal(blocks[m, :, m, :]).mean() for m in range(i)])
    shared = np.maximum(_between_readers(blocks), 0) if j > 1 else np.zeros(i)
    return _means(values, np.sqrt((variance + (j - 1) * shared) / j), np.full(i, np.inf), level)


def _between_readers(blocks: FloatArray) -> FloatArray:
    """Cov2 of each modality: the mean covariance of different readers within it."""
    apart = ~np.eye(blocks.shape[1], dtype=bool)
    return np.array([blocks[m, :, m, :][apart].mean() for m in range(blocks.shape[0])])


@dataclass(frozen=True, eq=False)
class ModalityTests:
    """The tests from values (modalities, readers), their mean squares and Var, Cov1, Cov2, Cov3."""

    values: FloatArray
    squares: tuple[float, float, float]
    components: tuple[float, float, float, float]
    level: float

    def _excess(self) -> float:
        """J * max(Cov2 - Cov3, 0): what different readers of the same case share within a modality."""
        return self.values.shape[1] * max(self.components[2] - self.components[3], 0.0)

    def fixed_readers(self) -> ModalityTest:
        """Inference to these readers: chi-square on modalities - 1, normal interval."""
        (i, j), (var, cov1, *_) = self.values.shape, self.components
        scale = var - cov1 + (j - 1) / j * self._excess()
        if not scale >= ZERO_VARIANCE:
            return self._test(np.nan, np.nan, i - 1, np.nan, np.nan, "fixed readers; not estimable")
        statistic = (i - 1) * self.squares[0] / scale
        p = stats.chi2.sf(statistic, i - 1)
        return self._test(scale, statistic, i - 1, p, np.inf, "fixed readers, chi-square")

    def random_readers(self) -> ModalityTest:
        """Inference to readers and cases: F with Hillis' degrees of freedom, t interval."""
        i, j = self.values.shape
        scale = self.squares[2] + self._excess()
        if not (j > 1 and self.squares[2] >= ZERO_VARIANCE):
            return self._test(np.nan, np.nan, np.nan, np.nan, np.nan, "random readers; not estimable")
        df = scale**2 / (self.squares[2] ** 2 / ((i - 1) * (j - 1)))
        statistic = self.squares[0] / scale
        p = stats.f.sf(statistic, i - 1, df)
        return self._test(scale, statistic, df, p, df, "random readers and cases, Hillis F")

    def fixed_cases(self) -> ModalityTest:
        """Inference to readers on these cases: F on modalities - 1 and their interaction with readers."""
        (i, j), scale = self.values.shape, self.squares[2]
        if not (j > 1 and scale >= ZERO_VARIANCE):
            return self._test(np.nan, np.nan, np.nan, np.nan, np.nan, "fixed cases; not estimable")
        df, statistic = (i - 1) * (j - 1), self.squares[0] / scale
        p = stats.f.sf(statistic, i - 1, df)
        return self._test(scale, statistic, df, p, df, "fixed cases, random readers, F")

    def _test(
        self, scale: float, statistic: float, df: float, p: float, interval_df: float, method: str
    ) -> ModalityTest:
        means = self.values.mean(axis=1)
        difference = float(means[0] - means[1]) if len(means) == 2 else np.nan
        error = float(np.sqrt(2 / self.values.shape[1] * scale)) if scale >= 0 else np.nan
        half = float(stats.t.ppf(0.5 + self.level / 2, interval_df)) * error
        numbers = (difference, difference - half, difference + half, error, statistic, df, p)
        return ModalityTest(*(float(x) for x in numbers), method)
