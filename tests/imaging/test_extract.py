"""Cases become features once; what cannot be measured is excluded with its reason and stops nothing else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.cluster import map_cases
from helpers.errors import CaseError, RadiogramError
from helpers.imaging import audit, extract, inspection
from helpers.imaging.radiomics import choice, measure, reference
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
    execution = parameters.execution.model_copy(update={"workers": 1, "isolated": False})
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
    (entry,) = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
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


# -- settings files and the audit -------------------------------------------------------------------------------------


@pytest.fixture
def settings_file(tmp_path):
    """settings_file("text") -> mr.yaml beside the study file."""

    def write(text, name="mr.yaml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


NATIVE = "setting: {binCount: 16}\nimageType: {Original: {}, Gradient: {}}\nfeatureClass: {glcm: [Contrast], shape: }\n"


def test_settings_file_decides_the_features_of_its_sequence(row, settings, settings_file, tmp_path):
    settings_file(NATIVE)
    parameters = settings("radiomics.settings.T1=mr.yaml")  # beside the study file
    assert parameters.radiomics.settings["T1"] == tmp_path / "mr.yaml"
    extract.preflight(parameters, cases=1, readers=1)
    found = extract.case_features([row()], parameters=parameters, store=tmp_path / "store").features[0][1]
    assert list(found)[-2:] == ["T1_original_glcm_Contrast", "T1_gradient_glcm_Contrast"]
    assert len(found) == extract.feature_count(parameters) == 16


def test_changed_settings_file_computes_again_and_a_moved_one_does_not(
    row, settings, settings_file, tmp_path, failing_engine
):
    settings_file(NATIVE)
    first = extract.case_features(
        [row()], parameters=settings("radiomics.settings.default=mr.yaml"), store=tmp_path / "s"
    )
    settings_file(NATIVE, "moved.yaml")
    settings_file(NATIVE.replace("16", "17"))
    failing_engine()
    parameters = settings("radiomics.settings.default=moved.yaml")
    assert extract.case_features([row()], parameters=parameters, store=tmp_path / "s") == first
    with pytest.raises(AssertionError, match="the engine was called"):
        extract.case_features([row()], parameters=settings("radiomics.settings.default=mr.yaml"), store=tmp_path / "s")


def test_sequences_without_a_settings_file_keep_the_study_s_own(row, settings, settings_file, tmp_path, builders):
    settings_file(NATIVE)
    parameters = settings("cohort.sequences=[PET, T1]", "radiomics.settings.T1=mr.yaml")
    result = extract.case_features([row(), row(sequence="PET")], parameters=parameters, store=tmp_path / "store")
    counts = pd.Series([name.split("_")[0] for name in result.features[0][1]]).value_counts()
    assert counts.to_dict() == {"PET": 14 + 18 + 24, "T1": 16}


def test_file_that_normalizes_leaves_no_physical_units(row, settings, settings_file, tmp_path):
    settings_file("setting: {normalize: true, binCount: 16}\nfeatureClass: {glcm: }")
    parameters = settings("radiomics.settings.T1=mr.yaml", "imaging.normalize.T1=none")
    found = extract.case_features([row()], parameters=parameters, store=tmp_path / "store").features[0][1]
    assert len(found) == extract.feature_count(parameters) == 24


@pytest.mark.parametrize(
    ("text", "overrides", "sentence"),
    [
        (
            "setting: {normalize: true}",
            (),
            r"T1 would be normalized twice, by mr\.yaml and by imaging\.normalize .zscore",
        ),
        (
            "setting: {resampledPixelSpacing: [1, 1, 1]}",
            ("imaging.spacing=[2, 2, 2]",),
            r"T1 would be resampled twice, by mr\.yaml and by imaging\.spacing",
        ),
        ("setting: {label: 4}", (), r"mr\.yaml measures label 4, and imaging\.mask_label is 1"),
        ("setting: {label_channel: 1}", (), r"takes channel 1 of masks"),
        ("setting: {binCount: 600}", (), r"mr\.yaml: binCount 600 is more than radiomics\.maximum_levels"),
        ("setting: {binwidth: 5}", (), r"mr\.yaml: setting: unknown key binwidth; did you mean binWidth"),
        (
            NATIVE,
            ("radiomics.settings.T2=mr.yaml",),
            r"names no sequence of the study with T2; there are T1, and default",
        ),
        (NATIVE, ("radiomics.settings.T1=gone.yaml",), r"There is no settings file .*gone\.yaml"),
    ],
)
def test_settings_file_that_does_not_fit_the_study_is_refused_first(settings, settings_file, text, overrides, sentence):
    settings_file(text)
    with pytest.raises(RadiogramError, match=sentence):
        extract.preflight(settings("radiomics.settings.T1=mr.yaml", *overrides), cases=1, readers=1)


def test_file_s_resampling_may_go_with_the_study_s_normalization(row, settings, settings_file, tmp_path):
    settings_file("setting: {resampledPixelSpacing: [2, 2, 2], binCount: 16}\nfeatureClass: {firstorder: }")
    parameters = settings("radiomics.settings.T1=mr.yaml")
    extract.preflight(parameters, cases=1, readers=1)
    assert extract.case_features([row()], parameters=parameters, store=tmp_path / "store").features


def test_reference_engine_gives_the_same_table(row, settings, tmp_path):
    fast, slow = (
        extract.case_features([row()], parameters=settings(f"radiomics.engine={engine}"), store=tmp_path / "store")
        for engine in ("fast", "pyradiomics")
    )
    assert fast.geometry == slow.geometry
    assert list(fast.features[0][1]) == list(slow.features[0][1])
    assert fast.features[0][1] == pytest.approx(slow.features[0][1], rel=1e-9, abs=1e-12)


def run_audit(row, study, *overrides, cases=("P1", "P2", "P3")):
    tiny = study(*overrides)
    images = table(*[row(case=case, reader=reader) for case in cases for reader in ("reader1", "reader2")])
    run = mapper(tiny.parameters)
    features, *_ = extract.features(tiny, images, mapper=run)
    return tiny, audit.table(tiny, images, features, mapper=run)


def test_at_least_one_case_is_recomputed_with_pyradiomics(row, study):
    tiny, audited = run_audit(row, study)
    tiny.tables.write("audit", audited)
    assert len(audited) == 1
    assert audited["reader"][0] == "reader1" and audited["features"][0] == 14 + 18 + 24
    assert audited["worst_relative_difference"][0] < 1e-9 and audited["beyond"][0] == 0
    said = audit.numbers(audited, tiny.parameters)
    assert said["sentence"].startswith("In 1 case (1 mask, 56 features) PyRadiomics computed the features again")
    assert audit.remarks(audited) == []


def test_audit_is_kept_and_a_second_one_computes_nothing(row, study, failing_engine, monkeypatch):
    _, first = run_audit(row, study)
    failing_engine()
    monkeypatch.setattr(reference, "features", lambda *args, **options: pytest.fail("PyRadiomics was called"))
    _, again = run_audit(row, study)
    pd.testing.assert_frame_equal(first, again, check_exact=True)


def test_difference_from_pyradiomics_is_said(row, study, monkeypatch):
    original = reference.features

    def off(*args, **options):
        (found,) = original(*args, **options)
        return [replace(found, features={**found.features, "original_glcm_Contrast": 1e6})]

    monkeypatch.setattr(reference, "features", off)
    tiny, audited = run_audit(row, study)
    assert audited["beyond"][0] == 1
    (sentence,) = audit.remarks(audited)
    assert sentence.startswith("1 feature of 1 mask lay more than 1e-06 (relative) from PyRadiomics' value")
    said = audit.numbers(audited, tiny.parameters)["sentence"]
    assert sentence in said and "original_glcm_Contrast" in said
    assert audited["case"][0] not in said  # a page that names a case is refused


def test_case_that_pyradiomics_cannot_measure_is_said(row, study, monkeypatch):
    monkeypatch.setattr(reference, "features", lambda *args, **options: [CaseError("it will not.")])
    tiny, audited = run_audit(row, study)
    tiny.tables.write("audit", audited)
    assert "it will not" in audited["note"][0]
    assert "PyRadiomics could not measure" in audit.numbers(audited, tiny.parameters)["sentence"]


@pytest.mark.parametrize(
    "override", ["radiomics.audit_fraction=0", "radiomics.engine=pyradiomics", "radiomics.enabled=false"]
)
def test_without_need_nothing_is_audited(row, study, override):
    tiny, audited = run_audit(row, study, override, cases=("P1",))
    assert audited.empty
    assert list(tiny.tables.write("audit", audited).columns)[:3] == ["case", "sequence", "reader"]
    assert set(audit.numbers(audited, tiny.parameters)) == {"sentence"}


def test_choice_of_audited_cases_depends_on_seed_and_cases_alone():
    cases = [f"P{n}" for n in range(200)]
    assert audit.chosen(cases, seed=1, fraction=0.02) == audit.chosen(cases[::-1], seed=1, fraction=0.02)
    assert len(audit.chosen(cases, seed=1, fraction=0.02)) == 4
    assert audit.chosen(cases, seed=1, fraction=0.02) != audit.chosen(cases, seed=2, fraction=0.02)
    assert len(audit.chosen(cases[:3], seed=1, fraction=0.02)) == 1
    assert audit.chosen(cases, seed=1, fraction=0.0) == []


def test_every_image_and_mask_is_traced_to_its_bytes(row, study, builders):
    from helpers.imaging import sources, store

    tiny, one = study(), row()
    two = extract.ImageRow("P1", "T1", "reader2", one.image, row(mask=builders.ball(radius=3), reader="reader2").mask)
    found = sources.table(table(one, two), mapper=mapper(tiny.parameters))
    assert found[["reader", "kind", "format"]].to_numpy().tolist() == [
        ["", "image", "NIfTI"],
        ["reader1", "mask", "NIfTI"],
        ["reader2", "mask", "NIfTI"],
    ]
    assert found["sha256"].tolist() == [store.digest(path) for path in (one.image, one.mask, two.mask)]
    assert sources.table(table(one, two), mapper=mapper(tiny.parameters), cases=[]).empty


# -- a look beforehand ------------------------------------------------------------------------------------------------


def test_look_beforehand_bins_by_the_settings_file_and_measures_no_more(row, study, settings_file):
    settings_file("setting: {binWidth: 0.0001}\nimageType: {LoG: {sigma: [1.0]}, Wavelet: {}}")
    tiny = study("radiomics.settings.T1=mr.yaml")
    exclusions, *_ = inspection.inspect(tiny, table(row()), mapper=mapper(tiny.parameters))
    assert "more than radiomics.maximum_levels" in exclusions["reason"][0]
    settings_file("setting: {binCount: 16}\nimageType: {LoG: {sigma: [100.0]}}")
    exclusions, geometry, intensities = inspection.inspect(tiny, table(row()), mapper=mapper(tiny.parameters))
    assert exclusions.empty and 8 < geometry["gray_levels"][0] <= 16
    assert intensities["gray_levels"][0] == geometry["gray_levels"][0]
    assert intensities["lowest"][0] < intensities["median"][0] < intensities["highest"][0]


def test_words_say_what_a_settings_file_asks_for(settings, settings_file):
    settings_file(
        "setting: {normalize: true, resampledPixelSpacing: [1, 1, 0], binWidth: 5, force2D: true}\nfeatureClass: {glcm: }"
    )
    parameters = settings("cohort.sequences=[T1, T2]", "radiomics.settings.default=mr.yaml")
    (sentence,) = choice.words(parameters)
    assert sentence == (
        "Radiomics of T1 and T2 followed the PyRadiomics settings file `mr.yaml`: intensities normalized, voxels resampled "
        "to 1 x 1 x (as scanned) mm, gray levels of width 5, in 2D, images Original, classes glcm."
    )


def test_changed_settings_file_is_noticed_by_the_run(study, settings_file):
    from helpers.cohort import inputs

    settings_file(NATIVE)
    before = inputs.fingerprint(study("radiomics.settings.T1=mr.yaml"))
    settings_file(NATIVE.replace("16", "17"))
    after = inputs.fingerprint(study("radiomics.settings.T1=mr.yaml"))
    assert {name for name in before if before[name] != after[name]} == {"settings of T1"}
