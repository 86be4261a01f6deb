"""The table is the one pandas makes of dictionaries, at a twentieth of the memory."""

import io
import tracemalloc

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from helpers.imaging.feature_rows import FeatureRows

found = st.dictionaries(st.sampled_from("abcdef"), st.floats(), min_size=1)


@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["reader1", "reader2"]), found), min_size=1))
def test_the_table_is_that_of_the_dictionaries(rows):
    gathered = FeatureRows()
    for row in rows:
        gathered.add(*row)
    expected = pd.DataFrame.from_records([{"case": c, "reader": r, **values} for c, r, values in rows])
    pd.testing.assert_frame_equal(gathered.frame(), expected)
    files = [io.BytesIO(), io.BytesIO()]
    for frame, file in zip((gathered.frame(), expected), files, strict=True):
        frame.to_parquet(file, index=False)
    assert files[0].getvalue() == files[1].getvalue()


def test_no_row_gives_an_empty_table():
    assert list(FeatureRows().frame()) == ["case", "reader"]


def test_a_row_costs_eight_bytes_a_value():
    gathered = FeatureRows()
    gathered.add("P0", "reader1", {f"feature {i}": 0.0 for i in range(1000)})
    tracemalloc.start()
    for k in range(100):
        gathered.add(f"P{k}", "reader1", {f"feature {i}": float(k) for i in range(1000)})
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / 100 < 8 * 1000 * 1.2
