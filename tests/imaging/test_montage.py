"""The slice shown is the one where the first reader's lesion is largest."""

import numpy as np
import pytest

from helpers.imaging import montage


def test_slice_masks_and_spacing_fit_together(row, builders, settings):
    values = builders.texture()
    second = np.roll(builders.ball(), 1, axis=1)
    image, masks, spacing = montage.slice_for_display(
        [row(), row(mask=second, reader="reader2")], imaging=settings().imaging
    )
    assert np.array_equal(image, values[8])
    assert [reader for reader, _ in masks] == ["reader1", "reader2"]
    assert np.array_equal(masks[0][1], builders.ball()[8] > 0)
    assert np.array_equal(masks[1][1], second[8] > 0)
    assert spacing == pytest.approx((1.2, 1.0))


def test_orientation_of_the_file_does_not_matter(row, builders, settings):
    import SimpleITK as sitk

    flipped = [sitk.DICOMOrient(builders.volume(a), "RAS") for a in (builders.texture(), builders.ball())]
    straight = montage.slice_for_display([row()], imaging=settings().imaging)
    turned = montage.slice_for_display([row(*flipped)], imaging=settings().imaging)
    assert np.array_equal(straight[0], turned[0])
    assert np.array_equal(straight[1][0][1], turned[1][0][1])
