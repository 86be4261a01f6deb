"""Shuffled voxels: nothing but their order changes, where it should, and always in the same way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from helpers.cluster import map_cases
from helpers.imaging import control_features, extract, sequence, voxel_controls
from helpers.study import Study

SHAPE = (40, 50, 48)


@pytest.fixture
def scan(builders):
    """A head in air, wide enough for voxels beyond the reach of the lesion, which lies at a corner."""
    values = builders.texture(SHAPE)
    values[:, 36:] = np.random.default_rng(1).uniform(1, 5, values[:, 36:].shape)
    mask = np.roll(builders.ball(SHAPE), (-12, -14, -14), (0, 1, 2))
    return builders.volume(values), builders.volume(mask)


def arrays(*images):
    return [sitk.GetArrayFromImage(image) for image in images]


def test_inside_keeps_the_multiset_of_the_lesion_and_every_byte_outside(scan):
    image, mask = scan
    before, after, lesion = arrays(image, voxel_controls.shuffled(image, mask, where="inside", seed=1), mask)
    within = lesion != 0
    assert np.array_equal(np.sort(before[within]), np.sort(after[within])) and before.dtype == after.dtype
    assert before[~within].tobytes() == after[~within].tobytes()
    assert np.mean(before[within] != after[within]) > 0.9


def test_outside_keeps_every_byte_of_the_lesion_and_the_multiset_around_it(scan):
    image, mask = scan
    before, after, lesion = arrays(image, voxel_controls.shuffled(image, mask, where="outside", seed=1), mask)
    within = lesion != 0
    assert before[within].tobytes() == after[within].tobytes()
    assert np.array_equal(np.sort(before[~within]), np.sort(after[~within]))
    head = before > 100
    assert np.mean(before[head & ~within] != after[head & ~within]) > 0.9


def test_air_beyond_the_reach_of_the_lesion_stays_where_it_is(scan):
    image, mask = scan
    before, after = arrays(image, voxel_controls.shuffled(image, mask, where="outside", seed=1))
    assert np.array_equal(before[:, -1], after[:, -1]) and before[:, -1].max() < 10
    assert not np.array_equal(before[:, 0], after[:, 0])  # air within reach is shuffled with the rest


def test_geometry_is_kept(scan):
    image, mask = scan
    made = voxel_controls.shuffled(image, mask, where="outside", seed=1)
    assert (made.GetSpacing(), made.GetOrigin(), made.GetDirection()) == (
        image.GetSpacing(), image.GetOrigin(), image.GetDirection(),
    )  # fmt: skip


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_the_order_depends_on_seed_and_content_and_on_nothing_else(scan, builders, where):
    image, mask = scan
    first, again, other_seed = (
        sitk.GetArrayFromImage(voxel_controls.shuffled(image, mask, where=where, seed=seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other_seed)
    changed = sitk.GetArrayFromImage(image)
    changed[0, 0, 0] += 1
    changed = voxel_controls.shuffled(builders.volume(changed), mask, where=where, seed=1)
    assert not np.array_equal(first.ravel()[1:], sitk.GetArrayFromImage(changed).ravel()[1:])


@pytest.fixture
def study(settings, tmp_path):
    return lambda *overrides: Study(
        "tiny", settings("controls.voxels=[inside,outside]", *overrides), tmp_path / "runs" / "tiny"
    )


def here(study):
    execution = study.parameters.execution.model_copy(update={"workers": 1, "isolated": False})
    return lambda function, items: map_cases(function, items, execution=execution, label="cases shuffled")


def measured(study, rows):
    """Features of the first case: as it is, and by control."""
    images = pd.DataFrame([vars(row) for row in rows])
    mapper = here(study)
    plain, _, _ = extract.features(study, images, mapper=mapper)
    shuffled = control_features.table(study, images, plain["case"], mapper=mapper)
    values = {"original": plain.iloc[0], **{row["control"]: row for _, row in shuffled.iterrows()}}
    names = [name for name in plain if name not in ("case", "reader")]
    return {control: row[names].astype(float) for control, row in values.items()}


def test_shape_and_first_order_features_survive_and_texture_does_not(study, row):
    found = measured(study(), [row()])
    kept = [name for name in found["original"].index if "_glcm_" not in name]
    texture = [name for name in found["original"].index if "_glcm_" in name]
    for control in ("inside", "outside"):
        np.testing.assert_allclose(found[control][kept], found["original"][kept], rtol=1e-12, atol=1e-12)
    assert np.mean(np.abs(found["inside"][texture] / found["original"][texture] - 1) > 0.01) > 0.8
    # Without a filter, nothing outside the outline is read at all.
    np.testing.assert_array_equal(found["outside"][texture], found["original"][texture])


def test_filters_reach_what_lies_outside(study, row):
    found = measured(study("radiomics.image_types=[log]", "radiomics.log_sigma=[2.0]"), [row()])
    filtered = [name for name in found["original"].index if "_log-" in name]
    assert filtered and not np.allclose(found["outside"][filtered], found["original"][filtered], rtol=1e-3)


@pytest.mark.slow
def test_networks_see_the_shuffled_scan(study, row):
    options = ("deep.enabled=true", "deep.backbone=convnext_atto", "deep.size=32", "radiomics.classes=[shape]")
    found = measured(study(*options), [row()])
    deep = [name for name in found["original"].index if "_deep_" in name]
    assert all(not np.allclose(found[control][deep], found["original"][deep]) for control in ("inside", "outside"))


def test_scans_as_they_are_keep_their_place_in_the_store_and_controls_have_their_own(settings, row, monkeypatch):
    parameters = settings()
    plain = row()
    keys = [
        sequence._keys(replace(plain, control=control), parameters, files=["a", "b"])["radiomics"]
        for control in ("", "inside", "outside")
    ]
    assert len(set(keys)) == 3
    monkeypatch.setattr(voxel_controls, "RULES", 99)
    assert sequence._keys(plain, parameters, files=["a", "b"])["radiomics"] == keys[0]


def test_controls_are_measured_once_in_the_mask_of_reader1_in_any_order(study, row, monkeypatch):
    tiny = study()
    rows = [row(case=case, reader=reader) for case in ("P1", "P2") for reader in ("reader1", "reader2")]
    images = pd.DataFrame([vars(one) for one in rows])
    first = control_features.table(tiny, images, ["P1", "P2"], mapper=here(tiny))
    assert first[["case", "control"]].to_numpy().tolist() == [
        ["P1", "inside"], ["P1", "outside"], ["P2", "inside"], ["P2", "outside"],
    ]  # fmt: skip
    monkeypatch.setattr(voxel_controls, "shuffled", lambda *_, **__: pytest.fail("shuffled again"))
    again = control_features.table(tiny, images.iloc[::-1], ["P2", "P1"], mapper=here(tiny))
    pd.testing.assert_frame_equal(again, first)


def test_a_study_that_asks_for_no_control_measures_nothing(study, row):
    tiny = study("controls.voxels=[]")
    found = control_features.table(tiny, pd.DataFrame([vars(row())]), ["P1"], mapper=here(tiny))
    assert found.empty and list(found) == ["case", "control"]
