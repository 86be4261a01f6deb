"""The steps of selection that are off unless asked for, and input that leaves them little to work on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.errors import RadiogramError
from helpers.learning import dlrn, nomogram, selection, signatures
from helpers.learning.crossfit import cross_fit
from helpers.learning.rows import training_rows
from helpers.learning.transformers import MRMR, UnivariateFDR
from helpers.reporting import methods


def steps_of(rows, parameters):
    fitted = signatures.fit("radiomics", rows, parameters=parameters, seed=1)
    return dict(zip(fitted.funnel["step"], fitted.funnel["features"], strict=True)), fitted


def test_without_further_steps_the_funnel_is_as_it_was(rows, parameters):
    steps, _ = steps_of(rows, parameters())
    assert list(steps) == ["extracted", "finite and varying", "reproducible", "not redundant", "LASSO"]


def test_further_steps_are_rows_of_the_funnel_and_keep_what_the_transformers_keep(rows, parameters):
    rules = {
        "selection.univariate": "t",
        "selection.univariate_fdr": 0.2,
        "selection.mrmr": 4,
        "selection.mrmr_criterion": "FCD",
    }
    steps, fitted = steps_of(rows, parameters(**rules))
    expected = [
        "extracted",
        "finite and varying",
        "reproducible",
        "univariate test",
        "not redundant",
        "mRMR (FCD)",
        "LASSO",
    ]
    assert list(steps) == expected
    stable = fitted.gate.kept
    told = UnivariateFDR("t", fdr=0.2).fit(rows.features[stable], rows.truth).get_feature_names_out().tolist()
    assert steps["univariate test"] == len(told)
    apart = selection.distinct(rows, told, limit=0.9, icc=fitted.gate.icc)
    taken = MRMR(4, "FCD").fit(rows.features[apart], rows.truth).get_feature_names_out().tolist()
    assert list(fitted.scaler.names) == taken


def test_further_steps_learn_from_training_rows_only(every_row):
    names = every_row.names("radiomics")
    with pytest.raises(RadiogramError, match="fitted on training rows only"):
        selection.associated(every_row, names, test="t", fdr=0.05)
    with pytest.raises(RadiogramError, match="fitted on training rows only"):
        selection.relevant(every_row, names, count=3, criterion="FCQ")


def test_where_nothing_stands_out_the_signature_is_its_intercept(cohort, parameters):
    rows = training_rows(*cohort(signal=0.0, seed=4), endpoint="label", clinical=("age", "sex"))
    steps, fitted = steps_of(rows, parameters(**{"selection.univariate": "mannwhitney", "selection.mrmr": 3}))
    assert steps["univariate test"] == 0
    assert steps["LASSO: none, intercept only"] == 0
    assert fitted.constant


def test_the_methods_say_each_step_that_was_on_and_no_other(parameters):
    off = methods._selection(parameters())
    assert "false discovery rate" not in off
    assert "redundancy, maximum" not in off
    on = methods._selection(
        parameters(**{"selection.univariate": "mannwhitney", "selection.mrmr": 12, "selection.mrmr_criterion": "MIQ"})
    )
    assert "by the Mann-Whitney test, at a false discovery rate of 0.05 [@benjamini1995]" in on
    assert "12 features were taken by minimum redundancy, maximum relevance [@ding2005]" in on
    assert "criterion MIQ: mutual information with the endpoint divided by mean mutual information" in on


def test_a_constant_feature_and_one_missing_everywhere_are_left_out_and_counted(rows, parameters):
    names = rows.names("radiomics")
    features = rows.features.assign(**{names[0]: 5.0, names[3]: np.nan})
    steps, fitted = steps_of(replace(rows, features=features), parameters())
    assert steps["extracted"] - steps["finite and varying"] == 2
    assert not {names[0], names[3]} & set(fitted.scaler.names)


def test_fewer_patients_than_folds_end_with_one_sentence_that_says_what_to_set(cohort, parameters):
    rows = training_rows(*cohort(9), endpoint="label", clinical=("age", "sex"))
    with pytest.raises(RadiogramError, match=r"too few for 5 folds within 5 folds: .*(set modeling.folds|enroll more)"):
        dlrn.require_fittable(rows, parameters=parameters(**{"modeling.folds": 5}))


def test_perfect_separation_carries_firths_penalty_and_the_nomogram_says_so(rows, parameters):
    feature = rows.names("radiomics")[0]
    told = rows.truth * 10.0 + np.linspace(0, 1, len(rows))
    again = tuple(frame.assign(**{feature: told}) for frame in rows.repeats)
    apart = replace(rows, features=rows.features.assign(**{feature: told}), repeats=again)
    chosen = parameters(**{"modeling.nomogram": ["radiomics"], "modeling.signatures": ["radiomics"]})
    model = dlrn.fit(apart, parameters=chosen, seed=1)
    assert model.nomogram.regression.method == "Firth"
    assert np.isfinite(model.nomogram.regression.coefficients).all()
    assert "Nomogram: The classes separate: coefficients carry Firth's penalty." in model.notes


def test_a_clinical_variable_that_separates_is_said_in_the_nomogram_too(rows, parameters):
    clinical = rows.clinical.assign(age=np.where(rows.truth == 1, 70.0, 40.0) + np.linspace(0, 1, len(rows)))
    apart = replace(rows, clinical=clinical)

    def one(training):
        return signatures.fit("radiomics", training, parameters=parameters(), seed=1)

    oof = cross_fit(apart, one, folds=3, seed=1)
    fitted = nomogram.fit(apart, {"radiomics": oof}, clinical=("age", "sex"))
    assert any("Firth" in note for note in fitted.notes)
    alone = parameters(**{"modeling.nomogram": ["radiomics"], "modeling.signatures": ["clinical"]})
    assert any(
        "the clinical variables" in note and "Firth" in note for note in dlrn.fit(apart, parameters=alone, seed=1).notes
    )
