"""Areas under permuted labels: their mean against chance, and the P value of the area on the true labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from helpers.statistics.permutation import chance_sd, null_mean, permutation_p


def test_the_smallest_p_counts_the_true_labels_as_a_permutation():
    assert permutation_p(0.9, [0.4, 0.5, 0.6, 0.55]) == pytest.approx(1 / 5)
    assert permutation_p(0.55, [0.4, 0.5, 0.6, 0.55]) == pytest.approx(3 / 5)
    assert permutation_p(0.1, [0.4, 0.5]) == 1.0


def test_the_spread_of_chance_is_that_of_mann_and_whitney():
    m, n = 12, 17
    a, b = np.arange(m) + 6.5, np.arange(n)  # without ties
    found = mannwhitneyu(a, b, use_continuity=False, method="asymptotic", alternative="greater")
    area, z = found.statistic / (m * n), norm.isf(found.pvalue)
    assert chance_sd(m, n) == pytest.approx((area - 0.5) / z, rel=1e-9)


def test_folds_of_equal_size_average_their_chance():
    assert chance_sd(50, 50, folds=5) == pytest.approx(chance_sd(10, 10) / np.sqrt(5))


@pytest.mark.slow
def test_a_pipeline_without_a_leak_raises_an_alarm_in_one_run_of_a_hundred():
    generator, runs = np.random.default_rng(0), 20_000
    areas = 0.5 + 0.06 * generator.normal(size=(runs, 5))
    alarms = np.mean([null_mean(row, chance=0.06).leaks for row in areas])
    assert alarms <= 0.011


def test_models_share_the_alarm():
    alone, four = (null_mean([0.6, 0.6], chance=0.06, family=k).limit for k in (1, 4))
    assert 0.5 < alone < four


def test_more_permutations_bring_the_limit_down_to_chance():
    limits = [null_mean(np.tile([0.45, 0.55], k), chance=0.05).limit for k in (1, 5, 500)]
    assert limits[0] > limits[1] > limits[2] and limits[2] == pytest.approx(0.5, abs=0.01)


def test_a_mean_far_above_chance_leaks_and_one_below_never_does():
    assert null_mean([0.8, 0.85, 0.9], chance=0.06).leaks
    assert not null_mean([0.2, 0.1, 0.15], chance=0.06).leaks


def test_one_permutation_has_no_spread_of_its_own():
    found = null_mean([0.52], chance=0.06)
    assert np.isnan(found.sd) and found.limit == pytest.approx(0.5 + 0.06 * norm.isf(0.01))


@pytest.mark.parametrize("areas", [[], [np.nan]])
def test_without_an_area_there_is_nothing_to_judge(areas):
    with pytest.raises(ValueError, match="at least one area"):
        null_mean(areas, chance=0.05)
