"""Intensities are scaled by the head, never by the lesion; resampling keeps what lies where."""

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging import preprocess


def prepared(array, builders, **options):
    options = {"method": "zscore", "clip_sd": 5.0, "spacing": None} | options
    return preprocess.prepare(builders.volume(array), **options)


def test_body_is_the_head_and_not_the_air(builders):
    head = np.zeros((16, 20, 18), dtype=bool)
    head[:, 2:-2, 2:-2] = True
    image = builders.volume(builders.texture(), spacing=(4.0, 4.0, 4.0))
    assert np.mean(preprocess.body(image) == head) > 0.97


def test_body_of_a_fine_scan_reaches_its_far_edge(builders):
    array = np.full((9, 33, 33), 2.0, dtype=np.float32)
    array[:, 8:, 8:] = 100
    body = preprocess.body(builders.volume(array, spacing=(1.0, 1.0, 1.0)))
    assert body[:, 12:, 12:].all()
    assert not body[:, :4, :4].any()


def test_body_of_a_skull_stripped_scan_is_its_nonzero_voxels(builders):
    array = builders.texture()
    array[:, :3] = array[:, -3:] = 0
    array[:, :, :3] = array[:, :, -3:] = 0
    assert np.array_equal(preprocess.body(builders.volume(array)), array != 0)


def test_zscore_is_blind_to_gain_and_offset_free_within_the_head(builders):
    array = builders.texture()
    one, other = (sitk.GetArrayFromImage(prepared(a, builders).scan) for a in (array, array * np.float32(4)))
    np.testing.assert_allclose(one, other, atol=1e-5)
    head = preprocess.body(builders.volume(array))
    assert abs(one[head].mean()) < 0.05


def test_zscore_does_not_depend_on_where_the_lesion_is():
    assert "mask" not in preprocess.prepare.__annotations__


def test_intensities_are_clipped(builders):
    array = builders.texture()
    array[8, 10, 9] = 1e6
    assert sitk.GetArrayFromImage(prepared(array, builders, clip_sd=3.0).scan).max() <= 3.0


def test_none_keeps_physical_units(builders):
    result = prepared(builders.texture(), builders, method="none")
    assert np.array_equal(sitk.GetArrayFromImage(result.scan), builders.texture())
    assert result.window is None


def test_constant_image_cannot_be_normalized(builders):
    with pytest.raises(CaseError, match="constant"):
        prepared(np.full((8, 8, 8), 7, dtype=np.float32), builders)


def test_resampling_keeps_corner_and_a_linear_ramp(builders):
    ramp = np.broadcast_to(np.arange(18, dtype=np.float64), (16, 20, 18)).copy()
    image = builders.volume(ramp, spacing=(2.0, 2.0, 2.0))
    fine = preprocess.resample(image, (1.0, 2.0, 2.0))
    assert fine.GetSize() == (36, 20, 16)
    row = sitk.GetArrayFromImage(fine)[8, 10, 14:22]
    np.testing.assert_allclose(row, np.arange(14, 22) / 2 - 0.25, atol=1e-3)


def test_resampled_mask_keeps_its_volume(builders):
    mask = builders.volume(builders.ball(radius=6), spacing=(2.0, 2.0, 2.0))
    fine = preprocess.resample(sitk.Cast(mask, sitk.sitkFloat64), (1.0, 1.0, 1.0))
    resampled = sitk.GetArrayFromImage(preprocess.resample_mask(mask, fine))
    assert resampled.sum() == pytest.approx(8 * builders.ball(radius=6).sum(), rel=0.01)
