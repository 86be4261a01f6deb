"""Intensities are scaled by the head, never by the lesion; resampling keeps what lies where."""

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.errors import CaseError, RadiogramError
from helpers.imaging import bias, normalization, plan, preprocess


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


def followed(image, *, brain=None, name="scan.nii.gz", keep=False, **asked):
    asked = plan.Plan(**({"method": "none"} | asked))
    return preprocess.follow(image, asked, brain=brain, name=name, keep=keep)


def brain_of(builders, **options):
    return builders.volume(builders.ball(radius=7), **options)


def array(image):
    return sitk.GetArrayFromImage(image)


def brain_like(shape=(40, 48, 44), *, seed=3):
    """T1-like brain: CSF 300, gray 600, white 900 (z, y, x) within an ellipsoid, dark air outside, and the tissues."""
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    tissue = np.select([radius < 0.5, radius < 0.8, radius < 0.9], [3, 2, 1], 0)
    values = np.array([0.0, 300.0, 600.0, 900.0])[tissue]
    noise = np.random.default_rng(seed).normal(0, 20, shape)
    return (values + np.where(tissue > 0, noise, 0)).astype(np.float32), tissue


def test_reorientation_moves_no_tissue_and_masks_follow(builders):
    image, mask = builders.volume(builders.texture()), builders.volume(np.roll(builders.ball(), 3, axis=2))
    result = followed(image, orientation="RSA")
    inside = array(image)[array(mask) > 0]
    carried = array(preprocess.resample_mask(mask, result.scan))
    assert preprocess.orientation(result.scan) == "RSA"
    assert sorted(array(result.scan)[carried > 0]) == sorted(inside)
    assert result.steps == ("reoriented from LPS to RSA",)


def test_a_mask_follows_a_turn_that_keeps_size_and_spacing(builders):
    cube = np.zeros((12, 12, 12), dtype=np.uint8)
    cube[2:5, 3:9, 1:4] = 1
    mask = builders.volume(cube, spacing=(1.0, 1.0, 1.0))
    turned = sitk.DICOMOrient(mask, "PIL")
    assert np.array_equal(array(preprocess.resample_mask(mask, turned)), array(turned))


def test_orientation_that_names_an_axis_twice_is_refused(settings):
    with pytest.raises(RadiogramError, match="names an axis twice"):
        plan.preflight(settings("imaging.orientation=LRS"))


def test_steps_of_unknown_sequences_are_refused_before_the_first_case(settings):
    for override in (
        "imaging.n4=[T2]",
        "imaging.register_to=T2",
        "imaging.mask_space=T2",
        "imaging.normalize={T2: none}",
    ):
        with pytest.raises(RadiogramError, match="T2, but cohort.sequences has only T1"):
            plan.preflight(settings(override))
    plan.preflight(settings("imaging.n4=[all]"))


@pytest.mark.slow
def test_n4_takes_a_smooth_bias_field_out(builders):
    values, tissue = brain_like()
    shading = np.exp(np.linspace(-0.4, 0.4, values.shape[2]))[None, None, :]
    image = builders.volume((values * shading).astype(np.float32), spacing=(3.0, 3.0, 3.0))
    brain = builders.volume((tissue > 0).astype(np.uint8), spacing=(3.0, 3.0, 3.0))
    result = followed(image, brain=brain, n4=True, n4_shrink=2)
    spread = [np.std(a[tissue == 3]) / np.mean(a[tissue == 3]) for a in (array(image), array(result.scan))]
    assert spread[1] < 0.4 * spread[0]
    assert "N4" in result.steps[0]


def test_n4_gives_the_same_bytes_whatever_the_number_of_threads(builders):
    image = builders.volume(brain_like((20, 24, 22))[0])
    region = array(image) > 0
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    try:
        for threads in (1, 4):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found.append(array(bias.correct(image, region, shrink=2)[0]).tobytes())
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "name", ["P1_T1_bias.nii.gz", "P1_T1_n4.nii.gz", "sub-1_desc-N4corrected_T1w.nii.gz", "T1_bfc.nrrd"]
)
def test_n4_is_refused_on_files_named_as_corrected(name, builders):
    image = builders.volume(builders.texture())
    with pytest.raises(CaseError, match="named as corrected ones are"):
        followed(image, n4=True, name=name)


def test_n4_is_left_out_with_a_note_where_it_is_declared_done(builders):
    result = followed(builders.volume(builders.texture()), n4=True, already=("n4",))
    assert "N4 left out" in result.notes[0]
    assert np.array_equal(array(result.scan), builders.texture())


def test_skull_strip_leaves_the_brain_and_its_lowest_intensity(builders):
    image, brain = builders.volume(builders.texture()), brain_of(builders)
    inside = array(brain) > 0
    stripped = array(followed(image, brain=brain, skull_strip=True).scan)
    assert np.array_equal(stripped[inside], array(image)[inside])
    assert (stripped[~inside] == array(image)[inside].min()).all()


def test_zscore_of_a_stripped_scan_is_that_of_the_brain(builders):
    brain = brain_of(builders)
    result = followed(builders.volume(builders.texture()), brain=brain, skull_strip=True, method="zscore", clip_sd=99.0)
    inside = array(result.scan)[array(brain) > 0]
    assert abs(inside.mean()) < 0.01 and abs(inside.std() - 1) < 0.01


def test_a_stripped_image_is_not_stripped_twice(builders):
    brain = brain_of(builders)
    once = followed(builders.volume(builders.texture()), brain=brain, skull_strip=True)
    twice = followed(once.scan, brain=brain, skull_strip=True)
    assert twice.notes and "skull strip left out" in twice.notes[0]
    assert np.array_equal(array(once.scan), array(twice.scan))


def test_a_standardized_image_is_not_standardized_twice(builders):
    once = followed(builders.volume(builders.texture()), method="zscore", clip_sd=9.0)
    twice = followed(once.scan, method="zscore", clip_sd=9.0)
    assert "standardized already" in twice.notes[0]
    assert np.array_equal(array(once.scan), array(twice.scan))
    again = followed(once.scan, method="zscore", clip_sd=9.0, already=())
    assert not again.notes


def test_percentiles_become_zero_and_one(builders):
    image = builders.volume(builders.texture())
    result = array(followed(image, method="percentile", percentiles=(2.0, 98.0)).scan)
    head = preprocess.body(image)
    low, high = np.percentile(array(image)[head], (2, 98))
    assert result.min() == 0 and result.max() == 1
    np.testing.assert_allclose(result[head], np.clip((array(image)[head] - low) / (high - low), 0, 1), atol=1e-6)


@pytest.mark.parametrize(("contrast", "levels"), [("t1", (300.0, 600.0, 900.0)), ("t2", (1200.0, 700.0, 500.0))])
def test_white_stripe_finds_white_matter_whatever_gain_and_offset(contrast, levels):
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in (40, 48, 44)], indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    tissue = np.select([radius < 0.75, radius < 0.85, radius < 0.9], [3, 2, 1], 0)  # white, gray, cerebrospinal fluid
    noise = np.random.default_rng(0).normal(0, 20, tissue.shape)
    values, brain, white = np.array([0.0, *levels])[tissue] + noise, tissue > 0, tissue == 3
    one, words = normalization.by_white_stripe(values, brain, contrast=contrast, clip_sd=5.0)
    two, _ = normalization.by_white_stripe(7 * values + 300, brain, contrast=contrast, clip_sd=5.0)
    peak = normalization.white_matter_peak(np.sort(values[brain]), contrast=contrast)
    assert abs(peak - levels[2]) < 10
    assert abs(np.median(one[white])) < 3
    np.testing.assert_allclose(one[brain], two[brain], atol=1e-6)
    assert "white matter" in words


@pytest.mark.parametrize("method", ["zscore_mask", "whitestripe_t1"])
def test_methods_of_the_brain_need_its_mask(method, builders):
    with pytest.raises(CaseError, match="needs a brain mask"):
        followed(builders.volume(builders.texture()), method=method)


def test_every_step_is_recorded_and_kept_for_the_figure(builders):
    image = builders.volume(brain_like((20, 24, 22))[0], spacing=(2.0, 2.0, 2.0))
    asked = {"orientation": "RAS", "n4": True, "method": "zscore", "clip_sd": 5.0, "spacing": (3.0, 3.0, 3.0)}
    result = followed(image, keep=True, **asked)
    assert [stage.name for stage in result.stages] == ["As read", "Reoriented", "N4", "Normalized", "Resampled"]
    assert len(result.steps) == 4
    assert result.stages[-1].scan is result.scan
    assert not followed(image, **asked).stages


def test_prepare_as_it_was_called_before_gives_what_it_gave(builders):
    values = builders.texture()
    head = preprocess.body(builders.volume(values))
    reference = values.astype(np.float64)
    expected = np.clip((reference - reference[head].mean()) / reference[head].std(), -5.0, 5.0)
    assert np.array_equal(array(prepared(values, builders).scan), expected)
