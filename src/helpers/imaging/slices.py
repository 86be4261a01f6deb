"""What a 2-D network is shown of a lesion: squares cut from its largest slices, alone or with their neighbors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from helpers.imaging import geometry, preprocess
from helpers.parameters import Deep

# Of a volume stored z, y, x in LPS: slices first, then rows that run head to feet or front to back, then columns.
PLANES = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
RULES = {"largest": ("axial",), "2.5d": ("axial",), "2.5d_planes": ("axial", "coronal", "sagittal")}


@dataclass(frozen=True)
class _Lesion:
    """A scan and its lesion as arrays (z, y, x in LPS), the lesion's box, and the voxel in mm."""

    values: np.ndarray
    mask: np.ndarray
    box: geometry.Box
    spacing: np.ndarray

    def extent(self, axis: int) -> float:
        return float((self.box[axis].stop - self.box[axis].start) * self.spacing[axis])


def patches(scan: sitk.Image, lesion: sitk.Image, *, deep: Deep, window: tuple[float, float] | None) -> np.ndarray:
    """Squares (patches, channels, size, size) of the largest slices, float32 from 0 (black) to 1, `margin` mm beyond it.

    One channel where a slice stands alone; three where its two neighbors go with it (at the volume's edge the slice
    itself stands in). All squares of a lesion share one scale. `window` gives the intensities of black and white;
    None takes them from the lesion's own box, as where units are physical (an SUV map) the body does not set the scale.
    """
    (values, spacing), mask = _oriented(scan), _oriented(lesion)[0] != 0
    found = _Lesion(values, mask, geometry.box(mask), spacing)
    low, high = window or np.percentile(values[found.box], preprocess.WINDOW)
    planes = RULES[deep.slices_rule]
    side = max(found.extent(axis) for plane in planes for axis in PLANES[plane][1:]) + 2 * deep.margin
    squares = np.stack([square for plane in planes for square in _of_plane(found, plane, side=side, deep=deep)])
    return np.clip((squares - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)


def largest_slices(mask: np.ndarray, count: int) -> list[int]:
    """Positions of the `count` axial slices of largest lesion area, ascending; fewer where the lesion has fewer."""
    areas = np.count_nonzero(mask, axis=(1, 2))
    chosen = np.argsort(-areas, kind="stable")[:count]
    return sorted(int(z) for z in chosen if areas[z])


def axial(volume: sitk.Image) -> sitk.Image:
    """The volume with its third axis along the body and rows from front to back, however it was acquired."""
    return sitk.DICOMOrient(volume, "LPS")


def _oriented(volume: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Values (z, y, x) and spacing as `axial` gives them, as a view: a whole volume is not copied for a few slices."""
    turn = sitk.DICOMOrientImageFilter()
    turn.SetDesiredCoordinateOrientation("LPS")
    probe = sitk.Image([2] * 3, sitk.sitkUInt8)  # the turn depends on the direction alone
    probe.SetDirection(volume.GetDirection())
    turn.Execute(probe)
    order = [2 - axis for axis in reversed(turn.GetPermuteOrder())]
    values = sitk.GetArrayViewFromImage(volume).transpose(order)
    flipped = values[tuple(slice(None, None, -1 if flip else 1) for flip in reversed(turn.GetFlipAxes()))]
    return flipped, np.array(volume.GetSpacing())[::-1][order]


def _of_plane(lesion: _Lesion, plane: str, *, side: float, deep: Deep) -> Iterator[np.ndarray]:
    """Squares (channels, size, size) of one plane's largest slices, in the order of their positions."""
    axes = PLANES[plane]
    volume, edges = lesion.values.transpose(axes), [lesion.box[axis] for axis in axes]
    grid = _square(edges[1:], lesion.spacing[list(axes[1:])], side=side, size=deep.size)
    if plane != "axial":
        grid = grid[:, ::-1]  # the head is up
    for position in largest_slices(lesion.mask[lesion.box].transpose(axes), deep.slices):
        middle = position + edges[0].start
        steps = (0,) if deep.slices_rule == "largest" else (-1, 0, 1)
        near = [min(max(middle + step, 0), len(volume) - 1) for step in steps]
        yield np.stack([ndimage.map_coordinates(volume[n], grid, order=1, mode="nearest") for n in near])


def _square(box: list[slice], spacing: np.ndarray, *, side: float, size: int) -> np.ndarray:
    """Positions (2, size, size) in voxels, rows then columns, of the centers of the pixels of a square of `side` mm."""
    center = np.array([(edge.start + edge.stop - 1) / 2 for edge in box]) * spacing
    offset = ((np.arange(size) + 0.5) / size - 0.5) * side
    rows, columns = ((center[axis] + offset) / spacing[axis] for axis in range(2))
    return np.stack(np.meshgrid(rows, columns, indexing="ij"))
