"""One slice of one case, as the segmentation figure shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from helpers.imaging import deep, geometry, read

if TYPE_CHECKING:
    from helpers.imaging.extract import ImageRow


def slice_for_display(
    rows: Sequence[ImageRow], *, mask_label: int = 1, tolerance: float = 0.01
) -> tuple[np.ndarray, list[tuple[str, np.ndarray]], tuple[float, float]]:
    """The axial slice where the first row's lesion is largest: (image y x, [(reader, mask y x)], pixel in mm y x).

    `rows` are the readers' rows of one case and sequence; rows run from the patient's front to back, columns from
    right to left, as radiologists look. Raises CaseError for an unusable file.
    """
    scan = read.image(rows[0].image)
    masks = []
    for row in rows:
        lesion, _ = read.mask(row.mask, label=mask_label)
        aligned, _ = geometry.align(lesion, scan, tolerance)
        masks.append((row.reader, sitk.GetArrayFromImage(deep.axial(aligned)) != 0))
    oriented = deep.axial(scan)
    z = deep.largest_slices(masks[0][1], 1)[0]
    spacing = oriented.GetSpacing()
    return sitk.GetArrayFromImage(oriented)[z], [(reader, mask[z]) for reader, mask in masks], (spacing[1], spacing[0])
