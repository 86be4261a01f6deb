"""How much a feature tells of the outcome, alone and beside others: univariate tests, their FDR, and mRMR."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, mannwhitneyu, ttest_ind

from helpers.learning.fitted import FloatArray

# A redundancy below this would make a quotient a matter of rounding.
LEAST_REDUNDANCY = 1e-3


def p_values(values: FloatArray, truth: np.ndarray, *, test: str) -> FloatArray:
    """Two-sided P (p,) of every column of values (n, p) against truth (n,) of 0 and 1, both present.

    test: mannwhitney (normal approximation, corrected for ties and continuity) or t (Welch's). A constant column has P 1.
    """
    if not values.shape[1]:
        return np.ones(0)
    compare = {"mannwhitney": partial(mannwhitneyu, method="asymptotic"), "t": partial(ttest_ind, equal_var=False)}
    with np.errstate(all="ignore"):
        found = np.asarray(compare[test](values[truth == 1], values[truth == 0], axis=0).pvalue, dtype=np.float64)
    return np.where(np.isfinite(found) & (np.ptp(values, axis=0) > 0), found, 1.0)


def discoveries(p: FloatArray, *, fdr: float) -> NDArray[np.bool_]:
    """Which of P (p,) Benjamini and Hochberg reject at that false discovery rate (1995, 10.1111/j.2517-6161.1995.tb02031.x)."""
    return false_discovery_control(p, method="bh") <= fdr if p.size else np.zeros(0, dtype=bool)


def mrmr(values: FloatArray, truth: np.ndarray, *, count: int, criterion: str) -> list[int]:
    """Positions of the `count` columns that minimum redundancy, maximum relevance takes, the first taken first.

    values (n, p), truth (n,) of classes. FCQ and FCD: relevance is the F statistic, redundancy the mean absolute Pearson
    correlation with those taken, and their quotient or difference decides; MIQ and MID: mutual information for
    both, of values cut half a standard deviation below and above the mean (Ding & Peng 2005,
    doi 10.1142/S0219720005001004; Zhao 2019, doi 10.1109/DSAA.2019.00059). Of equals the first column is taken.
    """
    linear, quotient = criterion.startswith("F"), criterion.endswith("Q")
    states = np.empty((0, 0)) if linear else _states(values)
    tells = f_statistics(values, truth) if linear else _informations(states, truth)
    unit = _unit(values)
    redundancy, taken = np.zeros(values.shape[1]), []
    for position in range(min(count, values.shape[1])):
        mean = redundancy / max(position, 1)
        merit = tells / np.maximum(mean, LEAST_REDUNDANCY) if quotient and position else tells - mean
        merit[taken] = -np.inf
        best = int(np.argmax(merit))
        taken.append(best)
        redundancy += np.abs(unit.T @ unit[:, best]) if linear else _informations(states, states[:, best])
    return taken


def f_statistics(values: FloatArray, truth: np.ndarray) -> FloatArray:
    """One-way analysis of variance, F (p,) of every column of values (n, p) between classes (n,); 0 for a constant."""
    classes = np.unique(truth)
    centered = values - values.mean(axis=0)
    groups = [centered[truth == label] for label in classes]
    between = sum(len(group) * group.mean(axis=0) ** 2 for group in groups) / (len(classes) - 1)
    within = sum(((group - group.mean(axis=0)) ** 2).sum(axis=0) for group in groups) / (len(values) - len(classes))
    varies = np.abs(centered).max(axis=0) > 0
    # Classes told apart without any spread have an infinite F, which no difference could be taken from.
    ceiling = np.finfo(np.float64).max / 1e6
    with np.errstate(all="ignore"):
        return np.where(varies, np.nan_to_num(between / within, nan=0.0, posinf=ceiling), 0.0)


def _unit(values: FloatArray) -> FloatArray:
    """Centered columns of length 1; a constant one is 0."""
    centered = values - values.mean(axis=0)
    length = np.linalg.norm(centered, axis=0)
    return centered / np.where(length > 0, length, 1.0)


def _states(values: FloatArray) -> NDArray[np.int64]:
    """-1, 0 or 1 (n, p): below, within and above half a standard deviation of the mean."""
    mean, half = values.mean(axis=0), values.std(axis=0, ddof=1) / 2
    return (values > mean + half).astype(np.int64) - (values < mean - half)


def _informations(states: NDArray[np.int64], other: np.ndarray) -> FloatArray:
    """Mutual information in nats (p,) of every column of states (n, p) with `other` (n,) of classes."""
    total = np.zeros(states.shape[1])
    for label in np.unique(other):
        here = other == label
        for state in (-1, 0, 1):
            joint = (states[here] == state).mean(axis=0) * here.mean()
            apart = (states == state).mean(axis=0) * here.mean()
            with np.errstate(all="ignore"):
                total += np.where(joint > 0, joint * np.log(joint / apart), 0.0)
    return total
