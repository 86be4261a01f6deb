"""Multi-reader multi-case analysis of what readers reach, by the Obuchowski-Rockette method.

Obuchowski and Rockette 1995 (Commun Stat Simul 24:285) with the degrees of freedom of Hillis 2007
(doi 10.1002/sim.2532); equal to MRMCaov and OR-DBM MRMC 2.5. With two or three readers the random-reader
degrees of freedom are erratic, so the fixed-reader result leads and speaks of these readers only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray
from .discrimination import Comparison, compare_paired
from .modality_tests import (
    ModalityMeans,
    ModalityTest,
    ModalityTests,
    means_of_fixed_readers,
    means_of_random_readers,
)
from .model_contrast import (
    NonInferiority,
    ReadersAgainstModel,
    non_inferiority,
    normal_contrast,
    readers_against_model,
)
from .reader_covariances import checked_ratings, jackknife, with_covariance
from .switches import Switches, switches

__all__ = [
    "MRMC",
    "ModalityMeans",
    "ModalityTest",
    "NonInferiority",
    "ReadersAgainstModel",
    "Switches",
    "jackknife",
    "mrmc",
    "non_inferiority",
    "readers_against_model",
    "switches",
]

FEWEST_RANDOM_READERS = 4


@dataclass(frozen=True, eq=False)
class MRMC:
    """Values of the metric (modalities, readers), the modalities' means, and the tests that these are equal.

    `leading` names the test to put first, and `means` are the means that go with it. `per_reader` holds each
    reader's paired comparison, empty with more than two modalities.
    """

    metric: str
    values: FloatArray
    means_of_fixed_readers: ModalityMeans
    means_of_random_readers: ModalityMeans
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
    cases: int

    @property
    def means(self) -> ModalityMeans:
        """Means of the modalities with the limits of the analysis that leads."""
        return self.means_of_fixed_readers if self.leading == "fixed readers" else self.means_of_random_readers


def mrmc(
    truth: ArrayLike, ratings: ArrayLike, *, metric: str = "auc", covariance: str = "delong", level: float = 0.95
) -> MRMC:
    """Compare modalities over readers for ratings (modalities, readers, cases) and truth (cases,).

    `metric` is "auc" of graded ratings, or "sensitivity" or "specificity" of calls of 0 and 1; `covariance`
    of areas is "delong", "jackknife" or "unbiased", that of the shares always the jackknife. One reader is
    enough for the fixed-reader test. Raises ValueError for an area of binary ratings, for one class only, for
    fewer than two modalities, or for missing ratings.
    """
    events, ratings = checked_ratings(truth, ratings, metric=metric)
    if ratings.ndim != 3 or ratings.shape[0] < 2:
        raise ValueError(f"ratings must be (2 modalities or more, readers, {events.size}), not {ratings.shape}")
    modalities, readers, cases = ratings.shape
    flat = ratings.reshape(-1, cases)
    values, matrix, covariance = with_covariance(events, flat, metric=metric, covariance=covariance)
    values, blocks = values.reshape(modalities, readers), matrix.reshape(modalities, readers, modalities, readers)
    components, squares = _components(blocks), _mean_squares(values)
    tests = ModalityTests(values, squares, components, level)
    paired = range(readers if modalities == 2 else 0)
    if covariance == "delong":
        per_reader = tuple(compare_paired(events, *ratings[:, j], level=level) for j in paired)
    else:
        per_reader = tuple(_paired(values[:, j], blocks[:, j, :, j], covariance, level) for j in paired)
    return MRMC(
        metric,
        values,
        means_of_fixed_readers(values, blocks, level),
        means_of_random_readers(values, blocks, level),
        tests.fixed_readers(),
        tests.random_readers(),
        tests.fixed_cases(),
        per_reader,
        *components,
        *squares,
        covariance,
        "fixed readers" if readers < FEWEST_RANDOM_READERS else "random readers",
        cases,
    )


def _paired(values: FloatArray, matrix: FloatArray, covariance: str, level: float) -> Comparison:
    """One reader's first modality minus the second."""
    variance = float(matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1])
    return normal_contrast(float(values[0] - values[1]), variance, level=level, method=f"paired {covariance}")


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


def _mean_squares(values: FloatArray) -> tuple[float, float, float]:
    """Mean squares of modality, reader and their interaction; NaN for those a single reader lacks."""
    i, j = values.shape
    of_modality = values.mean(axis=1, keepdims=True) - values.mean()
    of_reader = values.mean(axis=0, keepdims=True) - values.mean()
    rest = values - values.mean() - of_modality - of_reader
    modality = j * np.sum(of_modality**2) / (i - 1)
    if j == 1:
        return float(modality), np.nan, np.nan
    reader, interaction = i * np.sum(of_reader**2) / (j - 1), np.sum(rest**2) / ((i - 1) * (j - 1))
    return float(modality), float(reader), float(interaction)
