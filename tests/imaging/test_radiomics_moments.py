"""Moments of a volume are ITK's own to the last bit."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.imaging.radiomics.moments import moments


def theirs(image: sitk.Image) -> tuple[float, float]:
    found = sitk.StatisticsImageFilter()
    found.Execute(image)
    return found.GetMean(), found.GetSigma()


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([np.int16, np.uint16, np.uint8, np.int8, np.int32, np.float32, np.float64]),
    st.tuples(*[st.integers(2, 12)] * 3),
    st.integers(0, 2**32),
)
def test_moments_are_those_of_itk_to_the_bit(dtype, shape, seed):
    rng = np.random.default_rng(seed)
    span = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else None
    values = rng.integers(span.min, span.max, shape) if span else rng.normal(300, 80, shape)
    image = sitk.GetImageFromArray(values.astype(dtype))
    assert moments(image) == theirs(image)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_constant_image_has_no_deviation(dtype):
    assert moments(sitk.GetImageFromArray(np.full((4, 5, 6), 7, dtype))) == (7.0, 0.0)


def test_a_sum_of_squares_beyond_float64_s_whole_numbers_is_left_to_itk():
    image = sitk.GetImageFromArray(np.full((140, 256, 256), 32767, np.int16))
    image[0, 0, 0] = 0
    assert moments(image) == theirs(image)
