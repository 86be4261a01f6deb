"""Scans under two names are found, however they were saved again; those of different patients are not."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy import ndimage

from helpers.cluster import map_cases
from helpers.errors import CaseError
from helpers.imaging import duplicates, store_keeping
from helpers.study import Study


def scan(builders, seed):
    """A head of its own grain, coarse and fine, and a lesion of its own place."""
    rng = np.random.default_rng([seed, 1])
    grains = [ndimage.gaussian_filter(rng.standard_normal((32, 48, 46)), sigma) for sigma in (1.5, 4)]
    values = 1000 + 100 * sum(grain / grain.std() for grain in grains)
    mask = np.zeros(values.shape, dtype=np.uint8)
    z, y, x = rng.integers((9, 13, 14), (14, 20, 20))
    mask[z : z + 8, y : y + 9, x : x + 9] = 1
    return builders.volume(values), builders.volume(mask)


@pytest.fixture
def prints(builders):
    return {f"P{i:02d}": duplicates.fingerprint(*scan(builders, i)) for i in range(20)}


def like(image, values):
    made = sitk.GetImageFromArray(values)
    made.CopyInformation(image)
    return made


def moved(image):
    return like(image, np.roll(sitk.GetArrayFromImage(image), (1, 1, 1), (0, 1, 2)))


def noisy(image, share=0.03):
    values = sitk.GetArrayFromImage(image)
    noise = np.random.default_rng(9).normal(0, share * values.std(), values.shape)
    return like(image, (values + noise).astype(np.float32))


SAVED_AGAIN = {
    "rescaled": lambda image, mask: (like(image, 3.7 * sitk.GetArrayFromImage(image) + 11), mask),
    "noisy": lambda image, mask: (noisy(image), mask),
    "in 256 steps": lambda image, mask: (sitk.Cast(sitk.RescaleIntensity(image, 0, 255), sitk.sitkUInt8), mask),
    "moved by a voxel": lambda image, mask: (moved(image), moved(mask)),
    "cropped": lambda image, mask: (image[2:-2, 2:-2, 2:-2], mask[2:-2, 2:-2, 2:-2]),
    "noisy and outlined again": lambda image, mask: (noisy(image, 0.01), sitk.BinaryDilate(mask, [1, 1, 1])),
}


def test_distinct_patients_are_not_named(prints):
    assert duplicates.alike(prints) == []


@pytest.mark.slow
@pytest.mark.parametrize("change", SAVED_AGAIN)
def test_a_scan_saved_again_under_another_name_is_found(builders, prints, change):
    prints["copy"] = duplicates.fingerprint(*SAVED_AGAIN[change](*scan(builders, 7)))
    ((first, second, kind, similarity),) = duplicates.alike(prints)
    assert {first, second} == {"P07", "copy"} and kind == duplicates.NEARLY
    assert duplicates.ALIKE < similarity <= 1


def test_another_number_type_or_orientation_is_the_same_scan(builders, prints):
    image, mask = scan(builders, 7)
    whole = sitk.Cast(sitk.Round(image), sitk.sitkInt16)
    prints["P07"] = duplicates.fingerprint(sitk.Cast(whole, sitk.sitkFloat64), mask)
    prints["copy"] = duplicates.fingerprint(sitk.DICOMOrient(whole, "RAS"), mask)
    assert duplicates.alike(prints) == [("P07", "copy", "identical images", 1.0)]


def test_identical_scans_are_told_in_a_cohort_too_small_for_likeness(builders, prints):
    few = {name: prints[name] for name in ("P00", "P01")}
    assert duplicates.alike(few | {"copy": prints["P01"]}) == [("P01", "copy", "identical images", 1.0)]
    assert duplicates.alike(few) == [] == duplicates.alike({})


def test_block_means_are_means_of_blocks():
    values = np.random.default_rng(0).normal(size=(24, 36, 12))
    blocks = values.reshape(12, 2, 12, 3, 12, 1).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(duplicates.block_means(values), blocks, atol=1e-12)
    uneven = np.random.default_rng(0).normal(size=(7, 19, 30))
    assert duplicates.block_means(uneven).mean() == pytest.approx(uneven.mean())


def test_a_mask_beside_the_scan_is_refused(builders):
    image, mask = scan(builders, 1)
    mask.SetOrigin((1000, 0, 0))
    with pytest.raises(CaseError, match="does not lie on the scan"):
        duplicates.fingerprint(image, mask)


@pytest.fixture
def study(settings, tmp_path):
    return Study("tiny", settings(), tmp_path / "runs" / "tiny")


def here(study):
    execution = study.parameters.execution.model_copy(update={"workers": 1, "isolated": False})
    return lambda function, items: map_cases(function, items, execution=execution, label="scans compared")


@pytest.fixture
def files(builders, row):
    """images and cases of ten patients, the last of whom has the first one's scan, cropped by nothing but noise."""
    rows = [row(*scan(builders, i), case=f"P{i}") for i in range(9)]
    image, mask = scan(builders, 0)
    rows.append(row(noisy(image, 0.02), mask, case="P9"))
    images = pd.DataFrame([vars(one) for one in rows])
    names = [one.case for one in rows]
    cases = pd.DataFrame({"case": names, "patient": names, "part": ["train"] * 6 + ["test"] * 4})
    return images, cases


def test_pairs_are_told_with_their_parts_and_kept_by_content(study, files, monkeypatch):
    images, cases = files
    found = duplicates.table(study, images, cases, mapper=here(study))
    (pair,) = found.to_dict("records")
    assert (pair["case_a"], pair["case_b"], pair["sequence"], pair["parts"]) == ("P0", "P9", "T1", "train, test")
    monkeypatch.setattr(duplicates, "fingerprint", lambda *_: pytest.fail("computed again"))
    shuffled = images.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(duplicates.table(study, shuffled, cases, mapper=here(study)), found)
    old = store_keeping.chosen(older_than=None, unused_for=None, outdated=True, keep_gigabytes=None)
    pruned = store_keeping.prune(study.store, **old, dry_run=True)
    assert (pruned.removed, pruned.kept) == (0, 10)


def test_two_cases_of_one_patient_are_no_duplicates(study, files):
    images, cases = files
    cases = cases.assign(patient=cases["patient"].replace({"P9": "P0"}))
    assert duplicates.table(study, images, cases, mapper=here(study)).empty


def test_the_sentence_counts_pairs_and_names_nobody():
    none = duplicates.sentence(pd.DataFrame(), cases=120)
    assert (
        none == "Every scan was compared with those of all other patients (120 cases): no two are the same, or nearly."
    )
    rows = [("P1", "P2", s, "identical images", 1.0, "train, test") for s in ("T1", "T2")]
    rows.append(("P3", "P4", "T1", "nearly identical images", 0.98, "train, train"))
    told = pd.DataFrame(rows, columns=["case_a", "case_b", "sequence", "kind", "similarity", "parts"])
    said = duplicates.sentence(told, cases=120)
    assert "there are 1 pair with identical images and 1 pair with nearly identical images" in said
    assert "1 of them on both sides of the split" in said and "P1" not in said


@pytest.mark.slow
def test_phantoms_share_their_anatomy_and_are_not_confused(builders):
    from helpers.cohort.phantom import images as phantom_images
    from helpers.cohort.phantom import latents
    from helpers.study import load

    parameters = load("demo", overrides=["phantom.patients=60"]).parameters
    spacing = parameters.phantom.spacing[::-1]
    found = {}
    for subject in phantom_images.subjects(latents.draw(parameters)):
        head, lesion = phantom_images.anatomy(subject, parameters)
        values = phantom_images.scan(subject, "T1c", head, lesion, seed=parameters.seed)
        mask = np.zeros(values.shape, dtype=np.uint8)
        mask[lesion.box] = lesion.inside > 0
        pair = builders.volume(values, spacing=spacing), builders.volume(mask, spacing=spacing)
        found[subject.case] = duplicates.fingerprint(*pair)
    assert duplicates.alike(found) == []
    for change in ("rescaled", "noisy", "moved by a voxel", "cropped"):
        copied = found | {"copy": duplicates.fingerprint(*SAVED_AGAIN[change](*pair))}
        assert [{a, b} for a, b, *_ in duplicates.alike(copied)] == [{subject.case, "copy"}], change


@pytest.mark.slow
@pytest.mark.parametrize("sequence", ["MR_T1", "PET"])
def test_real_patients_are_not_confused(shared_data, sequence):
    from helpers.imaging import read

    found = {}
    for folder in sorted((shared_data / "sts" / "nifti").iterdir()):
        mask, _ = read.mask(folder / f"{sequence}_mask.nii.gz", label=1)
        found[folder.name] = duplicates.fingerprint(read.image(folder / f"{sequence}_image.nii.gz"), mask)
    assert len(found) == 51 and duplicates.alike(found) == []
