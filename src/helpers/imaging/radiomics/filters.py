"""Image types: the scan itself, Laplacian of Gaussian and wavelet bands, each over one box and exact there.

The result inside the box equals filtering the whole scan, to the last bit: only what a filter can reach is
computed. LoG decays below float32's resolution within 18 sigma; the wavelet's support is finite.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import pywt
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.geometry import Box

WAVELET = "coif1"
LOG_REACH = 20.0  # sigmas
LETTERS = {"a": "L", "d": "H"}


def names(image_types: tuple[str, ...], log_sigma: tuple[float, ...]) -> list[str]:
    """PyRadiomics' names of the image types, in the order they are measured."""
    known = {
        "original": ["original"],
        "log": [log_name(sigma) for sigma in log_sigma],
        "wavelet": [f"wavelet-{band}" for band in _bands()],
    }
    return [name for image_type in dict.fromkeys(image_types) for name in known[image_type]]


def images(
    scan: sitk.Image, box: Box, *, image_types: tuple[str, ...], log_sigma: tuple[float, ...]
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, intensities over `box` as z, y, x) of every image type of a scan.

    Raises CaseError when the scan has too few slices for a filter.
    """
    values = sitk.GetArrayViewFromImage(scan)
    for image_type in dict.fromkeys(image_types):
        if image_type == "original":
            yield "original", values[box].copy()
        elif image_type == "log":
            for sigma in log_sigma:
                yield log_name(sigma), laplacian_of_gaussian(scan, box, sigma=sigma)
        else:
            bands = wavelet_bands(values, box)
            yield from ((f"wavelet-{band}", bands[band]) for band in _bands())


def log_name(sigma: float) -> str:
    """2.0 -> log-sigma-2-0-mm-3D."""
    return f"log-sigma-{str(float(sigma)).replace('.', '-')}-mm-3D"


def laplacian_of_gaussian(scan: sitk.Image, box: Box, *, sigma: float) -> np.ndarray:
    """ITK's recursive Laplacian of Gaussian, normalized across scale; `sigma` in mm."""
    spacing, size = np.array(scan.GetSpacing()), np.array(scan.GetSize())
    needed = np.maximum(np.ceil(sigma / spacing) + 1, 4).astype(int)
    if np.any(size < needed):
        has, needs = (" x ".join(map(str, n)) for n in (size, needed))
        rule = f"radiomics.log_sigma {sigma:g} mm, which needs {needs}"
        raise CaseError(f"the image has {has} voxels, too few for {rule}.")
    margin = np.maximum(np.ceil(LOG_REACH * sigma / spacing), 8).astype(int)[::-1]
    limits = zip(box, margin, size[::-1], strict=True)
    outer = [slice(max(0, int(b.start - m)), int(min(n, b.stop + m))) for b, m, n in limits]
    crop = scan[tuple(reversed(outer))]
    filtered = sitk.GetArrayFromImage(sitk.LaplacianRecursiveGaussian(crop, sigma, True))
    return filtered[tuple(slice(b.start - o.start, b.stop - o.start) for b, o in zip(box, outer, strict=True))].copy()


def wavelet_bands(values: np.ndarray, box: Box) -> dict[str, np.ndarray]:
    """The eight bands of a stationary wavelet transform at level 1 over `box`; letters are x, y, z.

    The transform is periodic, and PyRadiomics first appends the first slice to an axis of odd size; both are
    kept by gathering a little more than the box around that circle.
    """
    reach = pywt.Wavelet(WAVELET).dec_len
    index = [_circle(edge, size, reach) for edge, size in zip(box, values.shape, strict=True)]
    around = values[np.ix_(*index)]
    bands = pywt.swtn(around, WAVELET, level=1, start_level=0, axes=(2, 1, 0))[0]
    inner = tuple(slice(reach, reach + edge.stop - edge.start) for edge in box)
    return {"".join(LETTERS[letter] for letter in band): array[inner].copy() for band, array in bands.items()}


def _circle(edge: slice, size: int, reach: int) -> np.ndarray:
    """An even number of positions from `reach` before the edge to at least `reach` after it, around the axis."""
    around = size + size % 2
    count = 2 * math.ceil((edge.stop - edge.start + 2 * reach) / 2)
    position = np.arange(edge.start - reach, edge.start - reach + count) % around
    return np.where(position == size, 0, position)


def _bands() -> list[str]:
    """HHH last but one and LLL last, as PyRadiomics orders them."""
    bands = ["".join(letters) for letters in product("LH", repeat=3)]
    return [*bands[1:], bands[0]]
