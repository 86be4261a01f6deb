"""Where voxels lie: one grid for image and mask, the lesion's box, and what is reported of both."""

from __future__ import annotations

import itertools

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError

# mm; below it, two grids differ only by the rounding of their headers.
ROUNDING = 1e-4

Box = tuple[slice, slice, slice]


def align(mask: sitk.Image, image: sitk.Image, tolerance: float) -> tuple[sitk.Image, str]:
    """The mask on the image's grid, and a note when it had to be moved.

    The mismatch is the largest distance, in mm, between the eight corners of the two grids, so that origin,
    spacing and direction count for what they do. Up to `tolerance` the mask takes over the image's grid;
    beyond it, or with another size, CaseError states the differences.
    """
    gap = mismatch(mask, image) if mask.GetSize() == image.GetSize() else np.inf
    if gap > max(tolerance, ROUNDING):
        deltas = _differences(mask, image)
        raise CaseError(f"the mask lies on another grid than the image ({deltas}): resample it onto the image.")
    moved = sitk.Image(mask)
    moved.CopyInformation(image)
    return moved, f"mask moved by {gap:.2g} mm onto the image's grid" if gap > ROUNDING else ""


def mismatch(a: sitk.Image, b: sitk.Image) -> float:
    """Largest distance in mm between corresponding corner voxels of two grids of one size."""
    corners = itertools.product(*[(0, n - 1) for n in a.GetSize()])
    pairs = [(a.TransformIndexToPhysicalPoint(c), b.TransformIndexToPhysicalPoint(c)) for c in corners]
    return max(float(np.linalg.norm(np.subtract(p, q))) for p, q in pairs)


def _differences(mask: sitk.Image, image: sitk.Image) -> str:
    deltas = {
        "size": (np.subtract(mask.GetSize(), image.GetSize()), " voxels"),
        "origin": (np.subtract(mask.GetOrigin(), image.GetOrigin()), " mm"),
        "spacing": (np.subtract(mask.GetSpacing(), image.GetSpacing()), " mm"),
        "direction": (np.subtract(mask.GetDirection(), image.GetDirection()), ""),
    }
    differing = {name: found for name, found in deltas.items() if np.any(np.abs(found[0]) > 1e-6)}
    return ", ".join(f"{name} differs by {_vector(delta)}{unit}" for name, (delta, unit) in differing.items())


def _vector(delta: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in delta) + ")"


def box(lesion: np.ndarray) -> Box:
    """The smallest box of slices (z, y, x) around a non-empty lesion."""
    across = np.flatnonzero(lesion.reshape(len(lesion), -1).any(axis=1))
    drawn = lesion[across[0] : across[-1] + 1].any(axis=0)  # most slices of a scan hold nothing and are passed by
    occupied = (across, np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0)))
    return tuple(slice(int(found[0]), int(found[-1]) + 1) for found in occupied)


def union(boxes: list[Box]) -> Box:
    """The smallest box around several."""
    return tuple(slice(min(b[a].start for b in boxes), max(b[a].stop for b in boxes)) for a in range(3))


def check_lesion(lesion: np.ndarray, *, minimum_voxels: int) -> None:
    """Raises CaseError for a lesion that is too small, or a line of voxels, to have texture."""
    voxels = int(np.count_nonzero(lesion))
    if voxels < minimum_voxels:
        counted = "1 voxel" if voxels == 1 else f"{voxels} voxels"
        rule = f"fewer than imaging.minimum_voxels ({minimum_voxels})"
        raise CaseError(f"the lesion has {counted}, {rule}: redraw it, or leave it out.")
    if sum(edge.stop - edge.start > 1 for edge in box(lesion)) < 2:
        raise CaseError(f"the lesion is a line of {voxels} voxels: it has no area to measure.")


def report(lesion: sitk.Image) -> dict[str, float | int | str]:
    """volume_ml, voxels and spacing of a 0/1 mask."""
    voxels = int(np.count_nonzero(sitk.GetArrayViewFromImage(lesion)))
    spacing = lesion.GetSpacing()
    return {
        "volume_ml": voxels * float(np.prod(spacing)) / 1000,
        "voxels": voxels,
        "spacing": " x ".join(f"{value:.2f}".rstrip("0").ljust(3, "0") for value in spacing),
    }
