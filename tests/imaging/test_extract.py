"""Cases become features once; what cannot be measured is excluded with its reason and stops nothing else."""

import numpy as np
import pandas as pd
import pytest

from helpers.cluster import map_cases
from helpers.errors import CaseError, RadiogramError
from helpers.imaging import extract
from helpers.imaging.radiomics import measure
from helpers.study import Study


def reason(row, parameters, tmp_path):
    with pytest.raises(CaseError) as caught:
        extract.case_features([row], parameters=parameters, store=tmp_path / "store")
    return str(caught.value)


@pytest.fixture
def failing_engine(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("the engine was called")

    return lambda: monkeypatch.setattr(measure, "features", fail)


@pytest.fixture
def study(settings, tmp_path):
    return lambda *overrides: Study("tiny", settings(*overrides), tmp_path / "runs" / "tiny")


def mapper(parameters):
    execution = parameters.execution.model_copy(update={"workers": 1})
    return lambda function, items: map_cases(function, items, execution=execution, label="extraction")


def table(*rows):
    return pd.DataFrame([{c: getattr(r, c) for c in ("case", "sequence", "reader", "image", "mask")} for r in rows])


def test_features_are_named_by_sequence(row, settings, tmp_path):
    result = extract.case_features([row()], parameters=settings(), store=tmp_path / "store")
    ((reader, found),) = result.features
    assert reader == "reader1"
    assert list(found)[0] == "T1_original_shape_Elongation"
    assert len(found) == extract.feature_count(settings()) == 14 + 18 + 24
    assert result.geometry[0]["voxels"] == 257
    assert result.notes == []


def test_deep_features_follow_radiomics(row, settings, tmp_path):
    parameters = settings("deep.enabled=true", "deep.backbone=convnext_atto", "deep.size=32")
    ((_, found),) = extract.case_features([row()], parameters=parameters, store=tmp_path / "store").features
    assert list(found)[-1] == "T1_deep_319"
    assert len(found) == extract.feature_count(parameters)


def test_second_call_computes_nothing(row, settings, tmp_path, failing_engine):
    first = extract.case_features([row()], parameters=settings(), store=tmp_path / "store")
    failing_engine()
    assert extract.case_features([row()], parameters=settings(), store=tmp_path / "store") == first


@pytest.mark.parametrize("override", ["radiomics.bin_count=16", "imaging.clip_sd=2.0", "imaging.normalize.T1=none"])
def test_changed_parameter_computes_again(row, settings, tmp_path, failing_engine, override):
    extract.case_features([row()], parameters=settings(), store=tmp_path / "store")
    failing_engine()
    with pytest.raises(AssertionError, match="the engine was called"):
        extract.case_features([row()], parameters=settings(override), store=tmp_path / "store")


def test_parameters_of_learning_do_not_compute_again(row, settings, tmp_path, failing_engine):
    extract.case_features([row()], parameters=settings(), store=tmp_path / "store")
    failing_engine()
    parameters = settings("modeling.folds=3", "deep.enabled=false")
    extract.case_features([row()], parameters=parameters, store=tmp_path / "store")


def test_changed_deep_parameter_keeps_the_radiomics(row, settings, tmp_path, failing_engine):
    small = ("deep.enabled=true", "deep.backbone=convnext_atto", "deep.size=32")
    extract.case_features([row()], parameters=settings(*small), store=tmp_path / "store")
    failing_engine()
    extract.case_features([row()], parameters=settings(*small, "deep.slices=1"), store=tmp_path / "store")


def test_changed_mask_computes_again(row, settings, tmp_path, failing_engine, builders):
    extract.case_features([row()], parameters=settings(), store=tmp_path / "store")
    failing_engine()
    with pytest.raises(AssertionError, match="the engine was called"):
        extract.case_features([row(mask=builders.ball(radius=3))], parameters=settings(), store=tmp_path / "store")


def test_truncated_entry_is_computed_again(row, settings, tmp_path):
    first = extract.case_features([row()], parameters=settings(), store=tmp_path / "store")
    (entry,) = (tmp_path / "store").rglob("*.json")
    entry.write_bytes(entry.read_bytes()[:500])
    assert extract.case_features([row()], parameters=settings(), store=tmp_path / "store") == first


def test_masks_of_one_image_are_measured_together(row, settings, tmp_path, monkeypatch, builders):
    calls = []
    original = measure.features

    def count(scan, lesions, **options):
        calls.append(len(lesions))
        return original(scan, lesions, **options)

    monkeypatch.setattr(measure, "features", count)
    one = row()
    two = extract.ImageRow("P1", "T1", "reader2", one.image, row(mask=builders.ball(radius=3), reader="reader2").mask)
    extract.case_features([one, two], parameters=settings(), store=tmp_path / "store")
    assert calls == [2]


def test_physical_sequence_reports_its_maximum(row, settings, tmp_path, builders):
    values = builders.texture()
    parameters = settings("cohort.sequences=[PET]", "imaging.normalize.PET=none", "radiomics.classes=[glcm]")
    result = extract.case_features([row(values, sequence="PET")], parameters=parameters, store=tmp_path / "store")
    found = result.features[0][1]
    assert found["PET_original_firstorder_Maximum"] == values[builders.ball() > 0].max()


def test_sequences_may_lie_on_different_grids(row, settings, tmp_path, builders):
    shape = (10, 12, 11)
    pet = row(builders.texture(shape), builders.ball(shape, radius=3), sequence="PET")
    parameters = settings("cohort.sequences=[PET, T1]", "imaging.normalize.PET=none")
    found = extract.case_features([row(), pet], parameters=parameters, store=tmp_path / "store").features[0][1]
    assert [name.split("_")[0] for name in (list(found)[0], list(found)[-1])] == ["PET", "T1"]


# -- what cannot be measured ------------------------------------------------------------------------------------------


def test_missing_image_is_said_with_case_and_file(row, settings, tmp_path):
    bad = row(image=tmp_path / "gone.nii.gz")
    assert reason(bad, settings(), tmp_path).startswith("Case P1, T1, reader1: image ")
    assert "gone.nii.gz is missing" in reason(bad, settings(), tmp_path)


def test_missing_mask_is_said(row, settings, tmp_path):
    assert "gone.nii.gz is missing" in reason(row(mask=tmp_path / "gone.nii.gz"), settings(), tmp_path)


def test_mask_on_another_grid_is_said_with_both_files(row, settings, tmp_path, builders):
    mask = builders.volume(builders.ball())
    mask.SetOrigin((5, 0, 0))
    sentence = reason(row(mask=mask), settings(), tmp_path)
    assert "P1_T1_reader1_mask.nii.gz on " in sentence
    assert "another grid than the image (origin differs by (5, 0, 0) mm)" in sentence


def test_slightly_moved_mask_is_repaired_and_reported(row, settings, tmp_path, builders):
    mask = builders.volume(builders.ball())
    mask.SetOrigin((0.005, 0, 0))
    result = extract.case_features([row(mask=mask)], parameters=settings(), store=tmp_path / "store")
    assert "moved by 0.005 mm" in result.geometry[0]["note"]
    assert result.notes == ["T1, reader1: mask moved by 0.005 mm onto the image's grid"]


def test_mask_of_255_is_measured_and_reported(row, settings, tmp_path, builders):
    plain = extract.case_features([row()], parameters=settings(), store=tmp_path / "a")
    odd = row(mask=builders.ball() * np.uint8(255))
    result = extract.case_features([odd], parameters=settings(), store=tmp_path / "b")
    assert result.features == plain.features
    assert result.geometry[0]["note"] == "mask value 255 read as the lesion"


def test_flat_lesion_is_said(row, settings, tmp_path, builders):
    values = builders.texture()
    values[builders.ball() > 0] = 900
    assert "the lesion is flat" in reason(row(values), settings(), tmp_path)


def test_single_voxel_is_said(row, settings, tmp_path):
    mask = np.zeros((16, 20, 18), dtype=np.uint8)
    mask[8, 8, 8] = 1
    assert "the lesion has 1 voxel" in reason(row(mask=mask), settings(), tmp_path)


def test_too_many_gray_levels_are_said_before_they_are_counted(row, settings, tmp_path):
    sentence = reason(row(), settings("radiomics.bin_count=null", "radiomics.bin_width=0.0001"), tmp_path)
    assert "more than radiomics.maximum_levels (512): use a width near" in sentence
    assert "P1_T1_reader1_image.nii.gz" in sentence


def test_missing_sequence_is_said(row, settings, tmp_path):
    assert "Case P1 has no PET image" in reason(row(), settings("cohort.sequences=[T1, PET]"), tmp_path)


def test_bad_second_reader_leaves_the_first(row, settings, tmp_path, builders):
    rows = [row(), row(mask=0 * builders.ball(), reader="reader2")]
    result = extract.case_features(rows, parameters=settings(), store=tmp_path / "store")
    assert [reader for reader, _ in result.features] == ["reader1"]
    assert "reader2 left out: Case P1, T1, reader2: mask" in result.geometry[0]["note"]
    assert "is empty" in result.geometry[0]["note"]


def test_bad_first_reader_excludes_the_case(row, settings, tmp_path, builders):
    rows = [row(mask=0 * builders.ball()), row(reader="reader2")]
    with pytest.raises(CaseError, match="Case P1, T1, reader1: mask .* is empty"):
        extract.case_features(rows, parameters=settings(), store=tmp_path / "store")


def test_perturbed_readers_stand_in_for_a_second_one(row, settings, tmp_path):
    parameters = settings("selection.reproducibility=perturbation", "imaging.perturbations=2")
    result = extract.case_features([row()], parameters=parameters, store=tmp_path / "store")
    found = dict(result.features)
    assert list(found) == ["reader1", "perturbed1", "perturbed2"]
    assert found["reader1"] != found["perturbed1"] != found["perturbed2"]
    assert extract.case_features([row()], parameters=parameters, store=tmp_path / "other") == result


# -- the whole table --------------------------------------------------------------------------------------------------


def test_tables_are_ordered_and_one_bad_case_is_excluded(row, study, builders):
    good = [row(case=case, reader=reader) for case in ("P2", "P1") for reader in ("reader2", "reader1")]
    bad = row(case="P3", mask=0 * builders.ball())
    tiny = study()
    features, geometry, exclusions = extract.features(tiny, table(*good, bad), mapper=mapper(tiny.parameters))
    assert list(zip(features["case"], features["reader"], strict=True)) == [
        ("P1", "reader1"),
        ("P1", "reader2"),
        ("P2", "reader1"),
        ("P2", "reader2"),
    ]
    assert list(features.columns[:3]) == ["case", "reader", "T1_original_shape_Elongation"]
    assert len(geometry) == 4
    assert exclusions[["case", "stage"]].to_numpy().tolist() == [["P3", "extraction"]]
    assert "is empty" in exclusions["reason"][0]
    for name, frame in (("features", features), ("geometry", geometry), ("exclusions", exclusions)):
        tiny.tables.write(name, frame)


def test_all_bad_gives_empty_tables(row, study, builders):
    tiny = study()
    features, geometry, exclusions = extract.features(
        tiny, table(row(mask=0 * builders.ball())), mapper=mapper(tiny.parameters)
    )
    assert (len(features), len(geometry), len(exclusions)) == (0, 0, 1)
    assert list(features.columns) == ["case", "reader"]


def test_order_of_the_rows_does_not_matter(row, study):
    rows = [row(case=case) for case in ("P1", "P2", "P3")]
    tiny = study()
    run = mapper(tiny.parameters)
    first, second = (extract.features(tiny, table(*ordered), mapper=run)[0] for ordered in (rows, rows[::-1]))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_more_features_than_memory_are_refused_with_the_numbers(settings, monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1_000_000))
    with pytest.raises(RadiogramError, match=r"56 features of 20,000,000 masks need about 26\.9 GB .* and 0\.0"):
        extract.preflight(settings(), cases=10_000_000, readers=2)
    extract.preflight(settings(), cases=10, readers=2)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (("radiomics.bin_width=5",), "Give either radiomics.bin_count or radiomics.bin_width"),
        (("radiomics.bin_count=null",), "Give either radiomics.bin_count or radiomics.bin_width"),
        (("radiomics.bin_count=600",), r"bin_count 600 is more than radiomics\.maximum_levels \(512\)"),
        (("deep.enabled=true", "deep.weights=/nowhere/w.pth"), "there is no file /nowhere/w.pth"),
    ],
)
def test_parameters_that_cannot_work_are_refused_first(settings, overrides, sentence):
    with pytest.raises(RadiogramError, match=sentence):
        extract.preflight(settings(*overrides), cases=1, readers=1)
