"""Voxel controls: a scan whose voxels are shuffled within the lesion, or outside of it.

What a model still reaches on them did not come from the order of those voxels. After Welch et al. 2019 (doi
10.1016/j.radonc.2018.10.027), who showed so that a published signature stood for the tumor's volume.
"""

from __future__ import annotations

import zlib

import numpy as np
import SimpleITK as sitk

from helpers.imaging import geometry, region

RULES = 1  # raised when a change here changes a shuffled scan
REACH = 20.0  # mm around the lesion's box, what filters and crops see of its surroundings, be it tissue or air


def shuffled(scan: sitk.Image, lesion: sitk.Image, *, where: str, seed: int) -> sitk.Image:
    """The scan with the voxels `inside` or `outside` the lesion in another order; all others are the same bytes.

    Inside, the lesion keeps its shape and histogram, and loses its texture. Outside are the voxels of the head or body,
    and all within `REACH` of the lesion's box; the air beyond stays, or the lesion would lie in it. `lesion` is 0/1 on
    the scan's grid. The order depends on the seed and the content of both, and on nothing else.
    """
    values, within = sitk.GetArrayFromImage(scan), sitk.GetArrayViewFromImage(lesion) != 0
    chosen = within if where == "inside" else _surroundings(scan, within)
    content = [zlib.crc32(np.ascontiguousarray(array).tobytes()) for array in (values, within)]
    rng = np.random.default_rng([seed, zlib.crc32(where.encode()), *content])
    values[chosen] = rng.permutation(values[chosen])
    made = sitk.GetImageFromArray(values)
    made.CopyInformation(scan)
    return made


def _surroundings(scan: sitk.Image, within: np.ndarray) -> np.ndarray:
    around = region.body(scan)
    margins = np.ceil(REACH / np.array(scan.GetSpacing()[::-1])).astype(int)
    edges = zip(geometry.box(within), margins, within.shape, strict=True)
    around[tuple(slice(max(0, edge.start - margin), min(size, edge.stop + margin)) for edge, margin, size in edges)] = (
        True
    )
    return around & ~within
