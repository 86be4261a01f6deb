"""Likelihood-ratio tests of the nomogram's blocks against statsmodels, and penalized ones against R's logistf."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.stats import chi2
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.tools import add_constant

from helpers.errors import RadiogramError
from helpers.learning import crossfit, nomogram, signatures
from helpers.learning.added_value import added_value
from helpers.learning.regression import firth
from helpers.statistics.thresholds import OutOfFold

from .test_regression import ENDOMETRIAL


@pytest.fixture
def scores(rows, parameters):
    def one(name):
        fit = partial(signatures.fit, name, parameters=parameters(**{"selection.lasso_path": 10}), seed=1)
        return crossfit.cross_fit(rows, fit, folds=3, seed=1)

    return {"radiomics": one("radiomics"), "deep": one("deep")}


def test_each_block_is_tested_as_in_statsmodels(rows, scores):
    fitted = nomogram.fit(rows, scores, clinical=("age", "sex"))
    found = added_value(rows, fitted, scores).set_index("block")
    assert found.index.tolist() == ["radiomics", "deep", "clinical"]
    assert found.loc["clinical", "terms"] == "age, sex=male" and found["df"].tolist() == [1, 1, 2]
    clinical = fitted.coding.apparent(rows)
    blocks = {
        "radiomics": scores["radiomics"].score[:, None],
        "deep": scores["deep"].score[:, None],
        "clinical": clinical,
    }
    whole = Logit(rows.truth, add_constant(np.hstack(list(blocks.values())))).fit(disp=0, tol=1e-12)
    for block in blocks:
        rest = np.hstack([x for name, x in blocks.items() if name != block])
        part = Logit(rows.truth, add_constant(rest)).fit(disp=0, tol=1e-12)
        statistic = 2 * (whole.llf - part.llf)
        assert found.loc[block, "statistic"] == pytest.approx(statistic, abs=1e-7)
        p = chi2.sf(statistic, found.loc[block, "df"]) if block == "clinical" else np.nan
        assert found.loc[block, "p"] == pytest.approx(p, abs=1e-8, nan_ok=True)


def test_penalized_likelihood_ratios_are_those_of_logistf():
    """R logistf on the endometrial data (doi 10.1002/sim.1047): chi-square 6.7984, 0.7468, 17.7593 for NV, PI, EH."""
    table = np.array([row.split() for row in ENDOMETRIAL.replace("\n", "").split(",")], dtype=float)
    x, truth = table[:, :3], table[:, 3]
    design = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / x.std(axis=0)])
    height = firth(design, truth)[2]
    found = [2 * (height - firth(design, truth, free=np.arange(4) != j)[2]) for j in (1, 2, 3)]
    np.testing.assert_allclose(found, [6.7984, 0.7468, 17.7593], atol=2e-4)


def test_where_the_classes_separate_the_test_is_the_penalized_one(rows, scores):
    own = scores["radiomics"]
    perfect = rows.truth * 4.0 + np.linspace(0, 1, len(rows))
    separating = {"radiomics": OutOfFold(rows.patient, rows.truth, perfect, own.fold, own.fitted_on)}
    fitted = nomogram.fit(rows, separating, clinical=("age",))
    assert fitted.regression.method == "Firth"
    found = added_value(rows, fitted, separating).set_index("block")
    assert found.loc["radiomics", "statistic"] > 20 and found.loc["clinical", "p"] > 1e-6
    assert np.isfinite(found["statistic"]).all()


def test_a_nomogram_without_terms_has_no_block_to_test(rows):
    assert added_value(rows, nomogram.fit(rows, {}), {}).empty


def test_blocks_are_tested_on_the_rows_of_the_nomogram_only(rows, every_row, scores):
    fitted = nomogram.fit(rows, scores, clinical=("age",))
    with pytest.raises(RadiogramError, match="was not fitted on patient"):
        added_value(every_row, fitted, scores)
