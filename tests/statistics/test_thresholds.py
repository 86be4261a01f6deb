"""A threshold is chosen once, out of fold, and performance at it meets epiR and Fagerland's examples."""

import dataclasses
import pickle

import numpy as np
import pytest

from helpers.statistics import thresholds as t


def out_of_fold(truth, score):
    """Two-fold scores where each fold's model was fitted on the other fold."""
    names = np.array([f"P{i:03d}" for i in range(len(truth))])
    fold = np.arange(len(truth)) % 2
    fitted_on = tuple(frozenset(names[fold != number].tolist()) for number in (0, 1))
    return t.OutOfFold(names, np.asarray(truth), np.asarray(score, dtype=float), fold, fitted_on)


def test_a_model_that_saw_the_patient_is_refused():
    with pytest.raises(ValueError, match="fitted on them, first b"):
        t.OutOfFold(["a", "b"], [0, 1], [0.1, 0.9], [0, 0], (frozenset({"b", "c"}),))


def test_patient_numbers_of_another_type_do_not_hide_a_leak():
    with pytest.raises(ValueError, match="fitted on them"):
        t.OutOfFold(np.array([1, 2]), [0, 1], [0.1, 0.9], [0, 0], ({2, 3},))


@pytest.mark.parametrize(
    "changes",
    [{"truth": [0, 2]}, {"score": [0.1]}, {"fold": [0]}, {"fold": [0, 1]}, {"patient": ["a"]}, {"truth": []}],
)
def test_malformed_out_of_fold_raises(changes):
    good = {"patient": ["a", "b"], "truth": [0, 1], "score": [0.1, 0.9], "fold": [0, 0]}
    with pytest.raises(ValueError, match=r"\w"):
        t.OutOfFold(**(good | changes), fitted_on=(frozenset({"c"}),))


def test_out_of_fold_scores_cannot_be_edited_afterwards():
    oof = out_of_fold([0, 1, 0, 1], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="read-only"):
        oof.score[0] = 9


def test_stored_copies_are_the_same_and_still_read_only():
    oof = out_of_fold([0, 1, 0, 1], [1, 2, 3, 4])
    again = pickle.loads(pickle.dumps(oof))
    assert not again.score.flags.writeable
    assert pickle.loads(pickle.dumps(t.Threshold.choose(oof))) == t.Threshold.choose(again)


def test_a_threshold_has_no_other_origin():
    oof = out_of_fold([0, 1, 0, 1], [1, 2, 3, 4])
    with pytest.raises(TypeError):
        t.Threshold(0.5, "youden", "test", frozenset())
    with pytest.raises(TypeError):
        t.Threshold.choose(np.array([0.1, 0.9]))
    with pytest.raises(TypeError):
        dataclasses.replace(t.Threshold.choose(oof), value=0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        t.Threshold.choose(oof).value = 0.1


def test_a_bare_number_is_no_threshold():
    with pytest.raises(TypeError, match="not float"):
        t.operating_point([0, 1], [0.1, 0.9], threshold=0.5)


def test_a_threshold_remembers_everyone_who_shaped_it():
    oof = t.OutOfFold(["a", "b"], [0, 1], [0.1, 0.9], [0, 0], (frozenset({"c"}),))
    threshold = t.Threshold.choose(oof)
    assert threshold.fitted_on == {"a", "b", "c"}
    assert threshold.chosen_on == "2 training patients, out-of-fold"
    with pytest.raises(ValueError, match="first c"):
        t.operating_point([0, 1], [0.1, 0.9], threshold=threshold, patients=["x", "c"])


ASAH_YOUDEN = [
    ("s100b", 0.205, 0.6341463, 0.8055556),
    ("ndka", 11.08, 0.7073171, 0.5138889),
    # Our statistics note prints 2.5 beside these shares, 26/41 and 60/72, which are those of 3.5.
    ("wfns", 3.5, 0.6341463, 0.8333333),
]


@pytest.mark.parametrize(("marker", "value", "sensitivity", "specificity"), ASAH_YOUDEN)
def test_youden_threshold_equals_proc(read_anchor, marker, value, sensitivity, specificity):
    table = read_anchor("statistics/aSAH.csv")
    truth = (table["outcome"] == "Poor").to_numpy(int)
    threshold = t.Threshold.choose(out_of_fold(truth, table[marker]))
    point = t.operating_point(truth, table[marker], threshold=threshold)
    assert threshold.value == pytest.approx(value, abs=1e-12)
    found = (point.sensitivity.estimate, point.specificity.estimate)
    assert found == pytest.approx((sensitivity, specificity), abs=6e-8)


def test_youden_ties_go_to_the_highest_specificity():
    # Both midpoints 1.5 and 3.5 reach a Youden index of one half.
    oof = out_of_fold([0, 1, 0, 1], [1, 2, 3, 4])
    assert t.Threshold.choose(oof).value == 3.5


@pytest.mark.parametrize(("target", "value"), [(0.5, 4.5), (0.75, 3.5), (0.9, 1.5), (1.0, 1.5)])
def test_sensitivity_rule_takes_the_highest_threshold_that_reaches_it(target, value):
    oof = out_of_fold([0, 1, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    threshold = t.Threshold.choose(oof, rule="sensitivity", sensitivity=target)
    assert threshold.value == value
    assert threshold.rule == f"sensitivity >= {target:g}"


def test_full_sensitivity_is_reached_when_the_lowest_score_is_an_event():
    oof = out_of_fold([1, 0, 1, 0], [1, 2, 3, 4])
    assert t.Threshold.choose(oof, rule="sensitivity", sensitivity=1.0).value == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "best"}, "rule"),
        ({"rule": "sensitivity"}, "sensitivity"),
        ({"sensitivity": 0.9}, "sensitivity"),
    ],
)
def test_unknown_rules_raise(options, message):
    with pytest.raises(ValueError, match=message):
        t.Threshold.choose(out_of_fold([0, 1], [1, 2]), **options)


def test_a_constant_score_has_no_threshold():
    with pytest.raises(ValueError, match="constant"):
        t.Threshold.choose(out_of_fold([0, 1], [1, 1]))


def epi(method="wilson"):
    """The table of R's epi.tests: 670 true and 202 false positives, 74 false and 640 true negatives."""
    return t.performance(670, 202, 74, 640, method=method)


def test_epi_tests_estimates():
    point = epi()
    shares = (point.sensitivity, point.specificity, point.ppv, point.npv)
    assert [s.estimate for s in shares] == pytest.approx([0.900538, 0.760095, 0.768349, 0.896359], abs=6e-7)
    assert (point.sensitivity.numerator, point.sensitivity.denominator) == (670, 744)
    assert point.no_information_rate == pytest.approx(842 / 1586)


def test_epi_tests_intervals():
    wilson, exact = epi().sensitivity, epi("clopper-pearson").sensitivity
    assert (wilson.low, wilson.high) == pytest.approx((0.876932, 0.920028), abs=6e-7)
    assert (exact.low, exact.high) == pytest.approx((0.876746, 0.921092), abs=6e-7)
    exact = epi("clopper-pearson").specificity
    assert (exact.low, exact.high) == pytest.approx((0.729776, 0.788580), abs=6e-7)


def test_epi_tests_likelihood_ratios():
    # epiR multiplies by 1.96 where we take the quantile, hence the sixth digit.
    positive, negative = epi().lr_positive, epi().lr_negative
    found = (positive.estimate, positive.low, positive.high)
    assert found == pytest.approx((3.753726, 3.320681, 4.243244), abs=1e-5)
    found = (negative.estimate, negative.low, negative.high)
    assert found == pytest.approx((0.130855, 0.105064, 0.162978), abs=1e-6)


def test_twenty_of_twenty_is_not_certain():
    wilson, exact = t.proportion(20, 20), t.proportion(20, 20, method="clopper-pearson")
    assert (wilson.low, wilson.high) == pytest.approx((0.8388748, 1), abs=6e-8)
    assert (exact.low, exact.high) == pytest.approx((0.025 ** (1 / 20), 1), abs=1e-12)
    assert t.proportion(0, 20).low == 0


def test_nothing_of_nothing_is_missing():
    assert np.isnan([t.proportion(0, 0).estimate, t.proportion(0, 0).low]).all()
    with pytest.raises(ValueError, match="0 <= k <= n"):
        t.proportion(3, 2)


@pytest.mark.filterwarnings("error")
def test_a_cohort_of_one_class_is_no_crash():
    threshold = t.Threshold.choose(out_of_fold([0, 1], [1, 2]))
    point = t.operating_point([0, 0, 0], [1, 1, 2], threshold=threshold)
    assert point.specificity.estimate == pytest.approx(2 / 3)
    assert np.isnan([point.sensitivity.estimate, point.mcc.estimate, point.lr_positive.estimate]).all()


def test_matthews_correlation_is_that_of_the_two_binary_vectors():
    rng = np.random.default_rng(0)
    truth, call = rng.integers(2, size=60), rng.integers(2, size=60)
    point = t.operating_point(truth, call, threshold=t.Threshold.choose(out_of_fold([0, 1], [0, 1])))
    assert point.mcc.estimate == pytest.approx(np.corrcoef(truth, call)[0, 1])


def test_mcnemar_of_agresti():
    result = t.mcnemar(150, 86)
    assert (result.statistic, result.corrected_statistic) == pytest.approx((17.355932, 16.817797), abs=6e-7)
    found = (result.corrected_p, result.exact_p, result.mid_p)
    assert found == pytest.approx((4.1146e-5, 3.7159e-5, 2.8934e-5), abs=6e-10)


def test_mcnemar_of_few_pairs():
    result = t.mcnemar(1, 6)
    found = (result.exact_p, result.mid_p, result.asymptotic_p, result.corrected_p)
    assert found == pytest.approx((0.125, 0.0703125, 0.0587817, 0.1305700), abs=6e-8)
    assert np.isnan(result.difference.estimate)


def test_no_discordant_pair_is_no_evidence():
    result = t.mcnemar(0, 0, n=10)
    assert (result.mid_p, result.exact_p, result.difference.estimate) == (1, 1, 0)
    assert result.difference.low == pytest.approx(-result.difference.high)


def test_tango_interval_of_the_airway_trial():
    # Bentur 2009 in Fagerland 2014 (Stat Med 33:2850): 1 and 7 discordant of 21 children.
    difference = t.mcnemar(1, 7, n=21).difference
    assert (difference.low, difference.high) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_tango_interval_equals_propcis():
    # R: PropCIs::scoreci.mp(25, 28, 618, 0.90), which takes the second count first.
    difference = t.mcnemar(28, 25, n=618, level=0.90).difference
    assert (difference.low, difference.high) == pytest.approx((-0.0148, 0.0247), abs=5e-5)


def test_tango_interval_turns_with_the_order():
    forward, backward = t.mcnemar(7, 1, n=21).difference, t.mcnemar(1, 7, n=21).difference
    assert (forward.low, forward.high) == pytest.approx((-backward.high, -backward.low), abs=1e-9)


@pytest.mark.parametrize(("b", "c"), [(10, 2), (9, 3), (8, 1), (7, 2), (20, 9), (20, 10)])
def test_tango_interval_excludes_zero_when_mcnemar_rejects(b, c):
    result = t.mcnemar(b, c, n=60)
    assert (result.difference.low > 0) == (result.asymptotic_p < 0.05)


def test_paired_calls_are_counted_by_discordance():
    result = t.paired_proportions([1, 1, 0, 0, 1], [0, 1, 1, 0, 0])
    assert (result.b, result.c, result.n) == (2, 1, 5)
