"""Permuted labels: dealt out within parts and by patient, and the whole pipeline run on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import permuted as tables
from helpers.learning import permutation
from helpers.learning.endpoint import model_endpoint
from helpers.tables import DECLARED


def test_every_part_keeps_its_events_and_every_patient_one_label(cohort):
    cases, _ = cohort()
    cases = cases.assign(
        patient=[f"Q{i // 6 * 3 + i % 3}" for i in range(len(cases))]
    )  # two cases a patient, in one part
    cases["label"] = cases.groupby("patient")["label"].transform("first")
    dealt = permutation.permuted_cases(cases, endpoint="label", seed=1, number=1)
    assert not dealt["label"].equals(cases["label"])
    assert dealt.groupby("part")["label"].sum().equals(cases.groupby("part")["label"].sum())
    assert (dealt.groupby("patient")["label"].nunique() == 1).all()


def test_only_the_labels_move_and_unknown_ones_stay_unknown(cohort):
    cases, _ = cohort()
    cases["label"] = cases["label"].astype(float).mask(np.arange(len(cases)) % 10 == 0)
    dealt = permutation.permuted_cases(cases, endpoint="label", seed=1, number=2)
    pd.testing.assert_frame_equal(dealt.drop(columns="label"), cases.drop(columns="label"))
    assert dealt["label"].isna().equals(cases["label"].isna())


def test_permutations_differ_and_the_same_number_is_the_same(cohort):
    cases, _ = cohort()
    one, again, two = (
        permutation.permuted_cases(cases, endpoint="label", seed=1, number=k)["label"] for k in (1, 1, 2)
    )
    assert one.equals(again) and not one.equals(two)


@pytest.mark.slow
def test_the_whole_pipeline_runs_again_and_ours_and_the_recipe_stand_side_by_side(cohort, parameters):
    cases, features = cohort(80)
    settings = parameters(**{"integrity.splits": 3})
    learned = model_endpoint(cases, features, endpoint="label", parameters=settings, seed=settings.seed)
    options = {"cases": cases, "features": features, "parameters": settings}
    reruns = [permutation.rerun(("label", number), **options) for number in (1, 2)]
    null = tables.permutation(learned.tables, reruns)
    assert list(null) == list(DECLARED["permutation"].names)
    assert all(own.tolist() == [0, 1, 2] for _, own in null.groupby("model")["permutation"])
    wrong = tables.recipe(cases, features, learned.tables, reruns, parameters=settings)
    assert wrong.groupby(["labels", "permutation"]).size().eq(5).all()
    ours = wrong[(wrong["labels"] == "true") & (wrong["step"] == "ours")].iloc[0]
    frozen = learned.tables["predictions"].query("kind == 'frozen' and model == 'nomogram'")
    assert ours["n"] == len(frozen) and ours["events"] == frozen["truth"].sum()


@pytest.mark.slow
def test_the_contest_is_run_again_on_the_same_labels_and_its_winner_may_lead(cohort, parameters):
    cases, features = cohort(80)
    contest = {"contest.inputs": "[{name: own, blocks: [radiomics]}]", "contest.classifiers": "[logistic regression]"}
    few = {"modeling.signatures": "[radiomics]", "modeling.nomogram": "[]", "execution.isolated": "false"}
    settings = parameters(**contest, **few, notebooks="[05_modeling, 05_contest]")
    assert permutation.contested(settings) and not permutation.contested(parameters())
    before = permutation.rerun(("label", 1), cases=cases, features=features, parameters=settings)
    again = permutation.contest_again(before, features, parameters=settings)
    predicted = again.tables["predictions"]
    assert again.cases is before.cases and list(predicted["model"].unique()) == ["radiomics", "winner"]
    truth = predicted.groupby("case")["truth"].nunique()
    assert (truth == 1).all() and tables.lead(predicted, settings) == "winner"
    null = tables.permutation(again.tables, [again])
    assert set(null["model"]) == {"radiomics", "winner"}
