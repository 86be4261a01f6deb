"""A study with volumes in its store, as small as an encoder can learn from."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import study as studies
from helpers.cluster import Outcome
from helpers.errors import CaseError
from helpers.imaging import volumes

STUDY = """
title: Pretraining
cohort: {source: manifest, sequences: [T1c, FLAIR], endpoints: [{name: progression, positive: "yes", negative: "no"}]}
volumes: {size: [8, 8, 8]}
networks: {accelerator: cpu}
pretraining: {patch: 4, width: 12, depth: 1, heads: 2, epochs: 3, batch: 4, probe_labels: 20}
"""


def here(function, items):
    """`mapper` without processes: a CaseError becomes an outcome."""
    for item in items:
        try:
            yield Outcome(item, function(item))
        except CaseError as error:
            yield Outcome(item, error=str(error))


@pytest.fixture
def mapper():
    return here


@pytest.fixture
def open_study(write_study):
    def make(*overrides: str):
        return studies.load(write_study(STUDY), overrides=overrides)

    return make


def arrays(number: int, *, size=(8, 8, 8)) -> dict[str, np.ndarray]:
    """A case: a blob whose texture is coarser in odd cases."""
    random = np.random.default_rng(number)
    images = random.normal(size=(2, *size))
    if number % 2:
        images = np.repeat(np.repeat(np.repeat(images[:, ::2, ::2, ::2], 2, 1), 2, 2), 2, 3)
    empty = np.zeros(size, np.float32)
    return {
        "images": images.astype(np.float32),
        "present": np.ones(2, bool),
        "lesion": np.ones(size, np.float32),
        "dose": empty,
        "target": empty,
        "irradiated": np.zeros(2, bool),
        "affine": np.diag([2.0, 2.0, 2.5, 1.0]),
    }


@pytest.fixture
def keep():
    """Put volumes into a study's store; returns tables volumes and cases, every fifth case in the test part."""

    def make(study, *, count: int = 30, changed=lambda number, found: found):
        folder = study.store / volumes.FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        names = [f"case-{number:02d}" for number in range(count)]
        for number, name in enumerate(names):
            np.savez(folder / f"{name}.npz", **changed(number, arrays(number)))
        part = ["test" if number % 5 == 4 else "train" for number in range(count)]
        cases = pd.DataFrame({"case": names, "patient": names, "part": part})
        cases["progression"] = np.arange(count) % 2
        listed = pd.DataFrame({"case": names, "file": [f"{name}.npz" for name in names], "lesion_ml": 20.0})
        return SimpleNamespace(listed=listed, cases=cases)

    return make
