"""A small drawn cohort, and the parameters to model it with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.learning.rows import Rows, rows_from_tables, training_rows
from helpers.parameters import Parameters
from helpers.study import load

STUDY = """
title: trial
cohort: {clinical: [age, sex]}
selection: {lasso_folds: 5, lasso_path: 30}
modeling: {folds: 3}
"""


def draw_cohort(
    n: int = 90, *, radiomics: int = 30, deep: int = 12, signal: float = 2.0, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables cases and features: a latent drives label, age and every third feature; every fifth is noise to reader2."""
    rng = np.random.default_rng(seed)
    latent, other = rng.normal(size=n), rng.normal(size=n)
    label = (rng.random(n) < 1 / (1 + np.exp(-signal * (latent + 0.5 * other)))).astype("int8")
    case = [f"P{i:03d}" for i in range(n)]
    part = np.where(np.arange(n) % 3 == 2, "test", "train")
    cases = pd.DataFrame({"case": case, "patient": case, "center": "A", "part": part, "label": label})
    cases["age"] = np.where(rng.random(n) < 0.1, np.nan, 60 + 8 * other + rng.normal(size=n))
    cases["sex"] = pd.Series(rng.choice(["female", "male", None], n, p=[0.5, 0.4, 0.1]), dtype=object)
    names = [f"T1c_original_firstorder_f{i:03d}" for i in range(radiomics)] + [f"T1c_deep_{i}" for i in range(deep)]
    values = rng.normal(size=(n, len(names)))
    values[:, ::3] += latent[:, None]
    noise = np.where(np.arange(len(names)) % 5 == 4, 2.0, 0.1)
    again = values + rng.normal(size=values.shape) * noise
    readers = [
        pd.DataFrame(v, columns=names).assign(case=case, reader=r) for r, v in (("reader1", values), ("reader2", again))
    ]
    return cases, pd.concat(readers, ignore_index=True)[["case", "reader", *names]]


@pytest.fixture(scope="session")
def cohort():
    return draw_cohort


@pytest.fixture(scope="session")
def parameters(tmp_path_factory):
    """Parameters of a small study, with dotted names overridden: parameters(**{"modeling.folds": 4})."""

    def make(**overrides: object) -> Parameters:
        path = tmp_path_factory.mktemp("study") / "trial.yaml"
        path.write_text(STUDY)
        return load(
            path, overrides=["selection.lasso_rule=min", *[f"{name}={value}" for name, value in overrides.items()]]
        ).parameters

    return make


@pytest.fixture
def rows(cohort) -> Rows:
    """Training rows of the drawn cohort."""
    return training_rows(*cohort(), endpoint="label", clinical=("age", "sex"))


@pytest.fixture
def every_row(cohort) -> Rows:
    """Rows of all parts of the same cohort."""
    return rows_from_tables(*cohort(), endpoint="label", clinical=("age", "sex"))
