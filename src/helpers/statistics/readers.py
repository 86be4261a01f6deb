"""Multi-reader multi-case analysis of reader areas by the Obuchowski-Rockette method.

Obuchowski and Rockette 1995 (Commun Stat Simul 24:285) with the degrees of freedom of Hillis 2007
(doi 10.1002/sim.2532); equal to MRMCaov and OR-DBM MRMC 2.5. With two or three readers the random-reader
degrees of freedom are erratic, so the fixed-reader result leads and speaks of these readers only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import BoolArray, FloatArray, binary_truth, require_both_classes
from .discrimination import ZERO_VARIANCE, Comparison, compare_paired, delong, placements
from .switches import Switches, switches

__all__ = ["MRMC", "ModalityTest", "Switches", "jackknife", "mrmc", "switches"]

FEWEST_RANDOM_READERS = 4


@dataclass(frozen=True)
class ModalityTest:
    """Test of equal areas; difference is first minus second modality, NaN with more than two modalities.

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
class MRMC:
    """Areas (modalities, readers), modality means with random-reader limits (modalities,), and the tests.

    `leading` names the test to put first. `per_reader` holds each reader's paired DeLong comparison, empty
    with more than two modalities.
    """

    auc: FloatArray
    modality_auc: FloatArray
    modality_standard_error: FloatArray
    modality_df: FloatArray
    modality_low: FloatArray
    modality_high: FloatArray
    fixed_readers: ModalityTest
    random_readers: ModalityTest
    fixed_cases: ModalityTest
    per_reader: tuple[Comparison, ...]
    var: float
    cov1: float
    cov2: float
    cov3: float
    ms_modality: float
    ms_reader: float
    ms_interaction: float
    covariance: str
    leading: str


def mrmc(truth: ArrayLike, ratings: ArrayLike, *, covariance: str = "delong", level: float = 0.95) -> MRMC:
    """Compare modalities over readers for ratings (modalities, readers, cases) and truth (cases,).

    `covariance` of the areas is "delong" or "jackknife". Raises ValueError for binary ratings, for one class
    only, for fewer than two modalities, or for missing ratings.
    """
    events, ratings = _checked(truth, ratings)
    if covariance not in ("delong", "jackknife"):
        raise ValueError(f'covariance must be "delong" or "jackknife", not "{covariance}"')
    modalities, readers, cases = ratings.shape
    flat = ratings.reshape(-1, cases)
    areas, matrix = (delong if covariance == "delong" else jackknife)(events, flat)
    areas = areas.reshape(modalities, readers)
    blocks = matrix.reshape(modalities, readers, modalities, readers)
    var, cov1, cov2, cov3 = _components(blocks)
    squares = _mean_squares(areas)
    tests = _Tests(areas, squares, (var, cov1, cov2, cov3), level)
    paired = range(readers if modalities == 2 else 0)
    pairs = [compare_paired(events, *ratings[:, j], level=level) for j in paired]
    leading = "fixed readers" if readers < FEWEST_RANDOM_READERS else "random readers"
    return MRMC(
        areas,
        areas.mean(axis=1),
        *_modality_limits(areas, blocks, level),
        tests.fixed_readers(),
        tests.random_readers(),
        tests.fixed_cases(),
        tuple(pairs),
        var,
        cov1,
        cov2,
        cov3,
        *squares,
        covariance,
        leading,
    )


def _checked(truth: ArrayLike, ratings: ArrayLike) -> tuple[BoolArray, FloatArray]:
    events, ratings = binary_truth(truth), np.asarray(ratings, dtype=float)
    require_both_classes(events)
    if ratings.ndim != 3 or ratings.shape[0] < 2 or ratings.shape[2] != events.size:
        raise ValueError(f"ratings must be (2 modalities or more, readers, {events.size}), not {ratings.shape}")
    if not np.isfinite(ratings).all():
        raise ValueError("every reader must rate every case in every modality")
    if np.unique(ratings).size < 3:
        raise ValueError("ratings are binary: report sensitivity and specificity, not an AUC")
    return events, ratings


def jackknife(truth: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Areas (k,) and their leave-one-case-out covariance (k, k) for scores (k, n)."""
    events, scores = binary_truth(truth), np.asarray(scores, dtype=float)
    of_events, of_nonevents = placements(events, scores)
    areas, n = of_events.mean(axis=1, keepdims=True), events.size
    left_out = [
        (part.shape[1] * areas - part) / (part.shape[1] - 1) if part.shape[1] > 1 else part * np.nan
        for part in (of_events, of_nonevents)
    ]
    deviation = np.concatenate(left_out, axis=1)
    deviation = deviation - deviation.mean(axis=1, keepdims=True)
    return areas[:, 0], (n - 1) / n * deviation @ deviation.T


def _components(blocks: FloatArray) -> tuple[float, float, float, float]:
    """Var and Cov1-3, averaged over the pairs (modality, reader, modality, reader) each stands for."""
    modality, reader = np.arange(blocks.shape[0]), np.arange(blocks.shape[1])
    same_modality = (modality[:, None] == modality)[:, None, :, None]
    same_reader = (reader[:, None] == reader)[None, :, None, :]
    masks = (
        same_modality & same_reader,
        ~same_modality & same_reader,
        same_modality & ~same_reader,
        ~same_modality & ~same_reader,
    )
    values = [blocks[np.broadcast_to(mask, blocks.shape)] for mask in masks]
    # A single reader shares no covariance with another.
    return tuple(float(v.mean()) if v.size else 0.0 for v in values)


def _mean_squares(areas: FloatArray) -> tuple[float, float, float]:
    """Mean squares of modality, reader and their interaction; NaN for those a single reader lacks."""
    i, j = areas.shape
    of_modality = areas.mean(axis=1, keepdims=True) - areas.mean()
    of_reader = areas.mean(axis=0, keepdims=True) - areas.mean()
    rest = areas - areas.mean() - of_modality - of_reader
    modality = j * np.sum(of_modality**2) / (i - 1)
    if j == 1:
        return float(modality), np.nan, np.nan
    reader, interaction = i * np.sum(of_reader**2) / (j - 1), np.sum(rest**2) / ((i - 1) * (j - 1))
    return float(modality), float(reader), float(interaction)


def _modality_limits(areas: FloatArray, blocks: FloatArray, level: float) -> tuple[FloatArray, ...]:
    """Random-reader SE, df and limits of each modality alone, from its own readers and covariances."""
    j = areas.shape[1]
    if j == 1:
        return tuple(np.full(len(areas), np.nan) for _ in range(4))
    own = np.array([blocks[i, :, i, :] for i in range(len(areas))])
    cov2 = own[:, ~np.eye(j, dtype=bool)].mean(axis=1)
    ms_reader = areas.var(axis=1, ddof=1)
    spread = ms_reader + j * np.maximum(cov2, 0)
    error = np.sqrt(spread / j)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = spread**2 / (ms_reader**2 / (j - 1))
    half = stats.t.ppf(0.5 + level / 2, df) * error
    return error, df, areas.mean(axis=1) - half, areas.mean(axis=1) + half


@dataclass(frozen=True, eq=False)
class _Tests:
    """The three tests of Hillis 2007 from mean squares and covariances."""

    areas: FloatArray
    squares: tuple[float, float, float]
    components: tuple[float, float, float, float]
    level: float

    def _excess(self) -> float:
        """J * max(Cov2 - Cov3, 0): what different readers of the same case share within a modality."""
        return self.areas.shape[1] * max(self.components[2] - self.components[3], 0.0)

    def fixed_readers(self) -> ModalityTest:
        """Inference to these readers: chi-square on modalities - 1, normal interval."""
        (i, j), (var, cov1, *_) = self.areas.shape, self.components
        scale = var - cov1 + (j - 1) / j * self._excess()
        if not scale >= ZERO_VARIANCE:
            return self._test(np.nan, np.nan, i - 1, np.nan, np.nan, "fixed readers; not estimable")
        statistic = (i - 1) * self.squares[0] / scale
        p = stats.chi2.sf(statistic, i - 1)
        return self._test(scale, statistic, i - 1, p, np.inf, "fixed readers, chi-square")

    def random_readers(self) -> ModalityTest:
        """Inference to readers and cases: F with Hillis' degrees of freedom, t interval."""
        i, j = self.areas.shape
        scale = self.squares[2] + self._excess()
        if not (j > 1 and self.squares[2] >= ZERO_VARIANCE):
            return self._test(np.nan, np.nan, np.nan, np.nan, np.nan, "random readers; not estimable")
        df = scale**2 / (self.squares[2] ** 2 / ((i - 1) * (j - 1)))
        statistic = self.squares[0] / scale
        p = stats.f.sf(statistic, i - 1, df)
        return self._test(scale, statistic, df, p, df, "random readers and cases, Hillis F")

    def fixed_cases(self) -> ModalityTest:
        """Inference to readers on these cases: F on modalities - 1 and their interaction with readers."""
        (i, j), scale = self.areas.shape, self.squares[2]
        if not (j > 1 and scale >= ZERO_VARIANCE):
            return self._test(np.nan, np.nan, np.nan, np.nan, np.nan, "fixed cases; not estimable")
        df, statistic = (i - 1) * (j - 1), self.squares[0] / scale
        p = stats.f.sf(statistic, i - 1, df)
        return self._test(scale, statistic, df, p, df, "fixed cases, random readers, F")

    def _test(
        self, scale: float, statistic: float, df: float, p: float, interval_df: float, method: str
    ) -> ModalityTest:
        means = self.areas.mean(axis=1)
        difference = float(means[0] - means[1]) if len(means) == 2 else np.nan
        error = float(np.sqrt(2 / self.areas.shape[1] * scale)) if scale >= 0 else np.nan
        half = float(stats.t.ppf(0.5 + self.level / 2, interval_df)) * error
        numbers = (difference, difference - half, difference + half, error, statistic, df, p)
        return ModalityTest(*(float(x) for x in numbers), method)
