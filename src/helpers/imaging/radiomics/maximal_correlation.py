"""Maximal correlation coefficient: the root of the second largest eigenvalue of Q, by Lanczos."""

from __future__ import annotations

import numpy as np
from numba import njit

from helpers.imaging.radiomics.cooccurrence import Pairs

EPS = float(np.spacing(1))
DENSE = 384  # levels, up to which the matrix is kept dense
TOLERANCE = 1e-15  # squared residual, relative to the squared eigenvalue: its own error is of that order
INDEPENDENT = 1e-6  # eigenvalue below which rounding decides
RARE = 2e-13  # product of two levels' probabilities below which eps is no small correction
FEW = 128  # levels, up to which that is worth Q itself
NOISE = 0.2  # of the start, relative to its trend
CONNECTED = 1 - 1e-5  # an eigenvalue beyond may be that of a second, unconnected part


def second_root(batch: Pairs, levels: int) -> np.ndarray:
    """The coefficient of each group of directions (NaN where empty); `levels` is how many occur.

    Q(i, j) = sum over k of p(i, k) p(j, k) / (px(i) py(k) + eps) has, to the second order in eps, the eigenvalues of
    S S' with S(i, k) = p(i, k) / sqrt(px(i) py(k) + eps), whose first eigenvector is sqrt(px): it is projected out.
    NaN also where rounding would decide.
    """
    return _roots(batch.start, batch.i, batch.j, batch.count, batch.symmetric, levels)


@njit(cache=True, nogil=True, error_model="numpy")
def _roots(start, i, j, count, symmetric, levels):
    roots = np.full(len(start) - 1, np.nan)
    dense = np.empty((2, levels, levels)) if levels <= DENSE else np.empty((2, 0, 0))
    scaled = np.empty(len(count))
    for group in range(len(start) - 1):
        some = slice(start[group], start[group + 1])
        if start[group + 1] - start[group] == 1:
            roots[group] = 0.0 if not symmetric or i[some][0] == j[some][0] else 1.0
        elif start[group + 1] > start[group]:
            roots[group] = _root(i[some], j[some], count[some], symmetric, levels, dense, scaled[some])
    return roots


@njit(cache=True, nogil=True, error_model="numpy")
def _root(i, j, count, symmetric, levels, dense, s):
    rows, columns = np.zeros(levels), np.zeros(levels)
    for k in range(len(count)):
        rows[i[k]] += count[k]
        columns[j[k]] += count[k]
        if symmetric and i[k] != j[k]:
            rows[j[k]] += count[k]
            columns[i[k]] += count[k]
    total = rows.sum()
    if levels <= FEW and _rarest(rows) * _rarest(columns) < RARE * total**2:
        return np.nan
    for k in range(len(count)):
        s[k] = count[k] / total / np.sqrt(rows[i[k]] / total * (columns[j[k]] / total) + EPS)
    first = rows
    for k in range(levels):
        first[k] = np.sqrt(rows[k] / total)
    use_dense = dense.shape[1] > 0
    if use_dense:
        _fill(i, j, s, symmetric, dense)
    value = _lanczos(i, j, s, symmetric, first, dense, use_dense)
    if value > CONNECTED:
        value = _parts(i, j, s, symmetric, first, value)
    return np.sqrt(value) if value > INDEPENDENT else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _rarest(p):
    lowest = np.inf
    for k in range(len(p)):
        if p[k] > 0:
            lowest = min(lowest, p[k])
    return lowest


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(i, j, s, symmetric, dense):
    """dense[0] is S transposed and dense[1] S, so that products add whole rows; where symmetric dense[0] is both."""
    dense[0, :, :] = 0.0
    for k in range(len(s)):
        dense[0, j[k], i[k]] = s[k]
        if symmetric:
            dense[0, i[k], j[k]] = s[k]
    if not symmetric:
        dense[1, :, :] = 0.0
        for k in range(len(s)):
            dense[1, i[k], j[k]] = s[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _multiply(i, j, s, symmetric, dense, use_dense, x, middle, out):
    """out = S S' x."""
    middle[:], out[:] = 0.0, 0.0
    if use_dense:
        _add_rows(dense[0 if symmetric else 1], x, middle)
        _add_rows(dense[0], middle, out)
        return
    for k in range(len(s)):
        middle[j[k]] += s[k] * x[i[k]]
        if symmetric and i[k] != j[k]:
            middle[i[k]] += s[k] * x[j[k]]
    for k in range(len(s)):
        out[i[k]] += s[k] * middle[j[k]]
        if symmetric and i[k] != j[k]:
            out[j[k]] += s[k] * middle[i[k]]


@njit(cache=True, nogil=True, error_model="numpy")
def _add_rows(matrix, x, out):
    """out += sum over k of x[k] matrix[k], four rows at a time."""
    levels = len(x)
    for k in range(0, levels - 3, 4):
        a, b, c, d = x[k], x[k + 1], x[k + 2], x[k + 3]
        for m in range(levels):
            out[m] += (a * matrix[k, m] + b * matrix[k + 1, m]) + (c * matrix[k + 2, m] + d * matrix[k + 3, m])
    for k in range(levels - levels % 4, levels):
        for m in range(levels):
            out[m] += x[k] * matrix[k, m]


@njit(cache=True, nogil=True, error_model="numpy")
def _lanczos(i, j, s, symmetric, first, dense, use_dense):
    """The largest eigenvalue of S S' across from `first`."""
    levels = len(first)
    x, before, middle, y = np.empty(levels), np.zeros(levels), np.empty(levels), np.empty(levels)
    _start(first, x)
    _project(x, first)
    if _normalize(x) < 1e-12:
        return 0.0
    steps = 20 * levels + 100
    diagonal, beside = np.empty(steps), np.empty(steps)
    value = link = 0.0
    for step in range(steps):
        _multiply(i, j, s, symmetric, dense, use_dense, x, middle, y)
        diagonal[step] = _dot(x, y)
        for k in range(levels):
            y[k] -= diagonal[step] * x[k] + link * before[k]
        _project(y, first)
        link = _normalize(y)
        beside[step] = link
        before, x, y = x, y, before
        if link < 1e-13 or (step >= 5 and step % 3 == 2):
            value, residual = _largest(diagonal, beside, step + 1)
            if link < 1e-13 or residual <= TOLERANCE * value * value or value < 1e-12:
                return value
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _start(first, x):
    """The trend of levels, close to the answer in most images, and noise in every direction, the same everywhere."""
    mean = 0.0
    for k in range(len(x)):
        mean += k * first[k] ** 2
    spread = 0.0
    for k in range(len(x)):
        x[k] = (k - mean) * first[k]
        spread += x[k] ** 2
    scale = 1 / np.sqrt(spread) if spread > 0 else 0.0
    seed = np.uint64(1)
    for k in range(len(x)):
        seed = seed * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        noise = np.float64(seed >> np.uint64(11)) / 2.0**53 - 0.5
        x[k] = scale * x[k] + (NOISE * noise / np.sqrt(len(x)) if first[k] > 0 else 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _dot(x, y):
    total = 0.0
    for k in range(len(x)):
        total += x[k] * y[k]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _project(x, first):
    share = _dot(x, first)
    for k in range(len(x)):
        x[k] -= share * first[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _normalize(x):
    """Divides by the length, and returns it."""
    length = np.sqrt(_dot(x, x))
    if length > 0:
        for k in range(len(x)):
            x[k] /= length
    return length


@njit(cache=True, nogil=True, error_model="numpy")
def _largest(diagonal, beside, size):
    """Largest eigenvalue of a tridiagonal matrix and the squared residual of its Lanczos vector.

    Laguerre's iteration on the characteristic polynomial falls on its largest root from above; pivots d of
    T - x I and their derivatives in x give the polynomial's logarithmic ones, and at the root the vector's last part.
    """
    x = 0.0
    for k in range(size):
        x = max(x, diagonal[k] + (beside[k - 1] if k else 0.0) + (beside[k] if k < size - 1 else 0.0))
    x += 1e-14 * x
    slope_last = -1.0
    for _ in range(100):
        d, d1, d2 = diagonal[0] - x, -1.0, 0.0
        total, total2, above = d1 / d, -((d1 / d) ** 2), d < 0
        for k in range(1, size):
            square = beside[k - 1] ** 2
            d, d1, d2 = (
                diagonal[k] - x - square / d,
                -1.0 + square * d1 / d**2,
                square * (d2 / d**2 - 2 * d1**2 / d**3),
            )
            total += d1 / d
            total2 += d2 / d - (d1 / d) ** 2
            above = above and d < 0
        slope_last = d1
        if not above:  # rounding took x a last bit below the root
            break
        root = np.sqrt(max((size - 1) * (-size * total2 - total**2), 0.0))
        step = size / (total + root)
        if not (step > 1e-16 * x):
            break
        x -= step
    return x, beside[size - 1] ** 2 / abs(slope_last)


@njit(cache=True, nogil=True, error_model="numpy")
def _parts(i, j, s, symmetric, first, value):
    """The second largest of the largest eigenvalues of unconnected parts; `value` where all is connected."""
    levels = len(first)
    part = np.arange(2 * levels)  # rows, then columns
    for k in range(len(s)):
        _join(part, i[k], levels + j[k])
        if symmetric:
            _join(part, j[k], levels + i[k])
    top, weight = np.zeros(2 * levels), np.zeros(2 * levels)
    for row in range(levels):
        weight[_find(part, row)] += first[row] ** 2
    middle = np.zeros(levels)
    for k in range(len(s)):
        middle[j[k]] += s[k] * first[i[k]]
        if symmetric and i[k] != j[k]:
            middle[i[k]] += s[k] * first[j[k]]
    for column in range(levels):
        top[_find(part, levels + column)] += middle[column] ** 2
    largest = second = -1.0
    for k in range(2 * levels):
        if weight[k] > 0:
            one = top[k] / weight[k]
            largest, second = max(largest, one), max(second, min(largest, one))
    return second if second >= 0 else value


@njit(cache=True, nogil=True, error_model="numpy")
def _find(part, k):
    while part[k] != k:
        part[k] = part[part[k]]
        k = part[k]
    return k


@njit(cache=True, nogil=True, error_model="numpy")
def _join(part, one, other):
    one, other = _find(part, one), _find(part, other)
    part[max(one, other)] = min(one, other)
