"""The bootstrap panel gives, sample by sample, what the estimators of this room give on copied patients."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

from helpers.statistics import calibration as c
from helpers.statistics import discrimination as d
from helpers.statistics import panel as p
from helpers.statistics.batched_logistic import batched_logistic
from helpers.statistics.decision import decision_curve, net_benefit
from helpers.statistics.logistic import logistic
from helpers.statistics.resampling import ordinary_counts, stratified_counts
from helpers.statistics.roc import sensitivity_at
from helpers.statistics.smoothers import smoother_design
from helpers.statistics.thresholds import performance

CUT, THRESHOLDS, SPECIFICITY = 0.4, np.array([0.1, 0.3, 0.6]), np.linspace(0, 1, 21)


def cohort(n, seed=0, *, digits=12):
    rng = np.random.default_rng(seed)
    truth = np.r_[1, 0, rng.random(n - 2) < 0.4].astype(int)
    risk = expit(truth + rng.normal(size=(2, n)) * [[1.0], [2.0]] - 0.8)
    return truth, np.round(risk, digits)


def copies(counts):
    return np.repeat(np.arange(counts.size), counts.astype(int))


@pytest.fixture(scope="module")
def study():
    truth, risk = cohort(120)
    options = {"cut": CUT, "thresholds": THRESHOLDS, "specificity": SPECIFICITY}
    return truth, risk, p.bootstrap_panel(truth, risk, replicates=200, seed=5, **options)


def counts_of(truth, *, replicates, seed):
    """The samples that the panel draws from this seed."""
    ordinary, stratified = np.random.default_rng(seed).spawn(2)
    drawn = (
        ordinary_counts(truth.size, replicates=replicates, rng=ordinary),
        stratified_counts(truth == 1, replicates=replicates, rng=stratified),
    )
    return [np.concatenate(list(blocks)) for blocks in drawn]


def naive(truth, risk, rows):
    """All metrics but the area on copied patients, by the estimators for one sample; knots of the whole cohort."""
    y, x = truth[rows], risk[rows]
    design = smoother_design(risk, "rcs3")
    fit = logistic(design(x), y)
    distance = np.abs(expit(design(x) @ fit.coefficients) - x)
    found, call = c.calibration(y, x), x >= CUT
    table = performance(*(int((call == a)[y == b].sum()) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))))
    return [
        c.brier(y, x),
        c.scaled_brier(y, x),
        found.in_the_large.estimate,
        found.slope.estimate,
        found.observed_expected.estimate,
        distance.mean(),
        *np.quantile(distance, [0.5, 0.9]),
        distance.max(),
        100 * np.mean(distance**2),
        *(getattr(table, name).estimate for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy")),
        *(score(y, call) for score in (balanced_accuracy_score, matthews_corrcoef, f1_score)),
    ]


@pytest.mark.parametrize("model", [0, 1])
def test_each_sample_equals_the_estimators_on_copied_patients(study, model):
    truth, risk, found = study
    ordinary, stratified = counts_of(truth, replicates=200, seed=5)
    for b in (0, 1, 57, 199):
        rows, by_class = copies(ordinary[b]), copies(stratified[b])
        metrics = found.draws[model].metrics[b]
        assert metrics[0] == pytest.approx(d.delong(truth[by_class], risk[model][by_class])[0][0], abs=1e-12)
        assert metrics[1:] == pytest.approx(naive(truth, risk[model], rows), abs=1e-8)


def test_each_sample_has_the_curves_of_copied_patients(study):
    truth, risk, found = study
    ordinary, stratified = counts_of(truth, replicates=200, seed=5)
    for b in (3, 120):
        rows, by_class = copies(ordinary[b]), copies(stratified[b])
        benefit = [net_benefit(truth[rows], risk[0][rows], t) for t in THRESHOLDS]
        assert found.draws[0].net_benefit[b] == pytest.approx(benefit, abs=1e-12)
        roc = sensitivity_at(d.roc_curve(truth[by_class], risk[0][by_class]), SPECIFICITY)
        assert found.draws[0].roc[b] == pytest.approx(roc, abs=1e-9)
        design = smoother_design(risk[0], "rcs3")
        curve = expit(design(found.models[0].grid) @ logistic(design(risk[0][rows]), truth[rows]).coefficients)
        assert found.draws[0].curve[b] == pytest.approx(curve, abs=1e-8)


def test_estimates_are_those_of_the_sample(study):
    truth, risk, found = study
    metrics = dict(zip(p.METRICS, found.observed[1].metrics[0], strict=True))
    whole = c.calibration(truth, risk[1])
    assert found.interval(1, "auc").estimate == pytest.approx(d.auc(truth, risk[1]).estimate, abs=1e-12)
    assert metrics["ici"] == pytest.approx(whole.ici, abs=1e-9)
    assert metrics["calibration_slope"] == pytest.approx(whole.slope.estimate, abs=1e-9)
    assert metrics["emax"] == pytest.approx(whole.emax, abs=1e-9)
    curve = decision_curve(truth, risk[1], thresholds=THRESHOLDS)
    assert found.net_benefit(1).estimate == pytest.approx(curve.net_benefit, abs=1e-12)
    assert found.smoother(1) == whole.smoother


def test_intervals_equal_those_of_the_loop():
    truth, risk = cohort(120)
    found = p.bootstrap_panel(truth, risk[0], replicates=60, seed=5, cut=CUT)
    rows = [copies(row) for row in counts_of(truth, replicates=60, seed=5)[0]]
    loop = np.array([naive(truth, risk[0], r) for r in rows])
    for column, metric in enumerate(p.METRICS[1:]):
        low, high = np.quantile(loop[:, column], [0.025, 0.975])
        interval = found.interval(0, metric)
        if metric in p.DISTANCES:
            low, high = np.nan, max(np.quantile(loop[:, column], 0.95), interval.estimate)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-8, nan_ok=True), metric


def test_a_calibration_error_never_lies_outside_its_own_limits():
    for seed in range(10):
        truth, risk = cohort(80, seed)
        found = p.bootstrap_panel(truth, risk[0], replicates=100, seed=seed)
        for metric in p.DISTANCES:
            interval = found.interval(0, metric)
            assert np.isnan(interval.low) and interval.estimate <= interval.high


def test_tied_scores_count_one_half():
    truth, risk = cohort(80, digits=1)
    found = p.bootstrap_panel(truth, risk[0], replicates=20, seed=1, specificity=SPECIFICITY)
    stratified = counts_of(truth, replicates=20, seed=1)[1]
    for b in range(20):
        rows = copies(stratified[b])
        assert found.draws[0].metrics[b, 0] == pytest.approx(d.delong(truth[rows], risk[0][rows])[0][0], abs=1e-12)
        roc = sensitivity_at(d.roc_curve(truth[rows], risk[0][rows]), SPECIFICITY)
        assert found.draws[0].roc[b] == pytest.approx(roc, abs=1e-9)


def test_samples_of_models_are_paired(study):
    truth, risk, _ = study
    twin = p.bootstrap_panel(truth, [risk[0], risk[0]], replicates=50, seed=1, thresholds=THRESHOLDS)
    for metric in ("auc", "brier"):
        difference = twin.difference(0, 1, metric)
        assert (difference.estimate, difference.low, difference.high) == (0, 0, 0)
    assert (twin.net_benefit_difference(0, 1).high == 0).all()
    near = p.bootstrap_panel(truth, [risk[0], 0.9 * risk[0] + 0.1 * risk[1]], replicates=200, seed=1)
    one, other = (near.interval(m, "brier") for m in (0, 1))
    paired = near.difference(0, 1, "brier")
    assert paired.estimate == pytest.approx(one.estimate - other.estimate)
    assert paired.high - paired.low < (one.high - one.low) / 3


def test_same_seed_gives_the_same_numbers_whatever_the_other_models(study):
    truth, risk, found = study
    alone = p.bootstrap_panel(
        truth, risk[0], replicates=200, seed=5, cut=CUT, thresholds=THRESHOLDS, specificity=SPECIFICITY
    )
    np.testing.assert_array_equal(alone.draws[0].metrics, found.draws[0].metrics)


@pytest.mark.slow
def test_area_interval_agrees_with_delong():
    truth, risk = cohort(400, seed=3)
    found = p.bootstrap_panel(truth, risk, replicates=2000, seed=1)
    analytic, drawn = d.auc(truth, risk[0]), found.interval(0, "auc")
    assert (drawn.low, drawn.high) == pytest.approx((analytic.low, analytic.high), abs=0.006)
    difference, test = found.difference(0, 1, "auc"), d.compare_paired(truth, risk[0], risk[1])
    assert (difference.low, difference.high) == pytest.approx((test.low, test.high), abs=0.006)


def test_wald_intervals_of_calibration_agree_with_the_bootstrap():
    truth, risk = cohort(600, seed=4)
    found, wald = p.bootstrap_panel(truth, risk[0], replicates=2000, seed=1), c.calibration(truth, risk[0])
    for metric, interval in (("calibration_in_the_large", wald.in_the_large), ("calibration_slope", wald.slope)):
        drawn = found.interval(0, metric)
        assert (drawn.low, drawn.high) == pytest.approx((interval.low, interval.high), abs=0.06)


@pytest.mark.filterwarnings("error")
def test_separated_samples_are_left_out_and_counted():
    truth = np.repeat([0, 1], 8)
    risk = np.linspace(0.1, 0.9, 16)
    risk[[7, 8]] = risk[[8, 7]]
    found = p.bootstrap_panel(truth, risk, replicates=120, seed=2)
    rows = [copies(row) for row in counts_of(truth, replicates=120, seed=2)[0]]
    lost = sum(np.isnan(c.calibration(truth[r], risk[r]).slope.estimate) for r in rows)
    assert found.left_out(0, "calibration_slope") == lost > 20
    assert found.left_out(0, "brier") == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(6))
def test_tiny_or_constant_predictions_never_crash(seed):
    truth, risk = cohort(6 + seed, seed=seed, digits=1)
    found = p.bootstrap_panel(truth, [risk[0], np.full(truth.size, 0.3)], replicates=40, seed=1, cut=0.5)
    assert found.interval(1, "auc").estimate == 0.5
    assert np.isnan(found.interval(1, "calibration_slope").low)


def test_without_a_threshold_its_measures_are_missing(study):
    truth, risk, _ = study
    found = p.bootstrap_panel(truth, risk, replicates=10, seed=1, cut=[None, 0.5])
    assert np.isnan(found.interval(0, "sensitivity").estimate)
    assert 0 < found.interval(1, "sensitivity").low < 1
    assert found.net_benefit(0).at.size == 0
    one = p.bootstrap_panel(truth, risk, replicates=10, seed=1, cut=np.array([0.2, 0.5]))
    assert one.interval(1, "sensitivity") == found.interval(1, "sensitivity")


@pytest.mark.parametrize("k", [1, 2, 4])
def test_batched_fits_equal_single_fits(k):
    rng = np.random.default_rng(k)
    design = np.column_stack([np.ones(60), 100 * rng.normal(size=(60, k - 1)) + 7])
    truth = rng.random(60) < 0.5
    counts = next(ordinary_counts(60, replicates=30, rng=rng))
    batched = batched_logistic(design, truth, counts, offset=0.1)
    for row, found in zip(counts, batched, strict=True):
        rows = copies(row)
        single = logistic(design[rows], truth[rows], offset=0.1).coefficients
        assert found == pytest.approx(single, rel=1e-7, abs=1e-9, nan_ok=True)


def test_stratified_samples_keep_both_classes():
    truth = cohort(50)[0] == 1
    counts = next(stratified_counts(truth, replicates=30, rng=np.random.default_rng(1)))
    assert (counts[:, truth].sum(axis=1) == truth.sum()).all()
    assert (counts.sum(axis=1) == 50).all()


@pytest.mark.parametrize(
    "options",
    [{"cut": [0.5]}, {"thresholds": [1.0]}, {"specificity": [1.2]}, {"smoother": "loess"}, {"level": 2}],
)
def test_bad_arguments_raise(options):
    truth, risk = cohort(30)
    with pytest.raises(ValueError, match="cut|thresholds|specificity|smooths|level"):
        p.bootstrap_panel(truth, risk, replicates=5, seed=1, **options)
