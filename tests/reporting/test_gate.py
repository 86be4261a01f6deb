"""Each rule of the integrity gate is broken once and seen to catch it; a page whose headline is withheld has no result left."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from helpers import tables
from helpers.evaluation import canary_scores, duplicates, openings
from helpers.learning import common_recipe, tabular
from helpers.learning.permutation import permuted
from helpers.reporting import gate_words, inspect, integrity, notebook, render, stage, workbook
from helpers.reporting.check import withheld
from helpers.statistics.crossvalidated import cross_validated_auc
from helpers.tables import DECLARED, Columns

CLAIMS = {
    "parts": "No patient is in two parts",
    "fits": "Nothing was fitted on a test patient",
    "oof": "Training patients were scored out of fold",
    "thresholds": "Thresholds were frozen in training",
    "openings": "The test part was not opened too often",
    "permutation": "On permuted labels the pipeline finds nothing",
    "center": "The center alone does not tell the endpoint",
    "volume": "The leading model beats the volume alone",
    "across": "No patient stands in two parts under two names",
    "within": "No patient stands twice in one part under two names",
    "voxels": "What the lesion's texture tells is gone when its voxels are shuffled",
}


@pytest.fixture
def study(make_run):
    return make_run()


def rule(study, name):
    return next(check for check in integrity.checks(study) if check.claim == CLAIMS[name])


def rewrite(study, name, change):
    study.tables.write(name, change(study.tables.read(name)))


def features_of(study, *, columns=40, seed=0):
    """Features of one reader, drawn for every case of a run."""
    cases = study.tables.read("cases")
    values = np.random.default_rng(seed).normal(size=(len(cases), columns))
    frame = pd.DataFrame(values, columns=[f"T1c_original_glcm_f{i}" for i in range(columns)])
    frame.insert(0, "reader", "reader1")
    frame.insert(0, "case", cases["case"])
    return frame


# The first rules


def test_a_patient_in_two_parts_withholds(study):
    rewrite(study, "cases", lambda cases: cases.assign(patient=cases["patient"].replace("P0001", "P0000")))
    assert rule(study, "parts").state == "failed" and withheld(integrity.checks(study))


def test_a_fit_that_saw_a_test_patient_withholds(study):
    rewrite(study, "fits", lambda fits: fits.assign(patients=fits["patients"] + "\nP0000"))
    assert rule(study, "fits").state == "failed"


def test_a_prediction_out_of_fold_by_a_fit_on_the_patient_withholds(study):
    everyone = study.tables.read("fits")["patients"].iloc[0]
    rewrite(study, "fits", lambda fits: fits.assign(patients=everyone))
    assert rule(study, "oof").state == "failed"


def test_a_threshold_from_the_test_part_withholds(study):
    rewrite(study, "thresholds", lambda table: table.assign(chosen_on="20 test patients"))
    assert rule(study, "thresholds").state == "failed"


# Openings


def open_again(study, *codes):
    for code in codes:
        openings.note(study, code=code, inputs="1234")


def test_the_same_run_evaluated_again_opens_nothing(study):
    open_again(study, "c0de", "c0de")
    assert len(openings.ledger(study)) == 1


def test_other_code_inputs_or_parameters_open_the_test_part_again(study, make_run):
    open_again(study, "new")
    openings.note(study, code="new", inputs="other")
    made = make_run(overrides=("modeling.folds=7",))  # the same folder; notes one opening of its own
    assert openings.ledger(made).nunique().to_dict() == {"parameters": 2, "code": 2, "inputs": 2}
    assert len(openings.ledger(made)) == 4


def test_how_a_run_is_executed_printed_or_judged_by_the_gate_opens_nothing(study, make_run):
    before = len(openings.ledger(study))
    made = make_run(overrides=("execution.workers=1", "report.renderer=pandoc", "integrity.openings=1"))
    assert len(openings.ledger(made)) == before


def test_deleting_the_tables_does_not_reset_the_openings(study):
    open_again(study, "new")
    shutil.rmtree(study.tables.folder)
    assert len(openings.ledger(study)) == 2


def test_without_frozen_predictions_nothing_was_opened(study):
    (study.folder / openings.FILE).unlink()
    rewrite(study, "predictions", lambda table: table[table["kind"] == "oof"])
    open_again(study, "new")
    assert openings.ledger(study).empty and rule(study, "openings").state == "not applicable"


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings, state",
    [
        ((), "not applicable"),
        (("integrity.openings=3",), "passed"),
        (("integrity.openings=2",), "caution"),
        (("integrity.openings=2", "integrity.openings_consequence=withhold"), "failed"),
    ],
)
def test_opening_the_test_part_too_often_has_the_consequence_that_was_set(make_run, settings, state):
    study = make_run(overrides=settings)
    open_again(study, "second", "third")
    assert rule(study, "openings").state == state and "opened 3 times" in rule(study, "openings").seen


# Permuted labels


def areas(out_of_fold, *, permutations=3, n=60, width=150):
    """Table permutation of noise, labels dealt out anew each time."""
    generator = np.random.default_rng(5)
    patient, features = np.arange(n).astype(str), pd.DataFrame(generator.normal(size=(n, width)))
    truth, rows = np.arange(n) % 2, []
    for number in range(permutations + 1):
        labels = permuted(truth, patient, 1, number) if number else truth
        found = out_of_fold(tabular.bare_rows(labels, patient, features, endpoint="progression"))
        area = cross_validated_auc(labels, found.score, found.fold).estimate
        rows.append(("progression", "nomogram", number, area, n, int(labels.sum())))
    return pd.DataFrame(rows, columns=list(DECLARED["permutation"].names))


@pytest.mark.slow
def test_a_pipeline_that_leaks_finds_something_on_permuted_labels_and_withholds(make_run):
    quick = ("selection.lasso_folds=4", "selection.lasso_path=15", "selection.reproducibility=none")
    study = make_run(overrides=quick)
    options = {"parameters": study.parameters}
    study.tables.write("permutation", areas(lambda rows: tabular.out_of_fold(rows, seed=3, **options)))
    assert rule(study, "permutation").state == "passed"
    leaky = areas(lambda rows: common_recipe.out_of_fold(rows, seeds=[3], **options)[0])
    study.tables.write("permutation", leaky)
    found = rule(study, "permutation")
    assert found.state == "failed" and "3 permutations" in found.seen


def test_permuted_labels_below_chance_are_no_leak(study):
    rewrite(study, "permutation", lambda table: table.assign(auc=0.3))
    assert rule(study, "permutation").state == "passed"


# Canaries


def sung(study, *, center=None, volume=None):
    """Table canaries of the run, with the centers or volumes given."""
    cases = study.tables.read("cases")
    label = cases["progression"].to_numpy()
    cases = cases.assign(center=cases["center"] if center is None else center(label))
    features = features_of(study, columns=1)
    name = study.parameters.cohort.baselines[0].column
    features[name] = np.random.default_rng(1).normal(size=len(cases)) if volume is None else volume(label)
    risk = 0.5 + 0.1 * np.random.default_rng(2).normal(size=len(cases))
    predictions = cases[["case", "patient", "part"]].assign(
        endpoint="progression", model="nomogram", kind="frozen", truth=label, probability=risk + 0.3 * label
    )
    return canary_scores.table(cases, features, predictions[predictions["part"] == "test"], parameters=study.parameters)


def test_a_center_that_tells_the_endpoint_is_cautioned_against(study):
    study.tables.write("canaries", sung(study))
    assert rule(study, "center").state == "passed"
    told = sung(
        study, center=lambda label: np.where(label == 1, "A", np.where(np.arange(label.size) % 4 == 1, "A", "B"))
    )
    study.tables.write("canaries", told)
    assert rule(study, "center").state == "caution" and not withheld(integrity.checks(study))


def test_a_model_that_does_not_beat_the_volume_is_cautioned_against(study):
    study.tables.write("canaries", sung(study))
    assert rule(study, "volume").state == "passed"
    noise = np.random.default_rng(4).normal(size=60)
    study.tables.write("canaries", sung(study, volume=lambda label: 2.5 * label + 0.5 * noise))
    assert rule(study, "volume").state == "caution"


def test_one_center_alone_has_no_canary(study):
    study.tables.write("canaries", sung(study, center=lambda label: np.full(label.size, "A")))
    assert rule(study, "center").state == "not applicable"


# The same patient under two names


def twins_of(study, a, b, *, noise=0.0):
    """Table feature_twins after the features of case b were replaced by those of case a, noise added."""
    features = features_of(study).set_index("case")
    values = features.loc[a].iloc[1:].to_numpy(dtype=float)
    again = values + noise * np.random.default_rng(3).normal(size=values.size)
    features.loc[b, features.columns[1:]] = again
    return duplicates.twins(study.tables.read("cases"), features.reset_index())


@pytest.mark.parametrize("noise, kind", [(0.0, duplicates.IDENTICAL), (0.05, duplicates.NEAR)])
def test_a_patient_in_two_parts_under_two_names_withholds(study, noise, kind):
    found = twins_of(study, "P0000", "P0001", noise=noise)  # test and train
    assert found[["case_a", "case_b", "kind"]].to_numpy().tolist() == [["P0000", "P0001", kind]]
    study.tables.write("feature_twins", found)
    assert rule(study, "across").state == "failed" and rule(study, "within").state == "passed"


def test_a_patient_twice_in_one_part_is_cautioned_against(study):
    study.tables.write("feature_twins", twins_of(study, "P0001", "P0002"))
    assert rule(study, "across").state == "passed" and rule(study, "within").state == "caution"


def test_two_cases_of_one_patient_are_no_duplicate(study):
    rewrite(study, "cases", lambda cases: cases.assign(patient=cases["patient"].replace("P0002", "P0001")))
    assert twins_of(study, "P0001", "P0002").empty


def test_patients_who_only_resemble_each_other_are_left_alone(study):
    assert duplicates.twins(study.tables.read("cases"), features_of(study)).empty
    assert twins_of(study, "P0001", "P0002", noise=1.0).empty


def test_too_few_features_prove_no_duplicate(study):
    features = features_of(study, columns=3)
    assert duplicates.twins(study.tables.read("cases"), features.assign(T1c_original_glcm_f0=1.0)).empty


def test_no_one_stands_out_in_noise_whatever_the_number_of_features():
    generator, cases = np.random.default_rng(8), 80
    for width in (5, 12, 300):
        for _ in range(5):
            scores = duplicates.normal_scores(generator.normal(size=(cases, width)))
            closest = (duplicates.distances(scores) + 9 * np.eye(cases)).min()
            assert closest > duplicates.nearness(scores)


def test_duplicated_images_withhold_as_well(study, monkeypatch):
    monkeypatch.setitem(tables.DECLARED, "duplicates", Columns("a pair", ("case_a", "case_b", "kind", "similarity")))
    found = pd.DataFrame([("P0000", "P0001", "identical", 1.0)], columns=["case_a", "case_b", "kind", "similarity"])
    study.tables.write("duplicates", found)
    assert rule(study, "across").state == "failed" and "1 pair of patients" in rule(study, "across").seen


# Voxels


def shuffled(study, monkeypatch, *, inside, outside):
    names = ("control", "endpoint", "model", "part", "kind", "auc", "low", "high", "n", "events")
    monkeypatch.setitem(tables.DECLARED, "controls", Columns("a control", names))
    areas = {"original": (0.8, 0.7, 0.9), "inside": inside, "outside": outside}
    rows = [(c, "progression", "texture", "test", "frozen", *values, 20, 8) for c, values in areas.items()]
    study.tables.write("controls", pd.DataFrame(rows, columns=list(names)))
    return rule(study, "voxels").state


def test_texture_that_survives_its_shuffling_is_cautioned_against(study, monkeypatch):
    assert shuffled(study, monkeypatch, inside=(0.55, 0.4, 0.7), outside=(0.79, 0.7, 0.9)) == "passed"
    assert shuffled(study, monkeypatch, inside=(0.78, 0.7, 0.9), outside=(0.79, 0.7, 0.9)) == "caution"


def test_texture_that_lives_outside_the_lesion_is_cautioned_against(study, monkeypatch):
    assert shuffled(study, monkeypatch, inside=(0.55, 0.4, 0.7), outside=(0.6, 0.5, 0.7)) == "caution"


# A study without the stage


def test_without_the_stage_its_rules_are_not_applicable(study):
    for name in ("permutation", "canaries", "feature_twins"):
        study.tables.path(name).unlink()
    states = {
        name: rule(study, name).state for name in ("permutation", "center", "volume", "across", "within", "voxels")
    }
    assert set(states.values()) == {"not applicable"}


# What is left of the page


@pytest.fixture
def failing(make_run):
    study = make_run()
    study.tables.write("feature_twins", twins_of(study, "P0000", "P0001"))
    return study


def test_a_caution_withholds_nothing(study, house):
    study.tables.write("feature_twins", twins_of(study, "P0001", "P0002"))
    page = stage.stage(study, reports=house / "reports")
    text = (page / "generated" / "summary.md").read_text()
    assert (
        "84 times in 100" in text and "[Caution]{.state .caution}" in (page / "generated" / "integrity.md").read_text()
    )


def test_a_withheld_page_keeps_every_label_and_shows_no_result(failing, house, making):
    page = stage.stage(failing, reports=house / "reports")
    for name, labels in making.labels.items():
        cells = notebook.labelled(notebook.read(page / "notebooks" / f"{name}.ipynb"))
        assert list(cells) == labels
    told = notebook.labelled(notebook.read(page / "notebooks" / "06_statistics.ipynb"))["fig-panels"]
    assert "Withheld" in notebook.options(told)["fig-cap"] and "0.84" not in str(told)
    shown = notebook.labelled(notebook.read(page / "notebooks" / "03_participants.ipynb"))["fig-flow"]
    assert "Withheld" not in str(shown)


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["pandoc", "quarto"])
def test_a_withheld_headline_is_nowhere_on_the_page_and_its_reason_is(failing, house, renderer):
    if renderer == "quarto" and render.find_quarto() is None:
        pytest.skip("Quarto is not installed here")
    # A number that no other part of the page can hold.
    rewrite(
        failing,
        "scores",
        lambda s: s.assign(estimate=s["estimate"].mask(s["metric"] == "auc", 0.8712), low=0.7645, high=0.9567),
    )
    page = stage.stage(failing, reports=house / "reports")
    out = page.parent / "withheld.html"
    render.render(page, renderer=renderer, out=out)
    text = re.sub(r"data:[\w/+;=.-]+,[^\"']*", "", out.read_text())
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert "The headline result is withheld. No patient stands in two parts under two names: violated." in words
    assert "Headline withheld." in words and "1 pair of patients (1 by identical features)" in words
    for result in ("0.87", "0.76", "0.96", "87 times in 100", "Can it tell them apart?"):
        assert result not in words
    findings = inspect.inspect(out, patients=["P0000", "P0001"], maximum_megabytes=15)
    assert not findings


def test_the_workbook_holds_the_gate(failing):
    import openpyxl

    path = workbook.write(failing, checks=integrity.checks(failing))
    rows = list(openpyxl.load_workbook(path)["Integrity gate"].iter_rows(values_only=True))
    assert rows[0] == gate_words.COLUMNS
    verdicts = {row[0]: (row[1], row[4]) for row in rows[1:]}
    assert verdicts[CLAIMS["across"]] == ("failed", "the headline is withheld")
    assert verdicts[CLAIMS["center"]] == ("passed", "a caution is given")


def test_only_the_stage_that_judges_opens_the_test_part_and_once(write_study, monkeypatch):
    from helpers import run
    from helpers import study as studies

    monkeypatch.setattr(run, "execute", lambda *_, **__: [])
    path = write_study("title: t\ncohort: {source: scores}\nnotebooks: [01_cohort, 03_participants, 06_statistics]")
    made = studies.load(path)
    row = ("c", "p", "label", "m", "test", "frozen", 1, 0.5)
    made.tables.write("predictions", pd.DataFrame([row], columns=list(DECLARED["predictions"].names)))
    run.open_study(str(path), stage="03_participants")
    assert openings.ledger(made).empty
    for _ in range(2):
        run.open_study(str(path), stage="06_statistics")
    assert len(openings.ledger(made)) == 1
    run.open_study(str(path), "statistics.threshold_rule=sensitivity", stage="06_statistics")
    assert openings.ledger(made).nunique().to_dict() == {"parameters": 2, "code": 1, "inputs": 1}
