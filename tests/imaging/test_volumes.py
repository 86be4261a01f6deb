"""Volumes: every sequence of a case in one box on one grid, where the headers put it; made once, or refused in a sentence."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml

from helpers.cluster import map_cases
from helpers.errors import RadiogramError
from helpers.imaging import volume_case, volume_grid, volumes
from helpers.study import Study, load

PLAIN = {"normalize": {"default": "none"}, "minimum_voxels": 8}
SIZE = (8, 10, 12)


def ramp(x, y, z):
    """Something that linear interpolation keeps."""
    return 500 + 2.0 * x - 3.0 * y + 5.0 * z


def field(*, size=(40, 36, 30), spacing=(1.0, 1.1, 1.3), origin=(-20.0, -18.0, -15.0), turned="LPS", values=ramp):
    """An image of a function of the place in mm, its axes along `turned`."""
    index = np.meshgrid(*[np.arange(n) for n in size], indexing="ij")
    place = [o + s * i for o, s, i in zip(origin, spacing, index, strict=True)]
    image = sitk.GetImageFromArray(values(*place).transpose(2, 1, 0).astype(np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    return sitk.DICOMOrient(image, turned)


def lesion(radius, **grid):
    inside = field(values=lambda x, y, z: (x - 2) ** 2 + (y - 1) ** 2 + (z - 3) ** 2 <= radius**2, **grid)
    return sitk.Cast(inside, sitk.sitkUInt8)


@pytest.fixture
def scene(tmp_path):
    """scene({case: {sequence or mask or dose ...: image}}, settings) -> study, table images; P1 ... are training cases."""

    def _scene(cases, *, test=(), sequences=("T1", "T2"), plan=None, **groups):
        values = {"cohort": {"sequences": list(sequences)}, "imaging": PLAIN, "deep": {"enabled": False}}
        values["volumes"] = {"size": list(SIZE), "margin": 4.0} | groups.pop("volumes", {})
        values["cohort"] |= groups.pop("cohort", {})
        values["execution"] = {"isolated": False, "workers": 1}
        file = tmp_path / "tiny.yaml"
        file.write_text(yaml.safe_dump(values | groups))
        study = Study("tiny", load(file).parameters, tmp_path / "runs" / "tiny")
        rows, listed = [], []
        for case, held in cases.items():
            paths = {}
            for name, image in held.items():
                paths[name] = str(tmp_path / f"{case}_{name}.nii.gz")
                sitk.WriteImage(image, paths[name])
            listed.append({"case": case, "patient": case, "center": "A", "part": "test" if case in test else "train"})
            for name in sequences:
                row = {
                    "case": case,
                    "sequence": name,
                    "reader": "reader1",
                    "image": paths.get(name),
                    "brain_mask": None,
                }
                rows.append(row | {kind: paths.get(kind) for kind in ("mask", "dose", "target")})
        study.tables.write("cases", pd.DataFrame(listed).assign(**(plan or {})))
        study.tables.write("exclusions", pd.DataFrame(columns=["case", "stage", "reason"]))
        return study, pd.DataFrame(rows)

    return _scene


@pytest.fixture(autouse=True)
def _unscaled(request, monkeypatch):
    """Values of the scans themselves, but in tests that are marked otherwise."""
    if "scaled" not in request.fixturenames:
        monkeypatch.setattr(volume_case, "_scale", lambda scan: (0.0, 1.0))


@pytest.fixture
def scaled():
    """Asked for by tests that want physical units on the study's scale."""


def made(study, images):
    execution = study.parameters.execution
    return volumes.write(
        study, images, mapper=lambda f, items: map_cases(f, items, execution=execution, label="volumes")
    )


def places(volume):
    """x, y, z in mm of every voxel (z, y, x)."""
    z, y, x = np.indices(volume.lesion.shape)
    return np.einsum("ij,jzyx->izyx", volume.affine[:3], np.stack([x, y, z, np.ones_like(x)]))


def both(radius=6.0, **grid):
    return {"T1": field(), "T2": field(**grid), "mask": lesion(radius)}


@pytest.mark.parametrize(
    "other",
    [
        {"turned": "RAS"},
        {"turned": "SPR"},
        {"spacing": (2.0, 0.7, 2.3), "size": (20, 60, 20), "origin": (-19.0, -20.0, -17.0)},
        {"spacing": (0.5, 0.5, 3.0), "size": (80, 80, 14), "turned": "PIR"},
    ],
)
def test_every_sequence_lies_where_its_header_puts_it(scene, other):
    study, images = scene({"P1": both(**other)})
    table, excluded = made(study, images)
    found = volumes.load(study, table["file"][0])
    assert excluded.empty and found.images.shape == (2, *SIZE) and found.images.dtype == np.float32
    x, y, z = places(found)
    inside = slice(1, -1)  # the outermost voxels may be the mean of what of them lies within the scan
    for image in found.images:
        assert np.allclose(image[inside, inside, inside], ramp(x, y, z)[inside, inside, inside], atol=0.05)


def test_volumes_lie_in_lps_whatever_the_scan(scene):
    turned = {name: sitk.DICOMOrient(image, "ASL") for name, image in both().items()}
    study, images = scene({"P1": both(), "P2": turned})
    straight, other = (volumes.load(study, file) for file in made(study, images)[0]["file"])
    assert np.allclose(straight.affine, other.affine) and np.allclose(straight.images, other.images, atol=1e-3)
    assert np.array_equal(straight.lesion, other.lesion)


def test_shares_of_the_lesion_add_up_to_its_volume(scene):
    study, images = scene({"P1": both()})
    table, _ = made(study, images)
    found = volumes.load(study, table["file"][0])
    voxel_ml = abs(np.linalg.det(found.affine[:3, :3])) / 1000
    assert found.lesion.sum() * voxel_ml == pytest.approx(table["lesion_ml"][0], rel=0.02)
    assert table["lesion_ml"][0] == pytest.approx(4 / 3 * np.pi * 6**3 / 1000, rel=0.05)
    assert table["lesion_share"][0] == pytest.approx(found.lesion.mean())
    assert found.lesion.min() == 0 and found.lesion.max() == 1


def test_a_grid_that_is_the_images_own_gives_its_values():
    image = field()
    found, covered = volume_grid.onto(image, image)
    assert covered == 1 and np.array_equal(found, sitk.GetArrayFromImage(image))


def test_larger_voxels_hold_the_means_of_the_smaller():
    image = field(size=(24, 20, 16), values=lambda x, y, z: np.random.default_rng(3).standard_normal(x.shape))
    extent = [n * s for n, s in zip((16, 20, 24), (1.3, 1.1, 1.0), strict=True)]
    middle = image.TransformContinuousIndexToPhysicalPoint((11.5, 9.5, 7.5))
    found, covered = volume_grid.onto(image, volume_grid.grid(image, middle, tuple(extent), (8, 5, 8)))
    values = sitk.GetArrayFromImage(image).astype(float)
    assert covered == 1
    assert np.allclose(found, values.reshape(8, 2, 5, 4, 8, 3).mean(axis=(1, 3, 5)), atol=1e-5)


def test_the_box_is_one_for_the_study_and_of_training_lesions_alone(scene):
    radii = {"P1": 5.0, "P2": 6.0, "P3": 3.0, "T1": 4.0}
    study, images = scene({case: both(radius) for case, radius in radii.items()}, test=("T1",))
    table, _ = made(study, images)
    steps = [np.diag(volumes.load(study, file).affine)[:3] for file in table["file"]]
    assert np.allclose(steps, steps[0]) and (table["note"] == "").all()
    box = steps[0] * SIZE[::-1]
    assert np.allclose(box / 5, np.round(box / 5)) and (box >= 2 * 6.0 + 2 * 4.0 - 1).all() and (box <= 30).all()


def test_a_lesion_larger_than_the_box_has_a_larger_one_of_its_shape_and_says_so(scene):
    study, images = scene({"P1": both(3.0), "P2": both(3.0), "T1": both(11.0)}, test=("T1",))
    table, _ = made(study, images)
    usual, _, large = (np.diag(volumes.load(study, file).affine)[:3] for file in table["file"])
    assert np.ptp(large / usual) < 1e-6 and (large / usual)[0] > 1
    assert table["note"].tolist()[:2] == ["", ""]
    assert "larger than the study's box: shown in one 1." in table["note"][2]
    found = volumes.load(study, table["file"][2])
    assert not found.lesion[0].all() and found.lesion.mean() > 0.2


def test_images_are_prepared_as_for_features(scene):
    head = lambda x, y, z: np.where(x**2 + y**2 + z**2 < 15**2, 900 + 20 * np.sin(x) * np.cos(y + z), 3.0)  # noqa: E731
    held = {"T1": field(values=head), "T2": field(values=head), "mask": lesion(6.0)}
    study, images = scene({"P1": held}, imaging={"normalize": {"T1": "zscore", "T2": "none"}})
    first, second = volumes.load(study, made(study, images)[0]["file"][0]).images
    assert abs(first.mean()) < 6 and second.max() > 900


def test_physical_units_get_one_scale_from_the_training_cases(scene, scaled):
    def head(level):
        return field(values=lambda x, y, z: np.where(x**2 + y**2 + z**2 < 14**2, level + 20 * np.sin(x), 0.0))

    levels = {"P1": 800, "P2": 1000, "P3": 1300, "T1": 5000}
    study, images = scene(
        {c: {"T1": head(v), "mask": lesion(5.0)} for c, v in levels.items()}, test=("T1",), sequences=("T1",)
    )
    table, _ = made(study, images)
    inside = [volumes.load(study, file) for file in table["file"]]
    means = [found.images[0][found.lesion == 1].mean() for found in inside]
    assert abs(means[1]) < 1  # the median patient lies at the center
    steps = np.diff(means) / np.diff(list(levels.values()))
    assert np.allclose(steps, steps[0], rtol=0.05) and steps[0] == pytest.approx(1 / (20 / np.sqrt(2)), rel=0.1)


def test_an_absent_sequence_excludes_or_is_masked(scene):
    lacking = {name: image for name, image in both().items() if name != "T1"}
    study, images = scene({"P1": both(), "P2": lacking})
    table, excluded = made(study, images)
    assert table["case"].tolist() == ["P1"]
    assert excluded.to_dict("records") == [
        {
            "case": "P2",
            "stage": "volumes",
            "reason": "Case P2 has no T1 image: name its file, or set volumes.missing=mask.",
        }
    ]
    study, images = scene({"P1": both(), "P2": lacking}, volumes={"missing": "mask"})
    table, excluded = made(study, images)
    found = volumes.load(study, table["file"][1])
    assert excluded.empty and table["sequences"].tolist() == ["T1, T2", "T2"] and table["note"][1] == "no T1"
    assert found.present.tolist() == [False, True] and not found.images[0].any() and found.images[1].any()


def test_a_sequence_that_nobody_has_ends_the_run(scene):
    lacking = {name: image for name, image in both().items() if name != "T2"}
    study, images = scene({"P1": lacking, "P2": lacking}, volumes={"missing": "mask"})
    with pytest.raises(RadiogramError, match="No case has a T2 image: take T2 out of cohort.sequences"):
        made(study, images)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"T2": field(origin=(300.0, 0.0, 0.0))}, "Case P2, T2: it does not overlap with the box"),
        ({"mask": lesion(0.1)}, "Case P2, T1: mask .*P2_mask.nii.gz is empty"),
        ({"mask": lesion(1.2)}, r"Case P2, T1: mask .*fewer than imaging.minimum_voxels \(8\)"),
        ({"mask": lesion(5.0, origin=(0.0, 0.0, 0.0))}, "the mask lies on another grid than the image"),
    ],
)
def test_a_case_that_cannot_be_shown_is_excluded_with_its_sentence_and_the_others_are_not(scene, change, sentence):
    study, images = scene({"P1": both(), "P2": both() | change})
    table, excluded = made(study, images)
    assert table["case"].tolist() == ["P1"] and excluded["case"].tolist() == ["P2"]
    assert pd.Series(excluded["reason"]).str.contains(sentence, regex=True).all()


def test_nobody_left_ends_the_run_with_the_first_reason(scene):
    study, images = scene({"P1": both() | {"mask": lesion(0.1)}})
    with pytest.raises(RadiogramError, match="No training case .*the first: Case P1, T1: mask .* is empty"):
        made(study, images)


def test_cases_of_other_stages_exclusions_are_left_out_and_own_ones_tried_again(scene):
    study, images = scene({"P1": both(), "P2": both(), "P3": both()})
    rows = [("P1", "extraction", "unfit"), ("P3", "volumes", "was unfit")]
    study.tables.write("exclusions", pd.DataFrame(rows, columns=["case", "stage", "reason"]))
    assert made(study, images)[0]["case"].tolist() == ["P2", "P3"]


def test_volumes_are_made_once_with_the_same_bytes_and_anew_for_other_parameters(scene, monkeypatch):
    study, images = scene({"P1": both(), "P2": both(5.0)})
    table, _ = made(study, images)
    files = {file: (study.store / "volumes" / file).read_bytes() for file in table["file"]}
    for file in files:
        (study.store / "volumes" / file).unlink()
    assert made(study, images)[0].equals(table)
    assert {file: (study.store / "volumes" / file).read_bytes() for file in table["file"]} == files

    def fail(*args, **kwargs):
        raise AssertionError("made again")

    monkeypatch.setattr(volume_case, "case", fail)
    assert made(study, images)[0].equals(table)
    other, _ = scene({"P1": both(), "P2": both(5.0)}, volumes={"size": [8, 8, 8]})
    with pytest.raises(AssertionError, match="made again"):
        made(other, images)


def test_a_volume_that_is_gone_or_damaged_is_said(scene):
    study, images = scene({"P1": both()})
    file = made(study, images)[0]["file"][0]
    path = study.store / "volumes" / file
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RadiogramError, match="is damaged: delete the file"):
        volumes.load(study, file)
    made(study, images)
    assert volumes.load(study, file).images.any()
    path.unlink()
    with pytest.raises(RadiogramError, match="no longer in the store: run the study again"):
        volumes.load(study, file)


def test_the_whole_head_is_shown_without_a_mask(scene):
    head = lambda x, y, z: np.where(x**2 + y**2 + z**2 < 13**2, 900.0, 3.0)  # noqa: E731
    study, images = scene({"P1": {"T1": field(values=head)}}, sequences=("T1",), volumes={"extent": "whole"})
    table, _ = made(study, images)
    found = volumes.load(study, table["file"][0])
    assert table["note"][0] == "no mask" and np.isnan(table["lesion_ml"][0]) and not found.lesion.any()
    size = np.diag(found.affine)[:3] * SIZE[::-1]
    assert (size >= 25).all() and (size <= 35).all()
    assert found.images[0][4, 5, 6] > 890 and found.images[0][0, 0, 0] < 10


def test_dose_and_target_come_on_the_grid_with_the_numbers_of_the_plan(scene):
    planned = {"dose": field(values=lambda x, y, z: 40 + 0 * x), "target": lesion(7.0)}
    study, images = scene(
        {"P1": both() | planned, "P2": both()},
        cohort={"dose": "DOSE", "target": "PTV", "plan": ["prescription", "fractions"]},
        plan={"prescription": [50.0, 60.0], "fractions": [20.0, np.nan]},
    )
    table, excluded = made(study, images)
    first, second = (volumes.load(study, file) for file in table["file"])
    assert excluded.empty and first.irradiated.tolist() == [True, True] and second.irradiated.tolist() == [False, False]
    assert np.allclose(first.dose, 0.8, atol=1e-6) and first.target.max() == 1 and not second.dose.any()
    assert first.target.sum() > first.lesion.sum()
    numbers = [c for c in table if c.startswith("plan_")]
    assert numbers == volumes.plan_columns(study.parameters)
    assert table.loc[0, ["plan_prescription", "plan_dmax", "plan_target_d95", "plan_target_v95"]].tolist() == [
        50,
        40,
        40,
        0,
    ]
    assert table["plan_eqd2"][0] == pytest.approx(50 * 12.5 / 12)
    assert table.loc[1, numbers].isna().tolist() == [name != "plan_prescription" for name in numbers]


def test_without_a_prescription_doses_are_shares_of_the_highest(scene):
    planned = {"dose": field(values=lambda x, y, z: 30 + x)}
    study, images = scene({"P1": both() | planned}, cohort={"dose": "DOSE"})
    found = volumes.load(study, made(study, images)[0]["file"][0])
    x, _, _ = places(found)
    assert np.allclose(found.dose, (30 + x) / 49, atol=0.01)


def test_a_dose_that_nobody_has_ends_the_run(scene):
    study, images = scene({"P1": both()}, cohort={"dose": "DOSE"})
    with pytest.raises(RadiogramError, match="No case has a dose in column DOSE: set cohort.dose=null"):
        made(study, images)
