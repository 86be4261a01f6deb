from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.evaluation import readers


@pytest.fixture
def readings(cases):
    rng = np.random.default_rng(9)
    read = cases[cases["part"] == "test"]
    rows = []
    for reader in ("A", "B"):
        for condition, strength in (("unaided", 1.0), ("aided", 2.5)):
            latent = strength * read["progression"] + rng.normal(size=len(read))
            rating = np.clip(np.round(latent + 2), 1, 5)
            rows.append(pd.DataFrame({"case": read["case"], "reader": reader, "condition": condition, "rating": rating,
                                      "call": (rating >= 3).astype(int), "seconds": 60.0}))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


@pytest.fixture
def vandyke(shared_data):
    """Van Dyke's reader study as readings: treatment 1 is taken as aided, so that aided - unaided is treatment 1 - 2."""
    table = pd.read_csv(shared_data / "readers" / "VanDyke.csv")
    table["condition"] = table["treatment"].map({1: "aided", 2: "unaided"})
    readings = table[["case", "reader", "condition", "rating"]].assign(
        call=(table["rating"] >= 3).astype(int), seconds=1.0
    )
    cases = table.drop_duplicates("case")[["case", "truth"]].assign(part="test")
    return readings.astype({"case": str, "reader": str}), cases.astype({"case": str})


def test_the_mean_of_five_readers_equals_the_published_obuchowski_rockette_result(vandyke):
    readings, cases = vandyke
    table = readers.comparisons(readings, cases, endpoint="truth")
    mean = table[table["reader"] == "mean of readers"].iloc[0]
    assert mean["estimate"] == pytest.approx(-0.04380032, abs=1e-8)
    assert (mean["df"], mean["p"]) == (pytest.approx(15.06611, abs=1e-5), pytest.approx(0.05123303, abs=1e-8))
    assert mean["method"].endswith("random readers")


def test_two_readers_are_fixed_readers(readings, cases):
    table = readers.comparisons(readings, cases, endpoint="progression")
    assert table.loc[table["reader"] == "mean of readers", "method"].item().endswith("fixed readers")


def test_binary_ratings_never_get_an_auc(readings, cases):
    binary = readings.assign(rating=readings["call"])
    assert "auc" not in set(readers.scores(binary, cases, endpoint="progression")["metric"])
    assert "auc" not in set(readers.comparisons(binary, cases, endpoint="progression")["metric"])


def test_readings_of_training_cases_are_refused(readings, cases):
    training = readings.assign(case=cases.loc[cases["part"] == "train", "case"].iloc[0])
    with pytest.raises(RadiogramError, match="is a training case"):
        readers.check(training, cases)


def test_a_missing_reading_names_its_case(readings, cases):
    with pytest.raises(RadiogramError, match=f"case {readings['case'].iloc[0]} has 3 readings"):
        readers.check(readings.iloc[1:], cases)


def test_switches_add_up_to_the_change_in_accuracy(readings, cases):
    calls = cases.set_index("case")["progression"]
    switched = readers.switches(readings, cases, calls, endpoint="progression").set_index("reader")
    right = readings["call"].to_numpy() == calls[readings["case"]].to_numpy()
    by = readings.assign(right=right).groupby(["reader", "condition"])["right"].sum()
    for reader in ("A", "B"):
        gain = by[reader, "aided"] - by[reader, "unaided"]
        assert switched.loc[reader, "wrong_to_right"] - switched.loc[reader, "right_to_wrong"] == gain
        assert switched.loc[reader, "automation_bias"] == 0
