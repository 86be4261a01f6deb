"""The box of a case that networks see: where it lies, and what any image holds within each of its voxels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from helpers.imaging import geometry, slices

Triple = tuple[float, float, float]

USUAL = 95  # percentile of the extents in training that the box of a study holds
STEP = 5.0  # mm to which the box is rounded up, so that one more patient seldom changes everybody's
SLACK = 0.1  # voxels; a box's voxel that much larger than the scan's is still sampled once


@dataclass(frozen=True)
class Extent:
    """Size in mm (z, y, x of the nearest patient axes) and middle (x, y, z in mm, LPS) of what a box shall hold."""

    size: Triple
    middle: Triple


def extent(image: sitk.Image, inside: np.ndarray) -> Extent:
    """The extent of non-empty voxels `inside` (z, y, x) of an image, along its axes as they lie nearest to LPS."""
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.CopyInformation(image)
    mask = slices.axial(mask)
    edges = geometry.box(sitk.GetArrayViewFromImage(mask) != 0)
    size = [(edge.stop - edge.start) * s for edge, s in zip(edges, reversed(mask.GetSpacing()), strict=True)]
    middle = [(edge.start + edge.stop - 1) / 2 for edge in reversed(edges)]
    return Extent(tuple(size), mask.TransformContinuousIndexToPhysicalPoint(middle))


def study_box(extents: Iterable[Extent], *, margin: float) -> Triple:
    """Size in mm (z, y, x) of the box in which 95 of 100 of these lie with `margin` mm around, in steps of 5 mm."""
    usual = np.percentile([found.size for found in extents], USUAL, axis=0) + 2 * margin
    return tuple(float(s) for s in STEP * np.ceil(usual / STEP - 1e-6))


def own_box(found: Extent, usual: Triple) -> tuple[Triple, float]:
    """The study's box, or a larger one of its shape where the case does not fit, and the factor between the two."""
    factor = max(1.0, *(float(s / b) for s, b in zip(found.size, usual, strict=True)))
    return tuple(b * factor for b in usual), factor


def grid(scan: sitk.Image, middle: Triple, box: Triple, size: tuple[int, int, int]) -> sitk.Image:
    """An empty image of `size` voxels (z, y, x) that fills a box of `box` mm (z, y, x) along the scan's LPS axes."""
    made = sitk.Image([int(n) for n in reversed(size)], sitk.sitkUInt8)
    made.SetDirection(slices.axial(scan[:2, :2, :2]).GetDirection())
    made.SetSpacing([b / n for b, n in zip(reversed(box), reversed(size), strict=True)])
    corner = made.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in made.GetSize()])
    made.SetOrigin([m - c for m, c in zip(middle, corner, strict=True)])
    return made


def onto(image: sitk.Image, reference: sitk.Image) -> tuple[np.ndarray, float]:
    """Means of an image within each voxel of a grid, float32 (z, y, x) and NaN beyond the image, and the share covered.

    Linear interpolation; where the grid is coarser than the image it is sampled as finely as the image and averaged,
    so that nothing between the samples is lost (Cardoso et al. 2015, doi 10.1007/978-3-319-24571-3_81, on why).
    """
    values = sitk.Cast(slices.axial(image), sitk.sitkFloat32)
    steps = zip(reference.GetSpacing(), values.GetSpacing(), strict=True)
    factors = [max(1, int(np.ceil(new / old - SLACK))) for new, old in steps]
    fine = _finer(reference, factors)
    found = sitk.Resample(values, fine, sitk.Transform(), sitk.sitkLinear, float("nan"), sitk.sitkFloat32)
    (nx, ny, nz), (fx, fy, fz) = reference.GetSize(), factors
    blocks = sitk.GetArrayViewFromImage(found).reshape(nz, fz, ny, fy, nx, fx)
    known = np.isfinite(blocks)
    count = known.sum(axis=(1, 3, 5))
    total = np.where(known, blocks, 0).sum(axis=(1, 3, 5), dtype=np.float64)
    means = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return means.astype(np.float32), float(known.mean())


def affine(reference: sitk.Image) -> np.ndarray:
    """(4, 4) float64, from an index (x, y, z) to mm in LPS."""
    found = np.eye(4)
    found[:3, :3] = np.array(reference.GetDirection()).reshape(3, 3) * reference.GetSpacing()
    found[:3, 3] = reference.GetOrigin()
    return found


def _finer(reference: sitk.Image, factors: list[int]) -> sitk.Image:
    """The same box in voxels that many times smaller along x, y, z."""
    made = sitk.Image([n * f for n, f in zip(reference.GetSize(), factors, strict=True)], sitk.sitkUInt8)
    made.SetDirection(reference.GetDirection())
    made.SetSpacing([s / f for s, f in zip(reference.GetSpacing(), factors, strict=True)])
    made.SetOrigin(reference.TransformContinuousIndexToPhysicalPoint([(1 / f - 1) / 2 for f in factors]))
    return made
