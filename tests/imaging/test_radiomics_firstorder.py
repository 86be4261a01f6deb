"""First-order features are PyRadiomics', also around large offsets and for constant intensities."""

import logging
import warnings

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from helpers.errors import CaseError
from helpers.imaging.radiomics import discretize, firstorder
from helpers.imaging.radiomics.settings import Settings

NAMES = (*firstorder.NAMES, *firstorder.DEPRECATED)


def ours(values: np.ndarray, lesion: np.ndarray, settings: Settings, spacing=(1.0, 1.0, 1.0)) -> dict[str, float]:
    levels = discretize.discretize(values, lesion, settings=settings, name="original")
    inside = discretize.intensities(values, lesion)
    found = firstorder.measure(inside, levels.counts, voxel_volume=float(np.prod(spacing)), settings=settings)
    return dict(zip(NAMES, [*found, *firstorder.deprecated(found)], strict=True))


def theirs(values: np.ndarray, lesion: np.ndarray, settings: Settings, spacing=(1.0, 1.0, 1.0)) -> dict[str, float]:
    from radiomics import firstorder as reference

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    image, mask = sitk.GetImageFromArray(values), sitk.GetImageFromArray(lesion.astype(np.uint8))
    image.SetSpacing(spacing)
    mask.SetSpacing(spacing)
    found = reference.RadiomicsFirstOrder(
        image,
        mask,
        binWidth=settings.bin_width,
        binCount=settings.bin_count,
        voxelArrayShift=settings.voxel_array_shift,
    )
    for name in NAMES:
        found.enableFeatureByName(name)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return {name: float(value) for name, value in found.execute().items()}


def check(values: np.ndarray, lesion: np.ndarray, settings: Settings, spacing=(1.0, 1.0, 1.0)) -> None:
    expected, found = theirs(values, lesion, settings, spacing), ours(values, lesion, settings, spacing)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))
    dtype = draw(st.sampled_from([np.int16, np.float32, np.float64]))
    offset = draw(st.sampled_from([0.0, 0.1, -50.0, 1000.0, 30_000.0]))
    scale = draw(st.sampled_from([0.0, 0.01, 1.0, 100.0]))
    values = (offset + scale * rng.normal(size=shape)).astype(dtype)
    lesion = rng.random(shape) < draw(st.sampled_from([0.2, 0.7, 1.0]))
    lesion.flat[rng.integers(lesion.size)] = True
    settings = Settings(
        bin_width=draw(st.sampled_from([25.0, 0.5])),
        bin_count=draw(st.sampled_from([None, 8, 32])),
        voxel_array_shift=draw(st.sampled_from([0, 1000, -7])),
    )
    return values, lesion, settings, draw(st.sampled_from([(1.0, 1.0, 1.0), (0.7, 0.9, 3.3)]))


@given(cases())
@examples(deadline=None, max_examples=150)
def test_features_are_those_of_pyradiomics(case):
    try:
        ours(*case)
    except CaseError:  # more gray levels than the image's numbers can tell apart
        with pytest.raises(ValueError, match="Too many bins"):
            theirs(*case)
    else:
        check(*case)


def test_names_and_their_order_are_pyradiomics():
    from radiomics import firstorder as reference

    names = reference.RadiomicsFirstOrder.getFeatureNames()
    assert tuple(name for name, deprecated in names.items() if not deprecated) == firstorder.NAMES
    assert tuple(name for name, deprecated in names.items() if deprecated) == firstorder.DEPRECATED


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_moments_hold_around_an_offset_of_a_million(dtype, seed):
    values = (1e6 + np.random.default_rng(seed).uniform(-1, 1, (20, 21, 22))).astype(dtype)
    check(values, np.ones(values.shape, dtype=bool), Settings(bin_width=0.1))


@pytest.mark.parametrize("value", [0.0, 0.1, -0.3, 1 / 3, 1e6 + 0.1, 1e-12, 7.0])
@pytest.mark.parametrize("size", [1, 2, 7, 1000, 1331])
def test_constant_intensities_give_what_pyradiomics_gives(value, size):
    """Its skewness is 0, or +-1 where the mean of equal numbers is not that number."""
    values = np.full((1, 1, size), value)
    check(values, np.ones(values.shape, dtype=bool), Settings())


def test_intensities_mostly_equal_have_no_robust_deviation_but_what_rounding_leaves():
    values = np.full((10, 11, 12), 1e8 + 0.3)
    values[0, :5] += np.arange(60).reshape(5, 12)
    check(values, np.ones(values.shape, dtype=bool), Settings(bin_count=8))


def test_two_voxels_leave_nothing_between_the_percentiles():
    values = np.array([[[1.0, 2.0]]])
    found = ours(values, np.ones(values.shape, dtype=bool), Settings())
    assert np.isnan(found["RobustMeanAbsoluteDeviation"])
    check(values, np.ones(values.shape, dtype=bool), Settings())


def test_percentiles_are_numpys_to_the_last_bit():
    rng = np.random.default_rng(2)
    for n in range(1, 400):
        values = rng.normal(size=n)
        found = firstorder._percentiles(np.sort(values))
        expected = np.percentile(values, [0, 10, 25, 50, 75, 90, 100])
        expected[3] = np.median(values)  # rounded otherwise than the 50th percentile
        assert np.array_equal(found, expected), n
