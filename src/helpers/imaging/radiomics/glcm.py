"""Gray level co-occurrence: PyRadiomics' features of how gray levels meet, from sparse counts."""

from __future__ import annotations

import numpy as np
from numba import njit

from helpers.imaging.radiomics import angles, maximal_correlation, rounding
from helpers.imaging.radiomics.cooccurrence import Pairs, pairs
from helpers.imaging.radiomics.discretize import Levels
from helpers.imaging.radiomics.settings import Settings

NAMES = (
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "Imc1",
    "Imc2",
    "InverseVariance",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MCC",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)
FRAGILE = [NAMES.index(name) for name in ("Correlation", "Imc1", "Imc2", "MCC")]
MCC, INVERSE = NAMES.index("MCC"), NAMES.index("InverseVariance")
EPS = float(np.spacing(1))  # PyRadiomics adds it inside logarithms and divisors
SLIGHT = 1e-6  # bits of mutual information or entropy, or variance, below which rounding may decide
SEPARABLE = 1e-11  # above, log2(px py + eps) is a sum over x and y, to the first order in eps
TWO_OVER_LN2 = 2 / np.log(2)


def measure(levels: Levels, *, spacing: tuple[float, float, float], settings: Settings) -> np.ndarray:
    """The features in the order of NAMES, averaged over directions; `spacing` is z, y, x in mm.

    NaN where no two voxels of the lesion meet. Raises CaseError when its box has room for no pair. Haralick 1973
    (doi 10.1109/TSMC.1973.4309314), with PyRadiomics 3.0.1's definitions.
    """
    box = angles.padded(levels, distances=settings.distances)
    found = [_directions(batch, box.present) for batch in pairs(box, spacing=spacing, settings=settings)]
    values = np.concatenate(found)
    filled = ~np.isnan(values[:, 0])
    fragile = np.ix_(filled, FRAGILE)
    if np.isnan(values[fragile]).any():
        values[fragile] = rounding.settle(values[fragile], box, spacing=spacing, settings=settings)
    return _of_one_level(values) if len(box.present) == 1 else _mean(values)


def _of_one_level(values: np.ndarray) -> np.ndarray:
    """What PyRadiomics gives for a single gray level: some features survive where no two voxels meet."""
    means = _mean(values)
    lost = len(values) == 1 and np.isnan(values[0, 0])
    means[MCC] = np.nan if lost else 1.0
    means[INVERSE] = 0.0 if lost else means[INVERSE]
    return means


def _directions(batch: Pairs, present: np.ndarray) -> np.ndarray:
    """Features (directions, NAMES); a direction without pairs is NaN, and so is a number that rounding decides."""
    values = _features(batch.start, batch.i, batch.j, batch.count, batch.symmetric, present)
    values[:, MCC] = maximal_correlation.second_root(batch, len(present))
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def _mean(values):
    """Means of the columns, NaN left out."""
    means = np.full(values.shape[1], np.nan)
    for column in range(values.shape[1]):
        total, count = 0.0, 0
        for row in range(values.shape[0]):
            if not np.isnan(values[row, column]):
                total += values[row, column]
                count += 1
        if count:
            means[column] = total / count
    return means


@njit(cache=True, nogil=True, error_model="numpy")
def _features(start, i, j, count, symmetric, present):
    highest, levels = present[-1], len(present)
    values = np.full((len(start) - 1, 24), np.nan)
    rows, columns = np.empty(levels), np.empty(levels)
    sums, differences = np.empty(2 * highest + 1), np.empty(highest)
    buffers = np.empty((4, max(len(count), 2 * highest + 1)))
    for group in range(len(start) - 1):
        some = slice(start[group], start[group + 1])
        total = _marginals(i[some], j[some], count[some], symmetric, present, rows, columns, sums, differences)
        if total > 0:
            out = values[group]
            _of_differences(differences, out, buffers)
            _of_sums(sums, out, buffers)
            _of_moments(i[some], j[some], count[some], total, symmetric, present, rows, columns, out)
            _of_joint(i[some], j[some], count[some], total, symmetric, rows, columns, out, buffers)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def _marginals(i, j, count, symmetric, present, rows, columns, sums, differences):
    """Fills the distributions of rows, columns, sums and differences of levels; returns the matrix's sum."""
    rows[:], columns[:], sums[:], differences[:] = 0.0, 0.0, 0.0, 0.0
    for k in range(len(count)):
        x, y = np.uint64(i[k]), np.uint64(j[k])
        both = count[k] + count[k] if symmetric and x != y else count[k]
        rows[x] += count[k]
        if not symmetric or x != y:
            columns[y] += count[k]
        one, other = present[x], present[y]
        sums[np.uint64(one + other)] += both
        differences[np.uint64(abs(one - other))] += both
    total = 0.0
    for k in range(len(rows)):
        if symmetric:
            rows[k] += columns[k]
            columns[k] = rows[k]
        total += rows[k]
    for distribution in (rows, columns, sums, differences):
        for k in range(len(distribution)):
            distribution[k] /= total
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _of_differences(p, out, buffers):
    contrast = average = close = closer = normalized = squared = inverse = 0.0
    scale = 1.0 / len(p)  # of as many differences as PyRadiomics' Ng
    for k in range(len(p)):
        if p[k] > 0:
            average += p[k] * k
            contrast += p[k] * k * k
            close += p[k] / (1.0 + k)
            closer += p[k] / (1.0 + np.float64(k) * k)
            normalized += p[k] / (1.0 + k * scale)
            squared += p[k] / (1.0 + np.float64(k) * k * scale * scale)
            if k:
                inverse += p[k] / (np.float64(k) * k)
    variance = 0.0
    for k in range(len(p)):
        variance += p[k] * (k - average) ** 2
    out[4], out[6], out[8] = contrast, average, variance
    out[7] = _entropy(p, buffers)
    out[9], out[10], out[11], out[12], out[15] = close, closer, squared, normalized, inverse


@njit(cache=True, nogil=True, error_model="numpy")
def _of_sums(p, out, buffers):
    average = 0.0
    for k in range(len(p)):
        average += p[k] * k
    tendency = shade = prominence = 0.0
    for k in range(len(p)):
        deviation = k - average
        square = deviation * deviation
        tendency += p[k] * square
        shade += p[k] * square * deviation
        prominence += p[k] * square * square
    out[1], out[2], out[3], out[21] = prominence, shade, tendency, average
    out[22] = _entropy(p, buffers)


@njit(cache=True, nogil=True, error_model="numpy")
def _of_moments(i, j, count, total, symmetric, present, rows, columns, out):
    """What needs the means and variances of rows and columns."""
    mean_x, spread_x = _moments(rows, present)
    mean_y, spread_y = _moments(columns, present)
    covariance = 0.0
    for k in range(len(i)):
        product = count[k] * (present[np.uint64(i[k])] - mean_x) * (present[np.uint64(j[k])] - mean_y)
        covariance += 2 * product if symmetric and i[k] != j[k] else product
    covariance /= total
    out[0], out[16], out[23] = covariance + mean_x * mean_y, mean_x, spread_x
    out[5] = covariance / (np.sqrt(spread_x) * np.sqrt(spread_y) + EPS)
    if spread_x < SLIGHT or spread_y < SLIGHT:  # 1, or whatever rounding makes of 0 / 0: see rounding.py
        out[5] = 1.0 if len(i) == 1 and (i[0] == j[0] or not symmetric) else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(p, present):
    """Mean and variance."""
    mean = spread = 0.0
    for k in range(len(p)):
        mean += p[k] * present[k]
    for k in range(len(p)):
        spread += p[k] * (present[k] - mean) ** 2
    return mean, spread


@njit(cache=True, nogil=True, error_model="numpy")
def _of_joint(i, j, count, total, symmetric, rows, columns, out, buffers):
    p, logs, apart = buffers[0, : len(i)], buffers[1, : len(i)], buffers[2, : len(i)]
    for k in range(len(i)):
        p[k] = count[k] / total
        logs[k] = rows[np.uint64(i[k])] * columns[np.uint64(j[k])]
    _log2(logs, apart, buffers[3])
    _log2(p, logs, buffers[3])
    energy = joint = joint_apart = largest = 0.0
    for k in range(len(i)):
        both = 2 * p[k] if symmetric and i[k] != j[k] else p[k]
        energy += both * p[k]
        joint -= both * logs[k]
        joint_apart -= both * apart[k]
        largest = max(largest, p[k])
    entropy_x, entropy_y = _entropy(rows, buffers), _entropy(columns, buffers)
    independent = _independent_entropy(rows, columns, entropy_x, entropy_y, buffers)
    divisor = max(entropy_x, entropy_y)
    mutual = independent - joint
    out[13] = (joint - joint_apart) / divisor if divisor > SLIGHT else np.nan
    out[14] = np.sqrt(-np.expm1(-2 * mutual)) if mutual > SLIGHT else np.nan
    if len(i) == 1 and (i[0] == j[0] or not symmetric):
        out[13] = out[14] = 0.0
    out[17], out[18], out[20] = energy, joint, largest


@njit(cache=True, nogil=True, error_model="numpy")
def _independent_entropy(rows, columns, entropy_x, entropy_y, buffers):
    """- sum of px py log2(px py + eps)."""
    lowest_x = lowest_y = 1.0
    count_x = count_y = 0
    for k in range(len(rows)):
        if rows[k] > 0:
            lowest_x, count_x = min(lowest_x, rows[k]), count_x + 1
        if columns[k] > 0:
            lowest_y, count_y = min(lowest_y, columns[k]), count_y + 1
    if lowest_x * lowest_y > SEPARABLE:
        return entropy_x + entropy_y + (count_x + count_y - count_x * count_y) * EPS * TWO_OVER_LN2 / 2
    entropy = 0.0
    for row in range(len(rows)):
        products = buffers[0, : len(columns)]
        for k in range(len(columns)):
            products[k] = rows[row] * columns[k]
        entropy += _entropy(products, buffers)
    return entropy


@njit(cache=True, nogil=True, error_model="numpy")
def _entropy(p, buffers):
    logs = buffers[1, : len(p)]
    _log2(p, logs, buffers[3])
    entropy = 0.0
    for k in range(len(p)):
        entropy -= p[k] * logs[k]
    return entropy


@njit(cache=True, nogil=True, error_model="numpy")
def _log2(values, out, scratch):
    """Base-2 logarithms of values + eps, within 1e-15: several at once, unlike numba's own.

    The mantissa m in [sqrt(1/2), sqrt(2)] by the series of 2 artanh((m - 1) / (m + 1)), whose square is below 0.0295.
    """
    bits, mantissas = scratch.view(np.int64), out.view(np.int64)
    for k in range(len(values)):
        scratch[k] = values[k] + EPS
    for k in range(len(values)):
        mantissas[k] = (bits[k] & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
    for k in range(len(values)):
        above = out[k] > 1.4142135623730951
        m = 0.5 * out[k] if above else out[k]
        exponent = np.float64((bits[k] >> 52) - 1023) + (1.0 if above else 0.0)
        f = (m - 1.0) / (m + 1.0)
        s = f * f
        high = 1 / 13 + s * (1 / 15 + s * (1 / 17 + s * (1 / 19 + s * (1 / 21))))
        series = 1.0 + s * (1 / 3 + s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s * (1 / 11 + s * high)))))
        out[k] = exponent + f * series * TWO_OVER_LN2
