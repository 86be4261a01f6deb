"""The appendix prints what the engine measures on the standard's phantom, and counts agreement without adding it up twice."""

from helpers.evaluation import ibsi_printed
from helpers.imaging.radiomics import ibsi


def test_every_value_of_the_table_is_printed_and_counted_once():
    table = ibsi.table()
    printed = ibsi_printed.values(table)
    assert len(printed) == len(table)
    assert printed["Feature"].is_unique and printed["Code"].str.len().eq(4).all()
    said = ibsi_printed.numbers(table)["agreement"]
    agreeing = int((table["agrees"] == "yes").sum())
    assert "intensity kurtosis (3 is not subtracted)" in ibsi_printed.numbers(table)["conversion"]
    assert said.startswith(f"{agreeing} of {len(table)} values agree to three significant digits")


def test_a_value_that_differs_is_said():
    table = ibsi.table()
    table.loc[0, "agrees"] = "no"
    assert ibsi_printed.numbers(table)["agreement"].endswith("and 1 do not.")
