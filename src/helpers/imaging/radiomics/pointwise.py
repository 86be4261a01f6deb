"""Square, square root, logarithm and exponential of intensities, and the gradient's magnitude, over one box.

PyRadiomics scales the first four so that the image keeps its largest magnitude, which is the whole scan's; its
operations are done here in its order, in float64, so that values on bin edges fall on the same side.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.geometry import Box
from helpers.imaging.radiomics.scan import Scan


def peak(scan: Scan) -> np.float64:
    """The largest magnitude of a scan."""
    return np.abs(scan.range.astype(np.float64)).max()


def square(inside: np.ndarray, largest: np.float64) -> np.ndarray:
    """(x / sqrt(largest))^2; float64."""
    _refuse_blank(largest, "square")
    return (1 / np.sqrt(largest) * inside.astype(np.float64)) ** 2


def square_root(inside: np.ndarray, largest: np.float64) -> np.ndarray:
    """sign(x) sqrt(largest |x|); float64."""
    found = inside.astype(np.float64)
    above, below = found > 0, found < 0
    found[above] = np.sqrt(found[above] * largest)
    found[below] = -np.sqrt(-found[below] * largest)
    return found


def logarithm(inside: np.ndarray, largest: np.float64) -> np.ndarray:
    """sign(x) log(|x| + 1), scaled; float64."""
    _refuse_blank(largest, "logarithm")
    found = inside.astype(np.float64)
    above, below = found > 0, found < 0
    found[above] = np.log(found[above] + 1)
    found[below] = -np.log(-(found[below] - 1))
    return found * (largest / np.log(np.atleast_1d(largest) + 1)[0])


def exponential(inside: np.ndarray, largest: np.float64) -> np.ndarray:
    """exp(x log(largest) / largest); float64."""
    _refuse_blank(largest, "exponential")
    return np.exp(np.log(largest) / largest * inside.astype(np.float64))


def gradient(scan: Scan, box: Box, *, use_spacing: bool) -> np.ndarray:
    """ITK's magnitude of the gradient by central differences, per mm or per voxel; float32.

    ITK filters the box and one voxel around it, which is all that a central difference sees.
    """
    outer = [slice(max(0, edge.start - 1), min(n, edge.stop + 1)) for edge, n in zip(box, scan.shape, strict=True)]
    itk = sitk.GradientMagnitudeImageFilter()
    itk.SetUseImageSpacing(use_spacing)
    found = sitk.GetArrayFromImage(itk.Execute(scan.cut(tuple(outer))))
    return found[tuple(slice(b.start - o.start, b.stop - o.start) for b, o in zip(box, outer, strict=True))].copy()


def _refuse_blank(largest: np.float64, name: str) -> None:
    if largest == 0:
        raise CaseError(f"the image is zero everywhere, so that its {name} cannot be scaled: check the image.")
