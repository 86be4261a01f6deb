"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, so that red means changed code; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("fixed", derandomize=True, database=None)
settings.register_profile("search", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

HOUSE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def house() -> Path:
    return HOUSE


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images and tables that nobody here wrote; they live beside the project, not in it."""
    folder = Path(os.environ.get("RADIOGRAM_SHARED_DATA", HOUSE.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the shared data folder is absent (RADIOGRAM_SHARED_DATA names another place)")
    return folder


@pytest.fixture
def write_study(tmp_path, monkeypatch):
    """Write a study file whose run is kept in the test's own folder; returns its path."""
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path / "runs"))

    def write(text: str, name: str = "trial") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return path

    return write
