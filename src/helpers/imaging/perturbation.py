"""What a second reader might have drawn: a mask moved, grown or shrunk, and its contour redrawn.

After Zwanenburg et al. 2019, doi 10.1038/s41598-018-36938-4 (translation, volume adaptation, contour
randomization), all three on the lesion's signed distance map.
"""

from __future__ import annotations

import math
import zlib
from functools import lru_cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from helpers.imaging.geometry import box

TRANSLATION = 1.0  # voxels, largest shift along an axis
VOLUME = 0.15  # largest relative change of volume
CONTOUR = 0.1  # standard deviation of the redrawn contour, in radii of the lesion
ROUGHNESS = 0.4  # correlation length of the redrawn contour, in radii of the lesion


def perturb(lesion: sitk.Image, *, seed: int, case: str, index: int) -> sitk.Image:
    """Perturbation number `index` (from 1) of a 0/1 mask; never empty, and the same for the same seed, case and index.

    The volume changes by at most 15 %, to the voxel, as the voxels that lie deepest in the perturbed distance
    map are taken.
    """
    rng = np.random.default_rng([seed, zlib.crc32(case.encode()), index])
    values = sitk.GetArrayFromImage(lesion) != 0
    spacing = np.array(lesion.GetSpacing()[::-1])
    voxels = np.count_nonzero(values)
    radius = float(np.cbrt(3 * voxels * np.prod(spacing) / (4 * np.pi)))
    shift = rng.uniform(-TRANSLATION, TRANSLATION, 3)
    target = max(1, round(voxels * (1 + rng.uniform(-VOLUME, VOLUME))))
    near = _near(values, spacing, reach=radius)
    packed = np.packbits(values[near]).tobytes()
    depth = ndimage.shift(_depth(packed, values[near].shape, tuple(spacing)), shift, order=1, mode="nearest")
    depth += _contour_noise(depth.shape, spacing, radius=radius, rng=rng)
    redrawn = np.zeros_like(values, dtype=np.uint8)
    redrawn[near] = _deepest(depth, target)
    result = sitk.GetImageFromArray(redrawn)
    result.CopyInformation(lesion)
    return result


def _near(values: np.ndarray, spacing: np.ndarray, *, reach: float) -> tuple[slice, ...]:
    """The lesion's box and `reach` mm around it, within the volume."""
    margins = np.ceil(reach / spacing).astype(int) + 2
    edges = zip(box(values), margins, values.shape, strict=True)
    return tuple(slice(max(0, edge.start - margin), min(size, edge.stop + margin)) for edge, margin, size in edges)


@lru_cache(maxsize=1)
def _depth(packed: bytes, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """mm below the contour of a mask given as bits, negative outside; kept for the next copy of the same mask."""
    values = np.unpackbits(np.frombuffer(packed, np.uint8), count=math.prod(shape)).reshape(shape).astype(bool)
    padded = np.pad(values, 1)
    inside = ndimage.distance_transform_edt(padded, sampling=spacing)
    outside = ndimage.distance_transform_edt(~padded, sampling=spacing)
    return (inside - outside)[1:-1, 1:-1, 1:-1]


def _contour_noise(
    shape: tuple[int, ...], spacing: np.ndarray, *, radius: float, rng: np.random.Generator
) -> np.ndarray:
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), ROUGHNESS * radius / spacing, mode="nearest")
    return smooth / max(smooth.std(), 1e-12) * CONTOUR * radius


def _deepest(depth: np.ndarray, count: int) -> np.ndarray:
    """1 for the `count` deepest voxels, the first of those that are equally deep."""
    flat = depth.ravel()
    least = np.partition(flat, flat.size - count)[flat.size - count]
    chosen = (flat > least).astype(np.uint8)
    chosen[np.flatnonzero(flat == least)[: count - np.count_nonzero(chosen)]] = 1
    return chosen.reshape(depth.shape)
