"""The LASSO against scikit-learn, glmnet's own printed numbers, and the conditions of optimality."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, LogisticRegression

from helpers.learning import lasso, selection


def correlated(n, p, *, seed=1):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, 5))
    x = rng.normal(size=(n, p)) + factors @ rng.normal(size=(5, p))
    y = (rng.random(n) < 1 / (1 + np.exp(-2 * factors[:, 0]))).astype(float)
    return (x - x.mean(axis=0)) / x.std(axis=0), y


@pytest.mark.slow
@pytest.mark.parametrize(("n", "p"), [(120, 15), (60, 150)])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.55])
def test_the_solution_is_that_of_scikit_learn(n, p, share):
    x, y = correlated(n, p)
    lambdas = lasso.lambda_sequence(x, y, length=60)
    k = int(share * 60)
    ours = lasso.solve(x, y, lambdas)
    theirs = LogisticRegression(l1_ratio=1, solver="saga", C=1 / (n * lambdas[k]), tol=1e-10, max_iter=100_000).fit(
        x, y
    )
    np.testing.assert_allclose(ours.coefficients[k], theirs.coef_[0], atol=1e-4)
    assert ours.intercepts[k] == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_every_lambda_meets_the_conditions_of_optimality():
    x, y = correlated(80, 200)
    path = lasso.solve(x, y, lasso.lambda_sequence(x, y, length=60))
    gradient = (y - 1 / (1 + np.exp(-path.linear_predictor(x)))) @ x / len(y)
    inside = np.abs(gradient) <= path.lambdas[:, None] * (1 + 1e-4)
    assert inside.all()
    pull = gradient - path.lambdas[:, None] * np.sign(path.coefficients)
    assert np.abs(pull[path.coefficients != 0]).max() < 1e-4 * path.lambdas[0]


def test_the_path_starts_where_the_first_feature_enters():
    x, y = correlated(80, 200)
    lambdas = lasso.lambda_sequence(x, y, length=60)
    path = lasso.solve(x, y, np.concatenate([lambdas[:1] * 1.0001, lambdas[:1] * 0.999]))
    assert path.nonzero.tolist() == [0, 1]
    assert path.intercepts[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())))


@pytest.mark.parametrize(("n", "p", "ratio"), [(80, 20, 1e-4), (80, 80, 1e-2)])
def test_the_path_ends_where_glmnet_ends(n, p, ratio):
    lambdas = lasso.lambda_sequence(*correlated(n, p), length=60)
    assert lambdas[-1] / lambdas[0] == pytest.approx(ratio)


def test_test_deviance_is_that_printed_in_the_glmnet_vignette(shared_data):
    """BinomialExample, rows 1 to 70, nlambda=5: assess.glmnet prints 1.3877348 and 0.8612331 (tolerance 2e-5)."""
    table = pd.read_csv(shared_data / "statistics" / "glmnet_binomial.csv")
    x, y = table.drop(columns="y").to_numpy(), table["y"].to_numpy(dtype=float)
    x = (x - x[:70].mean(axis=0)) / x[:70].std(axis=0)
    lambdas = lasso.lambda_sequence(x[:70], y[:70], length=5)
    np.testing.assert_allclose(lambdas[:2], [0.24995, 0.024995], atol=1e-5)
    predictor = lasso.solve(x[:70], y[:70], lambdas).linear_predictor(x[70:])
    deviance = lasso._deviance(y[70:], predictor)
    np.testing.assert_allclose(deviance[:2], [1.3877348, 0.8612331], atol=2e-5)


@pytest.fixture
def quickstart(shared_data):
    """QuickStartExample of glmnet: columns scaled by the population SD, as given, and the outcome."""
    table = pd.read_csv(shared_data / "statistics" / "glmnet_quickstart.csv")
    x = table.drop(columns="y").to_numpy()
    return (x - x.mean(axis=0)) / x.std(axis=0), x, table["y"].to_numpy()


# lambda: what coef() prints, the intercept at 0.
PRINTED = {
    0.1: {0: 0.150928072, 1: 1.320597195, 3: 0.675110234, 5: -0.817411518, 6: 0.521436671, 7: 0.004829335},
    0.5: {0: 0.2613110, 1: 1.0055470, 3: 0.2677140, 5: -0.4476485, 6: 0.2379287, 14: -0.8230862, 20: -0.5553675},
}


def original(path, x):
    """Intercept and coefficients (l, 1 + p) in the units of x."""
    found = path.coefficients / x.std(axis=0)
    return np.column_stack([path.intercepts - found @ x.mean(axis=0), found])


def test_at_the_tolerance_of_glmnet_the_gaussian_path_is_what_glmnet_prints_to_every_digit(quickstart):
    """coef(fit, s = 0.1) lies between two of glmnet's 100 lambdas, each solved as far as its thresh asks."""
    scaled, x, y = quickstart
    lambdas = np.abs(scaled.T @ (y - y.mean())).max() / y.size * 1e-4 ** (np.arange(100) / 99)
    values = original(lasso.solve(scaled, y, lambdas, tolerance=1e-7, family="gaussian"), x)
    low = int(np.argmax(lambdas < 0.1))
    share = (0.1 - lambdas[low]) / (lambdas[low - 1] - lambdas[low])
    between = share * values[low - 1] + (1 - share) * values[low]
    for position, expected in PRINTED[0.1].items():
        assert between[position] == pytest.approx(expected, abs=1e-9)


def test_the_exact_gaussian_solution_is_that_which_glmnet_prints(quickstart):
    scaled, x, y = quickstart
    values = original(lasso.solve(scaled, y, np.array([0.5]), family="gaussian"), x)[0]
    for position, expected in PRINTED[0.5].items():
        assert values[position] == pytest.approx(expected, abs=2e-5)


def test_what_glmnet_prints_at_its_own_tolerance_is_farther_from_the_optimum_than_ours(quickstart):
    scaled, x, y = quickstart
    path = lasso.solve(scaled, y, np.array([0.1]), family="gaussian")
    printed = path.coefficients[0] / x.std(axis=0)
    printed[[0, 2, 4, 5, 6]] = [PRINTED[0.1][j] for j in (1, 3, 5, 6, 7)]

    def objective(beta, intercept):
        return ((y - intercept - scaled @ beta) ** 2).mean() / 2 + 0.1 * np.abs(beta).sum()

    theirs = PRINTED[0.1][0] + printed @ x.mean(axis=0)
    assert objective(path.coefficients[0], path.intercepts[0]) < objective(printed * x.std(axis=0), theirs)


def test_the_gaussian_path_is_that_of_scikit_learn_and_ends_at_an_outcome_without_spread():
    x, _ = correlated(60, 90)
    y = x[:, :4] @ np.array([3.0, -2.0, 1.0, 0.5]) + np.random.default_rng(0).normal(size=60)
    lambdas = lasso.lambda_sequence(x, y, length=25)
    ours = lasso.solve(x, y, lambdas, family="gaussian")
    for k in (0, 10, 24):
        theirs = Lasso(alpha=lambdas[k], tol=1e-12, max_iter=100_000).fit(x, y)
        np.testing.assert_allclose(ours.coefficients[k], theirs.coef_, atol=1e-4)
    flat = lasso.solve(x, np.full(60, 2.5), lambdas, family="gaussian")
    assert not flat.coefficients.any()
    assert (flat.intercepts == 2.5).all()


def test_the_deviance_curve_is_the_mean_over_folds_weighted_by_size():
    x, y = correlated(61, 10)
    lambdas, fold = lasso.lambda_sequence(x, y, length=10), np.arange(61) % 4
    curve = lasso.cross_validate(x, y, lambdas, fold=fold)
    own = []
    for k in range(4):
        training = x[fold != k]
        scaled = (x - training.mean(axis=0)) / training.std(axis=0)
        path = lasso.solve(scaled[fold != k], y[fold != k], lambdas)
        p = 1 / (1 + np.exp(-path.linear_predictor(scaled[fold == k])))
        own.append(-2 * np.log(np.where(y[fold == k] == 1, p, 1 - p)).mean(axis=1))
    sizes = np.bincount(fold)
    mean = np.average(own, axis=0, weights=sizes)
    np.testing.assert_allclose(curve.deviance, mean, atol=2e-3)
    error = np.sqrt(np.average((own - mean) ** 2, axis=0, weights=sizes) / 3)
    np.testing.assert_allclose(curve.standard_error, error, atol=2e-3)


def test_the_one_standard_error_rule_takes_the_largest_lambda_within_one_error():
    curve = lasso.Curve(np.array([1.4, 1.15, 1.0, 1.05]), np.array([0.1, 0.1, 0.2, 0.1]))
    assert lasso.choose(curve, rule="min") == 2
    assert lasso.choose(curve, rule="1se") == 1


def test_tables_show_one_chosen_lambda_and_every_feature_that_ever_entered(rows):
    scaler = selection.scaler(rows, rows.names("radiomics"))
    fitted = lasso.lasso(rows, scaler, lasso_folds=5, length=20, rule="min", seed=1)
    curve, path = fitted.curve_table(), fitted.path_table()
    assert curve["chosen"].sum() == 1
    ever = (fitted.path.coefficients != 0).any(axis=0).sum()
    assert path["feature"].nunique() == ever
    assert len(path) == 20 * ever
    chosen = path[path["lambda"] == curve.loc[curve["chosen"], "lambda"].item()]
    assert (chosen["coefficient"] != 0).sum() == curve.loc[curve["chosen"], "nonzero"].item()
