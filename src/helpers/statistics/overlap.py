"""Agreement of two masks of the same grid, and its summary over cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .arrays import BoolArray, FloatArray
from .intervals import Interval, percentile_interval


def _pair(mask_a: ArrayLike, mask_b: ArrayLike) -> tuple[BoolArray, BoolArray]:
    a, b = np.asarray(mask_a) != 0, np.asarray(mask_b) != 0
    if a.shape != b.shape:
        raise ValueError(f"the masks lie on different grids, {a.shape} and {b.shape}")
    return a, b


def dice(mask_a: ArrayLike, mask_b: ArrayLike) -> float:
    """Dice overlap of two masks of one shape, nonzero inside; NaN when both are empty (Dice 1945)."""
    a, b = _pair(mask_a, mask_b)
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else np.nan


def hausdorff95(mask_a: ArrayLike, mask_b: ArrayLike, *, spacing: ArrayLike) -> float:
    """Larger of the two directed 95th percentiles of surface distance, in the units of spacing (d,).

    Surfaces are the voxels that an erosion by face neighbors removes; this is the variant of MONAI and of
    BraTS, where others pool both directions. NaN when a mask is empty. Raises ValueError for a spacing that
    does not give one positive length an axis.
    """
    a, b = _pair(mask_a, mask_b)
    steps = np.asarray(spacing, dtype=float)
    if steps.shape != (a.ndim,) or not (steps > 0).all():
        raise ValueError(f"spacing must give a positive length for each of {a.ndim} axes")
    if not a.any() or not b.any():
        return np.nan
    # Both surfaces lie inside this box, so distances outside it are never read.
    box = ndimage.find_objects((a | b).astype(np.uint8))[0]
    surfaces = [mask[box] & ~ndimage.binary_erosion(mask[box]) for mask in (a, b)]
    return max(_directed(surfaces[0], surfaces[1], steps), _directed(surfaces[1], surfaces[0], steps))


def _directed(source: BoolArray, target: BoolArray, spacing: FloatArray) -> float:
    distance = ndimage.distance_transform_edt(~target, sampling=spacing)
    return float(np.quantile(distance[source], 0.95))


def summary_interval(
    values: ArrayLike, *, statistic: str = "mean", replicates: int = 2000, seed: int, level: float = 0.95
) -> Interval:
    """Mean or median over cases (n,) with its percentile bootstrap interval; cases without a value are left out.

    NaN limits with fewer than two values. Raises ValueError for another statistic or no value at all.
    """
    if statistic not in ("mean", "median"):
        raise ValueError(f'statistic must be "mean" or "median", not "{statistic}"')
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if not known.size:
        raise ValueError("no case has a value to summarize")
    summarize = np.mean if statistic == "mean" else np.median
    if known.size < 2:
        return Interval(float(known[0]), np.nan, np.nan)
    drawn = np.random.default_rng(seed).choice(known, (replicates, known.size))
    return percentile_interval(float(summarize(known)), summarize(drawn, axis=1), level=level)
