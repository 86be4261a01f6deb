"""Paired times meet Hollander and Wolfe's example, R's help page, and the definition."""

import itertools

import numpy as np
import pytest
from scipy import stats

from helpers.statistics.times import paired_times

# Hollander and Wolfe 1973, p. 29: depression scores of nine patients at two visits, as in R's wilcox.test.
FIRST = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
SECOND = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]


def test_depression_scores_of_hollander_and_wolfe():
    found = paired_times(FIRST, SECOND)
    assert (found.statistic, found.p) == pytest.approx((40, 2 * 0.01953125))
    assert (found.shift, found.low, found.high) == pytest.approx((0.46, 0.010, 0.786))
    assert found.method == "Wilcoxon signed-rank, exact"


def test_hours_of_sleep_have_ties_and_a_zero_as_r_prints_them():
    # R: wilcox.test(extra ~ group, sleep, paired) prints V = 0, p-value = 0.009091.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = paired_times(first, second)
    assert (found.statistic, found.n) == (0, 10)
    assert found.p == pytest.approx(0.009091, abs=5e-7)
    assert found.method == "Wilcoxon signed-rank, normal"
    assert found.low <= found.shift <= found.high < 0


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("n", [6, 8, 10])
def test_exact_limits_are_where_the_exact_test_turns(n, level):
    difference = np.random.default_rng(n).normal(1, 1, n)
    found = paired_times(difference, np.zeros(n), level=level)

    def p(shift):
        moved = difference - shift
        statistic = stats.rankdata(np.abs(moved))[moved > 0].sum()
        ranks = np.arange(1, n + 1)
        sums = np.array([ranks[np.array(signs)].sum() for signs in itertools.product([False, True], repeat=n)])
        return min(1.0, 2 * min((sums <= statistic).mean(), (sums >= statistic).mean()))

    # The limits were drawn on values rounded to nine digits.
    assert p(found.low + 1e-6) > 1 - level >= p(found.low - 1e-6)
    assert p(found.high - 1e-6) > 1 - level >= p(found.high + 1e-6)


def test_many_pairs_are_covered_as_often_as_said():
    rng = np.random.default_rng(1)
    found = [paired_times(rng.logistic(3, 1, 60), np.zeros(60)) for _ in range(400)]
    assert np.mean([f.low <= 3 <= f.high for f in found]) == pytest.approx(0.95, abs=0.035)


def test_exchanged_times_turn_the_shift():
    forward, backward = paired_times(FIRST, SECOND), paired_times(SECOND, FIRST)
    assert (forward.shift, forward.low) == pytest.approx((-backward.shift, -backward.high))
    assert forward.p == backward.p


def test_a_missing_time_leaves_its_pair_out():
    assert paired_times([*FIRST, np.nan], [*SECOND, 5.0]) == paired_times(FIRST, SECOND)


@pytest.mark.filterwarnings("error")
def test_times_that_never_differ_are_no_crash():
    found = paired_times([30, 40, 50], [30, 40, 50])
    assert (found.shift, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert np.isnan(paired_times([30], [20]).low)


def test_unmatched_times_raise():
    with pytest.raises(ValueError, match="equally long"):
        paired_times([1, 2], [1])
    with pytest.raises(ValueError, match="no case"):
        paired_times([np.nan], [1])
