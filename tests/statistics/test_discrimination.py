"""Areas, their variance and their comparison: pROC's own test values, and what must hold of any area."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import norm

from helpers.statistics import discrimination as d
from helpers.statistics.intervals import clopper_pearson
from helpers.statistics.power import auc_power

# pROC's tests on aSAH (n = 113, 41 poor outcomes): area, DeLong variance, Wald interval, logit interval.
ASAH = {
    "wfns": (0.8236788617886179, 0.00146991470882363, 0.748535, 0.898823, 0.735764, 0.886842),
    "s100b": (0.731368563685637, 0.00266868245717244, 0.630118, 0.832619, 0.619217, 0.820086),
    "ndka": (
        0.6119579945799457,
        0.0031908105493913,
        0.501244999271703,
        0.722670989888189,
        0.497331,
        0.715404,
    ),
}


@pytest.fixture(scope="module")
def asah(read_anchor):
    table = read_anchor("statistics/aSAH.csv")
    return (table["outcome"] == "Poor").to_numpy(int), {name: table[name].to_numpy(float) for name in ASAH}


@pytest.fixture(scope="module")
def generated(r_random):
    """A5: forty events and sixty nonevents with a strong, a weaker and a tied score."""
    r, truth = r_random(2026), np.repeat([1, 0], [40, 60])
    e1, e2 = r.rnorm(100), r.rnorm(100)
    first = truth + e1
    return truth, first, 0.5 * truth + 0.6 * e1 + 0.8 * e2, np.round(2 * first) / 2


@pytest.mark.parametrize("name", ASAH)
def test_areas_and_intervals_equal_proc(asah, name):
    truth, scores = asah
    area, variance, low, high, logit_low, logit_high = ASAH[name]
    wald, logit = (d.auc(truth, scores[name], interval=kind) for kind in ("wald", "logit"))
    assert wald.estimate == pytest.approx(area, abs=1e-14)
    assert wald.standard_error**2 == pytest.approx(variance, abs=1e-14)
    assert (wald.low, wald.high) == pytest.approx((low, high), abs=6e-7)
    assert (logit.low, logit.high) == pytest.approx((logit_low, logit_high), abs=6e-7)
    assert (wald.n, wald.events) == (113, 41)


PAIRED = [
    ("wfns", "s100b", 2.20898359144091, 0.0271757822291882),
    ("wfns", "ndka", 2.79777591868904, 0.00514557970691098),
    ("ndka", "s100b", -1.39077002573558, 0.164295175223054),
]


@pytest.mark.parametrize(("first", "second", "z", "p"), PAIRED)
def test_paired_tests_equal_proc(asah, first, second, z, p):
    truth, scores = asah
    result = d.compare_paired(truth, scores[first], scores[second])
    assert (result.statistic, result.p) == pytest.approx((z, p), abs=1e-12)


def test_paired_interval_and_covariance_equal_proc(asah):
    truth, scores = asah
    result = d.compare_paired(truth, scores["wfns"], scores["s100b"])
    assert (result.low, result.high) == pytest.approx((0.0104061769564846, 0.174214419249478), abs=1e-13)
    result = d.compare_paired(truth, scores["ndka"], scores["s100b"])
    assert (result.low, result.high) == pytest.approx((-0.2876917446, 0.0488706064), abs=6e-11)
    covariance = d.delong(truth, [scores["wfns"], scores["s100b"], scores["ndka"]])[1]
    assert covariance[0, 1] == pytest.approx(0.00119615567376754, abs=1e-15)
    assert covariance[0, 2] == pytest.approx(-0.000532967856762438, abs=1e-15)


UNPAIRED = [
    ("wfns", "s100b", 1.43490640926908, 0.152825378808796),
    ("wfns", "ndka", 3.10125096778969, 0.00220950791756457),
    ("ndka", "s100b", -1.55995743389685, 0.120192832430845),
]


@pytest.mark.parametrize(("first", "second", "t", "p"), UNPAIRED)
def test_unpaired_tests_equal_proc(asah, first, second, t, p):
    truth, scores = asah
    result = d.compare_unpaired(truth, scores[first], truth, scores[second])
    assert (result.statistic, result.p) == pytest.approx((t, p), abs=1e-12)


def test_a_subset_has_the_interval_that_proc_tests(read_anchor):
    # pROC, tests/testthat/test-ci.auc.R: ndka among the women.
    table = read_anchor("statistics/aSAH.csv").query("gender == 'Female'")
    found = d.auc((table["outcome"] == "Poor").to_numpy(int), table["ndka"], interval="wald")
    assert (found.low, found.estimate, found.high) == pytest.approx(
        (0.5261398281, 0.6671428571, 0.8081458862), abs=6e-11
    )


def test_unpaired_degrees_of_freedom_equal_proc(asah):
    truth, scores = asah
    assert d.compare_unpaired(truth, scores["wfns"], truth, scores["s100b"]).df == pytest.approx(206.66, abs=5e-3)


def test_three_areas_are_compared_globally(asah):
    truth, scores = asah
    result = d.compare_all(truth, list(scores.values()))
    assert (result.statistic, result.df, result.p) == pytest.approx((12.512728, 2, 0.0019182), abs=6e-7)


def test_a_repeated_score_adds_no_degree_of_freedom(asah):
    truth, scores = asah
    once = d.compare_all(truth, [scores["wfns"], scores["ndka"]])
    twice = d.compare_all(truth, [scores["wfns"], scores["ndka"], scores["ndka"]])
    assert (twice.df, twice.statistic) == pytest.approx((1, once.statistic))
    assert d.compare_all(truth, [scores["wfns"], scores["wfns"]]).p == 1


def test_holm_equals_r():
    p = np.array([p for *_, p in PAIRED])
    assert d.holm(p) == pytest.approx([0.0543516, 0.0154367, 0.1642952], abs=6e-8)
    assert np.minimum(1, 3 * p) == pytest.approx([0.0815, 0.0154, 0.4929], abs=6e-5)


def test_holm_leaves_missing_p_values_out():
    assert d.holm([0.01, np.nan, 0.04])[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(d.holm([0.01, np.nan])[1])
    assert d.holm([]).size == 0


def test_hanley_mcneil_error_of_s100b():
    assert d.hanley_mcneil_se(0.731368563685637, 41, 72) == pytest.approx(0.0512481, abs=5e-8)


@pytest.mark.parametrize(("area", "power"), [(0.73, 0.9897453), (0.731368563685637, 0.9904833)])
def test_power_of_an_area_equals_proc(area, power):
    assert auc_power(area, events=41, nonevents=72) == pytest.approx(power, abs=6e-8)


def test_power_inverts_the_sizes_and_levels_that_proc_finds():
    # pROC, test-power.roc.test.R: 29.29764 events and 49.806 nonevents give power 0.95 at the area of s100b.
    assert auc_power(0.731368563685637, events=29.29764, nonevents=49.806) == pytest.approx(0.95, abs=1e-6)
    # The level 0.009238584 gives 41 and 72 patients the power 0.95 at 0.73.
    assert auc_power(0.73, events=41, nonevents=72, level=1 - 0.009238584) == pytest.approx(0.95, abs=1e-6)


@pytest.mark.parametrize("area", [0.5, 1.0, 0.3])
def test_power_needs_an_area_above_one_half(area):
    with pytest.raises(ValueError, match="area"):
        auc_power(area, events=10, nonevents=10)


def test_generated_study_equals_proc(generated):
    truth, first, second, tied = generated
    area, logit = d.auc(truth, first, interval="wald"), d.auc(truth, first, interval="logit")
    assert (area.estimate, area.standard_error) == pytest.approx((0.7854166667, 0.0468862166), abs=6e-11)
    assert (area.low, area.high) == pytest.approx((0.6935213707, 0.8773119626), abs=6e-11)
    assert (logit.low, logit.high) == pytest.approx((0.6796718803, 0.8632757558), abs=6e-11)
    weaker, ties = d.auc(truth, second), d.auc(truth, tied)
    assert (weaker.estimate, weaker.standard_error) == pytest.approx((0.66, 0.0575382425), abs=6e-11)
    assert (ties.estimate, ties.standard_error) == pytest.approx((0.77125, 0.0476919991), abs=6e-11)


def test_generated_comparisons_equal_proc(generated):
    truth, first, second, _ = generated
    paired = d.compare_paired(truth, first, second)
    assert (paired.estimate, paired.statistic) == pytest.approx((0.1254166667, 2.4018924239), abs=6e-11)
    assert (paired.p, paired.low, paired.high) == pytest.approx((0.0163105042, 0.0230756345, 0.2277576988), abs=6e-11)
    assert paired.estimate / paired.statistic == pytest.approx(0.0522157718, abs=6e-11)
    unpaired = d.compare_unpaired(truth, first, truth, second)
    found = (unpaired.statistic, unpaired.df, unpaired.p)
    assert found == pytest.approx((1.6897411548, 190.2439694630, 0.0927154992), rel=1e-9)


def test_area_is_unchanged_by_a_monotone_transform(generated):
    truth, first, *_ = generated
    assert d.auc(truth, np.exp(3 * first)) == d.auc(truth, first)


def test_swapped_labels_give_the_complement(generated):
    truth, first, *_ = generated
    assert d.auc(1 - truth, first).estimate == pytest.approx(1 - d.auc(truth, first).estimate, abs=1e-14)


def test_area_below_one_half_is_not_flipped(generated):
    truth, first, *_ = generated
    assert d.auc(truth, -first).estimate < 0.5


def test_paired_statistic_changes_sign_with_the_order(generated):
    truth, first, second, _ = generated
    forward, backward = d.compare_paired(truth, first, second), d.compare_paired(truth, second, first)
    assert forward.statistic == pytest.approx(-backward.statistic, abs=1e-12)
    assert forward.p == pytest.approx(backward.p, abs=1e-12)


def test_identical_scores_differ_by_nothing(generated):
    truth, first, *_ = generated
    result = d.compare_paired(truth, first, first)
    assert (result.estimate, result.low, result.high, result.p) == (0, 0, 0, 1)


def test_perfect_separation_gives_no_interval():
    truth = [0, 0, 0, 1, 1, 1]
    for found in (d.auc(truth, truth), d.bootstrap_auc(truth, truth, seed=1)):
        assert found.estimate == 1
        assert np.isnan([found.low, found.high]).all()
        assert found.method == "not estimable: perfect separation"


@pytest.mark.parametrize("smaller", [3, 10, 30])
def test_perfect_separation_has_the_exact_bound_of_as_many_pairs(smaller):
    truth = np.repeat([0, 1], [60, smaller])
    found = d.auc(truth, truth)
    # Clopper and Pearson, one-sided 95 % bound of k of k; the rule of three says 1 - 3/k.
    low, _ = clopper_pearson(smaller, smaller, level=0.90)
    assert found.lower_bound == pytest.approx(low, abs=1e-12)
    assert d.bootstrap_auc(truth, truth, seed=1).lower_bound == found.lower_bound
    assert d.auc(1 - truth, -truth).lower_bound == found.lower_bound


def test_bound_of_a_perfect_area_is_kept_by_the_truth():
    """Normal scores whose true area equals the bound separate in at most 5 % of studies."""
    rng = np.random.default_rng(1)
    bound = d.auc(np.repeat([0, 1], 8), np.repeat([0, 1], 8)).lower_bound
    shift = np.sqrt(2) * norm.ppf(bound)
    low, high = rng.normal(size=(20000, 8)), shift + rng.normal(size=(20000, 8))
    assert (low.max(axis=1) < high.min(axis=1)).mean() < 0.05


def test_only_perfect_separation_has_a_lower_bound(generated):
    truth, first, *_ = generated
    worst = d.auc([0, 0, 1, 1], [3, 4, 1, 2])
    assert np.isnan([d.auc(truth, first).lower_bound, worst.lower_bound, d.auc([0, 1], [1, 1]).lower_bound]).all()


def test_a_constant_score_gives_no_interval():
    found = d.auc([0, 0, 1, 1], [1, 1, 1, 1])
    assert found.estimate == 0.5
    assert np.isnan(found.low)
    assert found.method.startswith("not estimable")


@pytest.mark.filterwarnings("error")
def test_a_single_event_is_no_crash():
    found = d.auc([1, 0, 0, 0], [2, 1, 3, 0])
    assert found.estimate == pytest.approx(2 / 3)
    assert np.isnan(found.low)
    assert np.isnan(d.compare_paired([1, 0, 0, 0], [2, 1, 3, 0], [1, 2, 3, 4]).p)


def test_auto_takes_logit_for_small_classes(generated):
    truth, first, *_ = generated
    assert d.auc(truth, first).method == "DeLong, wald interval"
    assert d.auc(truth[20:], first[20:]).method == "DeLong, logit interval"


def test_placements_are_those_of_midranks(generated):
    truth, first, _, tied = generated
    of_events, of_nonevents = d.placements(truth == 1, np.stack([first, tied]))
    for row, score in enumerate((first, tied)):
        ranks = stats.rankdata(score)
        above = (ranks[truth == 1] - stats.rankdata(score[truth == 1])) / 60
        below = 1 - (ranks[truth == 0] - stats.rankdata(score[truth == 0])) / 40
        assert of_events[row] == pytest.approx(above, abs=1e-14)
        assert of_nonevents[row] == pytest.approx(below, abs=1e-14)


@pytest.mark.parametrize("truth", [[1, 1, 1], [0, 0, 0]])
def test_one_class_raises(truth):
    with pytest.raises(ValueError, match="one class"):
        d.auc(truth, [1, 2, 3])


@pytest.mark.parametrize(
    ("truth", "score"), [([0, 1, 2], [1, 2, 3]), ([0, 1], [1, np.nan]), ([0, 1], [1, 2, 3]), ([], [])]
)
def test_bad_arrays_raise(truth, score):
    with pytest.raises(ValueError, match="truth|score"):
        d.auc(truth, score)


def test_roc_curve_area_is_the_auc(generated):
    truth, _, _, tied = generated
    curve = d.roc_curve(truth, tied)
    area = np.trapezoid(curve.sensitivity, 1 - curve.specificity)
    assert area == pytest.approx(d.auc(truth, tied).estimate, abs=1e-12)
    assert (curve.threshold[0], curve.sensitivity[0], curve.specificity[0]) == (np.inf, 0, 1)
    assert (curve.sensitivity[-1], curve.specificity[-1]) == (1, 0)


def test_roc_curve_points_follow_the_rule_at_or_above(generated):
    truth, _, _, tied = generated
    curve = d.roc_curve(truth, tied)
    for threshold, sensitivity in zip(curve.threshold, curve.sensitivity, strict=True):
        assert sensitivity == (tied[truth == 1] >= threshold).mean()


def test_roc_band_holds_the_curve_and_repeats_with_its_seed(generated):
    truth, first, *_ = generated
    grid = np.array([0.2, 0.5, 0.8])
    low, high = d.roc_band(truth, first, specificity_grid=grid, replicates=300, seed=3)
    curve = d.roc_curve(truth, first)
    sensitivity = [curve.sensitivity[curve.specificity >= s].max() for s in grid]
    assert (low <= sensitivity).all()
    assert (sensitivity <= high).all()
    again = d.roc_band(truth, first, specificity_grid=grid, replicates=300, seed=3)
    np.testing.assert_array_equal(low, again[0])


def test_bootstrap_interval_agrees_with_delong(generated):
    truth, first, *_ = generated
    analytic, drawn = d.auc(truth, first), d.bootstrap_auc(truth, first, replicates=2000, seed=1)
    assert (drawn.low, drawn.high) == pytest.approx((analytic.low, analytic.high), abs=0.02)
    assert drawn.standard_error == pytest.approx(analytic.standard_error, rel=0.08)
