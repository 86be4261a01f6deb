"""What must hold of every statistic whatever the data: identities, bounds, and indifference to what is irrelevant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import d2_brier_score, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from helpers.learning import points
from helpers.learning.nomogram import INTERCEPT
from helpers.statistics import agreement, calibration, decision, discrimination, intervals, mcnemar, readers, thresholds
from helpers.statistics import reclassification as re
from helpers.statistics.attribution import linear_shap
from helpers.statistics.logistic import logistic
from helpers.statistics.risk_groups import risk_groups

settings.register_profile("steady", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("steady")

ROUNDING = 1e-12
WHOLE = st.integers(-6, 6)
REALS = st.integers(-300, 300).map(lambda k: k / 100)
# Risks on a grid, so that ties come up; never 0 or 1, whose log odds do not exist.
RISKS = st.integers(1, 39).map(lambda k: k / 40)


@st.composite
def cohorts(draw, values=WHOLE, rows=1):
    """Truth (n,) with two or more of each class and `rows` arrays of values (n,), ties included."""
    drawn = draw(st.lists(st.booleans(), min_size=0, max_size=36))
    truth = np.array([0, 1, 0, 1, *drawn], dtype=int)
    row = st.lists(values, min_size=truth.size, max_size=truth.size)
    return truth, *(np.array(draw(row), dtype=float) for _ in range(rows))


def order_of(n, seed):
    return np.random.default_rng(seed).permutation(n)


def holds(interval):
    """Limits enclose the estimate, or there are none."""
    low, value, high = (float(getattr(interval, name)) for name in ("low", "estimate", "high"))
    return np.isnan(low + high) or low - ROUNDING <= value <= high + ROUNDING


# Discrimination


@given(cohorts())
def test_area_equals_scikit_learns_and_ignores_monotone_transforms(drawn):
    truth, score = drawn
    found = discrimination.auc(truth, score)
    assert found.estimate == pytest.approx(roc_auc_score(truth, score), abs=ROUNDING)
    transformed = discrimination.auc(truth, score**3 + 2 * score)
    assert (transformed.estimate, transformed.method) == (found.estimate, found.method)
    assert np.array_equal([transformed.low, transformed.high], [found.low, found.high], equal_nan=True)


@given(cohorts())
def test_swapped_labels_and_turned_scores_give_the_complement(drawn):
    truth, score = drawn
    area = discrimination.auc(truth, score).estimate
    assert discrimination.auc(1 - truth, score).estimate == pytest.approx(1 - area, abs=ROUNDING)
    assert discrimination.auc(truth, -score).estimate == pytest.approx(1 - area, abs=ROUNDING)


@given(cohorts(rows=2))
def test_delong_is_antisymmetric(drawn):
    forward, backward = discrimination.compare_paired(*drawn), discrimination.compare_paired(*drawn[:1], *drawn[:0:-1])
    assert forward.estimate == pytest.approx(-backward.estimate, abs=ROUNDING)
    assert forward.statistic == pytest.approx(-backward.statistic, abs=1e-9, nan_ok=True)
    assert forward.p == pytest.approx(backward.p, abs=1e-9, nan_ok=True)
    assert (forward.low, forward.high) == pytest.approx((-backward.high, -backward.low), abs=1e-9, nan_ok=True)


@given(cohorts())
def test_identical_scores_have_p_one(drawn):
    truth, score = drawn
    assert discrimination.compare_paired(truth, score, score).p == 1
    assert discrimination.compare_paired(truth, score, 3 * score + 1).p == 1
    assert discrimination.compare_unpaired(truth, score, truth, score).estimate == 0


@given(cohorts(rows=3))
def test_the_covariance_of_areas_is_one(drawn):
    truth, *scores = drawn
    areas, covariance = discrimination.delong(truth, scores)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12
    assert ((areas >= 0) & (areas <= 1)).all()


@given(cohorts(rows=2))
def test_two_areas_compared_globally_are_the_squared_paired_test(drawn):
    truth, first, second = drawn
    paired, overall = discrimination.compare_paired(truth, first, second), discrimination.compare_all(truth, drawn[1:])
    assume(np.isfinite(paired.statistic) and overall.df == 1)
    assert overall.statistic == pytest.approx(paired.statistic**2, rel=1e-6, abs=1e-9)


@given(st.lists(st.integers(0, 400).map(lambda k: k / 400), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p):
    adjusted = discrimination.holm(p)
    assert (adjusted >= np.array(p)).all() and (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1, len(p) * min(p)))


# Calibration and logistic regression


@given(cohorts(values=REALS))
def test_a_logistic_fit_has_slope_one_and_intercept_zero_on_its_own_data(drawn):
    truth, x = drawn
    fit = logistic(np.column_stack([np.ones(truth.size), x]), truth)
    assume(not fit.problem and 0.05 < abs(fit.coefficients[1]) < 5)
    found = calibration.calibration(truth, expit(fit.coefficients[0] + fit.coefficients[1] * x), smoother="logistic")
    assert (found.slope.estimate, found.in_the_large.estimate) == pytest.approx((1, 0), abs=1e-6)
    assert found.observed_expected.estimate == pytest.approx(1, abs=1e-7)


@given(cohorts(values=RISKS))
def test_brier_is_calibration_plus_refinement(drawn):
    truth, risk = drawn
    values, group = np.unique(risk, return_inverse=True)
    share = np.bincount(group) / truth.size
    observed = np.bincount(group, weights=truth) / np.bincount(group)
    parts = share @ (values - observed) ** 2 + share @ (observed * (1 - observed))
    assert calibration.brier(truth, risk) == pytest.approx(parts, abs=ROUNDING)
    assert calibration.scaled_brier(truth, risk) == pytest.approx(d2_brier_score(truth, risk), abs=1e-9)


@given(cohorts(values=RISKS), st.integers(2, 12))
def test_equal_risks_share_a_group_and_no_patient_is_lost(drawn, groups):
    truth, risk = drawn
    label = risk_groups(risk, groups=groups)
    assert all(np.unique(label[risk == value]).size == 1 for value in risk)
    assert calibration.grouped_calibration(truth, risk, groups=groups).count.sum() == truth.size


# Decision curves


@given(cohorts(values=RISKS), st.lists(st.integers(1, 19).map(lambda k: k / 20), min_size=1, max_size=5))
def test_net_benefit_is_bounded_by_the_perfect_model(drawn, at):
    truth, risk = drawn
    curve, prevalence = decision.decision_curve(truth, risk, thresholds=at), truth.mean()
    assert (curve.standardized <= 1 + ROUNDING).all()
    perfect = decision.decision_curve(truth, truth, thresholds=[*at, prevalence])
    assert perfect.net_benefit == pytest.approx(np.full(len(at) + 1, prevalence), abs=ROUNDING)
    assert perfect.treat_all[-1] == pytest.approx(0, abs=ROUNDING)


@given(cohorts(values=RISKS), RISKS)
def test_treating_all_and_none_are_models_too(drawn, at):
    truth, _ = drawn
    everyone = decision.decision_curve(truth, np.ones(truth.size), thresholds=[at])
    assert everyone.net_benefit == pytest.approx(everyone.treat_all, abs=ROUNDING)
    assert decision.net_benefit(truth, np.zeros(truth.size), at) == 0
    assert everyone.interventions_avoided == pytest.approx([0], abs=1e-9)


@given(cohorts(values=RISKS), RISKS)
def test_the_samples_own_prevalence_as_target_leaves_net_benefit(drawn, at):
    truth, risk = drawn
    targeted = decision.decision_curve(truth, risk, thresholds=[at], prevalence=float(truth.mean()))
    assert targeted.net_benefit == pytest.approx([decision.net_benefit(truth, risk, at)], abs=ROUNDING)


# Reclassification


@given(cohorts(values=RISKS, rows=2), RISKS)
def test_two_category_nri_is_the_gain_in_sensitivity_and_specificity(drawn, cut):
    truth, old, new = drawn
    before, after = (
        thresholds.performance(*(int(((r >= cut) == p)[truth == y].sum()) for p in (True, False) for y in (1, 0)))
        for r in (old, new)
    )
    gain = after.sensitivity.estimate - before.sensitivity.estimate
    gain += after.specificity.estimate - before.specificity.estimate
    assert re.categorical_nri(truth, old, new, cuts=[cut]).estimate == pytest.approx(gain, abs=ROUNDING)


@given(cohorts(values=RISKS, rows=2))
def test_improvements_turn_with_the_order_of_the_models_and_stay_in_their_range(drawn):
    truth, old, new = drawn
    for measure, bound in ((re.continuous_nri, 2), (re.idi, 2)):
        forward, backward = measure(truth, old, new), measure(truth, new, old)
        assert forward.estimate == pytest.approx(-backward.estimate, abs=ROUNDING)
        assert forward.p == pytest.approx(backward.p, abs=1e-9, nan_ok=True)
        assert abs(forward.estimate) <= bound


# Proportions and paired proportions


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_holds_the_share_stays_in_the_unit_and_mirrors(k, n):
    k = min(k, n)
    found, mirror = intervals.proportion(k, n), intervals.proportion(n - k, n)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((1 - mirror.high, 1 - mirror.low), abs=ROUNDING)
    assert (found.low, found.high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-10)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60))
def test_mid_p_is_below_exact_p_and_tango_agrees_with_the_score_test(b, c, both):
    found = mcnemar.mcnemar(b, c, n=b + c + both)
    assert 0 <= found.mid_p <= found.exact_p <= 1
    assert found.corrected_p >= found.asymptotic_p
    assume(abs(found.asymptotic_p - 0.05) > 1e-6)
    outside = found.difference.low > 0 or found.difference.high < 0
    assert outside == (found.asymptotic_p < 0.05)


@given(*(st.integers(0, 40) for _ in range(4)))
def test_measures_of_a_table_stay_in_their_ranges(tp, fp, fn, tn):
    assume(tp + fn and fp + tn)
    point = thresholds.performance(tp, fp, fn, tn)
    shares = (point.sensitivity, point.specificity, point.ppv, point.npv, point.accuracy)
    assert all(np.isnan(s.estimate) or 0 <= s.low <= s.estimate <= s.high <= 1 for s in shares)
    others = ("balanced_accuracy", "mcc", "f1", "lr_positive", "lr_negative", "diagnostic_odds_ratio")
    assert not [name for name in others if not holds(getattr(point, name))]
    at_own = thresholds.predictive_values(point, (tp + fn) / (tp + fp + fn + tn))
    pairs = ((at_own.ppv.estimate, point.ppv.estimate), (at_own.npv.estimate, point.npv.estimate))
    assert all(found == pytest.approx(value, abs=1e-9) for found, value in pairs if np.isfinite(found + value))


# Agreement


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_kappa_is_at_most_one_and_the_same_for_either_rater(pairs):
    first, second = np.array(pairs).T
    for weights in (None, "linear", "quadratic"):
        found, turned = (agreement.cohen_kappa(*calls, weights=weights) for calls in ((first, second), (second, first)))
        assert np.isnan(found.estimate) or -1 - ROUNDING <= found.estimate <= 1 + ROUNDING
        assert found.estimate == pytest.approx(turned.estimate, abs=ROUNDING, nan_ok=True)
    itself = agreement.cohen_kappa(first, first).estimate
    assert itself == pytest.approx(1) if np.unique(first).size > 1 else np.isnan(itself)


@given(st.lists(st.lists(WHOLE, min_size=3, max_size=3), min_size=2, max_size=25))
def test_absolute_agreement_is_nearer_zero_than_consistency_when_raters_differ(ratings):
    ratings = np.array(ratings, dtype=float)
    _, raters, error, _ = agreement._mean_squares(ratings)
    assume(raters > error > 0)
    absolute, consistent = (agreement.icc(ratings, form=form) for form in ("A,1", "C,1"))
    assert abs(absolute.estimate) <= abs(consistent.estimate) + ROUNDING
    assert np.isnan(absolute.estimate) or absolute.estimate <= 1


# Readers


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_fixed_readers_are_the_squared_contrast_of_reader_averaged_areas(seed, count):
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat([1, 0], [12, 18]))
    case = rng.normal(size=truth.size) + truth
    ratings = np.round(2 * (case + rng.normal(size=(2, 1, truth.size)) + rng.normal(size=(2, count, truth.size))))
    found = readers.mrmc(truth, ratings)
    areas, covariance = discrimination.delong(truth, ratings.reshape(2 * count, -1))
    contrast = np.repeat([1 / count, -1 / count], count)
    squared = (contrast @ areas) ** 2 / (contrast @ covariance @ contrast)
    if count == 1 or found.cov2 >= found.cov3:
        assert found.fixed_readers.statistic == pytest.approx(squared, rel=1e-9, abs=ROUNDING)
    else:
        assert found.fixed_readers.statistic <= squared + ROUNDING


@given(*(st.lists(st.booleans(), min_size=12, max_size=12) for _ in range(4)))
def test_switched_calls_add_up(truth, before, after, model):
    found = readers.switches(truth, before, after, model)
    moves = (found.right_to_right, found.right_to_wrong, found.wrong_to_right, found.wrong_to_wrong)
    assert sum(moves) == found.n
    assert found.automation_bias <= min(found.right_to_wrong, found.model_wrong)
    assert found.rescued <= found.wrong_to_right and found.ignored <= found.wrong_to_wrong


# Explanations


COEFFICIENTS = st.lists(REALS.filter(bool), min_size=1, max_size=5)


@given(COEFFICIENTS, REALS, st.integers(0, 1000))
def test_reading_points_off_a_nomogram_and_inverting_gives_the_probability(coefficients, intercept, seed):
    names = [f"x{i}" for i in range(len(coefficients))]
    rows = [{"term": INTERCEPT, "variable": INTERCEPT, "coefficient": intercept}]
    rows += [
        {"term": name, "variable": name, "coefficient": b, "minimum": -1.0, "maximum": 2.0}
        for name, b in zip(names, coefficients, strict=True)
    ]
    geometry = points.geometry(pd.DataFrame(rows).assign(level=None))
    values = np.random.default_rng(seed).uniform(-1, 2, len(names))
    total = geometry.total(dict(zip(names, values, strict=True)))
    assert geometry.probability(total) == pytest.approx(expit(intercept + values @ coefficients), abs=ROUNDING)
    assert -1e-9 <= total <= geometry.largest_total + 1e-9


@given(COEFFICIENTS, st.integers(0, 1000))
def test_contributions_sum_to_the_linear_predictor(coefficients, seed):
    x = np.random.default_rng(seed).normal(3, 2, size=(20, len(coefficients)))
    found = linear_shap(coefficients, x, x.mean(axis=0), intercept=0.5)
    assert found.values.sum(axis=1) + found.base == pytest.approx(0.5 + x @ coefficients, abs=1e-10)
    assert found.values.mean(axis=0) == pytest.approx(np.zeros(len(coefficients)), abs=1e-10)


# Of everything


def estimates(truth, old, new):
    """Every interval of one cohort and two models, by name."""
    cal, cut = calibration.calibration(truth, new, smoother="logistic"), [0.3]
    curve, gain = (
        decision.decision_curve(truth, new, thresholds=cut),
        decision.compare_net_benefit(truth, new, old, thresholds=cut),
    )
    benefit = intervals.Interval(curve.net_benefit[0], curve.low[0], curve.high[0])
    more = intervals.Interval(gain.difference[0], gain.low[0], gain.high[0])
    fixed = readers.mrmc(truth, np.stack([old, new])[:, None]).fixed_readers if np.unique([old, new]).size > 2 else None
    found = {
        "wald": discrimination.auc(truth, new, interval="wald"),
        "logit": discrimination.auc(truth, new, interval="logit"),
        "paired": discrimination.compare_paired(truth, new, old),
        "unpaired": discrimination.compare_unpaired(truth, new, truth, old),
        "slope": cal.slope,
        "in the large": cal.in_the_large,
        "observed/expected": cal.observed_expected,
        "net benefit": benefit,
        "net benefit gained": more,
        "categorical NRI": re.categorical_nri(truth, old, new, cuts=cut),
        "continuous NRI": re.continuous_nri(truth, old, new),
        "IDI": re.idi(truth, old, new),
        "McNemar": thresholds.paired_proportions(new >= 0.3, old >= 0.3).difference,
        "kappa": agreement.cohen_kappa(new >= 0.3, old >= 0.3),
        "ICC": agreement.icc(np.column_stack([old, new])),
    }
    if fixed is not None:
        found["fixed readers"] = intervals.Interval(fixed.difference, fixed.low, fixed.high)
    return found


@given(cohorts(values=RISKS, rows=2))
def test_every_interval_holds_its_estimate(drawn):
    wrong = [name for name, interval in estimates(*drawn).items() if not holds(interval)]
    assert not wrong


@given(cohorts(values=RISKS, rows=2), st.integers(0, 10**6))
def test_nothing_depends_on_the_order_of_the_patients(drawn, seed):
    order = order_of(drawn[0].size, seed)
    before, after = estimates(*drawn), estimates(*(values[order] for values in drawn))
    for name in before:
        for field in ("estimate", "low", "high"):
            pair = (getattr(found[name], field) for found in (before, after))
            assert next(pair) == pytest.approx(next(pair), abs=1e-6, nan_ok=True), name


@given(cohorts(values=RISKS, rows=2))
def test_single_precision_inputs_give_the_answer_of_their_values(drawn):
    truth, *risks = drawn
    single = [risk.astype(np.float32) for risk in risks]
    short, long = estimates(truth, *single), estimates(truth, *(risk.astype(np.float64) for risk in single))
    for name in short:
        for field in ("estimate", "low", "high"):
            pair = (getattr(found[name], field) for found in (short, long))
            assert next(pair) == pytest.approx(next(pair), rel=1e-12, abs=1e-15, nan_ok=True), name
