"""What a second reader might have drawn: a mask turned, moved, grown or shrunk, and its contour redrawn.

After Zwanenburg et al. 2019, doi 10.1038/s41598-018-36938-4 (rotation, translation, volume adaptation, contour
randomization), all of them on the lesion's signed distance map, and of the mask alone: the image stays.
"""

from __future__ import annotations

import math
import zlib
from functools import lru_cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from helpers.imaging.geometry import box

TRANSLATION = 1.0  # voxels, largest shift along an axis
VOLUME = 0.15  # largest relative change of volume
CONTOUR = 0.1  # standard deviation of the redrawn contour, in radii of the lesion
ROUGHNESS = 0.4  # correlation length of the redrawn contour, in radii of the lesion


def perturb(
    lesion: sitk.Image,
    *,
    seed: int,
    case: str,
    index: int,
    rotation: float = 0.0,
    translation: float = TRANSLATION,
    volume: float = VOLUME,
    contour: float = CONTOUR,
) -> sitk.Image:
    """Perturbation number `index` (from 1) of a 0/1 mask; never empty, and the same for the same seed, case and index.

    rotation: largest turn in degrees, about an axis of any direction through the lesion's center; translation, volume,
    contour: as the constants above; 0 leaves a link of the chain out. The volume changes to the voxel by what is drawn,
    as the voxels that lie deepest in the perturbed distance map are taken.
    """
    rng = np.random.default_rng([seed, zlib.crc32(case.encode()), index])
    values = sitk.GetArrayFromImage(lesion) != 0
    spacing = np.array(lesion.GetSpacing()[::-1])
    voxels = np.count_nonzero(values)
    radius = float(np.cbrt(3 * voxels * np.prod(spacing) / (4 * np.pi)))
    shift = rng.uniform(-translation, translation, 3)
    target = max(1, round(voxels * (1 + rng.uniform(-volume, volume))))
    near = _near(values, spacing, reach=radius)
    packed = np.packbits(values[near]).tobytes()
    depth = _depth(packed, values[near].shape, tuple(spacing))
    if rotation:
        # Chances of their own, so that turning a mask leaves the other links as they are.
        turning = np.random.default_rng([seed, zlib.crc32(case.encode()), index, zlib.crc32(b"rotation")])
        depth = _turned(depth, spacing, np.argwhere(values[near]).mean(axis=0), most=rotation, rng=turning)
    depth = ndimage.shift(depth, shift, order=1, mode="nearest")
    depth += _contour_noise(depth.shape, spacing, radius=radius, contour=contour, rng=rng)
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
    shape: tuple[int, ...], spacing: np.ndarray, *, radius: float, contour: float, rng: np.random.Generator
) -> np.ndarray:
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), ROUGHNESS * radius / spacing, mode="nearest")
    return smooth / max(smooth.std(), 1e-12) * contour * radius


def _turned(
    depth: np.ndarray, spacing: np.ndarray, center: np.ndarray, *, most: float, rng: np.random.Generator
) -> np.ndarray:
    """The map turned about `center` (voxels) by at most `most` degrees, about an axis of any direction."""
    axis = rng.standard_normal(3)
    turn = Rotation.from_rotvec(np.radians(rng.uniform(-most, most)) * axis / np.linalg.norm(axis)).as_matrix()
    matrix = turn * spacing[None, :] / spacing[:, None]
    return ndimage.affine_transform(depth, matrix, offset=center - matrix @ center, order=1, mode="nearest")


def _deepest(depth: np.ndarray, count: int) -> np.ndarray:
    """1 for the `count` deepest voxels, the first of those that are equally deep."""
    flat = depth.ravel()
    least = np.partition(flat, flat.size - count)[flat.size - count]
    chosen = (flat > least).astype(np.uint8)
    chosen[np.flatnonzero(flat == least)[: count - np.count_nonzero(chosen)]] = 1
    return chosen.reshape(depth.shape)
