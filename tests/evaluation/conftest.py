from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers import study

STRENGTH = {"radiomics": 1.0, "clinical": 0.5, "nomogram": 1.5}


@pytest.fixture(scope="session")
def parameters():
    baseline = "cohort.baselines=[{name: age, column: age, direction: lower}]"
    return study.load("demo", overrides=[baseline, "statistics.bootstrap=100"]).parameters


@pytest.fixture(scope="session")
def cases():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 120)
    patients = [f"p{i:03d}" for i in range(120)]
    part = np.where(np.arange(120) < 80, "train", "test")
    age = 60 - 6 * truth + rng.normal(0, 8, 120)
    age[5] = np.nan
    return pd.DataFrame(
        {"case": patients, "patient": patients, "center": "A", "part": part, "progression": truth, "age": age}
    )


@pytest.fixture(scope="session")
def predictions(cases):
    rng = np.random.default_rng(4)
    tables = []
    for model, strength in STRENGTH.items():
        score = 1.5 * strength * (cases["progression"] - 0.5) + rng.normal(size=len(cases))
        own = cases[["case", "patient", "part"]].assign(endpoint="progression", model=model, truth=cases["progression"])
        tables.append(
            own.assign(
                kind=np.where(own["part"] == "train", "oof", "frozen"),
                probability=1 / (1 + np.exp(-1.5 * strength * score)),
            )
        )
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="session")
def fits(cases):
    """Five folds of the training patients; each fit saw all but its own fold."""
    training = cases.loc[cases["part"] == "train", "patient"].to_numpy()
    rows = []
    for model in STRENGTH:
        for fold in range(5):
            seen = training[np.arange(len(training)) % 5 != fold]
            rows.append(("progression", model, fold, "\n".join(seen), "fingerprint"))
    return pd.DataFrame(rows, columns=["endpoint", "object", "fold", "patients", "fingerprint"])
