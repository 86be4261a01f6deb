"""The engine's features are PyRadiomics', to 1e-9, though filters are shared and cropped."""

import logging

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.radiomics import filters, measure
from helpers.parameters import Radiomics

ALL_CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


def radiomics(**changes) -> Radiomics:
    values = {
        "enabled": True,
        "image_types": ("original", "log", "wavelet"),
        "log_sigma": (1.0, 2.5),
        "classes": ALL_CLASSES,
        "bin_count": 32,
        "bin_width": None,
        "maximum_levels": 512,
    }
    return Radiomics(**(values | changes))


def measured(builders, settings: Radiomics, *, physical: bool = False) -> measure.Measured:
    """The ball in the texture."""
    scan = builders.volume(builders.texture())
    return measure.features(scan, [builders.ball() > 0], settings=settings, physical=physical)[0]


def extractor(settings: Radiomics):
    """PyRadiomics' own extractor with equal settings: whole volume, no resampling, no normalization."""
    from radiomics import featureextractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    bins = {"binCount": settings.bin_count} if settings.bin_count else {"binWidth": settings.bin_width}
    found = featureextractor.RadiomicsFeatureExtractor(additionalInfo=False, **bins)
    found.disableAllFeatures()
    for name in settings.classes:
        found.enableFeatureClassByName(name)
    found.disableAllImageTypes()
    found.enableImageTypeByName("Original")
    found.enableImageTypeByName("LoG", customArgs={"sigma": list(settings.log_sigma)})
    found.enableImageTypeByName("Wavelet")
    return found


@pytest.mark.parametrize(
    ("shape", "dtype", "changes", "shift"),
    [
        ((17, 24, 21), np.float64, {}, 0),  # odd sizes: PyRadiomics wraps one slice for its wavelet
        ((16, 20, 18), np.float32, {"bin_count": None, "bin_width": 40.0}, 0),
        ((16, 20, 19), np.float64, {}, -6),  # a lesion at the edge of the volume
    ],
)
def test_features_equal_pyradiomics(builders, shape, dtype, changes, shift):
    lesion = np.roll(builders.ball(shape), shift, axis=(1, 2)) if shift else builders.ball(shape)
    scan = builders.volume(builders.texture(shape, seed=3).astype(dtype))
    mask = builders.volume(lesion)
    settings = radiomics(**changes)
    other = builders.ball(shape, radius=2) > 0  # a second mask must not change the first one's features
    ours = measure.features(scan, [lesion > 0, other], settings=settings, physical=False)[0].features
    theirs = {name: float(value) for name, value in extractor(settings).execute(scan, mask).items()}
    assert list(ours) == list(theirs)
    assert len(ours) == 14 + 11 * 93
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


def test_cropped_laplacian_of_gaussian_equals_the_whole_to_the_bit(builders):
    scan = builders.volume(builders.texture((20, 24, 90), seed=1), spacing=(1.0, 1.0, 1.0))
    box = (slice(4, 9), slice(3, 8), slice(30, 35))
    whole = sitk.GetArrayFromImage(sitk.LaplacianRecursiveGaussian(scan, 1.0, True))
    assert np.array_equal(filters.laplacian_of_gaussian(scan, box, sigma=1.0), whole[box])


@pytest.mark.parametrize("edges", [(0, 5), (9, 15), (31, 37), (0, 37)])
def test_cropped_wavelet_equals_the_whole_to_the_bit(edges):
    from radiomics import imageoperations

    values = np.random.default_rng(0).normal(size=(37, 12, 13))
    box = (slice(*edges), slice(2, 9), slice(1, 13))
    ours = filters.wavelet_bands(values, box)
    for image, name, _ in imageoperations.getWaveletImage(sitk.GetImageFromArray(values), None):
        assert np.array_equal(ours[name.removeprefix("wavelet-")], sitk.GetArrayFromImage(image)[box]), name


def test_names_follow_pyradiomics():
    names = filters.names(("original", "log", "wavelet"), (1.0, 2.5))
    assert names[:4] == ["original", "log-sigma-1-0-mm-3D", "log-sigma-2-5-mm-3D", "wavelet-LLH"]
    assert names[-2:] == ["wavelet-HHH", "wavelet-LLL"]


def test_names_are_those_that_are_measured(builders):
    settings = radiomics(log_sigma=(2.0,), classes=("shape", "glcm"))
    found = measured(builders, settings, physical=True)
    assert list(found.features) == measure.names(settings, physical=True)


def test_physical_units_always_get_first_order_of_the_original(builders):
    settings = radiomics(image_types=("wavelet",), classes=("glcm",))
    values, lesion = builders.texture(), builders.ball() > 0
    found = measure.features(builders.volume(values), [lesion], settings=settings, physical=True)[0].features
    assert found["original_firstorder_Maximum"] == values[lesion].max()
    assert not [name for name in measure.names(settings, physical=False) if name.startswith("original_firstorder")]


def test_no_feature_of_an_ordinary_lesion_is_missing(builders):
    found = measured(builders, radiomics())
    assert np.isfinite(list(found.features.values())).all()


def test_flat_lesion_is_refused_and_its_neighbor_measured(builders):
    values, lesion = builders.texture(), builders.ball() > 0
    flat = np.zeros_like(lesion)
    flat[2:5, 3:7, 3:7] = True
    values[flat] = 900
    results = measure.features(builders.volume(values), [flat, lesion], settings=radiomics(), physical=False)
    assert str(results[0]) == "the lesion is flat: each of its 48 voxels has intensity 900."
    assert results[1].gray_levels > 20


def test_absurd_number_of_gray_levels_is_refused_with_a_width_that_works(builders):
    values, lesion = builders.texture() * 1000, builders.ball() > 0
    settings = radiomics(bin_count=None, bin_width=0.5)
    error = measure.features(builders.volume(values), [lesion], settings=settings, physical=False)[0]
    assert isinstance(error, CaseError)
    assert "gray levels, more than radiomics.maximum_levels (512)" in str(error)
    suggested = float(str(error).split("use a width near ")[1].split(",")[0])
    again = radiomics(bin_count=None, bin_width=suggested, image_types=("original",))
    found = measure.features(builders.volume(values), [lesion], settings=again, physical=False)[0]
    assert 16 <= found.gray_levels <= 64


def test_few_gray_levels_are_noted(builders):
    settings = radiomics(bin_count=None, bin_width=1e4, image_types=("original",))
    assert measured(builders, settings).note == "only 1 gray level occurs in the lesion: texture says little"


def test_scan_of_three_slices_is_too_thin_for_log(builders):
    values, lesion = builders.texture((3, 20, 18)), np.zeros((3, 20, 18), dtype=bool)
    lesion[:, 5:12, 5:12] = True
    with pytest.raises(CaseError, match=r"18 x 20 x 3 voxels, too few for radiomics\.log_sigma 1 mm"):
        measure.features(builders.volume(values), [lesion], settings=radiomics(), physical=False)


def test_pyradiomics_is_silent(builders, capfd):
    measured(builders, radiomics())
    assert capfd.readouterr() == ("", "")
