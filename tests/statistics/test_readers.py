"""The Van Dyke study, as analyzed by MRMCaov and printed by OR-DBM MRMC 2.5."""

import numpy as np
import pytest

from helpers.statistics import discrimination as d
from helpers.statistics import readers as r


@pytest.fixture(scope="module")
def van_dyke(read_anchor):
    """Truth (114,) and ratings (2, 5, 114); modality 1 is CINE, 2 spin echo."""
    table = read_anchor("readers/VanDyke.csv").sort_values(["treatment", "reader", "case"])
    truth = table.drop_duplicates("case").sort_values("case")["truth"].to_numpy(int)
    return truth, table["rating"].to_numpy(float).reshape(2, 5, 114)


@pytest.fixture(scope="module")
def delong(van_dyke):
    return r.mrmc(*van_dyke)


@pytest.fixture(scope="module")
def jackknife(van_dyke):
    return r.mrmc(*van_dyke, covariance="jackknife")


def test_reader_areas(delong):
    expected = [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
    assert delong.auc == pytest.approx(np.array(expected), abs=6e-9)


def test_mean_squares(delong):
    found = (delong.ms_modality, delong.ms_reader, delong.ms_interaction)
    assert found == pytest.approx((0.004796171, 0.003836200, 0.0005510306), abs=6e-10)


def test_delong_covariances(delong):
    found = (delong.var, delong.cov1, delong.cov2, delong.cov3)
    assert found == pytest.approx((0.0007921325, 0.0003420090, 0.0003395265, 0.0002358497), abs=6e-11)


def test_random_readers(delong):
    found = delong.random_readers
    assert (found.statistic, found.df, found.p) == pytest.approx((4.484854, 15.06611, 0.05123303), abs=6e-6)
    expected = (-0.04380032, 0.0206825, -0.0878672, 0.0002665519)
    assert (found.difference, found.standard_error, found.low, found.high) == pytest.approx(expected, abs=6e-8)


def test_single_modalities(delong):
    assert delong.modality_auc == pytest.approx([0.8970370, 0.9408374], abs=6e-8)
    assert delong.modality_standard_error == pytest.approx([0.03307642, 0.02150464], abs=6e-9)
    assert delong.modality_df == pytest.approx([12.59597, 12.56530], abs=6e-6)
    assert delong.modality_low == pytest.approx([0.8253461, 0.8942155], abs=6e-8)
    assert delong.modality_high == pytest.approx([0.9687280, 0.9874592], abs=6e-8)


def test_fixed_readers(delong):
    found = delong.fixed_readers
    assert (found.statistic, found.p, found.df) == pytest.approx((5.545789, 0.018525, 1), abs=6e-7)
    assert found.standard_error == pytest.approx(0.01859926, abs=6e-9)


def test_jackknife_equals_ordbm(jackknife):
    found = (jackknife.var, jackknife.cov1, jackknife.cov2, jackknife.cov3)
    assert found == pytest.approx((0.00080229, 0.00034661, 0.00034407, 0.00023903), abs=6e-9)
    random = jackknife.random_readers
    assert (random.statistic, random.df) == pytest.approx((4.46, 15.26), abs=6e-3)
    assert (random.p, random.low, random.high) == pytest.approx((0.0517, -0.08796, 0.00036), abs=6e-5)
    fixed = jackknife.fixed_readers
    assert (fixed.statistic, fixed.p, fixed.standard_error) == pytest.approx((5.47595, 0.0193, 0.01872), abs=6e-5)


def test_fixed_cases_equal_ordbm(jackknife):
    found = jackknife.fixed_cases
    assert (found.statistic, found.p, found.standard_error) == pytest.approx((8.70, 0.0420, 0.01485), abs=6e-3)
    assert found.p == pytest.approx(0.0420, abs=6e-5)
    assert found.df == 4


def test_jackknife_components_are_those_of_dbm(jackknife):
    m = jackknife
    found = 114 * np.array([m.cov3, m.cov2 - m.cov3, m.cov1 - m.cov3, m.var - m.cov1 - m.cov2 + m.cov3])
    assert found == pytest.approx([0.02724923, 0.01197530, 0.01226473, 0.03997160], abs=6e-9)


def test_fixed_readers_are_the_squared_delong_contrast(van_dyke, delong):
    truth, ratings = van_dyke
    areas, covariance = d.delong(truth, ratings.reshape(10, -1))
    contrast = np.repeat([0.2, -0.2], 5)
    z = contrast @ areas / np.sqrt(contrast @ covariance @ contrast)
    assert z == pytest.approx(-2.354950, abs=6e-7)
    assert z**2 == pytest.approx(delong.fixed_readers.statistic, abs=1e-9)


@pytest.mark.parametrize(("pair", "df"), [((0, 1), 7.55), ((0, 3), 42003), ((3, 4), 1.350)])
def test_two_readers_are_led_by_the_fixed_reader_result(van_dyke, pair, df):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[:, pair])
    assert found.random_readers.df == pytest.approx(df, rel=1e-3)
    assert found.leading == "fixed readers"


def test_two_readers_last_pair(van_dyke):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[:, (3, 4)])
    assert (found.random_readers.p, found.fixed_readers.p) == pytest.approx((0.308, 0.014), abs=6e-4)


def test_five_readers_are_led_by_the_random_reader_result(delong):
    assert delong.leading == "random readers"


def test_each_reader_is_compared_by_delong(van_dyke, delong):
    truth, ratings = van_dyke
    assert delong.per_reader[1] == d.compare_paired(truth, ratings[0, 1], ratings[1, 1])
    # OR-DBM prints the jackknife statistics -1.10 -1.77 -.57 -1.52 -2.27.
    z = [reader.statistic for reader in delong.per_reader]
    assert z == pytest.approx([-1.10, -1.77, -0.57, -1.52, -2.27], abs=0.03)


def test_exchanged_modalities_turn_the_difference(van_dyke, delong):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[::-1]).fixed_readers
    assert found.difference == pytest.approx(-delong.fixed_readers.difference)
    assert found.p == pytest.approx(delong.fixed_readers.p)


def test_binary_ratings_are_refused(van_dyke):
    truth, ratings = van_dyke
    with pytest.raises(ValueError, match="ratings are binary: report sensitivity and specificity, not an AUC"):
        r.mrmc(truth, ratings >= 3)


@pytest.mark.filterwarnings("error")
def test_identical_modalities_and_a_single_reader_are_no_crash(van_dyke):
    truth, ratings = van_dyke
    same = r.mrmc(truth, ratings[[0, 0]])
    assert same.fixed_readers.difference == 0
    assert np.isnan(same.fixed_readers.p)
    single = r.mrmc(truth, ratings[:, :1])
    assert single.fixed_readers.statistic == pytest.approx(single.per_reader[0].statistic ** 2)
    assert np.isnan(single.random_readers.p)


def test_three_modalities_have_a_test_and_no_single_difference(van_dyke):
    truth, ratings = van_dyke
    found = r.mrmc(truth, ratings[[0, 1, 0]] + np.arange(3)[:, None, None] * (ratings[[1, 0, 1]] == 3))
    assert found.fixed_readers.df == 2
    assert np.isfinite(found.fixed_readers.p)
    assert np.isnan(found.fixed_readers.difference)
    assert found.per_reader == ()


def test_switched_calls_are_counted_by_hand():
    truth = [1, 1, 1, 0, 0, 0]
    found = r.switches(truth, [1, 0, 0, 0, 1, 1], [0, 1, 0, 1, 1, 0], [0, 1, 1, 0, 1, 0])
    assert (found.right_to_right, found.right_to_wrong, found.wrong_to_right, found.wrong_to_wrong) == (
        0,
        2,
        2,
        2,
    )
    assert (found.automation_bias, found.rescued, found.ignored, found.model_wrong) == (1, 2, 1, 2)
