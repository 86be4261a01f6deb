"""Selection as scikit-learn transformers: its own contract, published rules, and independent implementations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, ttest_ind
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression, lasso_path
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import KFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from statsmodels.stats.multitest import multipletests

from helpers.learning import lasso, selection, stability
from helpers.learning.transformers import (
    MRMR,
    CommonestValue,
    LassoSelector,
    NearZeroVariance,
    ReproducibilityGate,
    SelectionFrequency,
    SpearmanRedundancy,
    UnivariateFDR,
)
from helpers.statistics.agreement import icc


class MeasuredAgain(ReproducibilityGate):
    """The gate with second measurements made up: scikit-learn's checks have none to give."""

    def fit(self, X, y=None):
        return super().fit(X, y, repeats=self._columns(X, ensure_all_finite="allow-nan"))


CHECKED = [
    NearZeroVariance(),
    CommonestValue(),
    UnivariateFDR(),
    UnivariateFDR("t"),
    SpearmanRedundancy(),
    MRMR(2),
    MRMR(2, "MIQ"),
    LassoSelector(cv=2, length=10),
    LassoSelector("gaussian", cv=2, length=10),
    SelectionFrequency(resamples=3),
    MeasuredAgain(),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@parametrize_with_checks(CHECKED)
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


def table(n=120, p=40, *, seed=3):
    """Values (n, p) of which the first five tell the class, the last five repeat them, and classes (n,)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(size=(n, p))
    x[:, :5] += 0.9 * y[:, None]
    x[:, -5:] = x[:, :5] + 0.1 * rng.normal(size=(n, 5))
    return x, y


def test_near_zero_variance_is_carets_rule_to_the_row():
    """caret: out when the ratio of the two commonest exceeds 95/5 and at most 10 % of the values are distinct."""
    n = 100
    at_the_cut = np.r_[np.zeros(95), np.ones(5)]
    beyond = np.r_[np.zeros(96), np.ones(4)]
    distinct = np.r_[np.zeros(89), np.arange(1, 12)]
    x = np.column_stack([at_the_cut, beyond, distinct, np.zeros(n), np.arange(n)])
    fitted = NearZeroVariance().fit(x)
    assert fitted.get_support().tolist() == [True, False, True, False, True]
    np.testing.assert_allclose(fitted.ratios_, [19.0, 24.0, 89.0, 0.0, 1.0])
    np.testing.assert_allclose(fitted.percent_unique_, [2, 2, 12, 1, 100])


def test_the_commonest_value_rule_is_that_of_the_reports(rows):
    x = rows.features.assign(constant=1.0, gap=np.nan)
    kept = CommonestValue().fit(x).get_feature_names_out()
    wide = type(rows)(**{**rows.__dict__, "features": x})
    assert kept.tolist() == selection.usable(wide, list(x.columns))
    assert "constant" not in kept
    assert "gap" not in kept


@pytest.mark.parametrize("test", ["mannwhitney", "t"])
def test_discoveries_are_those_of_statsmodels(test):
    x, y = table()
    fitted = UnivariateFDR(test, fdr=0.05).fit(x, y)
    compare = {"mannwhitney": mannwhitneyu, "t": lambda a, b: ttest_ind(a, b, equal_var=False)}[test]
    p = [compare(column[y == 1], column[y == 0]).pvalue for column in x.T]
    np.testing.assert_allclose(fitted.p_values_, p, rtol=1e-12)
    np.testing.assert_array_equal(fitted.get_support(), multipletests(p, alpha=0.05, method="fdr_bh")[0])
    assert 5 <= fitted.get_support().sum() < 20


def test_the_redundancy_filter_is_that_of_the_reports_whatever_the_order_of_columns(rows):
    kept = SpearmanRedundancy(0.3).fit(rows.features, rows.truth).get_feature_names_out().tolist()
    assert kept == selection.distinct(rows, list(rows.features.columns), limit=0.3)
    shuffled = rows.features.iloc[:, np.random.default_rng(0).permutation(rows.features.shape[1])]
    assert set(SpearmanRedundancy(0.3).fit(shuffled, rows.truth).get_feature_names_out()) == set(kept)


def test_a_given_agreement_decides_between_redundant_columns():
    x, y = table()
    first = SpearmanRedundancy(0.9).fit(x, y, agreement=np.r_[np.ones(5), np.zeros(35)]).get_support()
    last = SpearmanRedundancy(0.9).fit(x, y, agreement=np.r_[np.zeros(35), np.ones(5)]).get_support()
    assert first[:5].all() and not first[-5:].any()
    assert last[-5:].all() and not last[:5].any()


def by_hand(x, y, *, count, criterion):
    """mRMR as Ding and Peng write it, one candidate after the other."""
    if criterion.startswith("F"):
        tells = f_classif(x, y)[0]
        alike = np.abs(np.corrcoef(x.T))
    else:
        half = x.std(axis=0, ddof=1) / 2
        state = np.sign(x - x.mean(axis=0)) * (np.abs(x - x.mean(axis=0)) > half)
        tells = np.array([mutual_info_score(column, y) for column in state.T])
        alike = np.array([[mutual_info_score(a, b) for a in state.T] for b in state.T])
    taken = [int(np.argmax(tells))]
    while len(taken) < count:
        merit = {}
        for j in set(range(x.shape[1])) - set(taken):
            redundancy = np.mean([alike[j, i] for i in taken])
            quotient = tells[j] / max(redundancy, 1e-3)
            merit[j] = quotient if criterion.endswith("Q") else tells[j] - redundancy
        taken.append(max(merit, key=merit.get))
    return taken


@pytest.mark.parametrize("criterion", ["FCQ", "FCD", "MIQ", "MID"])
def test_mrmr_takes_what_its_definition_takes_in_that_order(criterion):
    x, y = table(p=16)
    fitted = MRMR(8, criterion).fit(x, y)
    assert fitted.order_.tolist() == by_hand(x, y, count=8, criterion=criterion)
    assert fitted.get_support().sum() == 8


def test_mrmr_by_quotient_takes_what_the_package_mrmr_selection_takes_of_a_real_table(shared_data):
    """The first eight of Arita2018 by mrmr-selection 0.2.8 (F statistic, Pearson correlation, quotient), run once."""
    x = pd.read_csv(shared_data / "radmlbench" / "Arita2018.gz")
    y = x.pop("Target")
    x = x.drop(columns="ID", errors="ignore")
    x = x.loc[:, CommonestValue().fit(x).get_support()]
    order = MRMR(8, "FCQ").fit(x, y).order_
    assert x.columns[order].tolist() == [
        "T2_original_Surface_to_Volume_ratio",
        "T2_core_Median",
        "Harvard_04",
        "Harvard_01",
        "Gp01_med",
        "T1_Entropy",
        "edema_on_MNI_Surface_to_Volume_ratio",
        "T1_Median",
    ]


def test_mrmr_by_quotient_does_not_take_a_copy_next():
    x, y = table()
    x[:, -5:] = x[:, :5]
    order = MRMR(2, "FCQ").fit(x, y).order_
    assert (order % 35)[0] != (order % 35)[1]


def test_the_lasso_transformer_gives_glmnets_test_deviance_in_the_units_of_its_input(shared_data):
    """BinomialExample, rows 1 to 70, nlambda=5: assess.glmnet prints 1.3877348 and 0.8612331."""
    given = pd.read_csv(shared_data / "statistics" / "glmnet_binomial.csv")
    x, y = given.drop(columns="y").to_numpy(), given["y"].to_numpy(dtype=float)
    fitted = LassoSelector(length=5, cv=5).fit(x[:70], y[:70])
    predictor = fitted.intercepts_[:2, None] + fitted.coefficients_[:2] @ x[70:].T
    deviance = 2 * np.logaddexp(0, np.where(y[70:] == 1, -predictor, predictor)).mean(axis=1)
    np.testing.assert_allclose(fitted.lambdas_[:2], [0.24995, 0.024995], atol=1e-5)
    np.testing.assert_allclose(deviance, [1.3877348, 0.8612331], atol=2e-5)


def test_the_cross_validated_curve_and_both_lambdas_are_those_of_scikit_learns_path():
    """cv.glmnet: folds standardized on their own, errors weighted by size, one standard error over the folds."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(91, 12)) * np.arange(1, 13)
    y = x @ np.r_[1.0, -0.5, 0.2, np.zeros(9)] + 3 * rng.normal(size=91)
    splitter = KFold(7, shuffle=True, random_state=2)
    fitted = LassoSelector("gaussian", cv=splitter, length=30).fit(x, y)
    errors, sizes = [], []
    for training, held in splitter.split(x):
        scaler = StandardScaler().fit(x[training])
        center = y[training].mean()
        _, path, _ = lasso_path(scaler.transform(x[training]), y[training] - center, alphas=fitted.lambdas_, tol=1e-12)
        errors.append(((y[held, None] - center - scaler.transform(x[held]) @ path) ** 2).mean(axis=0))
        sizes.append(len(held))
    mean = np.average(errors, axis=0, weights=sizes)
    error = np.sqrt(np.average((errors - mean) ** 2, axis=0, weights=sizes) / 6)
    np.testing.assert_allclose(fitted.deviance_, mean, rtol=1e-4)
    np.testing.assert_allclose(fitted.standard_error_, error, rtol=1e-3)
    best = int(np.argmin(mean))
    assert fitted.lambda_min_ == fitted.lambdas_[best]
    assert fitted.lambda_1se_ == fitted.lambdas_[mean <= mean[best] + error[best]].max()
    assert fitted.curve()["nonzero"].iloc[0] == 0


def test_the_lasso_keeps_the_columns_with_a_coefficient_at_the_lambda_of_its_rule():
    x, y = table()
    least, sparse = (LassoSelector(rule=rule, cv=5, length=40).fit(x, y) for rule in ("min", "1se"))
    assert least.lambda_min_ == least.lambdas_[least.chosen_]
    assert sparse.lambda_1se_ == sparse.lambdas_[sparse.chosen_] >= least.lambda_min_
    assert sparse.get_support().sum() <= least.get_support().sum()
    np.testing.assert_array_equal(least.get_support(), least.coef_ != 0)


def test_the_gate_is_the_icc_of_every_feature_alone_and_of_the_reports(rows, parameters):
    again = rows.repeats[0].to_numpy()
    fitted = ReproducibilityGate(0.75).fit(rows.features, repeats=again)
    for j in (0, 4, 17):
        alone = icc(np.column_stack([rows.features.iloc[:, j], again[:, j]]), form="A,1")
        assert (fitted.icc_[j], fitted.low_[j]) == pytest.approx((alone.estimate, alone.low), abs=1e-12)
    names = list(rows.features.columns)
    ours = stability.gate(rows, names, selection=parameters().selection)
    pd.testing.assert_frame_equal(fitted.table_, ours.table, check_dtype=False)
    assert fitted.get_feature_names_out().tolist() == ours.kept


def test_several_repeats_are_several_readers():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(30, 3))
    again = np.stack([x + rng.normal(size=x.shape) * [0.1, 1.0, 2.0] for _ in range(3)], axis=2)
    fitted = ReproducibilityGate().fit(x, repeats=again)
    direct = icc(np.concatenate([x[:, :, None], again], axis=2).transpose(1, 0, 2), form="A,1")
    np.testing.assert_allclose(fitted.low_, direct.low)
    assert fitted.get_support().tolist() == [True, False, False]


def test_the_frequency_over_resamples_finds_what_tells_and_is_the_same_again():
    x, y = table()
    options = {"resamples": 10, "resample": "half", "random_state": 1}
    fitted = SelectionFrequency(LassoSelector(cv=3, length=20), **options).fit(x[:, :35], y)
    again = SelectionFrequency(LassoSelector(cv=3, length=20), **options).fit(x[:, :35], y)
    pd.testing.assert_frame_equal(fitted.table(), again.table())
    assert fitted.get_support()[:5].sum() >= 4
    assert fitted.get_support()[5:].sum() <= 2
    assert fitted.table()["frequency"].is_monotonic_decreasing


def test_halves_are_halves_of_each_class_and_a_pipeline_may_be_resampled():
    x, y = table()
    whole = Pipeline([("apart", SpearmanRedundancy(0.9)), ("tells", MRMR(4))])
    fitted = SelectionFrequency(whole, resamples=8, resample="half").fit(x, y)
    assert fitted.frequency_.sum() == pytest.approx(4)
    drawn = fitted._drawn(y, np.random.default_rng(0))
    assert len(np.unique(drawn)) == len(drawn) == 60
    assert y[drawn].sum() == 30


@pytest.mark.parametrize(
    "classifier",
    [LogisticRegression(), SVC(), KNeighborsClassifier(), RandomForestClassifier(20, random_state=0)],
    ids=["logistic", "svm", "neighbors", "forest"],
)
def test_the_whole_chain_composes_with_any_classifier_and_is_refitted_in_every_fold(classifier):
    x, y = table()
    again = x + 0.1 * np.random.default_rng(5).normal(size=x.shape)
    chain = Pipeline(
        [
            ("varies", NearZeroVariance()),
            ("gate", ReproducibilityGate()),
            ("tells", UnivariateFDR()),
            ("apart", SpearmanRedundancy()),
            ("mrmr", MRMR(6)),
            ("lasso", LassoSelector(rule="min", cv=4, length=20)),
            ("classifier", classifier),
        ]
    )
    options = {"scoring": "roc_auc", "params": {"gate__repeats": again}, "cv": 4, "return_estimator": True}
    found = cross_validate(chain, x, y, **options)
    assert found["test_score"].mean() > 0.75
    assert {fitted["gate"].cases_ for fitted in found["estimator"]} == {90}


def test_nothing_is_lost_by_a_constant_column_or_one_that_is_missing_everywhere():
    x, y = table()
    x = np.column_stack([x, np.full(len(x), 7.0), np.full(len(x), np.nan)])
    kept = make_pipeline(CommonestValue(), UnivariateFDR(), LassoSelector(cv=3, length=10, rule="min"))
    names = kept.fit(x, y).get_feature_names_out()
    assert not {"x40", "x41"} & set(names)
    constant = np.column_stack([x[:, :3], np.full(len(x), 7.0)])
    for selector in (UnivariateFDR(), SpearmanRedundancy(), MRMR(3), LassoSelector(cv=3, length=10)):
        assert not selector.fit(constant, y).get_support()[3]


def test_input_that_cannot_be_used_is_refused_in_one_sentence():
    x, y = table(12)
    with pytest.raises(ValueError, match="fewer than 10 folds"):
        LassoSelector().fit(x, y)
    with pytest.raises(ValueError, match="needs two classes"):
        MRMR().fit(x, np.ones(12))
    with pytest.raises(ValueError, match="Only binary classification is supported"):
        UnivariateFDR().fit(x, np.arange(12) % 3)
    with pytest.raises(ValueError, match="too few for an ICC"):
        ReproducibilityGate().fit(x[:4], repeats=x[:4])
    with pytest.raises(ValueError, match="repeats must be"):
        ReproducibilityGate().fit(x, repeats=x[:, :3])
    with pytest.raises(ValueError, match="one value a column"):
        SpearmanRedundancy().fit(x, y, agreement=[1.0])


def test_classes_that_a_feature_separates_do_not_stop_the_selection():
    x, y = table()
    x[:, 0] = 10.0 * y + np.linspace(0, 1, len(y))
    x[:, 1] = y
    for criterion in ("FCQ", "FCD", "MIQ", "MID"):
        assert MRMR(3, criterion).fit(x, y).order_[0] in (0, 1)
    fitted = LassoSelector(cv=4, length=20).fit(x, y)
    assert fitted.get_support()[:2].any()
    assert np.isfinite(fitted.deviance_).all()
    assert lasso.choose(lasso.Curve(fitted.deviance_, fitted.standard_error_), rule="1se") == fitted.chosen_
