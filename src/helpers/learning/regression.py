"""Logistic regression that always has an answer: maximum likelihood, or Firth's penalty where classes separate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, ndtr, ndtri

from helpers.learning.fitted import FloatArray
from helpers.statistics.logistic import logistic

MOST_STEPS = 500
LONGEST_STEP = 5.0


@dataclass(frozen=True, eq=False)
class Regression:
    """Coefficients (k + 1,), intercept first, and their covariance; a column that others tell has 0 and NaN."""

    coefficients: FloatArray
    covariance: FloatArray
    kept: np.ndarray
    method: str

    @property
    def standard_errors(self) -> FloatArray:
        return np.sqrt(np.diag(self.covariance))

    def linear_predictor(self, x: FloatArray) -> FloatArray:
        """(n,) for x (n, k)."""
        return self.coefficients[0] + x @ self.coefficients[1:]

    def wald(self, *, level: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Limits of the coefficients and two-sided p values, (k + 1,) each."""
        error = self.standard_errors
        reach = ndtri(0.5 + level / 2) * error
        return self.coefficients - reach, self.coefficients + reach, 2 * ndtr(-np.abs(self.coefficients) / error)


def fit(x: FloatArray, truth: np.ndarray) -> Regression:
    """Regression of truth (n,) of 0 and 1, both present, on x (n, k).

    Columns are standardized within. A constant column, or one that the columns before it determine, is left out, as R's
    glm does. Where the classes separate, Firth's penalty gives finite estimates (Heinze & Schemper 2002,
    doi 10.1002/sim.1047).
    """
    mean, sd = x.mean(axis=0), x.std(axis=0)
    varying = sd > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    scaled = (x - mean) / np.where(varying, sd, 1.0)
    kept = _independent(np.where(varying, scaled, 0.0))
    design = np.column_stack([np.ones(len(x)), scaled[:, kept]])
    usual = logistic(design, truth)
    if usual.problem:
        beta, covariance, _ = firth(design, truth)
        return _unscaled(beta, covariance, mean, sd, kept, method="Firth")
    return _unscaled(usual.coefficients, usual.covariance, mean, sd, kept, method="maximum likelihood")


def _independent(x: FloatArray) -> np.ndarray:
    """Columns (k,) that are no combination of an intercept and the columns before them."""
    basis, kept = np.ones((len(x), 1)) / np.sqrt(len(x)), np.zeros(x.shape[1], dtype=bool)
    for j in range(x.shape[1]):
        rest = x[:, j] - basis @ (basis.T @ x[:, j])
        rest -= basis @ (basis.T @ rest)
        length = np.linalg.norm(rest)
        if length > 1e-7 * np.sqrt(len(x)) and basis.shape[1] < len(x):
            kept[j] = True
            basis = np.column_stack([basis, rest / length])
    return kept


def firth(
    design: FloatArray, truth: np.ndarray, *, free: np.ndarray | None = None
) -> tuple[FloatArray, FloatArray, float]:
    """Coefficients (k,), covariance (k, k) and height of the likelihood penalized by Jeffreys' prior at its maximum.

    Source: Firth 1993, doi 10.1093/biomet/80.1.27. The design brings its own column of ones and has full rank. Where
    `free` (k,) is false a coefficient stays 0 and the penalty remains that of the whole design, as the penalized
    likelihood-ratio test needs it (Heinze & Schemper 2002).
    """
    beta = np.zeros(design.shape[1])
    free = np.ones(beta.size, dtype=bool) if free is None else free
    height, step = _penalized(design, truth, beta, free)
    for _ in range(MOST_STEPS):
        step *= min(1.0, LONGEST_STEP / max(np.abs(step).max(), 1e-300))
        reached, next_step = _penalized(design, truth, beta + step, free)
        while reached < height - 1e-10 and np.abs(step).max() > 1e-12:
            step /= 2
            reached, next_step = _penalized(design, truth, beta + step, free)
        beta, height, moved, step = beta + step, reached, np.abs(step).max(), next_step
        if moved < 1e-10:
            return beta, np.linalg.inv(_information(design, beta)), height
    raise ArithmeticError(f"Firth's regression did not settle in {MOST_STEPS} steps.")


def _information(design: FloatArray, beta: FloatArray) -> FloatArray:
    eta = design @ beta
    return design.T @ (design * (expit(eta) * expit(-eta))[:, None])


def _penalized(design: FloatArray, truth: np.ndarray, beta: FloatArray, free: np.ndarray) -> tuple[float, FloatArray]:
    """Penalized log-likelihood and the Newton step of the free coefficients from there."""
    eta = design @ beta
    p, weight = expit(eta), expit(eta) * expit(-eta)
    information = _information(design, beta)
    sign, logarithm = np.linalg.slogdet(information)
    if sign <= 0 or not np.isfinite(logarithm):
        return -np.inf, np.zeros_like(beta)
    inverse = np.linalg.inv(information)
    leverage = weight * np.einsum("ij,jk,ik->i", design, inverse, design)
    score, step = design.T @ (truth - p + leverage * (0.5 - p)), np.zeros_like(beta)
    step[free] = np.linalg.solve(information[np.ix_(free, free)], score[free])
    return float(log_expit(np.where(truth == 1, eta, -eta)).sum() + logarithm / 2), step


def _unscaled(
    beta: FloatArray, covariance: FloatArray, mean: FloatArray, sd: FloatArray, kept: np.ndarray, *, method: str
) -> Regression:
    """Back from standardized columns to the units of x."""
    back = np.zeros((1 + kept.size, beta.size))
    back[0, 0], back[0, 1:] = 1.0, -mean[kept] / sd[kept]
    back[1 + np.flatnonzero(kept), 1 + np.arange(kept.sum())] = 1 / sd[kept]
    spread = back @ covariance @ back.T
    left_out = 1 + np.flatnonzero(~kept)
    spread[left_out, :] = spread[:, left_out] = np.nan
    return Regression(back @ beta, spread, kept, method)
