from __future__ import annotations

import pandas as pd
import pytest

from helpers import prose


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0271757, "P = 0.027"), (0.0001, "P < 0.001"), (0.5123, "P = 0.51"), (0.00514, "P = 0.0051"), (0.9995, "P = 0.99"),
     (1.0, "P = 1.00"), (float("nan"), "not estimable")],
)  # fmt: skip
def test_p_values_have_two_significant_digits(p, text):
    assert prose.p_value(p) == text


def test_an_interval_is_written_in_words():
    assert prose.interval(0.8412, 0.731, 0.934) == "0.84 (0.73 to 0.93)"


def test_an_interval_that_cannot_be_had_is_said():
    assert prose.interval(1.0, float("nan"), float("nan")) == "1.00 (interval not estimable)"


def test_negative_numbers_carry_a_minus_sign_and_zero_none():
    assert prose.number(-0.5) == "\N{MINUS SIGN}0.50"
    assert prose.number(-0.001) == "0.00"


def test_words_are_listed_as_people_list_them():
    assert prose.listing(["a", "b", "c"]) == "a, b and c"


def test_a_bar_in_a_cell_does_not_break_the_table():
    table = prose.markdown_table(pd.DataFrame({"name": ["a|b"], "n": [3]}))
    assert table.splitlines()[2] == "| a\\|b | 3 |"


def test_recorded_numbers_are_merged_by_key(tmp_path):
    prose.record(tmp_path, cohort={"patients": "51"})
    prose.record(tmp_path, model={"auc": "0.84"})
    assert prose.numbers(tmp_path) == {"cohort": {"patients": "51"}, "model": {"auc": "0.84"}}


def test_an_estimate_that_cannot_be_had_is_said_once():
    assert prose.interval(float("nan"), float("nan"), float("nan")) == "not estimable"


def test_variables_are_named_as_clinicians_do():
    assert [prose.variable(v) for v in ("days_since_rt", "kps", "age")] == ["Days since RT", "KPS", "Age"]


def test_a_lower_limit_alone_reads_as_one():
    assert prose.interval(1.0, 0.93, float("nan")) == "1.00 (at least 0.93)"


def test_a_share_just_below_one_never_reads_as_certainty():
    assert prose.interval(0.9994, 0.98, 1.0) == "0.999 (0.980 to 1.000)"
    assert prose.interval(0.997, 0.8, 1.3) == "1.00 (0.80 to 1.30)"  # no share: a slope may be 1.00
