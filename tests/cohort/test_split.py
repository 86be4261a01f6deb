from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers import study
from helpers.cohort import split
from helpers.errors import RadiogramError


@pytest.fixture
def cases():
    rng = np.random.default_rng(1)
    patients = [f"p{i:03d}" for i in range(90)]
    return pd.DataFrame(
        {
            "case": patients,
            "patient": patients,
            "center": rng.choice(["A", "B", "C"], 90),
            "label": rng.permutation([1] * 30 + [0] * 60),
        }
    )


def cohort(**changed):
    overrides = [f"cohort.{name}={value}" for name, value in changed.items()]
    settings = study.load("demo", overrides=["cohort.endpoints=[{name: label, positive: p, negative: n}]", *overrides])
    return settings.parameters.cohort


def test_the_test_part_is_a_stratified_share(cases):
    drawn = split.assign(cases, cohort(test_fraction=0.3333), seed=7)
    assert drawn.groupby("part")["label"].agg(["size", "sum"]).loc["test"].tolist() == [30, 10]


def test_the_split_does_not_depend_on_the_order_of_the_rows(cases):
    drawn = split.assign(cases, cohort(), seed=7).set_index("patient")["part"]
    shuffled = split.assign(cases.sample(frac=1, random_state=3), cohort(), seed=7).set_index("patient")["part"]
    assert (shuffled.loc[drawn.index] == drawn).all()


def test_another_seed_draws_another_split(cases):
    one, two = (split.assign(cases, cohort(), seed=seed)["part"] for seed in (7, 8))
    assert (one != two).any()


def test_centers_can_be_the_test_part_or_kept_apart(cases):
    drawn = split.assign(cases, cohort(test_centers="[B]", external_centers="[C]"), seed=7)
    assert drawn.groupby("center")["part"].unique().map(list).to_dict() == {
        "A": ["train"],
        "B": ["test"],
        "C": ["external:C"],
    }


def test_an_unknown_center_is_named_with_the_known(cases):
    with pytest.raises(RadiogramError, match="No patient is from center Z; the centers are A, B, C"):
        split.assign(cases, cohort(test_centers="[Z]"), seed=7)


def test_a_stated_part_must_be_one_of_the_known(cases):
    with pytest.raises(RadiogramError, match="Patient p000: part is validation"):
        split.assign(cases.assign(part="validation"), cohort(part_column="part"), seed=7)


def test_one_class_only_is_refused(cases):
    with pytest.raises(RadiogramError, match="part train has no patient with p "):
        split.check_classes(cases.assign(part="train", label=0), cohort(), folds=5, where="sheet.csv")


def test_a_class_smaller_than_the_folds_is_refused_with_a_way_out(cases):
    few = cases.assign(part="train", label=[1] * 3 + [0] * 87)
    with pytest.raises(RadiogramError, match=r"3 training patients with p .* 5 folds; set modeling.folds=3"):
        split.check_classes(few, cohort(), folds=5, where="sheet.csv")
