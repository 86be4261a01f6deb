"""Each rule is broken once and seen to catch it; a run made by the real functions breaks none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import (
    benefit,
    calibration_tests,
    comparisons,
    curves,
    performance,
    plausibility,
    recalibrated,
    reclassified,
    subgroups,
    thresholds,
)
from helpers.evaluation.plausibility import LOOK, PLAUSIBLE, RULES, WRONG
from helpers.parameters import Subgroup
from helpers.tables import DECLARED, Tables


def table(name, *rows):
    return pd.DataFrame(list(rows), columns=list(DECLARED[name].names))


def score(
    metric, estimate, low=np.nan, high=np.nan, *, model="m", part="test", kind="frozen", n=100, events=40, method="-"
):
    return ("e", model, part, kind, metric, estimate, low, high, method, n, events)


def contrast(
    estimate,
    low,
    high,
    p,
    *,
    test="difference in AUC, paired DeLong",
    z=np.nan,
    p_holm=None,
    a="m",
    b="k",
    part="test",
    df=np.nan,
):
    return ("e", part, a, b, test, estimate, low, high, z, df, p, p if p_holm is None else p_holm, "confirmatory")


def caught(tables, rule, *, level=0.95):
    """Verdicts of the single findings of one rule; no other rule may call the same tables implausible."""
    findings = plausibility.lint(tables, level=level)
    single = plausibility.amiss(findings)
    others = single[(single["rule"] != rule) & (single["verdict"] == WRONG)]
    assert others.empty, others.to_string()
    return single.loc[single["rule"] == rule, "verdict"].tolist()


@pytest.fixture(scope="module")
def run(predictions, fits, cases, parameters):
    """The tables of a run by the functions of the product."""
    statistics = parameters.statistics.model_copy(update={"subgroups": (Subgroup(name="age", column="age"),)})
    settings = parameters.model_copy(update={"statistics": statistics})
    chosen = thresholds.choose(predictions, fits, statistics=statistics)
    pairs, drawn, over = (("nomogram", "clinical"),), {"replicates": 100, "seed": 1}, {"decision_range": (0.1, 0.8)}
    moved = {"pairs": pairs, "thresholds": chosen, "statistics": statistics}
    groups, tests = subgroups.subgroups(predictions, cases, None, model="nomogram", parameters=settings)
    return {
        "predictions": predictions,
        "scores": performance.with_baselines(predictions, cases, None, thresholds=chosen, parameters=settings),
        "comparisons": comparisons.comparisons(predictions, confirmatory=pairs, thresholds=chosen),
        "roc": curves.roc(predictions),
        "roc_band": curves.band(predictions, model="nomogram", **drawn),
        "calibration": curves.calibration(predictions, **drawn),
        "calibration_groups": curves.calibration_groups(predictions),
        "calibration_tests": calibration_tests.calibration_tests(predictions),
        "recalibration": recalibrated.recalibration(predictions, **drawn),
        "decision": benefit.decision(predictions, **over),
        "decision_adjusted": benefit.adjusted(predictions, prevalence=0.2, **over),
        "decision_differences": benefit.differences(predictions, model="nomogram", pairs=pairs, **over),
        "reclassification": reclassified.reclassification(predictions, **moved, seed=1),
        "reclassification_table": reclassified.reclassification_table(predictions, **moved),
        "subgroups": groups,
        "subgroup_tests": tests,
    }


def test_a_clean_run_has_no_contradiction(run):
    findings = plausibility.lint(run)
    wrong = plausibility.amiss(findings, WRONG)
    assert wrong.empty, wrong.to_string()
    assert set(findings["table"]) == set(run)


def test_findings_are_a_declared_table_that_names_no_patient(run, cases, tmp_path):
    Tables(tmp_path).write("plausibility", findings := plausibility.lint(run))
    text = findings.to_csv()
    assert not any(patient in text for patient in cases["patient"])


def test_findings_do_not_depend_on_the_order_of_tables(run):
    pd.testing.assert_frame_equal(plausibility.lint(run), plausibility.lint(dict(reversed(run.items()))))


@pytest.mark.parametrize("tables", [{}, {name: pd.DataFrame(columns=list(c.names)) for name, c in DECLARED.items()}])
def test_nothing_is_found_in_nothing(tables):
    assert plausibility.lint(tables).empty and plausibility.printed(plausibility.lint(tables)).empty


@pytest.mark.parametrize("low, high", [(0.6, 0.7), (0.85, 0.9), (0.9, 0.7)])
def test_an_interval_beside_its_estimate_is_caught(low, high):
    rule = "Every interval contains its estimate"
    assert caught({"scores": table("scores", score("mcc", 0.8, low, high))}, rule) == [WRONG]


def test_a_bootstrap_interval_beside_its_estimate_is_only_looked_at():
    """The bootstrap raises every ICI, so its percentile interval may honestly lie above the estimate."""
    rows = table("scores", score("ici", 0.03, 0.04, 0.12, method="percentile bootstrap, 2000 replicates"))
    assert caught({"scores": rows}, "Every interval contains its estimate") == [LOOK]


def test_a_curve_outside_its_band_is_one_finding():
    curve = [("e", "m", "test", "frozen", "main", x, x, x + 0.1, x + 0.2, "rcs3") for x in (0.2, 0.3, 0.4)]
    findings = plausibility.lint({"calibration": table("calibration", *curve)})
    single = plausibility.amiss(findings)
    assert len(single) == 1 and single["seen"].item() == "0.200 (0.300 to 0.400), and 2 more"


@pytest.mark.parametrize(
    "metric, value", [("auc", 1.2), ("brier", -0.1), ("mcc", -1.5), ("lr_positive", -2.0), ("npv", 84.0)]
)
def test_an_impossible_value_is_caught(metric, value):
    assert caught({"scores": table("scores", score(metric, value))}, "Every value is possible") == [WRONG]


def test_a_p_value_above_one_is_caught():
    row = ("e", "m", "test", "frozen", "Hosmer-Lemeshow", np.nan, 8.0, 1.3, "")
    assert caught({"calibration_tests": table("calibration_tests", row)}, "Every value is possible") == [WRONG]


def test_the_interval_that_huang_2016_prints_is_far_too_narrow():
    """JCO 2016 (doi 10.1200/JCO.2015.65.9128): 0.778 (0.769 to 0.787) for 200 patients; about 0.71 to 0.85 is possible."""
    rows = table("scores", score("auc", 0.778, 0.769, 0.787, n=200, events=88))
    assert caught({"scores": rows}, "AUC intervals are as wide as the patients allow") == [WRONG]


def test_an_interval_twice_as_wide_as_expected_is_looked_at():
    rows = table("scores", score("auc", 0.75, 0.5, 0.95, n=400, events=200))
    assert caught({"scores": rows}, "AUC intervals are as wide as the patients allow") == [LOOK]


def test_a_narrow_interval_of_a_category_is_only_looked_at(predictions):
    few = predictions[predictions["part"] == "test"].assign(endpoint="e", model="m")
    few = few.drop_duplicates("case").assign(probability=lambda t: t["probability"].round())
    tables = {"scores": table("scores", score("auc", 0.7, 0.69, 0.71)), "predictions": few}
    assert caught(tables, "AUC intervals are as wide as the patients allow") == [LOOK]


def test_the_interval_that_pmc12372389_prints_twice_is_caught():
    """Table 2 prints 0.810 (0.7433-0.8769) and 0.860 (0.7433-0.8769)."""
    rows = table("scores", score("auc", 0.81, 0.7433, 0.8769, model="a"), score("auc", 0.86, 0.7433, 0.8769, model="b"))
    assert caught({"scores": rows}, "No interval is printed twice") == [WRONG]


def test_percentiles_of_a_partial_area_in_few_patients_may_meet_by_chance():
    """Seen in 19 patients with 6 events: McClish's smallest value and the same resampled step stand for two models."""
    limits = {"n": 19, "events": 6, "method": "McClish-corrected, stratified percentile bootstrap, 100 replicates"}
    rows = [score("partial_auc", value, 0.4444, 0.8148, model=str(value), **limits) for value in (0.594, 0.558)]
    assert caught({"scores": table("scores", *rows)}, "No interval is printed twice") == [LOOK]


def test_one_estimate_and_interval_for_two_models_is_looked_at():
    rows = table("scores", *[score("auc", 0.81, 0.72, 0.9, model=model) for model in "ab"])
    assert caught({"scores": rows}, "No interval is printed twice") == [LOOK]


def test_two_models_that_predict_the_same_are_caught(predictions):
    twin = predictions[predictions["model"] == "clinical"].assign(model="twin")
    tables = {"predictions": pd.concat([predictions, twin])}
    assert caught(tables, "No two models predict the same") == [WRONG, WRONG]


def test_contenders_may_be_alike_and_the_winner_is_one_of_them_but_no_other_model_may_be_theirs(predictions):
    own = predictions[predictions["model"] == "clinical"]
    contest = pd.DataFrame({"inputs": ["Model I", "Model II"]})
    alike = pd.concat([own.assign(model=name) for name in ("winner", "Model I", "Model II")])
    assert set(caught({"predictions": alike, "contest": contest}, "No two models predict the same")) == {LOOK}
    stranger = pd.concat([alike, own])
    assert set(caught({"predictions": stranger, "contest": contest}, "No two models predict the same")) == {WRONG}


def test_models_that_selected_nothing_may_predict_the_same_constant(predictions):
    flat = predictions.assign(probability=0.5)
    assert set(caught({"predictions": flat}, "No two models predict the same")) == {LOOK}


@pytest.mark.parametrize("metric, wrong", [("sensitivity", 0.81), ("specificity", 0.71), ("accuracy", 0.755)])
def test_a_share_that_is_no_whole_number_of_patients_is_caught(metric, wrong):
    rows = table("scores", score(metric, wrong))
    assert caught({"scores": rows}, "Shares are whole numbers of patients") == [WRONG]


def test_a_mean_over_readers_is_no_count():
    row = ("e", "mean of readers", "aided", "sensitivity", 0.8123, np.nan, np.nan, "mean", 100, 40)
    assert caught({"reader_scores": table("reader_scores", row)}, "Shares are whole numbers of patients") == []


def point(**changed):
    """32 of 40 events and 48 of 60 nonevents right."""
    values = {"sensitivity": 0.8, "specificity": 0.8, "ppv": 32 / 44, "npv": 48 / 56, "accuracy": 0.8, "lr_positive": 4.0,
              "no_information_rate": 0.6, "balanced_accuracy": 0.8, "f1": 64 / 84, "diagnostic_odds_ratio": 16.0}  # fmt: skip
    return {"scores": table("scores", *[score(metric, value) for metric, value in (values | changed).items()])}


def test_a_consistent_two_by_two_table_passes():
    assert caught(point(), "Two-by-two tables agree with themselves") == []
    assert caught(point(tp=32, fp=12, fn=8, tn=48), "Two-by-two tables agree with themselves") == []


@pytest.mark.parametrize(
    "changed",
    [{"ppv": 0.8}, {"npv": 0.8}, {"accuracy": 0.79}, {"lr_positive": 3.0}, {"no_information_rate": 0.5}, {"f1": 0.8},
     {"diagnostic_odds_ratio": 12.0}, {"tp": 33, "fp": 12, "fn": 8, "tn": 48}],
)  # fmt: skip
def test_a_contradictory_two_by_two_table_is_caught(changed):
    assert caught(point(**changed), "Two-by-two tables agree with themselves") == [WRONG]


def test_models_judged_on_different_patients_are_caught():
    rows = table("scores", score("auc", 0.7, model="a"), score("auc", 0.8, model="b", events=39))
    assert caught({"scores": rows}, "Models of a part share their patients") == [WRONG]


def test_a_comparator_may_lack_patients_but_not_gain_them():
    rule = "Models of a part share their patients"
    for n, found in ((90, []), (110, [WRONG])):
        rows = table("scores", score("auc", 0.7), score("auc", 0.6, model="age", kind="unfitted", n=n))
        assert caught({"scores": rows}, rule) == found


def test_more_events_than_patients_are_caught():
    rows = table("scores", score("auc", 0.7, n=30, events=40))
    assert caught({"scores": rows}, "Events are not more than patients") == [WRONG]


def test_a_patient_missing_from_a_reclassification_table_is_caught():
    cells = [("e", "test", "m", "k", "events", i, j, "", "", count) for i, j, count in ((0, 0, 10), (1, 1, 29))]
    tables = {
        "scores": table("scores", score("auc", 0.7)),
        "reclassification_table": table("reclassification_table", *cells),
    }
    assert caught(tables, "Reclassification tables hold every patient") == [WRONG]


def test_an_adjusted_p_value_below_the_raw_one_is_caught():
    rows = table("comparisons", contrast(0.05, -0.01, 0.11, 0.1, p_holm=0.05))
    assert caught({"comparisons": rows}, "Adjusted P values are not smaller") == [WRONG]


@pytest.mark.parametrize("low, high, p", [(0.01, 0.09, 0.2), (-0.01, 0.11, 0.001)])
def test_an_interval_and_a_p_value_that_disagree_are_caught(low, high, p):
    rows = table("comparisons", contrast(0.05, low, high, p))
    assert caught({"comparisons": rows}, "P values agree with their intervals") == [WRONG]


def test_the_level_decides_what_agrees():
    """A 90 % interval that leaves out zero agrees with P = 0.07."""
    rows = table("comparisons", contrast(0.05, 0.01, 0.09, 0.07))
    assert caught({"comparisons": rows}, "P values agree with their intervals", level=0.9) == []


def test_a_mid_p_value_may_part_from_its_interval_near_the_level():
    test = "difference in sensitivity, McNemar mid-p"
    near, far = (table("comparisons", contrast(0.05, -0.01, 0.11, p, test=test)) for p in (0.04, 0.001))
    assert caught({"comparisons": near}, "P values agree with their intervals") == []
    assert caught({"comparisons": far}, "P values agree with their intervals") == [LOOK]


def test_an_odds_ratio_is_judged_against_one():
    row = ("e", "age", "age", "", 0.5, 0.1, 1.65, 1.2, 2.2, 0.4, 20.0, 80.0, 10.0)
    assert caught({"nomogram": table("nomogram", row)}, "P values agree with their intervals") == [LOOK]


@pytest.mark.parametrize(
    "statistic, df, p",
    [
        (2.20898359144091, np.nan, 0.0271757822291882),  # aSAH of pROC, wfns against s100b, paired
        (1.43490640926908, 206.66, 0.152825378808796),  # the same unpaired, t
        (12.512728, 2.0, 0.0019182),  # its three markers together, chi-square
        (4.484854, 15.06611, 0.05123303),  # Van Dyke, random readers, F
        (5.545789, 1.0, 0.018525),  # Van Dyke, fixed readers, chi-square
    ],
)
def test_published_statistics_give_their_p_values(statistic, df, p):
    rows = table("comparisons", contrast(np.nan, np.nan, np.nan, p, z=statistic, df=df))
    assert caught({"comparisons": rows}, "P values follow from their statistics") == []


def test_a_p_value_of_another_statistic_is_caught():
    rows = table("comparisons", contrast(np.nan, np.nan, np.nan, 0.01, z=1.0))
    assert caught({"comparisons": rows}, "P values follow from their statistics") == [WRONG]


def test_a_difference_that_is_not_that_of_the_scores_is_caught(run):
    moved = run["comparisons"].assign(
        estimate=-run["comparisons"]["estimate"], low=np.nan, high=np.nan, statistic=np.nan
    )
    known = moved["estimate"].abs() > 0  # the global test has no difference, and some calls do not differ
    found = caught({**run, "comparisons": moved}, "Differences are those of the scores")
    assert found == [WRONG] * known.sum() and len(found) >= 6


def test_differences_between_parts_and_of_operating_points_are_followed():
    rows = [
        score("auc", 0.8, part="train", kind="oof"),
        score("auc", 0.7),
        score("sensitivity", 0.8),
        score("sensitivity", 0.5, model="k"),
    ]
    parts = [
        contrast(
            d,
            0.0,
            0.2,
            0.05,
            test="difference in AUC, unpaired DeLong",
            b="m",
            part="Training (out-of-fold) against test",
        )
        for d in (0.1, -0.1)
    ]
    points = [contrast(d, -0.5, 0.5, 0.9, test="difference in sensitivity, McNemar mid-p") for d in (0.3, 0.2)]
    tables = {"scores": table("scores", *rows), "comparisons": table("comparisons", *parts, *points)}
    findings = plausibility.amiss(plausibility.lint(tables), WRONG)
    wrong = findings[findings["rule"] == "Differences are those of the scores"]["seen"]
    assert wrong.tolist() == ["−0.1000 is given, its parts make 0.1000", "0.2000 is given, its parts make 0.3000"]


def test_a_change_of_readers_is_aided_minus_unaided():
    def read(reader, condition, estimate):
        return ("e", reader, condition, "auc", estimate, np.nan, np.nan, "DeLong", 100, 40)

    def change(reader, contrast, estimate):
        return ("e", reader, contrast, "auc", estimate, np.nan, np.nan, np.nan, np.nan, np.nan, "paired DeLong", False)

    scores = [read("A", "unaided", 0.7), read("A", "aided", 0.8), read("B", "unaided", 0.6), read("B", "aided", 0.8)]
    told = [change("A", "aided - unaided", 0.1), change("mean of readers", "aided - unaided", 0.15), change("A", "model - aided", 0.3),
            change("B", "aided - unaided", -0.2)]  # fmt: skip
    tables = {
        "reader_scores": table("reader_scores", *scores),
        "reader_comparisons": table("reader_comparisons", *told),
    }
    assert caught(tables, "Differences are those of the scores") == [WRONG]


def test_a_difference_of_subgroups_is_that_of_their_aucs():
    rows = [
        ("e", "m", "test", "frozen", "sex", level, "auc", a, np.nan, np.nan, 50, 20, False)
        for level, a in (("F", 0.8), ("M", 0.7))
    ]
    test = ("e", "m", "test", "sex", "F", "M", 0.2, np.nan, np.nan, np.nan, np.nan, 0.4, 0.4)
    tables = {"subgroups": table("subgroups", *rows), "subgroup_tests": table("subgroup_tests", test)}
    assert caught(tables, "Differences are those of the scores") == [WRONG]


def test_an_improvement_that_is_not_the_sum_of_its_parts_is_caught(run):
    wrong = run["reclassification"].assign(events=lambda t: t["events"] + 0.1)
    assert set(caught({**run, "reclassification": wrong}, "Sums are those of their parts")) == {WRONG}


def test_a_corrected_measure_is_the_apparent_one_less_its_optimism():
    row = ("e", "m", "bootstrap optimism", "auc", 0.9, 0.1, 0.85, np.nan, np.nan, 200)
    assert caught({"validation": table("validation", row)}, "Sums are those of their parts") == [WRONG]


def decision(net_benefit, treat_all):
    """At a threshold of 0.2 and a prevalence of 0.4 treating all gives 0.4 - 0.6 / 4 = 0.25."""
    values = {"endpoint": "e", "model": "m", "part": "test", "kind": "frozen", "threshold": 0.2, "net_benefit": net_benefit,
              "treat_all": treat_all, "prevalence": 0.4}  # fmt: skip
    return {"decision": pd.DataFrame([values]).reindex(columns=list(DECLARED["decision"].names))}


def test_an_impossible_net_benefit_is_caught():
    rule = "Net benefit is possible"
    assert caught(decision(0.3, 0.25), rule) == []
    assert caught(decision(0.5, 0.25), rule) == [WRONG] and caught(decision(0.3, 0.3), rule) == [WRONG]


def test_a_fall_from_training_to_test_is_looked_at_and_not_refused():
    rows = table(
        "scores",
        score("auc", 0.99, kind="apparent", part="train"),
        score("auc", 0.85, kind="oof", part="train"),
        score("auc", 0.7),
    )
    assert caught({"scores": rows}, "Training and test agree") == [LOOK, LOOK]


def test_risks_too_extreme_in_new_patients_are_looked_at():
    rows = table("scores", score("calibration_slope", 0.5, 0.2, 0.8))
    assert caught({"scores": rows}, "Risks are not too extreme in new patients") == [LOOK]


def test_every_rule_sums_up_what_it_looked_at(run):
    findings = plausibility.lint(run)
    sums_up = findings[findings["where"] == ""]
    assert sums_up["seen"].str.fullmatch(r"[\d,]+ .+ checked, (none|\d+) amiss").all()
    assert set(findings["rule"]) <= set(RULES) and set(findings["verdict"]) <= {PLAUSIBLE, LOOK, WRONG}


def test_the_printed_table_puts_the_gravest_first():
    rows = table("scores", score("auc", 0.9, kind="oof", part="train"), score("auc", 0.7, 0.75, 0.8))
    told = plausibility.printed(plausibility.lint({"scores": rows}))
    assert told["Verdict"].iloc[0] == WRONG and LOOK in set(told["Verdict"]) and PLAUSIBLE in set(told["Verdict"])
    assert "1 amiss, above" in set(told["Verdict"])


def test_the_printed_table_adds_up_what_a_rule_looked_at(run):
    told = plausibility.printed(plausibility.lint(run)).set_index("Rule")
    rows = sum(len(run[name]) for name in ("scores", "subgroups", "calibration_groups") if "n" in run[name])
    assert told.loc["Events are not more than patients", ["Where", "What was seen"]].tolist() == [
        "Scores and Subgroups",
        f"{rows:,} rows",
    ]
