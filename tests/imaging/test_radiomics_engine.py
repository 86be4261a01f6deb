"""The engine measures what a study asks for, of every lesion of a scan at once, and says what it cannot."""

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.radiomics import filters, measure, preparation, reference, splines
from helpers.imaging.radiomics.settings import CLASSES, Settings

TYPES = (("Original", {}), ("LoG", {"sigma": (1.0, 2.5)}), ("Wavelet", {}))
THREE_D = tuple((name, ()) for name in CLASSES if name != "shape2D")


def settings(**changes) -> Settings:
    return Settings(**({"image_types": TYPES, "classes": THREE_D, "bin_count": 32, "maximum_levels": 512} | changes))


def of(*types: str, **own) -> tuple:
    return tuple((kind, own) for kind in types)


def measured(builders, own: Settings, *, physical: bool = False) -> measure.Measured:
    """The ball in the texture."""
    scan = builders.volume(builders.texture())
    return measure.features(scan, [builders.ball() > 0], settings=own, physical=physical)[0]


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
    own = settings(**changes)
    other = builders.ball(shape, radius=2) > 0  # a second mask must not change the first one's features
    ours = measure.features(scan, [lesion > 0, other], settings=own, physical=False)[0].features
    theirs = reference.execute(scan, [builders.volume(lesion)], settings=own)[0].features
    assert list(ours) == sorted(theirs, key=list(ours).index)
    assert len(ours) == 14 + 11 * 93
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


def test_reference_gives_what_the_fast_engine_gives(builders):
    own = settings(image_types=of("Original"), classes=(("glcm", ()), ("shape", ())))
    scan, lesion = builders.volume(builders.texture()), builders.ball() > 0
    for physical in (False, True):
        fast, slow = (
            engine.features(
                scan, [lesion, np.zeros_like(lesion) | (lesion & False) | lesion], settings=own, physical=physical
            )
            for engine in (measure, reference)
        )
        assert [list(one.features) for one in fast] == [list(one.features) for one in slow]
        assert [(one.gray_levels, one.note) for one in fast] == [(one.gray_levels, one.note) for one in slow]
        assert list(fast[0].features) == measure.names(own, physical=physical)
        for name, value in slow[0].features.items():
            assert fast[0].features[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


def test_names_are_those_that_are_measured(builders):
    for physical in (True, False):
        for types in (TYPES, of("Wavelet"), of("Gradient", "Original")):
            own = settings(image_types=types, classes=(("shape", ()), ("glcm", ("Contrast", "MCC"))))
            assert list(measured(builders, own, physical=physical).features) == measure.names(own, physical=physical)


def test_names_follow_pyradiomics():
    names = filters.names(settings())
    assert names[:4] == ["original", "log-sigma-1-0-mm-3D", "log-sigma-2-5-mm-3D", "wavelet-LLH"]
    assert names[-2:] == ["wavelet-HHH", "wavelet-LLL"]


def test_physical_units_always_get_first_order_of_the_original(builders):
    own = settings(image_types=of("Wavelet"), classes=(("glcm", ()),))
    values, lesion = builders.texture(), builders.ball() > 0
    found = measure.features(builders.volume(values), [lesion], settings=own, physical=True)[0].features
    assert found["original_firstorder_Maximum"] == values[lesion].max()
    assert not [name for name in measure.names(own, physical=False) if name.startswith("original_firstorder")]


def test_no_feature_of_an_ordinary_lesion_is_missing(builders):
    types = of("Original", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D", "LBP3D")
    found = measured(builders, settings(image_types=(*types, *TYPES[1:])))
    assert np.isfinite(list(found.features.values())).all()


def test_flat_lesion_is_refused_and_its_neighbor_measured(builders):
    values, lesion = builders.texture(), builders.ball() > 0
    flat = np.zeros_like(lesion)
    flat[2:5, 3:7, 3:7] = True
    values[flat] = 900
    for engine in (measure, reference):
        results = engine.features(
            builders.volume(values), [flat, lesion], settings=settings(image_types=of("Original")), physical=False
        )
        assert str(results[0]) == "the lesion is flat: each of its 48 voxels has intensity 900."
        assert results[1].gray_levels > 20


def test_absurd_number_of_gray_levels_is_refused_with_a_width_that_works(builders):
    values, lesion = builders.texture() * 1000, builders.ball() > 0
    own = settings(bin_count=None, bin_width=0.5)
    error = measure.features(builders.volume(values), [lesion], settings=own, physical=False)[0]
    assert isinstance(error, CaseError)
    assert "gray levels, more than radiomics.maximum_levels (512)" in str(error)
    suggested = float(str(error).split("use a width near ")[1].split(",")[0])
    again = settings(bin_count=None, bin_width=suggested, image_types=of("Original"))
    found = measure.features(builders.volume(values), [lesion], settings=again, physical=False)[0]
    assert 16 <= found.gray_levels <= 64


def test_few_gray_levels_are_noted(builders):
    own = settings(bin_count=None, bin_width=1e4, image_types=of("Original"))
    assert measured(builders, own).note == "only 1 gray level occurs in the lesion: texture says little"


def thin(builders):
    values, lesion = builders.texture((3, 20, 18)), np.zeros((3, 20, 18), dtype=bool)
    lesion[:, 5:12, 5:12] = True
    return builders.volume(values), lesion


def test_scan_of_three_slices_is_too_thin_for_log(builders):
    scan, lesion = thin(builders)
    with pytest.raises(CaseError, match=r"18 x 20 x 3 voxels, too few for radiomics\.log_sigma 1 mm"):
        measure.features(scan, [lesion], settings=settings(), physical=False)


def test_outside_a_study_such_a_filter_is_left_out_as_pyradiomics_does_and_noted(builders):
    scan, lesion = thin(builders)
    mask = preparation.image_of(lesion, scan)
    (ours,), (theirs,) = (engine.execute(scan, [mask], settings=settings()) for engine in (measure, reference))
    assert list(ours.features) == list(theirs.features)
    assert "log-sigma-1-0-mm-3D left out: the image is too small" in ours.note


def test_what_the_engine_lacks_is_computed_by_pyradiomics_and_said(builders):
    own = settings(
        image_types=(("Original", {}), ("LoG", {"sigma": (1.0,), "label": 2})), classes=(("firstorder", ()),)
    )
    (found,) = measure.execute(builders.volume(builders.texture()), [builders.volume(builders.ball())], settings=own)
    assert isinstance(found, CaseError) or "computed by PyRadiomics: the fast engine lacks another label" in found.note


def test_both_engines_are_silent(builders, capfd):
    measured(builders, settings())
    mask = builders.volume(builders.ball())
    reference.execute(builders.volume(builders.texture()), [mask], settings=settings(image_types=of("Original")))
    assert capfd.readouterr() == ("", "")


def test_engine_s_identity_names_engine_and_versions():
    assert measure.engine()["engine"] >= 2
    assert measure.engine() != measure.engine("pyradiomics")


# -- preparation ------------------------------------------------------------------------------------------------------


def theirs_prepared(image, mask, own):
    """(image that filters see, its crop, lesion, outline) as PyRadiomics' extractor makes them."""
    from radiomics import featureextractor, imageoperations

    extractor = featureextractor.RadiomicsFeatureExtractor(own.pyradiomics())
    given = extractor.settings
    image, mask = extractor.loadImage(image, mask, None, **given)
    box, corrected = imageoperations.checkMask(image, mask, **given)
    outline = mask = corrected if corrected is not None else mask
    if own.resegment_range is not None:
        mask = imageoperations.resegmentMask(image, mask, **given)
        box, _ = imageoperations.checkMask(image, mask, **given)
    outline = mask if own.resegment_shape else outline
    cut = [
        sitk.GetArrayFromImage(imageoperations.cropToTumorMask(image, one, box)[1]) == own.label
        for one in (mask, outline)
    ]
    return image, *cut


PREPARATIONS = [
    {},
    {"normalize": True, "normalize_scale": 100, "remove_outliers": 1.5},
    {"pre_crop": True, "pad_distance": 2, "normalize": True},
    {"resampled_pixel_spacing": (2, 0, 1.5), "pad_distance": 3},
    {"resampled_pixel_spacing": (0, 0, 0), "normalize": True},
    {"resampled_pixel_spacing": (1.5, 1.5, 3), "interpolator": "sitkLinear", "normalize": True},
    {"resampled_pixel_spacing": (0.8, 0.8, 2), "interpolator": "sitkNearestNeighbor"},
    {"resampled_pixel_spacing": (0.7, 0.9, 1.5), "interpolator": "sitkLanczosWindowedSinc"},
    {"resegment_range": (900, 1100)},
    {"resegment_range": (0.8,), "resegment_mode": "relative", "resegment_shape": True},
    {"resegment_range": (2, -1), "resegment_mode": "sigma"},
    {"resegment_range": (-1, 1), "resegment_mode": "sigma", "resampled_pixel_spacing": (2, 2, 2), "label": 3},
]


@pytest.mark.slow
@pytest.mark.parametrize("changes", PREPARATIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_preparation_equals_pyradiomics(builders, changes, dtype):
    own = Settings(**changes)
    scan = builders.volume(builders.texture().astype(dtype))
    mask = builders.volume(builders.ball() * np.uint8(own.label))
    (region,) = preparation.prepare(scan, [mask], settings=own)
    image, lesion, outline = theirs_prepared(scan, mask, own)
    assert region.scan.image.GetPixelID() == image.GetPixelID()
    assert np.array_equal(region.lesion, lesion) and np.array_equal(region.outline, outline)
    ours, theirs = (sitk.GetArrayFromImage(one).astype(float) for one in (region.scan.image, image))
    assert np.allclose(ours, theirs, rtol=0, atol=1e-11 * np.abs(theirs).max())
    assert region.scan.image.GetSpacing() == pytest.approx(image.GetSpacing(), rel=1e-12)


def test_spline_near_the_lesion_equals_that_of_the_whole_scan(builders):
    """A scan so large that only a part of it is read for the spline."""
    scan = builders.volume(builders.texture((70, 90, 80)), spacing=(1.0, 1.0, 1.0))
    mask = np.zeros((70, 90, 80), np.uint8)
    mask[30:36, 40:47, 36:42] = 1
    own = Settings(resampled_pixel_spacing=(1.5, 1.4, 0.9), normalize=True)
    (region,) = preparation.prepare(scan, [builders.volume(mask, spacing=(1.0, 1.0, 1.0))], settings=own)
    theirs = sitk.GetArrayFromImage(theirs_prepared(scan, builders.volume(mask, spacing=(1.0, 1.0, 1.0)), own)[0])
    assert np.abs(region.scan.values - theirs).max() < 1e-10 * np.abs(theirs).max()


def moved(builders, *, origin=(0.0, 0.0, 0.0)):
    mask = builders.volume(builders.ball())
    mask.SetOrigin(origin)
    return mask


REFUSED = [
    ({}, {"origin": (0.01, 0, 0)}, "another grid than the image .origin differs by up to 0.01."),
    ({"correct_mask": True}, {"origin": (0, 0, 40)}, "the lesion reaches beyond the image"),
    ({"resampled_pixel_spacing": (2, 2, 2)}, {"origin": (0, 0, 40)}, "the lesion reaches beyond the image"),
    ({"label": 2}, {}, r"the mask has no voxel of label 2, but of 1"),
    ({"minimum_roi_size": 300}, {}, r"has 257 voxels, and more than minimumROISize \(300\)"),
    ({"resegment_range": (5000,)}, {}, "resegmentRange .5000. leaves 0 voxel"),
    ({"resampled_pixel_spacing": (50, 50, 50)}, {}, "resampling left no voxel|has 1 voxel"),
]


@pytest.mark.parametrize(("changes", "grid", "sentence"), REFUSED, ids=str)
def test_mask_that_pyradiomics_refuses_is_refused_with_the_reason(builders, changes, grid, sentence):
    scan, mask = builders.volume(builders.texture()), moved(builders, **grid)
    for engine in (measure, reference):
        assert isinstance(engine.execute(scan, [mask], settings=Settings(**changes))[0], CaseError)
    (error,) = measure.execute(scan, [mask], settings=Settings(**changes))
    with pytest.raises(CaseError, match=sentence):
        raise error


@pytest.mark.parametrize(
    ("changes", "grid"),
    [({"geometry_tolerance": 0.1}, {"origin": (0.01, 0, 0)}), ({"correct_mask": True}, {"origin": (1.3, 0, 0)})],
)
def test_tolerated_and_corrected_grids_are_measured_as_pyradiomics_does(builders, changes, grid):
    scan, mask, own = builders.volume(builders.texture()), moved(builders, **grid), Settings(**changes)
    (ours,), (theirs,) = (engine.execute(scan, [mask], settings=own) for engine in (measure, reference))
    assert ours.features == pytest.approx(theirs.features, rel=1e-9, abs=1e-12)


def test_tolerance_of_one_file_does_not_reach_the_next(builders):
    scan, mask = builders.volume(builders.texture()), moved(builders, origin=(0.01, 0, 0))
    assert not isinstance(reference.execute(scan, [mask], settings=Settings(geometry_tolerance=0.1))[0], CaseError)
    assert isinstance(reference.execute(scan, [mask], settings=Settings())[0], CaseError)


def test_channel_of_a_mask_of_several_is_taken(builders):
    ball, empty = builders.ball(), np.zeros_like(builders.ball())
    stacked = sitk.GetImageFromArray(np.stack([empty, ball], axis=-1), isVector=True)
    stacked.CopyInformation(builders.volume(ball))
    scan = builders.volume(builders.texture())
    (ours,) = measure.execute(scan, [stacked], settings=Settings(label_channel=1))
    (plain,) = measure.execute(scan, [builders.volume(ball)], settings=Settings())
    assert ours == plain
    (error,) = measure.execute(scan, [stacked], settings=Settings(label_channel=5))
    assert "has 2 channels, and label_channel is 5" in str(error)


def test_masks_of_one_image_are_filtered_together_and_measured_as_alone(builders, monkeypatch):
    scan = builders.volume(builders.texture())
    masks = [builders.volume(builders.ball(radius=radius)) for radius in (4, 3)]
    alone = [measure.execute(scan, [mask], settings=settings())[0] for mask in masks]
    calls, original = [], filters.steps
    monkeypatch.setattr(filters, "steps", lambda *args, **options: calls.append(1) or original(*args, **options))
    assert repr(measure.execute(scan, masks, settings=settings())) == repr(alone)
    assert len(calls) == 1


def test_warming_up_covers_every_kind_of_image():
    measure.warm()


def test_image_that_is_no_volume_is_refused(builders):
    flat = sitk.GetImageFromArray(np.arange(30.0).reshape(5, 6))
    color = sitk.GetImageFromArray(np.zeros((4, 5, 6, 3)), isVector=True)
    mask = builders.volume(np.pad(np.ones((2, 2, 2), np.uint8), 1))
    for image, sentence in ((flat, "the image is 2-D and the mask 3-D"), (color, "3 values per voxel")):
        (error,) = measure.execute(image, [mask], settings=Settings())
        assert sentence in str(error)


@pytest.mark.parametrize("corner", [(40.3, 20.1, 8.2), (-2.0, -1.5, -0.3), (84.0, 44.0, 20.0)])
@pytest.mark.parametrize(("step", "cut"), [(500, False), (0.001, True)])
def test_spline_is_itk_s_to_the_bit_on_turned_scans(builders, corner, step, cut):
    """Flat ones too: there rounding alone decides in which bin a resampled voxel falls."""
    values = np.round(builders.texture((24, 50, 90)).astype(np.float64) / step) * step
    scan = builders.volume(values, spacing=(0.9, 1.1, 2.5))
    scan.SetDirection((np.cos(0.3), -np.sin(0.3), 0, np.sin(0.3), np.cos(0.3), 0, 0, 0, 1))
    grid = sitk.Image([9, 8, 7], sitk.sitkUInt8)
    grid.SetSpacing((1.3, 0.7, 2.0))
    grid.SetDirection(scan.GetDirection())
    grid.SetOrigin(scan.TransformContinuousIndexToPhysicalPoint(corner))
    theirs = sitk.Resample(scan, grid, sitk.Transform(), sitk.sitkBSpline, 0, sitk.sitkFloat64)
    low = np.array([max(0, int(c) - splines.REACH) if cut else 0 for c in corner])
    part, size = values[low[2] :, low[1] :, low[0] :], np.array(scan.GetSize())
    ours = splines.interpolate(part, low, size, splines.indices(scan, grid), 9)
    assert np.array_equal(ours, sitk.GetArrayFromImage(theirs))
