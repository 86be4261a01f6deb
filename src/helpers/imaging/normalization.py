"""Intensities on a common scale: z-scores, percentiles, or the white matter's peak; never by the lesion itself."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from helpers import prose
from helpers.errors import CaseError

BINS = 2000  # of the histogram whose peak is sought
SMOOTHING = 0.015  # standard deviation of its smoothing, as a share of the intensities' range
RARE = 0.2  # a peak lower than this share of the highest is no tissue of its own
STRIPE = 0.05  # quantiles on either side of the peak that count as normal-appearing white matter
NEAR = 0.1  # a mean this near 0 and a standard deviation this near 1 are those of a standardized image

Scaled = tuple[np.ndarray, str]


def normalize(
    values: np.ndarray, region: np.ndarray, *, method: str, clip_sd: float, percentiles: tuple[float, float]
) -> Scaled:
    """Scaled intensities (z, y, x; float64) and a sentence on how; `region` is the head or brain, boolean.

    Methods: `zscore` and `zscore_mask` (mean and standard deviation of the region), `percentile`, `whitestripe_t1` and
    `whitestripe_t2`. The region is never the lesion: z-scores within it would take away what is to be measured.
    Raises CaseError for a region without contrast, or without a peak of white matter.
    """
    if method == "percentile":
        return by_percentile(values, region, percentiles=percentiles)
    if method.startswith("whitestripe"):
        return by_white_stripe(values, region, contrast=method.removeprefix("whitestripe_"), clip_sd=clip_sd)
    inside = values[region]
    mean, sd = (float(inside.mean()), float(inside.std())) if inside.size else (0.0, 0.0)
    _require_contrast(sd)
    scaled, clipped = _scored(values, region, center=mean, spread=sd, limit=clip_sd)
    return scaled, f"z-scored (mean {mean:.4g}, SD {sd:.4g}){clipped}"


def by_percentile(values: np.ndarray, region: np.ndarray, *, percentiles: tuple[float, float]) -> Scaled:
    """The region's lower percentile becomes 0, its upper one 1, and what lies beyond is clipped."""
    low, high = (float(v) for v in np.percentile(values[region], percentiles)) if region.any() else (0.0, 0.0)
    _require_contrast(high - low)
    words = f"percentiles {percentiles[0]:g} and {percentiles[1]:g} ({low:.4g} and {high:.4g}) set to 0 and 1"
    return np.clip((values - low) / (high - low), 0.0, 1.0), words


def by_white_stripe(values: np.ndarray, region: np.ndarray, *, contrast: str, clip_sd: float) -> Scaled:
    """Standard deviations of normal-appearing white matter from its peak; `region` is the brain alone.

    WhiteStripe-like, after Shinohara et al. 2014, doi 10.1016/j.nicl.2014.08.008: white matter is the last peak of a
    T1's smoothed histogram (`t1`) and the main peak of a T2's or FLAIR's (`t2`); voxels within 5 % of quantiles of it
    give the standard deviation. The smoothing is Gaussian where the authors used a penalized spline.
    """
    inside = np.sort(values[region])
    _require_contrast(float(inside[-1] - inside[0]) if inside.size else 0.0)
    peak = white_matter_peak(inside, contrast=contrast)
    at = np.searchsorted(inside, peak) / inside.size
    low, high = np.quantile(inside, np.clip([at - STRIPE, at + STRIPE], 0, 1))
    spread = float(inside[(inside >= low) & (inside <= high)].std())
    _require_contrast(spread)
    scaled, clipped = _scored(values, region, center=peak, spread=spread, limit=clip_sd * _stretch(inside, spread))
    return scaled, f"scaled to the white matter's peak ({peak:.4g}) and its SD ({spread:.4g}){clipped}"


def white_matter_peak(inside: np.ndarray, *, contrast: str) -> float:
    """Position of the last (`t1`) or main (`t2`) peak of the smoothed histogram of a brain's intensities."""
    low, high = np.percentile(inside, (0.1, 99.9))
    counts, edges = np.histogram(inside, bins=BINS, range=(low, max(high, low + 1e-12)))
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), SMOOTHING * BINS, mode="constant")
    rising = np.diff(smooth, prepend=0.0) > 0
    peaks = np.flatnonzero(rising & ~np.append(rising[1:], False))
    peaks = peaks[smooth[peaks] >= RARE * smooth.max()]
    if not peaks.size:
        raise CaseError("its histogram has no peak of white matter: use normalize zscore_mask.")
    chosen = peaks[-1] if contrast == "t1" else peaks[np.argmax(smooth[peaks])]
    return float((edges[chosen] + edges[chosen + 1]) / 2)


def standardized(values: np.ndarray, region: np.ndarray) -> bool:
    """Whether the region, or the whole volume, has a mean of about 0 and a standard deviation of about 1 already."""
    inside = values[region]
    if inside.size and _near(inside):
        return True
    thinned = values[::3, ::3, ::3]
    return _near(thinned, slack=3.0) and _near(values)


def _near(values: np.ndarray, *, slack: float = 1.0) -> bool:
    return abs(float(values.mean())) < slack * NEAR and abs(float(values.std()) - 1) < slack * NEAR


def _stretch(inside: np.ndarray, spread: float) -> float:
    """The brain's own spread in units of the white matter's, so that `clip_sd` clips as few voxels as in a z-score."""
    return max(1.0, float(inside.std()) / spread)


def _scored(values: np.ndarray, region: np.ndarray, *, center: float, spread: float, limit: float) -> Scaled:
    scaled = values - center
    scaled /= spread
    np.clip(scaled, -limit, limit, out=scaled)
    beyond = np.count_nonzero(np.abs(scaled[region]) == limit)
    return scaled, f", {prose.count(beyond, 'voxel')} of it clipped at {limit:.3g}" if beyond else ""


def _require_contrast(spread: float) -> None:
    if not spread > 0:
        raise CaseError("the image is constant, so it cannot be normalized.")
