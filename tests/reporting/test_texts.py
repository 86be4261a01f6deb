"""Generated prose says what ran and what was found, and nothing else."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers import prose
from helpers.reporting import findings, integrity, methods, provenance, summary
from helpers.reporting.evidence import leads

VERSIONS = {"radiogram": "0.1.0", "pyradiomics": "3.0.1", "timm": "1.0.31", "numpy": "2.4.6"}


@pytest.fixture
def study(make_run):
    return make_run()


def rewrite(study, name, change):
    table = study.tables.read(name)
    study.tables.write(name, change(table))


def state(study, claim):
    return next(check.state for check in integrity.checks(study) if check.claim.startswith(claim))


# Summary


def test_the_answer_comes_in_words_before_symbols(study):
    assert summary.answer(leads(study)[0]) == (
        "Among 20 patients never used for fitting, the nomogram ranked a patient with true progression above one with "
        "pseudoprogression 84 times in 100 (AUC 0.84, 95 % CI 0.73 to 0.93)."
    )


def test_a_coined_name_of_a_model_keeps_its_capitals(study):
    rewrite(study, "predictions", lambda table: table.assign(model="DeepX"))
    rewrite(study, "scores", lambda table: table.assign(model="DeepX"))
    assert "the model DeepX ranked a patient" in summary.answer(leads(study)[0])


def test_without_a_test_part_the_answer_says_how_patients_were_judged(study):
    rewrite(study, "scores", lambda scores: scores[scores["part"] == "train"])
    assert "Among 40 patients, each judged by a model fitted without them, the nomogram" in summary.answer(
        leads(study)[0]
    )
    assert "No separate test part was judged." in summary.limits(study)


def test_few_events_lead_the_summary(study):
    text = summary.first_screen(study, [])
    assert text.index("What this does not show") < text.index("Among 20 patients")
    assert "rests on 20 patients, 8 of them with true progression" in text and summary.closing(study).strip() == ""


def test_many_events_leave_the_limits_to_the_end(study):
    rewrite(study, "scores", lambda scores: scores.assign(n=400, events=180, low=0.8, high=0.88))
    assert "What this does not show" not in summary.first_screen(study, [])
    assert "What this does not show" in summary.closing(study)
    assert "compatible with the data" not in summary.limits(study)


def test_a_failed_check_withholds_the_headline(study):
    failed = [integrity.Check("No patient is in two parts", "failed", "1 patient", "sec-participants")]
    text = summary.first_screen(study, failed)
    assert "withheld" in text and "0.84" not in text.split("::: {.answer}")[1]
    assert summary.banner(study, failed)[-1].startswith("**Headline withheld.**")


@pytest.mark.parametrize(
    "low, high, words",
    [
        (0.5, 1.2, "no clear sign"),
        (0.4, 0.9, "too extreme"),
        (1.1, 1.9, "too cautious"),
        (float("nan"), float("nan"), "too little data"),
    ],
)
def test_calibration_is_read_from_its_interval(study, low, high, words):
    def change(scores):
        slope = scores["metric"] == "calibration_slope"
        return scores.assign(low=scores["low"].mask(slope, low), high=scores["high"].mask(slope, high))

    rewrite(study, "scores", change)
    assert words in summary.panels(study, leads(study)[0])


def test_useful_thresholds_are_told_as_unbroken_ranges(study):
    lead = leads(study)[0]
    assert "At risk thresholds of 20 to 80 %" in summary.panels(study, lead)
    rewrite(
        study, "decision", lambda d: d.assign(net_benefit=d["net_benefit"].where(~d["threshold"].isin([0.4]), -1.0))
    )
    assert "At risk thresholds of 20 to 30 % and 50 to 80 %" in summary.panels(study, lead)
    rewrite(study, "decision", lambda d: d.assign(net_benefit=-1.0))
    assert "At no risk threshold from 10 to 80 %" in summary.panels(study, lead)


def test_an_interval_around_no_change_is_not_told_as_a_gain(study):
    assert "mean AUC changed by 0.05" in summary.panels(study, leads(study)[0])
    rewrite(study, "reader_comparisons", lambda t: t.assign(estimate=-0.1, low=-0.2, high=-0.02))
    assert "mean AUC fell by 0.10 (0.02 to 0.20)" in summary.panels(study, leads(study)[0])


def test_perturbed_masks_in_place_of_a_second_reader_are_confessed(make_run):
    study = make_run(overrides=("selection.reproducibility=perturbation",))
    assert "No second reader drew the lesions" in summary.limits(study)
    text = methods.methods(study, versions=VERSIONS)
    assert "There was no second reader: 2 perturbed copies" in text and "(there was no second reader)" in text


# Integrity


def test_a_clean_run_passes_every_check(study):
    states = {check.claim: check.state for check in integrity.checks(study)}
    assert {claim for claim, state in states.items() if state != "passed"} == {
        "The test part was not opened too often",  # no limit is set
        "What the lesion's texture tells is gone when its voxels are shuffled",  # no images were shuffled
    }


def test_a_patient_in_two_parts_fails(study):
    rewrite(study, "cases", lambda cases: cases.assign(patient=cases["patient"].replace("P0001", "P0000")))
    assert state(study, "No patient is in two parts") == "failed"


def test_a_test_patient_in_a_fit_fails(study):
    rewrite(study, "fits", lambda fits: fits.assign(patients=fits["patients"] + "\nP0000"))
    assert state(study, "Nothing was fitted on a test patient") == "failed"


def test_no_fits_is_no_evidence(study):
    rewrite(study, "fits", lambda fits: fits.iloc[:0])
    assert state(study, "Nothing was fitted on a test patient") == "failed"


def test_an_out_of_fold_score_by_a_fit_on_the_patient_fails(study):
    everyone = study.tables.read("fits")["patients"].iloc[0]
    rewrite(study, "fits", lambda fits: fits.assign(patients=everyone))
    assert state(study, "Training patients were scored out of fold") == "failed"


def test_a_threshold_chosen_elsewhere_fails(study):
    rewrite(study, "thresholds", lambda t: t.assign(chosen_on="20 test patients"))
    assert state(study, "Thresholds were frozen in training") == "failed"


def test_a_model_better_than_the_truth_allows_fails(study):
    rewrite(study, "truth", lambda truth: truth.assign(bayes_auc=0.7))
    assert state(study, "No model beats") == "failed"


def test_evidence_is_linked_only_where_the_report_has_it(study):
    found = integrity.checks(study)
    assert "[Evidence](#sec-images)" in integrity.strip(found, sections=["images"])
    assert "Evidence" not in integrity.strip(found, sections=["summary"])


# Findings


def test_the_equation_holds_intercept_signs_and_levels(study):
    assert "L = −0.3100 + 0.8400\xa0×\xa0radiomics score − 0.1200\xa0×\xa0\\[sex is M\\]" in findings.model(study)


def test_firths_penalty_and_other_notes_of_the_fit_stand_under_the_equation(study):
    assert "Noted" not in findings.model(study)
    prose.record(
        study.folder, modeling={"notes": "Nomogram: The classes separate: coefficients carry Firth's penalty."}
    )
    assert findings.model(study).endswith("The classes separate: coefficients carry Firth's penalty.")


def test_the_funnel_is_told_step_by_step(study):
    steps = '480 after the step "reproducible" and 7 after the step "LASSO" were left.'
    assert findings.selection(study) == f"Radiomics signature: 1,210 features extracted; {steps}"


def test_a_contrast_that_includes_zero_is_said_to(study):
    told = findings.comparisons(study)
    assert "0.06 (−0.02 to 0.14), P = 0.15, Holm-adjusted P = 0.30. The data are compatible with no difference." in told
    rewrite(study, "comparisons", lambda t: t.assign(family="exploratory"))
    assert findings.comparisons(study) == "No contrast was declared beforehand; all that follow are exploratory."


def test_performance_names_the_threshold_and_where_it_was_chosen(study):
    text = findings.performance(study)
    assert (
        "At the threshold of 0.43, chosen on 40 training patients, out-of-fold (rule: youden), sensitivity was 0.80"
        in text
    )


# Methods and provenance


def told(make_run, *overrides):
    return methods.methods(make_run(overrides=overrides), versions=VERSIONS)


def test_other_outlines_are_in_the_methods_where_they_were_looked_at(make_run):
    assert "Other outlines" not in told(make_run)
    text = told(
        make_run, "notebooks=[01_cohort, 05_modeling, 06_statistics, 08_masks]", "report.sections=[summary, methods]"
    )
    assert "the features from each further reader's outline" in text
    assert "Training patients were left out." in text


def test_methods_follow_the_parameters(make_run):
    text = told(
        make_run,
        "selection.lasso_rule=1se",
        "selection.icc_bound=estimate",
        "modeling.folds=7",
        "radiomics.bin_count=24",
    )
    for words in (
        "within one standard error",
        "if the estimate of its intraclass",
        "cross-fitted in 7 folds",
        "with 24 gray levels",
    ):
        assert words in text
    assert "PyRadiomics 3.0.1" in text and "timm 1.0.31, with random, untrained weights" in text and "seed 2026" in text


def test_methods_tell_only_what_ran(make_run):
    text = told(
        make_run, "radiomics.enabled=false", "selection.reproducibility=none", "statistics.threshold_rule=sensitivity"
    )
    assert "PyRadiomics" not in text and "intraclass" not in text and "Youden" not in text
    assert "a sensitivity of at least 0.9" in text


def test_a_study_that_enters_at_features_has_no_images(make_run):
    text = told(make_run, "phantom.entry=features")
    assert "## Images" not in text and "convnext" not in text and "taken from the table supplied" in text


def test_a_study_that_enters_at_scores_has_no_selection(make_run):
    text = told(make_run, "cohort.source=scores", "cohort.part_column=part")
    assert "## Selection" not in text and "fitted elsewhere" in text and "stated in the sheet" in text


def test_parameters_show_no_folder_of_this_machine():
    shown = provenance.parameters(
        {"cohort": {"root": "/home/ada/scans", "list": ["/srv/a.csv"]}, "execution": {"scheduler": "tcp://host:1"}}
    )
    assert "/home" not in shown and "/srv" not in shown and "scans" in shown and "tcp://host:1" in shown


def test_provenance_names_no_patient_and_every_version_there_is(page):
    text = (page / "generated" / "provenance.md").read_text()
    assert "P0001" not in text and "| pyradiomics | 3.0.1 |" in text and "numba" not in text
    assert "convnext_tiny, random" in text and "without file or license" in text


def test_generated_prose_is_the_same_every_time(make_run, house, tmp_path):
    from helpers.reporting import stage

    study = make_run()
    texts = []
    for _ in range(2):
        page = stage.stage(study, reports=house / "reports")
        texts.append({path.name: path.read_bytes() for path in page.rglob("*") if path.is_file()})
    assert texts[0] == texts[1]


def test_a_case_left_out_is_counted_nowhere(study):
    rewrite(
        study,
        "exclusions",
        lambda t: pd.concat([t, pd.DataFrame([("P0000", "extraction", "flat")], columns=t.columns)]),
    )
    run = {"finished": "2026-03-05T10:11:12+00:00", "versions": VERSIONS}
    assert summary.who(study, run).startswith("59 patients, 23 with")
