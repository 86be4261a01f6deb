"""Agreement on the tables of Shrout and Fleiss, Fleiss, and Krippendorff."""

import numpy as np
import pytest
from scipy import stats

from helpers.statistics import agreement as a

# Shrout and Fleiss 1979, Psychol Bull 86:420, Table 2: six targets, four judges.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
SHROUT_FLEISS_ICC = {
    "1,1": (0.165742, -0.132932, 0.722560),
    "A,1": (0.289764, 0.018787, 0.761084),
    "C,1": (0.714841, 0.342465, 0.945858),
    "C,k": (0.909316, 0.675675, 0.985892),
}
# The anxiety ratings of R's irr: twenty subjects, three raters.
ANXIETY = np.array(
    [
        [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
        [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
        [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2],
    ]
).T
# Fleiss 1971, Psychol Bull 76:378: thirty patients, five diagnoses, six psychiatrists.
FLEISS = """00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"""


@pytest.mark.parametrize("form", SHROUT_FLEISS_ICC)
def test_icc_of_shrout_and_fleiss(form):
    found = a.icc(SHROUT_FLEISS, form=form)
    assert (found.estimate, found.low, found.high) == pytest.approx(SHROUT_FLEISS_ICC[form], abs=6e-7)


@pytest.mark.parametrize(("form", "estimate"), [("1,k", 0.442797), ("A,k", 0.620051)])
def test_average_icc_of_shrout_and_fleiss(form, estimate):
    assert a.icc(SHROUT_FLEISS, form=form).estimate == pytest.approx(estimate, abs=6e-7)


def test_icc_of_the_anxiety_ratings():
    found = a.icc(ANXIETY)
    expected = (0.1979983, -0.0389106, 0.4935739)
    assert (found.estimate, found.low, found.high) == pytest.approx(expected, abs=6e-8)
    assert a.icc(ANXIETY, form="C,1").estimate == pytest.approx(0.2160494, abs=6e-8)


@pytest.mark.parametrize("form", a.FORMS)
def test_many_features_equal_one_at_a_time(form):
    features = np.stack([SHROUT_FLEISS, SHROUT_FLEISS[::-1] * 3.0 + 1, SHROUT_FLEISS**2])
    together = a.icc(features, form=form)
    for i, feature in enumerate(features):
        alone = a.icc(feature, form=form)
        assert (together.low[i], together.estimate[i]) == pytest.approx((alone.low, alone.estimate), abs=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", a.FORMS)
def test_constant_features_are_missing_and_perfect_ones_are_one(form):
    perfect = np.repeat(np.arange(6.0)[:, None], 4, axis=1)
    broken = np.where(np.arange(24).reshape(6, 4) == 3, np.nan, perfect)
    found = a.icc(np.stack([np.full((6, 4), 1e6 / 3), perfect, broken, perfect * 1e-9 + 0.1]), form=form)
    assert np.isnan([found.estimate[0], found.low[0], found.high[0], found.estimate[2]]).all()
    assert (found.estimate[1], found.low[1], found.high[1]) == (1, 1, 1)
    assert found.low[3] > 0.99


def test_absolute_agreement_is_below_consistency_when_raters_differ():
    assert a.icc(SHROUT_FLEISS, form="A,1").estimate < a.icc(SHROUT_FLEISS, form="C,1").estimate


def test_consistency_ignores_a_constant_shift():
    shifted = SHROUT_FLEISS + np.array([0, 10, 0, -3])
    assert a.icc(shifted, form="C,1").estimate == pytest.approx(a.icc(SHROUT_FLEISS, form="C,1").estimate)


@pytest.mark.parametrize("bad", [np.ones((1, 4)), np.ones((4, 1)), np.ones(4)])
def test_too_few_targets_or_raters_raise(bad):
    with pytest.raises(ValueError, match="targets"):
        a.icc(bad)
    with pytest.raises(ValueError, match="form"):
        a.icc(SHROUT_FLEISS, form="2,1")


THREE = [[53, 5, 2], [11, 14, 5], [1, 6, 3]]


def test_kappa_and_its_errors_equal_fleiss_cohen_everitt():
    found = a.kappa_of_table(THREE)
    assert (found.estimate, found.standard_error**2) == pytest.approx((0.4285714, 0.00576974), abs=6e-8)
    assert (found.estimate / found.z) ** 2 == pytest.approx(0.00616327, abs=6e-9)
    assert a.kappa_of_table(THREE, weights="linear").estimate == pytest.approx(0.4923077, abs=6e-8)


def test_kappa_of_fleiss_cohen_everitt_has_their_two_hundred_pairs():
    # The paper prints 0.002885 for N = 200 in these shares.
    assert a.kappa_of_table(np.multiply(THREE, 2)).standard_error ** 2 == pytest.approx(0.002885, abs=6e-7)


def test_kappa_of_two_raters_categories():
    first = np.repeat(["yes", "yes", "no", "no"], [20, 5, 10, 15])
    second = np.repeat(["yes", "no", "yes", "no"], [20, 5, 10, 15])
    found = a.cohen_kappa(first, second)
    expected = (0.4, 0.126996, 0.151092, 0.648908)
    assert (found.estimate, found.standard_error, found.low, found.high) == pytest.approx(expected, abs=6e-7)
    assert (found.agreement, found.n) == (0.7, 50)


def test_weights_do_not_matter_for_two_categories():
    table = [[20, 5], [10, 15]]
    assert a.kappa_of_table(table, weights="quadratic").low == pytest.approx(a.kappa_of_table(table).low)


@pytest.mark.filterwarnings("error")
def test_a_single_category_leaves_kappa_undefined():
    found = a.cohen_kappa([1, 1, 1], [1, 1, 1])
    assert np.isnan(found.estimate)
    assert found.agreement == 1


def test_fleiss_kappa_of_the_psychiatrists():
    counts = [[int(digit) for digit in row] for row in FLEISS.split()]
    found = a.fleiss_kappa(counts)
    assert (found.estimate, found.standard_error) == pytest.approx((0.4302445, 0.0243739), abs=6e-8)
    assert found.z == pytest.approx(17.6518, abs=6e-5)


def test_kappa_of_the_first_two_psychiatrists():
    # irr lists each patient's six diagnoses in rising order.
    sorted_rows = [np.repeat(np.arange(5), [int(digit) for digit in row]) for row in FLEISS.split()]
    found = a.cohen_kappa(*np.array(sorted_rows).T[:2])
    numbers = (found.estimate, found.standard_error, found.low, found.high)
    assert numbers == pytest.approx((0.6511628, 0.0996827, 0.4557884, 0.8465372), abs=6e-8)


def test_alpha_of_krippendorffs_example():
    nan = np.nan
    ratings = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
    assert a.krippendorff_alpha(ratings) == pytest.approx(0.743421, abs=6e-7)


def cube(start, size, shape=(20, 20, 20)):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(s, s + size) for s in start)] = True
    return mask


def test_dice_of_half_overlapping_cubes():
    assert a.dice(cube((2, 2, 2), 4), cube((4, 2, 2), 4)) == 0.5
    assert a.dice(cube((2, 2, 2), 4), cube((2, 2, 2), 4)) == 1
    assert np.isnan(a.dice(np.zeros(3), np.zeros(3)))


def test_hausdorff_distance_of_a_shift_is_the_shift_in_millimeters():
    first, second = cube((2, 5, 5), 6), cube((5, 5, 5), 6)
    assert a.hausdorff95(first, second, spacing=(2.0, 1, 1)) == pytest.approx(6)
    assert a.hausdorff95(second, first, spacing=(2.0, 1, 1)) == pytest.approx(6)
    assert a.hausdorff95(first, first, spacing=(1, 1, 1)) == 0


def test_a_mask_at_the_edge_of_the_grid_has_a_surface_there():
    whole = np.ones((5, 5), dtype=bool)
    assert a.hausdorff95(whole, whole, spacing=(1, 1)) == 0
    assert np.isnan(a.hausdorff95(whole, ~whole, spacing=(1, 1)))


def test_masks_of_different_grids_raise():
    with pytest.raises(ValueError, match="grids"):
        a.dice(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="spacing"):
        a.hausdorff95(np.ones((2, 2)), np.ones((2, 2)), spacing=(1, 1, 1))


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_summary_interval_is_near_the_bootstrap_of_scipy(statistic):
    values = np.random.default_rng(2).beta(8, 2, 60)
    found = a.summary_interval(values, statistic=statistic, seed=1, replicates=5000)
    summarize = getattr(np, statistic)
    drawn = stats.bootstrap((values,), summarize, n_resamples=5000, method="percentile", rng=7).confidence_interval
    assert found.estimate == pytest.approx(summarize(values))
    assert (found.low, found.high) == pytest.approx((drawn.low, drawn.high), abs=0.008)


def test_summary_of_cases_without_a_mask_leaves_them_out():
    values = [0.8, np.nan, 0.9, 0.7]
    assert a.summary_interval(values, seed=1) == a.summary_interval([0.8, 0.9, 0.7], seed=1)
    assert np.isnan(a.summary_interval([0.8, np.nan], seed=1).low)
    with pytest.raises(ValueError, match="no case"):
        a.summary_interval([np.nan], seed=1)
    with pytest.raises(ValueError, match="statistic"):
        a.summary_interval(values, statistic="mode", seed=1)
