"""Numbers of our statistics note (section 3) that no other test file asserts, and where the note itself is wrong.

Asserted elsewhere: A1-A6, B0 and C1-C3 in the files of their topic, C7 in test_agreement. Beyond reach here: the raw
data of C4 (its areas, continuous NRI and IDI) and of C5 (all but its Hosmer-Lemeshow tails) are not public tables of
ours, and no smoother of ours is the lowess of A2.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from sklearn.linear_model import Lasso

from helpers.learning import lasso
from helpers.statistics import agreement, calibration, discrimination, intervals, reclassification
from helpers.statistics.logistic import logistic

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_a1_ties_must_lower_the_degrees_of_freedom_with_the_groups(r_random):
    r = r_random(123)
    x = r.rnorm(500)
    truth = r.bernoulli(expit(0.1 + 0.5 * x))
    design = np.column_stack([np.ones(500), x])
    risk = np.round(expit(design @ logistic(design, truth).coefficients), 1)
    found = calibration.hosmer_lemeshow(truth, risk, fitted_here=True)
    assert found.statistic == pytest.approx(0.9515976, abs=6e-8)
    # The df of ten groups would give the p that the note warns of.
    assert stats.chi2.sf(found.statistic, 8) == pytest.approx(0.9985, abs=6e-5)
    assert found.p == pytest.approx(0.9170, abs=6e-5)


def test_a3_improvement_of_discrimination_to_every_printed_digit(r_random):
    stream = r_random(1)
    old, new = stream.runif(1000), stream.runif(1000)
    truth = np.array([stream.index(2) for _ in range(1000)])
    found = reclassification.idi(truth, old, new)
    assert (truth.sum(), (1 - truth).sum()) == (508, 492)
    assert (found.estimate, found.standard_error) == pytest.approx((-0.043578, 0.0265193), abs=6e-7)
    assert (found.z, found.p) == pytest.approx((-1.6432566, 0.1003299), abs=6e-8)


def test_b0_mean_squares_of_shrout_and_fleiss():
    found = agreement._mean_squares(np.array(SHROUT_FLEISS, dtype=float))
    assert found == pytest.approx((11.2416667, 32.4861111, 1.0194444, 6.2638889), abs=6e-8)


def test_b_kappa_variance_at_the_200_pairs_of_the_paper():
    found = agreement.kappa_of_table(2 * np.array([[53, 5, 2], [11, 14, 5], [1, 6, 3]]))
    assert found.standard_error**2 == pytest.approx(0.002885, abs=6e-7)


def test_b_exact_interval_of_twenty_of_twenty():
    """The note prints .8315666; the limit is .025^(1/20) = .83156653, which rounds to .8315665."""
    low, high = intervals.clopper_pearson(20, 20)
    assert (low, high) == pytest.approx((0.83156653, 1), abs=6e-9)


def test_c4_categorical_nri_of_predictabel_from_its_reclassification_tables():
    absent = np.array([[2899, 76, 0], [714, 2398, 657], [34, 469, 766]])
    present = np.array([[85, 11, 0], [63, 542, 457], [1, 118, 710]])
    assert (absent.sum(), present.sum()) == (8013, 1987)
    found = reclassification.nri_from_counts(
        events_up=np.triu(present, 1).sum(),
        events_down=np.tril(present, -1).sum(),
        events=present.sum(),
        nonevents_up=np.triu(absent, 1).sum(),
        nonevents_down=np.tril(absent, -1).sum(),
        nonevents=absent.sum(),
    )
    assert (found.estimate, found.standard_error) == pytest.approx((0.2043374, 0.0135691), abs=6e-8)
    assert (found.low, found.high) == pytest.approx((0.1777424, 0.2309324), abs=6e-8)


def test_c5_hosmer_lemeshow_tails_differ_by_whose_patients_they_are():
    assert stats.chi2.sf(14.850664, [8, 10]) == pytest.approx([0.0621, 0.1376], abs=6e-5)


@pytest.fixture(scope="module")
def quickstart(read_anchor):
    table = read_anchor("statistics/glmnet_quickstart.csv")
    x = table.drop(columns="y").to_numpy()
    return (x - x.mean(axis=0)) / x.std(axis=0), x, table["y"].to_numpy()


GAUSSIAN = {
    0.1: {"V1": 1.320597195, "V3": 0.675110234, "V5": -0.817411518, "V6": 0.521436671, "V7": 0.004829335},
    0.5: {
        "V1": 1.0055470,
        "V3": 0.2677140,
        "V5": -0.4476485,
        "V6": 0.2379287,
        "V14": -0.8230862,
        "V20": -0.5553675,
    },
}


@pytest.mark.parametrize(("penalty", "intercept"), [(0.1, 0.150928072), (0.5, 0.2613110)])
def test_c6_the_scaling_our_lasso_uses_is_that_of_glmnet(quickstart, penalty, intercept):
    """Ours is logistic only; scikit-learn on columns scaled by the population SD, as ours, gives glmnet's numbers.

    At lambda .5 glmnet prints the exact solution; at .1 it stops 3e-5 short of it.
    """
    scaled, x, y = quickstart
    fitted = Lasso(alpha=penalty, tol=1e-12, max_iter=100_000).fit(scaled, y)
    found = fitted.coef_ / x.std(axis=0)
    names, expected = [f"V{i + 1}" for i in range(20)], GAUSSIAN[penalty]
    tolerance = 2e-5 if penalty == 0.5 else 4e-5
    assert {n: b for n, b in zip(names, found, strict=True) if n in expected} == pytest.approx(expected, abs=tolerance)
    assert fitted.intercept_ - found @ x.mean(axis=0) == pytest.approx(intercept, abs=tolerance)


def test_c6_the_path_starts_where_a_gaussian_lasso_has_its_first_coefficient(quickstart):
    scaled, _, y = quickstart
    largest = lasso.lambda_sequence(scaled, y, length=5)[0]
    fits = [Lasso(alpha=share * largest, tol=1e-12).fit(scaled, y) for share in (1.0001, 0.999)]
    kept = [np.count_nonzero(fit.coef_) for fit in fits]
    assert kept == [0, 1]


def test_c6_class_error_and_area_of_the_binomial_example(read_anchor):
    table: pd.DataFrame = read_anchor("statistics/glmnet_binomial.csv")
    x, y = table.drop(columns="y").to_numpy(), table["y"].to_numpy(dtype=float)
    x = (x - x[:70].mean(axis=0)) / x[:70].std(axis=0)
    lambdas = lasso.lambda_sequence(x[:70], y[:70], length=5)
    predictor = lasso.solve(x[:70], y[:70], lambdas).linear_predictor(x[70:])[:2]
    wrong = ((predictor > 0) != (y[70:] == 1)).mean(axis=1)
    assert wrong == pytest.approx([0.4667, 0.1667], abs=6e-5)
    areas = [discrimination.auc(y[70:], row).estimate for row in predictor]
    assert areas == pytest.approx([0.5, 0.90625], abs=1e-12)
