"""Co-occurrence features that are 0 but for rounding, where PyRadiomics' own order of operations decides the number."""

from __future__ import annotations

import numpy as np
from numba import njit

from helpers.imaging.radiomics import cooccurrence
from helpers.imaging.radiomics.angles import Padded
from helpers.imaging.radiomics.settings import Settings

EPS = np.spacing(1)
CELLS = 2**22  # of all matrices (13 of 567 levels); beyond, the limits themselves are given
LIMITS = (1.0, 0.0, 0.0, 0.0)  # Correlation of a constant, as PyRadiomics defines it; Imc1, Imc2, MCC of independence


def settle(
    undecided: np.ndarray, box: Padded, *, spacing: tuple[float, float, float], settings: Settings
) -> np.ndarray:
    """`undecided` (directions with pairs; Correlation, Imc1, Imc2, MCC) with its NaN replaced.

    Where rows and columns of a matrix are independent, Imc2 and MCC are roots of rounding errors of either sign
    (1e-8, 0 or NaN), and an unsymmetric matrix of one row has a correlation of 0 or 1. Agreement with
    PyRadiomics takes its sums, over arrays that lie in memory as its own do.
    """
    settled = undecided.copy()
    offsets, weights = cooccurrence.weighted_offsets(box, spacing=spacing, settings=settings)
    if len(offsets) * len(box.present) ** 2 > CELLS:
        return np.where(np.isnan(undecided), LIMITS, undecided)
    p = _matrices(box, offsets, weights, symmetric=settings.symmetrical_glcm)
    x, y = p.sum(2, keepdims=True), p.sum(1, keepdims=True)
    with np.errstate(all="ignore"):
        columns = (_correlations(p, box.present.astype(float)), *_information(p, x, y))
        for column, values in enumerate(columns):
            settled[:, column] = np.where(np.isnan(undecided[:, column]), values, undecided[:, column])
        settled[:, 3] = _second_roots(p, x, y, undecided[:, 3])
    return settled


def _matrices(box: Padded, offsets: np.ndarray, weights: np.ndarray | None, *, symmetric: bool) -> np.ndarray:
    """Normalized matrices (1, levels, levels, directions with pairs).

    numpy sums in the order in which an array lies in memory, and np.delete changes that: levels that do not occur
    are therefore deleted here too, though one or two of them do for all.
    """
    table = cooccurrence.table(box, offsets)
    levels = table.shape[1]
    absent = np.arange(levels, levels + min(int(box.present[-1]) - levels, 2))
    p = np.zeros((1, levels + len(absent), levels + len(absent), len(table)))
    p[0, :levels, :levels] = np.moveaxis(table, 0, 2)
    p = np.delete(np.delete(p, absent, 1), absent, 2)
    if symmetric:
        p += np.transpose(p, (0, 2, 1, 3)).copy()
    if weights is not None:
        p = np.sum(p * weights, 3, keepdims=True)
    total = np.sum(p, (1, 2))
    empty = np.flatnonzero(np.sum(total, 0) == 0)
    if p.shape[3] > 1 and len(empty):
        p, total = np.delete(p, (empty,), 3), np.delete(total, (empty,), 1)
    p /= total[:, None, None, :]
    return p


def _correlations(p: np.ndarray, present: np.ndarray) -> np.ndarray:
    i, j = present[None, :, None, None], present[None, None, :, None]
    mean_i = np.sum(i * p, (1, 2), keepdims=True)
    mean_j = np.sum(j * p, (1, 2), keepdims=True)
    spread_i = np.sum(p * (i - mean_i) ** 2, (1, 2), keepdims=True) ** 0.5
    spread_j = np.sum(p * (j - mean_j) ** 2, (1, 2), keepdims=True) ** 0.5
    covariance = np.sum(p * (i - mean_i) * (j - mean_j), (1, 2), keepdims=True)
    product = spread_i * spread_j
    return np.where(product == 0, 1.0, covariance / (product + EPS)).reshape(-1)


def _information(p: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two informational measures of correlation."""
    joint, along, across, crossed, apart = (
        -1 * np.sum(weight * np.log2(of + EPS), (1, 2))
        for weight, of in ((p, p), (x, x), (y, y), (p, x * y), (x * y, x * y))
    )
    divisor = np.fmax(along, across)
    first = np.where(divisor == 0, 0.0, (joint - crossed) / divisor)
    second = np.where(apart == joint, 0.0, (1 - np.e ** (-2 * (apart - joint))) ** 0.5)
    return first.reshape(-1), second.reshape(-1)


def _second_roots(p: np.ndarray, x: np.ndarray, y: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """`roots` with NaN replaced; a negative eigenvalue counts 0 where any matrix has complex ones, else not at all."""
    settled, seconds = roots.copy(), {}
    is_complex = False
    order = np.argsort(~np.isnan(roots), kind="stable")  # the undecided first
    for direction in order:
        decided = not np.isnan(roots[direction])
        if decided and (is_complex or not any(value < 0 for value in seconds.values())):
            break
        columns = (np.ascontiguousarray(part[0, ..., direction]) for part in (p, x[:, :, 0], y[:, 0]))
        eigenvalues = np.linalg.eigvals(_quotients(*columns, EPS))
        is_complex = is_complex or np.iscomplexobj(eigenvalues)
        if not decided:
            seconds[direction] = np.sort(eigenvalues)[-2]
            is_complex = is_complex or np.iscomplexobj(seconds[direction])
    for direction, value in seconds.items():
        settled[direction] = np.sqrt(complex(value)).real if is_complex else np.sqrt(value)
    return settled


@njit(cache=True, nogil=True, error_model="numpy")
def _quotients(p, x, y, eps):
    """Q(i, j) = sum over k of p(i, k) p(j, k) / (x(i) y(k) + eps), added in the order of k."""
    levels = len(p)
    q = np.zeros((levels, levels))
    for k in range(levels):
        for i in range(levels):
            if p[i, k] > 0:
                divisor = x[i] * y[k] + eps
                for j in range(levels):
                    q[i, j] += p[i, k] * p[j, k] / divisor
    return q
