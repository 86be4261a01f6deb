"""The gate, the filter of constant features, the redundancy filter and the scaler."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.learning import selection, stability


def with_features(rows, **columns):
    return replace(rows, features=rows.features.assign(**columns))


def test_the_gate_drops_the_features_that_readers_measure_differently(rows, parameters):
    names = rows.names("radiomics")
    gate = stability.gate(rows, names, selection=parameters().selection)
    noisy = {name for i, name in enumerate(names) if i % 5 == 4}
    assert set(gate.kept) == set(names) - noisy


def test_the_gate_judges_the_low_bound_unless_told_otherwise(rows, parameters):
    names = rows.names("radiomics")
    rules = parameters().selection
    low = stability.gate(rows, names, selection=rules).table
    assert ((low["low"] >= rules.icc_threshold) == low["kept"]).all()
    threshold = float(low["icc"].max() + low["high"].max()) / 2
    by_estimate = parameters(**{"selection.icc_bound": "estimate", "selection.icc_threshold": 0.5}).selection
    estimate = stability.gate(rows, names, selection=by_estimate).table
    assert ((estimate["icc"] >= 0.5) == estimate["kept"]).all()
    assert not (low["low"] >= threshold).any()


def test_cases_measured_once_do_not_count_for_the_gate(rows, parameters):
    names = rows.names("radiomics")
    again = rows.repeats[0].copy()
    again.iloc[10:] = np.nan
    gate = stability.gate(replace(rows, repeats=(again,)), names, selection=parameters().selection)
    assert gate.cases == 10
    assert gate.table["icc"].notna().all()


def test_too_few_cases_measured_twice_are_refused(rows, parameters):
    again = rows.repeats[0].copy()
    again.iloc[3:] = np.nan
    with pytest.raises(RadiogramError, match="Only 3 of 60 training cases were measured twice"):
        stability.gate(replace(rows, repeats=(again,)), rows.names("deep"), selection=parameters().selection)


def test_no_second_reader_says_what_to_set(rows, parameters):
    with pytest.raises(RadiogramError, match="set selection.reproducibility=none"):
        stability.gate(replace(rows, repeats=()), rows.names("deep"), selection=parameters().selection)


def test_no_gate_when_none_is_asked_for(rows, parameters):
    rules = parameters(**{"selection.reproducibility": "none"}).selection
    assert stability.gate(replace(rows, repeats=()), rows.names("deep"), selection=rules) is None


def test_constant_nearly_constant_and_not_finite_features_are_dropped(rows):
    n = len(rows)
    nearly, gap = np.zeros(n), np.arange(n, dtype=float)
    nearly[:2], gap[5] = 1.0, np.inf
    rounding = 1e6 + np.arange(n) * 1e-9
    rare = np.where(np.arange(n) < 5, 1.0, 0.0)
    wide = with_features(rows, constant=3.0, nearly=nearly, gap=gap, rounding=rounding, rare=rare)
    assert selection.usable(wide, ["constant", "nearly", "gap", "rounding", "rare"]) == ["rare"]


def test_of_two_redundant_features_the_one_with_the_higher_icc_stays(rows):
    base = rows.features.iloc[:, 0]
    wide = with_features(rows, twin=base**3, other=np.arange(len(rows), dtype=float))
    first = rows.features.columns[0]
    for better, worse in ((first, "twin"), ("twin", first)):
        kept = selection.distinct(
            wide, [first, "twin", "other"], limit=0.9, icc={better: 0.95, worse: 0.8, "other": 0.9}
        )
        assert kept == [name for name in (first, "twin", "other") if name != worse]


def test_with_equal_icc_the_more_relevant_feature_stays_and_then_the_first_by_name(rows):
    rng = np.random.default_rng(0)
    relevant = rows.truth + rng.normal(size=len(rows)) * 0.5
    blurred = relevant + rng.normal(size=len(rows)) * 0.05
    blurred[np.argsort(blurred)[:3]] += 9
    wide = with_features(rows, blurred=blurred, relevant=relevant, a_copy=relevant)
    assert selection.distinct(wide, ["blurred", "relevant"], limit=0.5) == ["relevant"]
    assert selection.distinct(wide, ["relevant", "a_copy"], limit=0.9) == ["a_copy"]


def test_no_two_features_left_are_redundant_and_none_was_dropped_for_nothing(rows, monkeypatch):
    monkeypatch.setattr(selection, "BLOCK", 7)
    names = rows.names("radiomics")
    kept = selection.distinct(rows, names, limit=0.3)
    rho = rows.features[names].corr(method="spearman").abs()
    among = rho.loc[kept, kept].to_numpy() - np.eye(len(kept))
    assert among.max() <= 0.3
    assert all(rho.loc[name, kept].max() > 0.3 for name in names if name not in kept)


def test_blocks_do_not_change_what_is_kept(rows, monkeypatch):
    names = rows.names("radiomics")
    whole = selection.distinct(rows, names, limit=0.3)
    monkeypatch.setattr(selection, "BLOCK", 4)
    assert selection.distinct(rows, names, limit=0.3) == whole


def test_the_scaler_uses_the_population_deviation_of_its_own_rows(rows, every_row):
    names = rows.names("deep")
    scaler = selection.scaler(rows, names)
    own = scaler.apparent(rows)
    np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((own**2).mean(axis=0), 1, atol=1e-12)
    new = every_row.take(every_row.part == "test")
    expected = (new.features[names].to_numpy() - rows.features[names].to_numpy().mean(axis=0)) / scaler.sd
    np.testing.assert_allclose(scaler.transform(new), expected)


def test_a_value_missing_in_a_new_row_becomes_the_training_mean(rows, every_row):
    names = rows.names("deep")
    new = every_row.take(every_row.part == "test")
    holes = new.features.copy()
    holes.loc[0, names[0]] = np.nan
    scaled = selection.scaler(rows, names).transform(replace(new, features=holes))
    assert scaled[0, 0] == 0
    assert isinstance(holes, pd.DataFrame)
