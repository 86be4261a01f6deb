"""Bootstrap samples of training patients: all rows of a patient come together, as often as the patient is drawn.

Copies of a patient keep the patient's name, so that folds, which are drawn by patient, hold them all together: a
model tuned or cross-fitted inside a sample is never judged on a copy of what it saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from helpers.errors import RadiogramError
from helpers.learning.dlrn import DLRN
from helpers.learning.fitted import FloatArray
from helpers.learning.rows import Rows, require_training

# Samples tried until one has enough patients of both classes.
MOST_DRAWS = 20


@dataclass(frozen=True, eq=False)
class Sample:
    """A bootstrap sample: its rows, and the positions (m,) of the rows of patients who were not drawn."""

    rows: Rows
    outside: np.ndarray


@dataclass(frozen=True, eq=False)
class Refit:
    """The pipeline fitted on one bootstrap sample, judged on the sample, on all training rows and out of the bag.

    `sample`, `original` and `outside` have the probability (rows,) of every model; the truths belong to them.
    `outside` is empty where everybody was drawn. `selected` has the features that each signature kept.
    """

    sample: dict[str, FloatArray]
    original: dict[str, FloatArray]
    outside: dict[str, FloatArray]
    sample_truth: np.ndarray
    outside_truth: np.ndarray
    selected: dict[str, tuple[str, ...]]


def derived_seed(seed: int, purpose: str, number: int) -> int:
    """A seed of its own for every repetition, the same in any process and order."""
    return int(np.random.default_rng([seed, crc32(purpose.encode()), number]).integers(2**31))


def draw(rows: Rows, *, generator: np.random.Generator) -> Sample:
    """As many patients as there are, drawn with replacement. Raises RadiogramError for rows outside part train."""
    require_training(rows, "bootstrap sample")
    patients, position = np.unique(rows.patient, return_inverse=True)
    drawn = np.bincount(generator.integers(patients.size, size=patients.size), minlength=patients.size)
    copies = drawn[position]
    return Sample(rows.take(np.repeat(np.arange(len(rows)), copies)), np.flatnonzero(copies == 0))


def refit(
    rows: Rows, fit: Callable[[Rows], DLRN], *, feasible: Callable[[Rows], bool], seed: int, draws: int = MOST_DRAWS
) -> Refit | None:
    """Draw a sample, drawing again while it is not `feasible`, and do everything that `fit` does on it.

    None when no draw would do, or when the sample cannot be fitted (too few measured twice for the gate, say): the
    repetition is then left out and not counted. Raises RadiogramError for rows outside part train.
    """
    generator = np.random.default_rng(seed)
    sample = next((s for s in (draw(rows, generator=generator) for _ in range(draws)) if feasible(s.rows)), None)
    if sample is None:
        return None
    try:
        model = fit(sample.rows)
    except (RadiogramError, ArithmeticError):
        return None
    held = rows.take(sample.outside)
    return Refit(
        sample=model.apparent(sample.rows),
        original=model.resampled(rows),
        outside=model.probabilities(held) if len(held) else {},
        sample_truth=sample.rows.truth,
        outside_truth=held.truth,
        selected=model.selected,
    )
