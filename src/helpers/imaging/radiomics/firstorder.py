"""First-order statistics of a lesion's intensities, by PyRadiomics' definitions, in one pass of compiled code."""

from __future__ import annotations

import numba
import numpy as np

from helpers.imaging.radiomics.settings import Settings

NAMES = (
    "10Percentile",
    "90Percentile",
    "Energy",
    "Entropy",
    "InterquartileRange",
    "Kurtosis",
    "Maximum",
    "MeanAbsoluteDeviation",
    "Mean",
    "Median",
    "Minimum",
    "Range",
    "RobustMeanAbsoluteDeviation",
    "RootMeanSquared",
    "Skewness",
    "TotalEnergy",
    "Uniformity",
    "Variance",
)
DEPRECATED = ("StandardDeviation",)
EPSILON = float(np.spacing(1))  # PyRadiomics adds it to every probability under a logarithm


def measure(inside: np.ndarray, counts: np.ndarray, *, voxel_volume: float, settings: Settings) -> np.ndarray:
    """The features in the order of NAMES.

    `inside` holds the lesion's intensities (float64, 1-D, in the order of its voxels), `counts` the number of voxels
    of each gray level that occurs; `voxel_volume` is in mm3. Kurtosis is not in excess of 3, and the variance is
    the population's (Zwanenburg et al. 2020, doi 10.1148/radiol.2020191145; PyRadiomics 3.0.1). A feature that is
    not defined is nan.

    The means come from numpy's pairwise sum: the central moments of intensities around a large offset, or of
    constant ones, hang on its last bit.
    """
    percentiles = _percentiles(np.sort(inside))
    within, kept = _within(inside, percentiles[1], percentiles[5])
    mean, robust_mean = inside.sum() / inside.size, within.sum() / kept if kept else np.nan
    sums = _sums(inside, float(settings.voxel_array_shift), mean, robust_mean, percentiles[1], percentiles[5])
    return _features(inside.size, kept, mean, percentiles, sums, counts, voxel_volume)


def deprecated(found: np.ndarray) -> np.ndarray:
    """The features in the order of DEPRECATED, from those of `measure`."""
    return np.sqrt(found[[NAMES.index("Variance")]])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _percentiles(ordered: np.ndarray) -> np.ndarray:
    """Minimum, 10th, 25th, 50th, 75th, 90th percentile and maximum of sorted values.

    Linear between neighbors as numpy rounds it (Hyndman & Fan 1996, type 7, doi 10.2307/2684934).
    """
    n = len(ordered)
    found = np.empty(7)
    found[0], found[6] = ordered[0], ordered[n - 1]
    for k, share in enumerate((0.1, 0.25, 0.5, 0.75, 0.9)):
        position = (n - 1) * share
        i = min(int(position), n - 1)
        low, high = ordered[i], ordered[min(i + 1, n - 1)]
        part = position - i
        step = high - low
        found[k + 1] = high - step * (1 - part) if part >= 0.5 else low + step * part
    found[3] = ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _within(inside: np.ndarray, low: float, high: float) -> tuple[np.ndarray, int]:
    """The values with 0 for those outside low to high, and how many are not: numpy's way to a mean of some."""
    within = np.zeros(len(inside))
    kept = 0
    for i in range(len(inside)):
        if low <= inside[i] <= high:
            within[i] = inside[i]
            kept += 1
    return within, kept


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sums(
    inside: np.ndarray, shift: float, mean: float, robust_mean: float, low: float, high: float
) -> tuple[float, float, float, float, float, float]:
    """Energy; deviations from the mean squared, cubed, to the fourth, and their size; that of the robust ones."""
    energy = second = third = fourth = absolute = robust = 0.0
    for value in inside:
        d = value - mean
        square = d * d
        energy += (value + shift) * (value + shift)
        second += square
        third += square * d
        fourth += square * square
        absolute += abs(d)
        if low <= value <= high:
            robust += abs(value - robust_mean)
    return energy, second, third, fourth, absolute, robust


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _features(
    n: int,
    kept: int,
    mean: float,
    percentiles: np.ndarray,
    sums: tuple[float, float, float, float, float, float],
    counts: np.ndarray,
    voxel_volume: float,
) -> np.ndarray:
    low, p10, p25, median, p75, p90, high = percentiles
    energy, second, third, fourth, absolute, robust = sums
    variance = second / n
    divisor = variance if variance != 0 else 1.0  # of constant intensities: skewness and kurtosis 0
    entropy = uniformity = 0.0
    for count in counts:
        p = count / n
        entropy -= p * np.log2(p + EPSILON)
        uniformity += p * p
    found = np.empty(18)
    found[0], found[1], found[2], found[3] = p10, p90, energy, entropy
    found[4], found[5], found[6], found[7] = p75 - p25, fourth / n / divisor**2, high, absolute / n
    found[8], found[9], found[10], found[11] = mean, median, low, high - low
    found[12], found[13], found[14] = robust / kept, np.sqrt(energy / n), third / n / divisor**1.5
    found[15], found[16], found[17] = energy * voxel_volume, uniformity, variance
    return found
