"""Missing values as the report tells them: what hangs on the handling is said, and nothing is shown where nothing is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.evaluation import missing_printed
from helpers.figures import missing
from helpers.learning.missing_data import COMPLETE, HANDLINGS, MEDIAN
from helpers.tables import empty

VALUES = pd.DataFrame(
    [("y", "age", 200, 40, 80, 30, 120, 10, 0.00001), ("y", "sex", 200, 0, 80, 0, 120, 0, np.nan)],
    columns=list(empty("missing_values").columns),
)


def table(*, low_of_complete: float = 0.1) -> pd.DataFrame:
    rows = []
    for handling in HANDLINGS:
        low = low_of_complete if handling == COMPLETE else 0.1
        size = (90, 40) if handling == COMPLETE else (140, 60)
        taken = 0.2 if handling == HANDLINGS[1] else np.nan
        rows.append(
            ("y", "clinical", handling, "train", "coefficient", "(intercept)", -1, -2, 0, 50, taken, *size, "", np.nan)
        )
        rows.append(
            ("y", "clinical", handling, "train", "coefficient", "age", 0.5, low, 0.9, 50, taken, *size, "", 8.0)
        )
        rows.append(("y", "clinical", handling, "test", "auc", "", 0.7, 0.6, 0.8, np.nan, np.nan, 60, 25, "", np.nan))
    return pd.DataFrame(rows, columns=list(empty("missing_data").columns))


def told(values: pd.DataFrame, data: pd.DataFrame) -> dict:
    return missing_printed.numbers(values, data, imputations=20, iterations=10)


def test_values_missing_with_the_outcome_are_said_to_be():
    assert (
        "age (30 of 80 (38 %) with the endpoint and 10 of 120 (8 %) without, P < 0.001)"
        in told(VALUES, table())["pattern"]
    )
    even = VALUES.assign(p=0.5)
    assert "not follow that values are missing at random" in told(even, table())["pattern"]


def test_a_conclusion_that_hangs_on_the_handling_is_named():
    assert "no conclusion hangs" in told(VALUES, table())["answer"]
    assert told(VALUES, table(low_of_complete=-0.1))["answer"].endswith(
        "Age has an interval that excludes no effect under one handling and not under another."
    )


def test_where_nothing_is_missing_the_section_has_no_matter():
    nothing = told(VALUES.assign(missing=0), table().iloc[:0])
    assert nothing["absent"] == "No clinical value is missing."
    assert told(VALUES.iloc[:0], table().iloc[:0])["absent"] == "The study names no clinical variables."


def test_tables_have_a_column_a_handling():
    printed = missing_printed.coefficients(table())
    assert list(printed.columns)[1:4] == ["Median or commonest level", "Multiple imputation", "Complete cases"]
    assert printed.iloc[0].tolist() == ["**Clinical model**", "n = 140", "n = 140", "n = 90", ""]
    assert missing_printed.areas(table()).iloc[0, 4] == "0.70 (0.60 to 0.80), 25 of 60"
    assert missing_printed.values(VALUES).iloc[1].tolist() == [
        "Sex",
        "0 of 200 (0 %)",
        "0 of 80 (0 %)",
        "0 of 120 (0 %)",
        "",
    ]


def test_a_handling_without_an_estimate_has_no_mark_and_says_so():
    data = table()
    data.loc[data["handling"] == COMPLETE, ["estimate", "low", "high"]] = np.nan
    assert missing_printed.coefficients(data).iloc[2, 3] == "not estimable"
    figure = missing.coefficients(data, model="clinical")
    assert len(figure.axes[0].collections) == 2  # an interval a handling


def test_every_handling_has_a_mark_of_its_own():
    marks = [look[1] for look in missing.LOOKS.values()]
    assert len(set(marks)) == len(HANDLINGS) and list(missing.LOOKS) == list(HANDLINGS)
    words = missing.alt_coefficients(table(), model="clinical")
    assert "Age: median or commonest level 0.50 (0.10 to 0.90)" in words and MEDIAN in words
