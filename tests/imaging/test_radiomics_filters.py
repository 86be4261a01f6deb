"""Every image type equals PyRadiomics' filter of the whole scan, though only a box is computed."""

import logging
import sys
import types
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from helpers.errors import CaseError, RadiogramError
from helpers.imaging import geometry
from helpers.imaging.radiomics import filters, local_binary_3d, log_filter
from helpers.imaging.radiomics.scan import Scaling, Scan
from helpers.imaging.radiomics.settings import Settings

SPACING = (0.8, 1.2, 2.5)  # x, y, z
POINTWISE = ("Square", "SquareRoot", "Logarithm", "Exponential")
# Our names and PyRadiomics' of the settings that filters read.
PYRADIOMICS = {
    "sigma": "sigma",
    "wavelet": "wavelet",
    "level": "level",
    "start_level": "start_level",
    "force2d": "force2D",
    "force2d_dimension": "force2Ddimension",
    "gradient_use_spacing": "gradientUseSpacing",
    "lbp2d_radius": "lbp2DRadius",
    "lbp2d_samples": "lbp2DSamples",
    "lbp2d_method": "lbp2DMethod",
    "lbp3d_levels": "lbp3DLevels",
    "lbp3d_icosphere_radius": "lbp3DIcosphereRadius",
    "lbp3d_icosphere_subdivision": "lbp3DIcosphereSubdivision",
}


@pytest.fixture(autouse=True)
def quiet_and_complete(monkeypatch):
    """PyRadiomics' LBP3D asks SciPy for two names that have gone; sph_harm_y has its arguments swapped."""
    from scipy import ndimage, special

    gone = types.ModuleType("scipy.ndimage.interpolation")
    gone.map_coordinates = ndimage.map_coordinates
    monkeypatch.setitem(sys.modules, gone.__name__, gone)
    monkeypatch.setattr(special, "sph_harm", lambda m, n, a, b: special.sph_harm_y(n, m, b, a), raising=False)
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def scan(shape=(12, 15, 17), dtype=np.float32, *, seed=0, offset=40.0) -> sitk.Image:
    """Blurred noise with an area of zeros and one of a constant."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    values = offset + 120 * ndimage.gaussian_filter(rng.standard_normal(shape), 0.7)
    values[:, : shape[1] // 3, : shape[2] // 3] = 0
    values[:, -(shape[1] // 4) :, -(shape[2] // 4) :] = 55
    if np.issubdtype(dtype, np.integer):
        values = np.clip(values, np.iinfo(dtype).min, np.iinfo(dtype).max)
    image = sitk.GetImageFromArray(values.astype(dtype))
    image.SetSpacing(SPACING)
    return image


def corner_boxes(shape) -> list[geometry.Box]:
    """All of it, its middle, its first and its last voxels, and a single one."""
    return [
        tuple(slice(0, n) for n in shape),
        tuple(slice(n // 3, n // 3 + max(1, n // 4)) for n in shape),
        tuple(slice(0, max(1, n // 4)) for n in shape),
        tuple(slice(n - max(1, n // 4), n) for n in shape),
        tuple(slice(n // 2, n // 2 + 1) for n in shape),
    ]


def whole(image: sitk.Image, kind: str, **options) -> dict[str, np.ndarray]:
    """PyRadiomics' images of one type, of the whole scan, every voxel in the mask."""
    from radiomics import imageoperations

    mask = sitk.GetImageFromArray(np.ones(image.GetSize()[::-1], dtype=np.uint8))
    mask.CopyInformation(image)
    asked = {PYRADIOMICS[name]: value for name, value in options.items()}
    found = getattr(imageoperations, f"get{kind}Image")(image, mask, **asked)
    return {name: sitk.GetArrayFromImage(filtered).copy() for filtered, name, _ in found}


def ours(image: sitk.Image, box: geometry.Box, kind: str, **options) -> dict[str, np.ndarray]:
    settings = Settings(image_types=((kind, {}),), **options)
    found = {name: values for name, values, _ in filters.images(Scan(image), box, settings=settings)}
    assert list(found) == filters.names(settings)
    return found


def assert_same_bits(image: sitk.Image, kind: str, boxes=None, **options) -> None:
    reference = whole(image, kind, **options)
    assert reference
    for box in boxes or corner_boxes(image.GetSize()[::-1]):
        found = ours(image, box, kind, **options)
        assert list(found) == list(reference)
        for name, values in found.items():
            expected = reference[name][box]
            assert values.dtype == expected.dtype, name
            floating = np.issubdtype(values.dtype, np.floating)
            assert np.array_equal(values, expected, equal_nan=floating), (name, box)


TYPES = [np.int16, np.uint16, np.uint8, np.int32, np.float32, np.float64]


@pytest.mark.slow
@pytest.mark.parametrize("outliers", [None, 1.5])
@pytest.mark.parametrize("dtype", TYPES)
def test_filters_of_a_scan_scaled_where_they_look_are_those_of_itks_normalized_image(dtype, outliers):
    raw = scan((12, 15, 17), dtype)
    values = sitk.GetArrayViewFromImage(raw)
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    normalized = sitk.ShiftScale(raw, -mean, 1 / deviation, sitk.sitkFloat64)
    if outliers is not None:
        normalized = sitk.Clamp(normalized, sitk.sitkFloat64, -outliers, outliers)
    normalized *= 100.0
    ours = Scan(raw, Scaling(-mean, 1 / deviation, 100.0, outliers))
    settings = Settings(image_types=ALL, sigma=(1.0, 3.3))
    for box in corner_boxes((12, 15, 17)):
        pairs = zip(
            filters.images(ours, box, settings=settings),
            filters.images(Scan(normalized), box, settings=settings),
            strict=True,
        )
        for (name, found, _), (_, expected, _) in pairs:
            assert found.dtype == expected.dtype and np.array_equal(found, expected, equal_nan=True), (name, box)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(12, 15, 17), (5, 16, 9)])
def test_laplacian_of_gaussian_is_itks_to_the_bit(dtype, shape):
    assert_same_bits(scan(shape, dtype), "LoG", sigma=(1, 2.0, 3.3))


@pytest.mark.slow
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_laplacian_of_gaussian_is_itks_in_any_box_of_any_scan(data):
    shape = tuple(data.draw(st.integers(4, 40)) for _ in range(3))
    spacing = tuple(data.draw(st.floats(0.5, 4)) for _ in range(3))
    steepest = min((n - 1) * step for n, step in zip(shape, spacing, strict=True))
    sigma = data.draw(st.floats(0.3, max(0.31, steepest - 0.01)))
    starts = [data.draw(st.integers(0, n - 1)) for n in shape]
    box = tuple(slice(a, data.draw(st.integers(a + 1, n))) for a, n in zip(starts, shape, strict=True))
    values = np.random.default_rng(data.draw(st.integers(0, 99))).normal(100, 30, shape)
    values = values.astype(data.draw(st.sampled_from(TYPES)))
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing[::-1])
    expected = sitk.GetArrayFromImage(sitk.LaplacianRecursiveGaussian(image, sigma, True))[box]
    found = log_filter.laplacian(Scan(image), box, sigma=sigma)
    assert np.count_nonzero(found != expected) <= 1  # float32's last bit may turn on what lies 26 sigmas away
    assert np.abs(found - expected).max() <= 1e-7 * max(np.abs(expected).max(), 1)


def test_laplacian_of_gaussian_of_a_distant_box_equals_the_whole_to_the_bit():
    image = scan((40, 50, 140))
    image.SetSpacing((1.0, 1.0, 1.0))
    box = (slice(10, 18), slice(20, 29), slice(60, 71))
    assert log_filter.around(box, (40, 50, 140), spacing=(1, 1, 1), sigma=1.5)[2] == slice(21, 110)  # not all of it
    assert_same_bits(image, "LoG", [box], sigma=(1.5,))


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"wavelet": "db4", "level": 2},
        {"wavelet": "haar", "level": 3, "start_level": 1},
        {"wavelet": "bior3.3", "start_level": 2},
        {"wavelet": "dmey"},
        {"force2d": True, "level": 2},
        {"force2d": True, "force2d_dimension": 1, "wavelet": "coif3"},
        {"force2d": True, "force2d_dimension": 2, "wavelet": "sym5"},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(12, 15, 17), (3, 10, 5)])
def test_wavelet_bands_are_pyradiomics_to_the_bit(dtype, options, shape):
    assert_same_bits(scan(shape, dtype), "Wavelet", **options)


@pytest.mark.parametrize("kind", POINTWISE)
@pytest.mark.parametrize(("dtype", "offset"), [*((dtype, 40.0) for dtype in TYPES), (np.int16, -900), (float, -900.0)])
def test_pointwise_images_are_pyradiomics_to_the_bit(kind, dtype, offset):
    assert_same_bits(scan(dtype=dtype, offset=offset), kind)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("use_spacing", [True, False])
def test_gradient_is_itks_to_the_bit(dtype, use_spacing):
    assert_same_bits(scan(dtype=dtype), "Gradient", gradient_use_spacing=use_spacing)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("method", ["default", "ror", "uniform", "var"])
@pytest.mark.parametrize(("radius", "samples", "across"), [(1, 8, 0), (1.3, 12, 1), (2.5, 5, 2)])
def test_binary_patterns_are_scikit_images_written_into_the_scans_type(dtype, method, radius, samples, across):
    options = {"lbp2d_radius": radius, "lbp2d_samples": samples, "lbp2d_method": method, "force2d_dimension": across}
    assert_same_bits(scan((5, 11, 9), dtype), "LBP2D", **options)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lbp3d_levels": 4, "lbp3d_icosphere_radius": 2.5, "lbp3d_icosphere_subdivision": 2},
        {"lbp3d_icosphere_subdivision": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(7, 11, 9), (2, 1, 12)])
def test_binary_patterns_in_3d_are_pyradiomics(dtype, options, shape):
    image = scan(shape, dtype)
    reference = whole(image, "LBP3D", **options)
    for box in corner_boxes(shape):
        found = ours(image, box, "LBP3D", **options)
        assert list(found) == list(reference)
        for name, values in found.items():
            expected = reference[name][box]
            if name in ("lbp-3D-m1", "lbp-3D-k"):  # few values recur: a bin's edge may lie on one
                assert np.array_equal(values, expected, equal_nan=True), name
            assert np.allclose(values, expected, rtol=1e-12, atol=1e-12, equal_nan=True), name


def test_binary_patterns_in_3d_of_a_distant_box_equal_the_whole():
    image = scan((6, 7, 160), np.float64)
    reference = whole(image, "LBP3D")
    box = (slice(1, 5), slice(2, 6), slice(70, 76))
    found = ours(image, box, "LBP3D")
    assert np.array_equal(found["lbp-3D-k"], reference["lbp-3D-k"][box], equal_nan=True)


def test_binary_patterns_in_3d_are_computed_in_the_lesion_alone():
    image, box = scan(), (slice(2, 8), slice(3, 9), slice(4, 10))
    lesion = np.zeros((6, 6, 6), dtype=bool)
    lesion[1:4, 2:5, 3] = True
    settings = Settings(image_types=(("LBP3D", {}),))
    everywhere = [values for _, values, _ in filters.images(Scan(image), box, settings=settings)]
    there = [values for _, values, _ in filters.images(Scan(image), box, settings=settings, lesion=lesion)]
    for all_of_it, part in zip(everywhere, there, strict=True):
        assert np.array_equal(part[lesion], all_of_it[lesion], equal_nan=True)
        assert not part[~lesion].any()


@pytest.mark.parametrize(("subdivision", "radius"), [(0, 1), (1, 1), (1, 2.5), (3, 1.7)])
def test_the_sphere_is_trimeshs(subdivision, radius):
    from trimesh.creation import icosphere

    assert np.array_equal(local_binary_3d.icosphere(subdivision, radius), icosphere(subdivision, radius).vertices)


def test_images_come_in_the_order_of_the_settings_and_each_with_its_own():
    kinds = (("Wavelet", {"bin_width": 10.0}), ("LoG", {"sigma": (1, 2.5), "bin_width": 3.0}), ("Original", {}))
    settings = Settings(image_types=kinds, bin_width=25.0)
    found = list(filters.images(Scan(scan()), (slice(2, 6),) * 3, settings=settings))
    assert [name for name, _, _ in found] == filters.names(settings)
    assert filters.names(settings)[-4:] == ["wavelet-LLL", "log-sigma-1-mm-3D", "log-sigma-2-5-mm-3D", "original"]
    assert [own.bin_width for _, _, own in found] == [10.0] * 8 + [3.0] * 2 + [25.0]


ALL = tuple((kind, {}) for kind in ("Original", "LoG", "Wavelet", *POINTWISE, "Gradient", "LBP2D", "LBP3D"))


def test_a_value_does_not_depend_on_the_box():
    image, settings = scan(), Settings(image_types=ALL, sigma=(1.0,))
    wide, narrow = (slice(1, 11), slice(2, 14), slice(0, 16)), (slice(4, 7), slice(5, 9), slice(6, 13))
    inside = tuple(slice(n.start - w.start, n.stop - w.start) for n, w in zip(narrow, wide, strict=True))
    pairs = zip(
        filters.images(Scan(image), wide, settings=settings),
        filters.images(Scan(image), narrow, settings=settings),
        strict=True,
    )
    for (name, of_wide, _), (_, of_narrow, _) in pairs:
        assert np.array_equal(of_wide[inside], of_narrow, equal_nan=True), name


def test_filters_run_in_parallel_give_the_same_bytes():
    image, box, settings = scan(), (slice(2, 10),) * 3, Settings(image_types=ALL, sigma=(1.0, 2.0))
    steps = filters.steps(Scan(image), box, settings=settings)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda step: [values.tobytes() for values in step.make()], steps))
    serial = [values.tobytes() for _, values, _ in filters.images(Scan(image), box, settings=settings)]
    assert [values for of_step in made for values in of_step] == serial


def test_filters_leave_the_scan_as_it_was():
    image = scan(dtype=np.float64)
    before = sitk.GetArrayFromImage(image)
    for _, values, _ in filters.images(
        Scan(image), (slice(2, 10),) * 3, settings=Settings(image_types=ALL, sigma=(1.0,))
    ):
        values[:] = -1
    assert np.array_equal(sitk.GetArrayFromImage(image), before)


@pytest.mark.parametrize(("shape", "sigma"), [((3, 16, 16), 1.0), ((8, 8, 16), 9.0)])
def test_where_pyradiomics_leaves_the_laplacian_out_the_case_is_refused(shape, sigma):
    image = scan(shape)
    assert not whole(image, "LoG", sigma=[sigma])
    with pytest.raises(CaseError, match=r"the image has 16 x \d+ x \d voxels, too few .* which needs"):
        ours(image, tuple(slice(0, n) for n in shape), "LoG", sigma=(sigma,))


@pytest.mark.parametrize("kind", ["Square", "Logarithm", "Exponential"])
def test_a_blank_image_cannot_be_scaled(kind):
    blank = sitk.Image(8, 8, 8, sitk.sitkInt16)
    with pytest.raises(CaseError, match="zero everywhere"):
        ours(blank, (slice(0, 4),) * 3, kind)


def test_settings_that_no_filter_can_follow_end_the_run():
    box = (slice(2, 6),) * 3
    with pytest.raises(RadiogramError, match="sigma above 0"):
        ours(scan(), box, "LoG", sigma=(0.0,))
    with pytest.raises(RadiogramError, match="at most 31 samples"):
        ours(scan(), box, "LBP2D", lbp2d_samples=32, lbp2d_method="default")
    with pytest.raises(RadiogramError, match="image type 'Sobel' is unknown"):
        filters.names(Settings(image_types=(("Sobel", {}),)))
