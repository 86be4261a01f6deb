"""Gray levels are PyRadiomics' to the last bit, whatever the number type of the image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from helpers.errors import CaseError
from helpers.imaging.radiomics import discretize
from helpers.imaging.radiomics.settings import Settings

TYPES = (np.uint8, np.int16, np.int32, np.float32, np.float64)


def reference(values: np.ndarray, lesion: np.ndarray, settings: Settings) -> np.ndarray:
    from radiomics import imageoperations

    bins = {"binCount": settings.bin_count} if settings.bin_count else {"binWidth": settings.bin_width}
    return imageoperations.binImage(values, lesion, **bins)[0]


def binned(values: np.ndarray, lesion: np.ndarray | None = None, **changes) -> discretize.Levels:
    lesion = np.ones(values.shape, dtype=bool) if lesion is None else lesion
    return discretize.discretize(values, lesion, settings=Settings(**changes), name="original")


def check(values: np.ndarray, lesion: np.ndarray, settings: Settings) -> None:
    try:
        expected = reference(values, lesion, settings)
    except ValueError:  # more levels than the image's numbers can tell apart
        with pytest.raises(CaseError, match="too narrow"):
            discretize.discretize(values, lesion, settings=settings, name="original")
        return
    levels = discretize.discretize(values, lesion, settings=settings, name="original")
    assert levels.matrix.dtype == np.int32 and levels.matrix.flags.c_contiguous
    assert np.array_equal(levels.matrix, expected)
    present, counts = np.unique(expected[lesion], return_counts=True)
    assert np.array_equal(levels.present, present) and np.array_equal(levels.counts, counts)
    assert levels.maximum == present[-1]


@st.composite
def cases(draw):
    """A small volume whose intensities lie often on bin edges, a random lesion in it, and a way to bin."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(*[st.integers(1, 6)] * 3))
    dtype = draw(st.sampled_from(TYPES))
    width = draw(st.sampled_from([25, 25.0, 5.0, 1.0, 0.5, 0.1, 0.3, 1 / 3, 7.7]))
    scale = draw(st.sampled_from([0.0, 1.0, 20.0, 300.0]))
    offset = draw(st.sampled_from([0.0, -100.0, 1e-3, 1000.3]))
    values = offset + scale * rng.normal(size=shape)
    if draw(st.booleans()):
        values = np.round(values / width) * width  # on the edges, but for rounding
    values = np.clip(values, 0, 180) if dtype is np.uint8 else values  # beyond it PyRadiomics' uint8 edges overflow
    lesion = rng.random(shape) < draw(st.sampled_from([0.3, 1.0]))
    lesion.flat[rng.integers(lesion.size)] = True
    count = draw(st.one_of(st.none(), st.sampled_from([1, 2, 8, 32, 64, 1000])))
    return values.astype(dtype), lesion, Settings(bin_width=width, bin_count=count)


@given(cases())
@examples(deadline=None, max_examples=300)
def test_levels_are_those_of_pyradiomics(case):
    check(*case)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [0.1, 0.3, 0.7])
def test_values_on_the_edges_fall_on_pyradiomics_side(dtype, width):
    values = (np.arange(-300, 300) * width).astype(dtype).reshape(10, 6, 10)
    check(values, np.ones(values.shape, dtype=bool), Settings(bin_width=width))


def test_a_large_offset_keeps_the_edges_of_the_image_type():
    values = (1e6 + np.random.default_rng(0).normal(size=(8, 9, 10))).astype(np.float32)
    for settings in (Settings(bin_width=0.3), Settings(bin_count=16)):
        check(values, np.ones(values.shape, dtype=bool), settings)


@pytest.mark.parametrize("changes", [{"bin_width": 25.0}, {"bin_count": 32}])
def test_a_flat_lesion_has_one_level(changes):
    for flat in (0.0, 7.25, -25.0):
        values = np.full((3, 4, 5), flat, dtype=np.float32)
        check(values, np.ones(values.shape, dtype=bool), Settings(**changes))
        assert len(binned(values, **changes).present) == 1


def test_neither_width_nor_count_means_a_width_of_25():
    values = np.arange(120.0).reshape(4, 5, 6)
    assert np.array_equal(binned(values, bin_width=None).matrix, binned(values, bin_width=25.0).matrix)


def test_intensities_without_lesion_do_not_matter():
    values = np.random.default_rng(1).normal(100, 30, (5, 6, 7))
    lesion = values > 90
    elsewhere = np.where(lesion, values, 1e12)
    assert np.array_equal(binned(values, lesion).matrix, binned(elsewhere, lesion).matrix)


def test_too_many_levels_are_refused_with_a_width_that_gives_about_32():
    values = np.linspace(0, 1000, 60).reshape(3, 4, 5)
    with pytest.raises(CaseError, match=r"into 2,001 gray levels, more than radiomics.maximum_levels \(512\)") as error:
        binned(values, bin_width=0.5, maximum_levels=512)
    width = float(str(error.value).split("use a width near ")[1].split(",")[0])
    assert width == discretize.suggested_width(0, 1000) == 31
    assert discretize.expected_levels(0, 1000, width) == 33


def test_without_a_limit_only_what_int32_cannot_name_is_refused():
    values = np.array([0.0, 1e3, 1e5]).reshape(1, 1, 3)
    assert binned(values, bin_width=0.5).maximum == 200_001
    with pytest.raises(CaseError, match="2,147,483,648 gray levels"):
        binned(values, bin_width=1e-30)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("changes", [{}, {"bin_count": 8}])
def test_intensities_that_are_not_finite_are_refused(value, changes):
    values = np.arange(24.0).reshape(2, 3, 4)
    values[1, 1, 1] = value
    with pytest.raises(CaseError, match="not finite"):
        binned(values, **changes)


def test_a_range_too_narrow_for_its_levels_is_refused():
    values = np.float32(1e6) + np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 16
    with pytest.raises(CaseError, match="too narrow for 1000 gray levels"):
        binned(values, bin_count=1000)


def test_few_levels_are_noted():
    assert (
        discretize.warning(binned(np.zeros((2, 2, 2)))) == "only 1 gray level occurs in the lesion: texture says little"
    )
    assert discretize.warning(binned(np.arange(1000.0).reshape(10, 10, 10))) == ""
