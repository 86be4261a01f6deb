"""Simulated cohorts whose true performance is known: what an interval should cover, what a test should not find.

Truths come from numerical integration over the population, never from another simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The population of linear predictors, as equally likely values: their mean is an integral to six digits.
GRID = special.ndtri((np.arange(200_000) + 0.5) / 200_000)


@dataclass(frozen=True, eq=False)
class Population:
    """True and predicted risk (g,) of equally many patients each, predictions rising; its values are the truths."""

    true: FloatArray
    predicted: FloatArray

    @property
    def prevalence(self) -> float:
        return float(self.true.mean())

    @property
    def auc(self) -> float:
        """Probability that an event outranks a nonevent, each drawn by its weight."""
        events, nonevents = self.true / self.true.sum(), (1 - self.true) / (1 - self.true).sum()
        return float(np.sum(events * (np.cumsum(nonevents) - nonevents / 2)))

    @property
    def in_the_large(self) -> float:
        """Intercept with the slope held at 1."""
        logit = special.logit(self.predicted)
        return optimize.brentq(lambda a: special.expit(logit + a).mean() - self.prevalence, -5, 5)

    @property
    def observed_expected(self) -> float:
        return float(self.prevalence / self.predicted.mean())

    @property
    def brier(self) -> float:
        return float(np.mean(self.true * (1 - self.predicted) ** 2 + (1 - self.true) * self.predicted**2))

    @property
    def ici(self) -> float:
        return float(np.abs(self.true - self.predicted).mean())

    def cells(self, cut: float) -> tuple[float, float, float, float]:
        """Shares of true positives, false positives, false negatives and true negatives."""
        positive = self.predicted >= cut
        cells = [(a * b).mean() for a in (positive, ~positive) for b in (self.true, 1 - self.true)]
        return tuple(float(share) for share in cells)

    def net_benefit(self, threshold: float) -> float:
        tp, fp, *_ = self.cells(threshold)
        return tp - fp * threshold / (1 - threshold)

    def treat_all(self, threshold: float) -> float:
        return self.prevalence - (1 - self.prevalence) * threshold / (1 - threshold)


@dataclass(frozen=True)
class Frozen:
    """A frozen model on new patients: linear predictor normal (mean, spread), true logit = shift + slope * predictor."""

    mean: float = -0.7
    spread: float = 1.2
    shift: float = 0.0
    slope: float = 1.0

    def draw(self, rng: np.random.Generator, n: int) -> tuple[IntArray, FloatArray]:
        """Outcomes (n,), at least two of each, and predicted risks (n,)."""
        while True:
            predictor = self.mean + self.spread * rng.normal(size=n)
            truth = (rng.random(n) < special.expit(self.shift + self.slope * predictor)).astype(np.int64)
            if 2 <= truth.sum() <= n - 2:
                return truth, special.expit(predictor)

    @cached_property
    def population(self) -> Population:
        predictor = self.mean + self.spread * GRID
        return Population(special.expit(self.shift + self.slope * predictor), special.expit(predictor))


def outcomes(rng: np.random.Generator, n: int, *, prevalence: float) -> IntArray:
    """Outcomes (n,) drawn one by one, with at least two of each."""
    while True:
        truth = (rng.random(n) < prevalence).astype(np.int64)
        if 2 <= truth.sum() <= n - 2:
            return truth


def binormal(
    rng: np.random.Generator, truth: IntArray, areas: tuple[float, ...], *, correlation: float = 0.0
) -> FloatArray:
    """Scores (models, n): normal in each class with equal variance, areas as asked, equally correlated."""
    shift = np.sqrt(2) * special.ndtri(np.asarray(areas))
    shared, own = rng.normal(size=truth.size), rng.normal(size=(len(areas), truth.size))
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own + shift[:, None] * truth


@dataclass(frozen=True)
class TwoModels:
    """Old and new frozen models, both calibrated: the new one knows one normal predictor more."""

    intercept: float = -0.9
    first: float = 1.0
    second: float = 0.7
    cut: float = 0.3

    def risks(self, x: FloatArray, extra: FloatArray) -> tuple[FloatArray, FloatArray]:
        new = special.expit(self.intercept + self.first * x + self.second * extra)
        nodes, weights = np.polynomial.hermite_e.hermegauss(40)
        wide = special.expit(self.intercept + self.first * x[..., None] + self.second * nodes)
        return wide @ (weights / weights.sum()), new

    def draw(self, rng: np.random.Generator, n: int) -> tuple[IntArray, FloatArray, FloatArray]:
        """Outcomes, old and new risks, (n,) each, with at least two of each outcome."""
        while True:
            x, extra = rng.normal(size=(2, n))
            old, new = self.risks(x, extra)
            truth = (rng.random(n) < new).astype(np.int64)
            if 2 <= truth.sum() <= n - 2:
                return truth, old, new

    @cached_property
    def populations(self) -> tuple[Population, Population]:
        """Old and new model among all patients; both are calibrated, so true and predicted risk agree."""
        old = self.risks(GRID[::100], GRID[::100])[0]
        new = special.expit(self.intercept + np.hypot(self.first, self.second) * GRID)
        return Population(old, old), Population(new, new)

    @cached_property
    def improvements(self) -> dict[str, float]:
        """True categorical and continuous NRI and IDI, by integration over both predictors."""
        points = special.ndtri((np.arange(1500) + 0.5) / 1500)
        x, extra = (grid.ravel() for grid in np.meshgrid(points, points))
        old = np.tile(self.risks(points, points)[0], points.size)
        new = special.expit(self.intercept + self.first * x + self.second * extra)
        moves = {
            "categorical NRI": (new >= self.cut).astype(float) - (old >= self.cut),
            "continuous NRI": np.sign(new - old),
            "IDI": new - old,
        }
        events, nonevents = new / new.sum(), (1 - new) / (1 - new).sum()
        return {name: float(move @ events - move @ nonevents) for name, move in moves.items()}


@dataclass(frozen=True)
class ReaderStudy:
    """Ratings of the Roe and Metz 1997 model (doi 10.1016/S1076-6332(97)80210-3), two modalities of equal area.

    Variances of reader and modality-by-reader effects (drawn for each class), and of case, modality-by-case,
    reader-by-case and error, which sum to one.
    """

    readers: int
    area: float = 0.85
    reader: float = 0.0055
    modality_reader: float = 0.0
    case: float = 0.3
    modality_case: float = 0.3
    reader_case: float = 0.2
    error: float = 0.2

    def draw(self, rng: np.random.Generator, truth: IntArray) -> FloatArray:
        """Ratings (2, readers, cases)."""
        j, n = self.readers, truth.size
        by_class = np.sqrt(self.reader) * rng.normal(size=(1, j, 2))
        by_class = by_class + np.sqrt(self.modality_reader) * rng.normal(size=(2, j, 2))
        noise = (
            np.sqrt(self.case) * rng.normal(size=(1, 1, n))
            + np.sqrt(self.modality_case) * rng.normal(size=(2, 1, n))
            + np.sqrt(self.reader_case) * rng.normal(size=(1, j, n))
            + np.sqrt(self.error) * rng.normal(size=(2, j, n))
        )
        separation = np.sqrt(2) * special.ndtri(self.area)
        return noise + by_class[:, :, truth] + separation * truth
