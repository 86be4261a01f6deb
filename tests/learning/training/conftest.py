"""A study whose volumes are already made: small boxes with a lesion that is brighter where the label is 1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import pytest

from helpers.cluster import Outcome
from helpers.study import Study, load

SIZE = (12, 12, 12)
STUDY = """
title: trial
notebooks: []
cohort:
  source: phantom
  endpoints:
    - {name: label, positive: "yes", negative: "no"}
    - {name: other, positive: "yes", negative: "no"}
  sequences: [T1c, FLAIR]
  clinical: [age, sex]
volumes: {size: [12, 12, 12], missing: mask}
modeling: {folds: 2}
networks:
  models: [{name: small, architecture: resnet10, endpoints: [label]}]
  seeds: 2
  epochs: 1
  patience: 2
  batch: 8
  width: 4
  accelerator: cpu
execution: {workers: 2}
"""


@dataclass
class Trial:
    """A study, its tables, and how its trainings are mapped in this process."""

    study: Study
    cases: pd.DataFrame
    volumes: pd.DataFrame

    @staticmethod
    def mapper(function, items, *, execution=None):
        return (Outcome(item, function(item)) for item in items)


def drawn(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    case = [f"P{i:03d}" for i in range(n)]
    part = np.where(np.arange(n) % 4 == 3, "test", "train")
    label = rng.permutation(np.arange(n) % 2)
    other = rng.permutation(np.arange(n) % 2)
    cases = pd.DataFrame({"case": case, "patient": case, "center": "A", "part": part, "label": label, "other": other})
    cases["age"] = np.where(rng.random(n) < 0.1, np.nan, 60 + 8 * rng.normal(size=n))
    cases["sex"] = pd.Series(rng.choice(["female", "male", None], n, p=[0.5, 0.4, 0.1]), dtype=object)
    return cases


def arrays(label: int, other: int, *, rng: np.random.Generator, absent: bool, strength: float, size=SIZE) -> dict:
    lesion = np.zeros(size, dtype=np.float32)
    lesion[4:8, 4:8, 4:8] = 1
    images = rng.normal(size=(2, *size)).astype(np.float32)
    images[0] += strength * label * lesion
    images[1] += strength * other * lesion
    present = np.array([True, not absent])
    images[~present] = 0
    nothing = np.zeros(size, dtype=np.float32)
    return {
        "images": images, "present": present, "lesion": lesion, "dose": nothing, "target": nothing,
        "irradiated": np.zeros(2, dtype=bool), "affine": np.eye(4),
    }  # fmt: skip


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """Make a trial: trial(n=24, strength=3.0, name="trial", **overrides); one of the same name has the same folder."""
    folder = tmp_path_factory.mktemp("trials")
    patch = pytest.MonkeyPatch()
    patch.setenv("RADIOGRAM_RUNS", str(folder / "runs"))
    yield partial(made, folder)
    patch.undo()


def made(
    tmp_path, n: int = 24, *, strength: float = 3.0, draw: int = 0, name: str = "trial", **overrides: object
) -> Trial:
    path = tmp_path / f"{name}.yaml"
    path.write_text(STUDY)
    study = load(path, overrides=[f"{key.replace('__', '.')}={value}" for key, value in overrides.items()])
    cases, rng, rows = drawn(n, draw), np.random.default_rng(draw), []
    folder = study.store / "volumes"
    folder.mkdir(parents=True, exist_ok=True)
    for i, case in enumerate(cases.itertuples()):
        absent = i % 5 == 4
        held = arrays(case.label, case.other, rng=rng, absent=absent, strength=strength)
        np.savez(folder / f"{name}-{case.case}.npz", **held)
        sequences = "T1c" if absent else "T1c, FLAIR"
        rows.append((case.case, f"{name}-{case.case}.npz", sequences, 4.0, 0.04, ""))
    volumes = pd.DataFrame(rows, columns=["case", "file", "sequences", "lesion_ml", "lesion_share", "note"])
    study.tables.write("cases", cases)
    study.tables.write("volumes", volumes)
    return Trial(study, cases, volumes)
