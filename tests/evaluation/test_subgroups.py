from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.errors import RadiogramError
from helpers.evaluation import comparison_printed, subgroups
from helpers.parameters import Subgroup


@pytest.fixture
def grouped(cases, predictions, parameters):
    def of(*groups, fewest=10):
        settings = parameters.statistics.model_copy(update={"subgroups": groups, "subgroup_events": fewest})
        changed = parameters.model_copy(update={"statistics": settings})
        return subgroups.subgroups(predictions, cases, None, model="nomogram", parameters=changed)

    return of


def test_a_subgroups_auc_is_that_of_its_patients(grouped, cases, predictions):
    table, _ = grouped(Subgroup(name="age", column="age", cuts=(60.0,)), fewest=5)
    old = cases.loc[cases["age"] >= 60, "case"]
    own = predictions.query("model == 'nomogram' and part == 'train'")
    own = own[own["case"].isin(old)]
    found = table.query("part == 'train' and level == '60 or more' and metric == 'auc'")
    assert found["estimate"].item() == pytest.approx(roc_auc_score(own["truth"], own["probability"]), abs=1e-12)
    assert found["n"].item() == len(own)


def test_small_subgroups_are_suppressed_and_said_to_be(grouped):
    table, tests = grouped(Subgroup(name="age", column="age", cuts=(60.0,)), fewest=1000)
    inside = table[table["variable"] == "age"]
    assert inside["suppressed"].all() and inside["estimate"].isna().all() and tests.empty
    assert "suppressed" in set(comparison_printed.subgroups(table)["AUC"])
    assert not table.loc[table["variable"] == subgroups.WHOLE, "suppressed"].any()


def test_a_number_without_cuts_is_split_at_the_training_median(cases):
    level = subgroups.levels(cases, None, Subgroup(name="age", column="age"))
    middle = round(cases.loc[cases["part"] == "train", "age"].median(), 1)
    known = cases.set_index("case")["age"].dropna()
    assert ((level[known.index] == level[known.idxmax()]) == (known >= middle)).all()
    assert level[cases.loc[cases["age"].isna(), "case"]].isna().all()


def test_test_rows_do_not_move_the_cut(cases):
    shifted = cases.assign(age=np.where(cases["part"] == "test", cases["age"] + 100, cases["age"]))
    grouping = Subgroup(name="age", column="age")
    assert set(subgroups.levels(cases, None, grouping).dropna()) == set(
        subgroups.levels(shifted, None, grouping).dropna()
    )


def test_holm_runs_over_all_subgroups_of_a_part(grouped):
    _, tests = grouped(
        Subgroup(name="age", column="age", cuts=(60.0,)), Subgroup(name="old", column="age", cuts=(55.0,)), fewest=3
    )
    here = tests[tests["part"] == "train"]
    assert len(here) == 2 and here["p_holm"].max() == pytest.approx(min(1, max(2 * here["p"].min(), here["p"].max())))


def test_an_unknown_column_is_named(grouped):
    with pytest.raises(RadiogramError, match="Subgroup size: no column volume"):
        grouped(Subgroup(name="size", column="volume"))
