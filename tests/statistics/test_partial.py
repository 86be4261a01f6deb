"""Partial areas equal those of pROC's own tests on aSAH."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.statistics.discrimination import auc
from helpers.statistics.partial import partial_auc


@pytest.fixture(scope="module")
def asah(read_anchor):
    table = read_anchor("statistics/aSAH.csv")
    return (table["outcome"] == "Poor").to_numpy(int), table


# pROC, tests/testthat/test-auc.R: marker, focus, range, raw area, McClish-corrected area.
PROC = [
    ("wfns", "specificity", 0.9, 1.0, 0.0334417344173442, 0.649693339038653),
    ("wfns", "specificity", 0.8, 0.9, 0.0598373983739837, 0.763749402199904),
    ("wfns", "specificity", 0.0, 0.5, 0.488134475939354, 0.952537903757416),
    ("ndka", "specificity", 0.9, 1.0, 0.0107046070460705, 0.530024247610897),
    ("ndka", "specificity", 0.8, 0.9, 0.0277777777777778, 0.575163398692811),
    ("ndka", "specificity", 0.0, 0.5, 0.416836043360434, 0.667344173441734),
    ("wfns", "sensitivity", 0.9, 1.0, 0.0400999322493225, 0.68473648552275),
    ("wfns", "sensitivity", 0.8, 0.9, 0.0609953703703703, 0.770561002178649),
    ("wfns", "sensitivity", 0.0, 0.5, 0.483358739837398, 0.933434959349593),
    ("ndka", "sensitivity", 0.8, 0.9, 0.0242547425474255, 0.554439662043679),
    ("ndka", "sensitivity", 0.0, 0.5, 0.428523035230352, 0.714092140921409),
    ("wfns", "specificity", 0.0, 1.0, 0.823678861788618, 0.823678861788618),
    ("ndka", "sensitivity", 0.0, 1.0, 0.611957994579946, 0.611957994579946),
]


@pytest.mark.parametrize(("marker", "focus", "low", "high", "raw", "corrected"), PROC)
def test_partial_areas_equal_proc(asah, marker, focus, low, high, raw, corrected):
    truth, table = asah
    found = partial_auc(truth, table[marker], focus=focus, low=low, high=high, replicates=2, seed=1)
    assert found.raw.estimate == pytest.approx(raw, abs=1e-14)
    assert found.corrected.estimate == pytest.approx(corrected, abs=1e-13)
    assert (found.n, found.events) == (113, 41)


# Printed by pROC (tests/testthat/print_output); limits of the range between points of the curve.
PRINTED = [
    ("ndka", "specificity", 0.01046),
    ("s100b", "specificity", 0.02983),
    ("wfns", "specificity", 0.03305),
    ("s100b", "sensitivity", 0.01376),
]


@pytest.mark.parametrize(("marker", "focus", "printed"), PRINTED)
def test_a_range_between_points_of_the_curve_is_interpolated_as_in_proc(asah, marker, focus, printed):
    truth, table = asah
    found = partial_auc(truth, table[marker], focus=focus, low=0.9, high=0.99, replicates=2, seed=1)
    assert found.raw.estimate == pytest.approx(printed, abs=5.1e-6)


def test_a_part_below_the_diagonal_is_corrected_to_less_than_one_half(asah):
    # pROC gives NA here; an AUC below one half is not hidden either.
    truth, table = asah
    found = partial_auc(truth, table["ndka"], focus="sensitivity", low=0.9, high=1.0, replicates=2, seed=1)
    assert found.raw.estimate == pytest.approx(0.0037940379403794, abs=1e-14)
    assert found.corrected.estimate < 0.5


def test_correction_equals_scikit_learn(asah):
    truth, table = asah
    found = partial_auc(truth, table["s100b"], low=0.7, high=1.0, replicates=2, seed=1)
    assert found.corrected.estimate == pytest.approx(roc_auc_score(truth, table["s100b"], max_fpr=0.3), abs=1e-12)


def test_parts_add_up_to_the_whole(asah):
    truth, table = asah
    parts = [
        partial_auc(truth, table["s100b"], low=low, high=low + 0.25, replicates=2, seed=1).raw.estimate
        for low in (0, 0.25, 0.5, 0.75)
    ]
    assert sum(parts) == pytest.approx(auc(truth, table["s100b"]).estimate, abs=1e-12)


def test_interval_of_the_whole_area_agrees_with_delong(asah):
    truth, table = asah
    found, analytic = partial_auc(truth, table["wfns"], low=0, high=1, seed=1), auc(truth, table["wfns"])
    assert (found.raw.low, found.raw.high) == pytest.approx((analytic.low, analytic.high), abs=0.015)
    assert found.corrected == found.raw


def test_interval_holds_the_estimate_and_repeats_with_its_seed(asah):
    truth, table = asah
    found = partial_auc(truth, table["s100b"], replicates=300, seed=4)
    assert found.raw.low < found.raw.estimate < found.raw.high
    assert found.corrected.low < found.corrected.estimate < found.corrected.high
    assert found == partial_auc(truth, table["s100b"], replicates=300, seed=4)
    assert "300 replicates" in found.method


def test_transform_that_keeps_order_changes_nothing(asah):
    truth, table = asah
    value = table["s100b"].to_numpy(float)
    assert partial_auc(truth, value, replicates=20, seed=1) == partial_auc(truth, np.log(value), replicates=20, seed=1)


@pytest.mark.filterwarnings("error")
def test_perfect_separation_gives_no_interval():
    found = partial_auc([0, 0, 0, 1, 1], [1, 2, 3, 4, 5], seed=1)
    assert found.raw.estimate == pytest.approx(0.2)
    assert found.corrected.estimate == pytest.approx(1)
    assert np.isnan([found.raw.low, found.corrected.high]).all()
    assert "not estimable" in found.method


@pytest.mark.parametrize("options", [{"focus": "both"}, {"low": 0.9, "high": 0.8}, {"low": -0.1}, {"high": 1.1}])
def test_bad_ranges_raise(options):
    with pytest.raises(ValueError, match="focus|range"):
        partial_auc([0, 1], [0, 1], seed=1, **options)
