"""A scan as the filters see it: the voxels as they were read, and how they are scaled, which is done where one looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk

from helpers.imaging.geometry import Box


@dataclass(frozen=True)
class Scaling:
    """PyRadiomics' normalization in ITK's order of operations: outliers, in standard deviations, are cut before the scale."""

    shift: float
    factor: float
    scale: float
    outliers: float | None = None

    def of(self, values: np.ndarray) -> np.ndarray:
        """Scaled values of any number type, float64."""
        found = (values.astype(np.float64) + self.shift) * self.factor
        if self.outliers is not None:
            found = found.clip(-self.outliers, self.outliers)
        return found * self.scale


class Scan:
    """An image of which nothing is computed before it is asked for; axes count z, y, x."""

    def __init__(self, image: sitk.Image, scaling: Scaling | None = None) -> None:
        self.source, self.scaling = image, scaling
        self.raw = sitk.GetArrayViewFromImage(image)  # lives as long as the image
        self.spacing: tuple[float, float, float] = image.GetSpacing()[::-1]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.raw.shape

    @property
    def dtype(self) -> np.dtype:
        return self.raw.dtype if self.scaling is None else np.dtype(np.float64)

    def take(self, index: Any) -> np.ndarray:
        """The voxels at any index of numpy's, an array of their own."""
        found = self.raw[index]
        return found.copy() if self.scaling is None else self.scaling.of(found)

    def cut(self, box: Box) -> sitk.Image:
        """The box as an image."""
        part = self.source[tuple(reversed(box))]
        return part if self.scaling is None else _like(self.scaling.of(sitk.GetArrayViewFromImage(part)), part)

    @cached_property
    def image(self) -> sitk.Image:
        """The whole scan, scaled: eight bytes a voxel."""
        return self.source if self.scaling is None else _like(self.scaling.of(self.raw), self.source)

    @cached_property
    def values(self) -> np.ndarray:
        """All voxels, scaled."""
        return self.raw if self.scaling is None else self.scaling.of(self.raw)

    @cached_property
    def range(self) -> np.ndarray:
        """Smallest and largest voxel: scaling keeps their order."""
        ends = np.array([self.raw.min(), self.raw.max()])
        return ends if self.scaling is None else self.scaling.of(ends)


def _like(values: np.ndarray, image: sitk.Image) -> sitk.Image:
    found = sitk.GetImageFromArray(values)
    found.CopyInformation(image)
    return found
