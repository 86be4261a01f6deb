"""Arrays in space: the grid in millimeters, soft borders and smooth random fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """A regular grid; all triples are in the order z, y, x, as are the arrays. Sizes in mm, the middle at 0."""

    shape: tuple[int, int, int]
    spacing: Triple

    @property
    def extent(self) -> np.ndarray:
        """Size in mm of the field of view."""
        return np.multiply(self.shape, self.spacing)

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.spacing)) / 1000

    def axes(self) -> list[np.ndarray]:
        """Centers of the voxels along each axis, in mm, shaped to broadcast to the grid."""
        lines = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(self.shape, self.spacing, strict=True)]
        return list(np.ix_(*[line.astype(np.float32) for line in lines]))

    def box(self, center: np.ndarray, radius: float) -> tuple[slice, slice, slice]:
        """The part of the grid within `radius` mm of a point along each axis."""
        middle = (np.array(self.shape) - 1) / 2
        low = np.floor(middle + (center - radius) / self.spacing).astype(int)
        high = np.ceil(middle + (center + radius) / self.spacing).astype(int) + 1
        return tuple(slice(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True))


def border(inside: np.ndarray, width: float) -> np.ndarray:
    """Signed depth in mm -> share of the voxel inside, 0 to 1, over a border of this width (partial volume)."""
    return np.clip(inside * np.float32(1 / width) + np.float32(0.5), 0, 1)


def noise(rng: np.random.Generator, shape: tuple[int, ...], spacing: Triple, *, scale: float) -> np.ndarray:
    """A smooth random field with mean 0 and standard deviation 1; `scale` is the sigma of the smoothing in mm."""
    field = rng.standard_normal(shape, dtype=np.float32)
    field = smooth(field, spacing, scale)
    return (field - field.mean()) / field.std()


def smooth(values: np.ndarray, spacing: Triple, sigma: float) -> np.ndarray:
    """Gaussian smoothing by `sigma` mm, cut off at 2.5 sigma for speed."""
    return gaussian_filter(values, [sigma / step for step in spacing], mode="nearest", truncate=2.5)
