"""Registration finds a known movement, moves masks with their scans, and does nothing twice or by chance."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy import ndimage

from helpers.cluster import Outcome
from helpers.errors import CaseError
from helpers.evaluation import quality_printed
from helpers.imaging import placement, quality, registration
from helpers.statistics import agreement

pytestmark = pytest.mark.slow


def head(shape=(36, 48, 44), *, seed=1, spacing=(3.0, 3.0, 3.0)):
    """A head-like ellipsoid of blurred texture in dark air, around the frame's origin."""
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    inside = (x / 0.75) ** 2 + (y / 0.8) ** 2 + (z / 0.8) ** 2 < 1
    texture = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 2)
    values = np.where(inside, 500 + 200 * texture / texture.std(), 0)
    image = sitk.GetImageFromArray(ndimage.gaussian_filter(values, 0.7).astype(np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin([-(n - 1) / 2 * s for n, s in zip(shape[::-1], spacing, strict=True)])
    return image


def other_contrast(image):
    """The same anatomy in another contrast: bright becomes dark within the head."""
    values = sitk.GetArrayFromImage(image)
    made = sitk.GetImageFromArray(np.where(values > 50, 1400 - values, values * 0.1).astype(np.float32))
    made.CopyInformation(image)
    return made


TRUTH = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.06, -0.04, 0.09, (5.0, -4.0, 6.0))


def error(found, truth=TRUTH):
    """Mean distance in mm, over points of the head, between the movement found and the true one."""
    points = np.random.default_rng(0).uniform(-35, 35, (200, 3))
    there = [found.TransformPoint(truth.TransformPoint(p.tolist())) for p in points]
    return float(np.linalg.norm(np.array(there) - points, axis=1).mean())


@pytest.fixture(scope="module")
def pair():
    """A reference and the same anatomy in another contrast, moved by TRUTH."""
    fixed = head()
    return fixed, registration.carry_scan(other_contrast(fixed), fixed, TRUTH)


def test_a_rigid_movement_between_contrasts_is_found_to_a_fifth_of_a_voxel(pair):
    fixed, moving = pair
    found = registration.find(moving, fixed, name="T2")
    assert error(found.transform) < 0.6
    assert found.after > found.before
    assert 5 < found.moved < 15
    assert "T2 registered (rigid): moved by" in found.words


def test_affine_finds_a_scaling_that_rigid_cannot(pair):
    fixed, _ = pair
    truth = sitk.AffineTransform(3)
    truth.Scale((1.08, 1.0, 0.94))
    truth.Translate((3.0, 2.0, -2.0))
    moving = registration.carry_scan(other_contrast(fixed), fixed, truth)
    rigid, affine = (registration.find(moving, fixed, how=how).transform for how in ("rigid", "affine"))
    assert error(affine, truth) < 1.0
    assert error(affine, truth) < error(rigid, truth) / 1.5


def test_the_same_scans_give_the_same_bytes_whatever_the_number_of_threads(pair):
    fixed, moving = pair
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    try:
        for threads in (1, 4):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            aligned = registration.align_sequences({"T1": fixed, "T2": moving}, "T1")["T2"]
            found.append((aligned.found.transform.GetParameters(), sitk.GetArrayFromImage(aligned.scan).tobytes()))
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert found[0] == found[1]


def test_what_is_aligned_already_keeps_its_very_voxels(pair):
    fixed, _ = pair
    other = other_contrast(fixed)
    aligned = registration.align_sequences({"T1": fixed, "T2": other}, "T1")
    assert aligned["T2"].scan is other and aligned["T1"].scan is fixed
    assert aligned["T2"].found.transform is None
    assert "kept its place" in aligned["T2"].found.words


def test_a_mask_moves_with_its_scan(pair):
    fixed, moving = pair
    lesion = np.zeros(sitk.GetArrayViewFromImage(fixed).shape, dtype=np.uint8)
    lesion[14:22, 20:30, 16:26] = 1
    truth = sitk.GetImageFromArray(lesion)
    truth.CopyInformation(fixed)
    drawn = registration.carry_mask(truth, moving, TRUTH)
    found = registration.find(moving, fixed)
    carried = sitk.GetArrayFromImage(registration.carry_mask(drawn, fixed, found.transform))
    assert 2 * np.sum(carried & lesion) / (carried.sum() + lesion.sum()) > 0.85


def test_background_and_extremes_survive_interpolation(pair):
    fixed, _ = pair
    values = sitk.GetArrayFromImage(fixed)
    values[values < 100] = 0
    stripped = sitk.GetImageFromArray(values)
    stripped.CopyInformation(fixed)
    carried = sitk.GetArrayFromImage(registration.carry_scan(stripped, fixed, TRUTH))
    assert np.mean(carried == 0) > 0.9 * np.mean(values == 0)  # not one value that a spline rang there
    assert carried.min() == 0 and carried.max() <= values.max()


def test_scans_of_two_places_are_refused(pair):
    fixed, _ = pair
    blank = sitk.Image(fixed.GetSize(), sitk.sitkFloat32)
    with pytest.raises(CaseError, match="constant"):
        registration.find(blank, fixed, name="T2")


def test_a_case_without_the_reference_is_refused(pair):
    with pytest.raises(CaseError, match="has no T1c image"):
        registration.align_sequences({"T1": pair[0]}, "T1c")


def test_a_movement_that_tells_too_little_is_not_trusted(pair):
    fixed, _ = pair
    shape = sitk.GetArrayViewFromImage(fixed).shape
    noise = sitk.GetImageFromArray(np.random.default_rng(2).uniform(0, 1, shape).astype(np.float32))
    noise.CopyInformation(fixed)
    found = registration.find(noise, fixed, name="PET")
    assert found.transform is None and "PET kept its place" in found.note


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fla", "t2"])
def test_a_known_movement_of_a_real_brain_is_found_within_a_voxel(shared_data, name):
    folder = shared_data / "glioma" / "TCGA-DU-7294"
    fixed, scan = (
        sitk.ReadImage(str(folder / f"TCGA-DU-7294_{n}_bet.nii.gz"), sitk.sitkFloat32) for n in ("t1c", name)
    )
    center = fixed.TransformContinuousIndexToPhysicalPoint([120.0, 120.0, 77.0])
    truth = sitk.Euler3DTransform(center, 0.05, -0.05, 0.05, (3.5, -2.5, 2.5))
    found = registration.find(registration.carry_scan(scan, scan, truth), fixed)
    points = np.array(center) + np.random.default_rng(0).uniform(-50, 50, (200, 3))
    there = [found.transform.TransformPoint(truth.TransformPoint(p.tolist())) for p in points]
    assert np.linalg.norm(np.array(there) - points, axis=1).mean() < 0.7


@pytest.mark.slow
def test_pet_and_mr_of_a_limb_that_lie_together_are_not_pulled_apart(shared_data):
    """In these patients a radiologist's outline lies in one place on both scans; the greatest information does not."""
    for case in ("STS_002", "STS_012", "STS_030"):
        scans = {}
        for name in ("MR_T1", "PET"):
            scan, mask = (
                sitk.ReadImage(str(shared_data / "sts/nifti" / case / f"{name}_{kind}.nii.gz"))
                for kind in ("image", "mask")
            )
            scans[name] = sitk.Cast(scan, sitk.sitkFloat64), sitk.Cast(mask != 0, sitk.sitkUInt8)
        (mr, on_mr), (pet, on_pet) = scans["MR_T1"], scans["PET"]
        found = registration.find(pet, mr, name="PET")
        carried = registration.carry_mask(on_pet, mr, found.transform)
        assert agreement.dice(*map(sitk.GetArrayFromImage, (carried, on_mr))) > 0.9


def test_a_movement_beyond_the_limit_is_refused(pair):
    fixed, _ = pair
    far = sitk.Image(other_contrast(fixed))
    far.SetOrigin(np.add(far.GetOrigin(), (80.0, 0.0, 0.0)).tolist())
    assert 75 < registration.find(far, fixed, name="T2").moved < 85
    with pytest.raises(CaseError, match=r"T2 would be moved by 8\d mm, more than imaging.register_limit \(15\)"):
        registration.find(far, fixed, name="T2", limit=15.0)


def files(tmp_path, **images):
    paths = {name: str(tmp_path / f"{name}.nii.gz") for name in images}
    for name, image in images.items():
        sitk.WriteImage(image, paths[name])
    return paths


def test_without_either_parameter_each_sequence_stays_on_its_own_grid(pair, tmp_path, settings):
    paths = files(tmp_path, T1=pair[0])
    placed = placement.placed("T1", paths, imaging=settings().imaging)
    assert placed.scan is placed.drawn_on and placed.transform is None and placed.steps == ()


def test_masks_of_one_sequence_serve_another_grid(tmp_path, settings):
    fine, coarse = head(), head((18, 24, 22), spacing=(6.0, 6.0, 6.0))
    paths = files(tmp_path, T1=fine, PET=coarse)
    imaging = settings("cohort.sequences=[T1, PET]", "imaging.mask_space=T1").imaging
    placed = placement.placed("PET", paths, imaging=imaging)
    mask = sitk.Cast(placed.drawn_on > 400, sitk.sitkUInt8)
    carried = placed.carry(mask)
    assert carried.GetSize() == placed.scan.GetSize()
    volumes = [sitk.GetArrayViewFromImage(m).sum() * np.prod(m.GetSpacing()) for m in (mask, carried)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.1)


def test_a_sequence_and_its_mask_reach_the_reference_together(pair, tmp_path, settings):
    fixed, moving = pair
    paths = files(tmp_path, T1=fixed, T2=moving)
    imaging = settings("cohort.sequences=[T1, T2]", "imaging.register_to=T1").imaging
    placed = placement.placed("T2", paths, imaging=imaging)
    assert placed.scan.GetSize() == fixed.GetSize() and "T2 registered" in placed.steps[0]
    mask = sitk.Cast(placed.drawn_on > 400, sitk.sitkUInt8)
    carried = sitk.GetArrayFromImage(placed.carry(mask)).astype(bool)
    inside = sitk.GetArrayFromImage(placed.scan)[carried]
    assert np.mean(inside > 350) > 0.95


def test_every_sequence_takes_the_masks_of_the_one_they_were_drawn_on(pair, tmp_path, settings):
    fixed, moving = pair
    paths = files(tmp_path, T1=fixed, T2=moving)
    imaging = settings("cohort.sequences=[T1, T2]", "imaging.register_to=T1", "imaging.mask_space=T2").imaging
    on_t1, on_t2 = (placement.placed(name, paths, imaging=imaging) for name in ("T1", "T2"))
    mask = sitk.Cast(on_t1.drawn_on > 400, sitk.sitkUInt8)
    assert np.array_equal(sitk.GetArrayFromImage(on_t1.carry(mask)), sitk.GetArrayFromImage(on_t2.carry(mask)))
    assert placement.needed("T1", paths, imaging=imaging) == [paths["T1"], paths["T2"]]


def test_how_far_each_sequence_moved_is_counted_over_the_cohort(pair, tmp_path, settings):
    paths = files(tmp_path, T1=pair[0], T2=pair[1])
    images = pd.DataFrame(
        [("P1", name, "reader1", path, "mask") for name, path in paths.items()],
        columns=["case", "sequence", "reader", "image", "mask"],
    )
    registered = settings("cohort.sequences=[T1, T2]", "imaging.register_to=T1").imaging
    table = quality.registrations(images, imaging=registered, mapper=here)
    assert (
        table["sequence"].tolist() == ["T2"] and 5 < table["moved"][0] < 15 and table["after"][0] > table["before"][0]
    )
    assert "moved T2 by a median of" in quality_printed.registration(table, "T1")
    assert quality.registrations(images, imaging=settings().imaging, mapper=here).empty
    assert quality_printed.registration(table.iloc[:0], None).startswith("No sequence was moved")


def here(function, items):
    """A mapper: one case after the other, in this process."""
    for item in items:
        yield Outcome(item, function(item))


def test_a_missing_file_is_a_sentence(pair, tmp_path, settings):
    paths = files(tmp_path, T1=pair[0]) | {"T2": str(tmp_path / "nowhere.nii.gz")}
    imaging = settings("cohort.sequences=[T1, T2]", "imaging.register_to=T1", "imaging.mask_space=T2").imaging
    with pytest.raises(CaseError, match="nowhere.nii.gz is missing"):
        placement.placed("T1", paths, imaging=imaging)
