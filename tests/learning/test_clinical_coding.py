"""Clinical variables: imputed and coded from training rows alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.learning import clinical, signatures


@pytest.fixture
def new(every_row):
    return every_row.take(every_row.part == "test")


def test_missing_numbers_become_the_training_median_and_missing_words_the_training_mode(rows, new):
    coded = clinical.coding(rows)
    new = replace(
        new, clinical=pd.DataFrame({"age": [np.nan] * len(new), "sex": pd.Series([None] * len(new), dtype=object)})
    )
    median = np.nanmedian(rows.clinical["age"])
    mode = rows.clinical["sex"].mode()[0]
    other = "male" if mode == "female" else "female"
    assert [column.term for column in coded.columns] == ["age", f"sex={other}"]
    np.testing.assert_array_equal(coded.transform(new), np.tile([median, 0.0], (len(new), 1)))


def test_a_level_that_training_never_had_counts_as_missing(rows, new):
    coded = clinical.coding(rows, ("sex",))
    strange = replace(new, clinical=new.clinical.assign(sex="unheard of"))
    assert (coded.transform(strange) == 0).all()


def test_the_most_frequent_level_is_the_reference_and_ties_go_by_name(rows):
    levels = np.resize(["b", "a", "c", "c"], len(rows))
    three = replace(rows, clinical=pd.DataFrame({"site": pd.Series(levels, dtype=object)}))
    assert [c.term for c in clinical.coding(three).columns] == ["site=a", "site=b"]
    two = replace(rows, clinical=pd.DataFrame({"site": pd.Series(np.resize(["b", "a"], len(rows)), dtype=object)}))
    assert [c.term for c in clinical.coding(two).columns] == ["site=b"]


def test_the_clinical_signature_scores_by_its_printed_coefficients(rows, new, parameters):
    fitted = signatures.fit("clinical", rows, parameters=parameters(), seed=1)
    table = fitted.coefficients
    design = fitted.coding.transform(new)
    by_hand = fitted.intercept + (design - table["mean"].to_numpy()) / table["sd"].to_numpy() @ table["coefficient"]
    np.testing.assert_allclose(fitted.score(new), by_hand)


def test_a_separating_variable_gets_finite_coefficients(rows, parameters):
    split = replace(rows, clinical=pd.DataFrame({"marker": rows.truth * 1.0}))
    fitted = signatures.fit("clinical", split, parameters=parameters(), seed=1)
    assert fitted.regression.method == "Firth"
    assert np.isfinite(fitted.apparent(split)).all()
