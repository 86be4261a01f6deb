"""Batches and parameters of small networks."""

from __future__ import annotations

import pytest
import torch

from helpers.learning.networks.batch import Batch, Shape
from helpers.parameters import Networks, Parameters
from helpers.study import load


@pytest.fixture(scope="session")
def settings() -> Parameters:
    return load("demo").parameters


@pytest.fixture
def with_networks(settings):
    """Parameters with these values of `networks`."""

    def make(**values) -> Parameters:
        networks = Networks.model_validate({**settings.networks.model_dump(), **values})
        return settings.model_copy(update={"networks": networks})

    return make


@pytest.fixture
def shape() -> Shape:
    return Shape(("T1", "T2", "T1c"), (16, 16, 16), (), (), ("necrosis",))


@pytest.fixture
def draw_batch():
    """A batch of noise that fits a shape; `missing` are (case, sequence) pairs."""

    def draw(shape: Shape, n: int = 4, *, missing=(), seed: int = 0) -> Batch:
        drawn = torch.Generator().manual_seed(seed)
        images = torch.randn(n, len(shape.sequences), *shape.size, generator=drawn)
        present = torch.ones(n, len(shape.sequences), dtype=torch.bool)
        for case, sequence in missing:
            present[case, sequence] = False
            images[case, sequence] = 0
        map_, endpoints = torch.zeros(n, *shape.size), len(shape.endpoints)
        return Batch(
            images=images, present=present, lesion=map_, dose=map_, target=map_,
            irradiated=torch.zeros(n, 2, dtype=torch.bool),
            clinical=torch.zeros(n, len(shape.clinical)), known=torch.zeros(n, len(shape.clinical), dtype=torch.bool),
            plan=torch.zeros(n, len(shape.plan)), planned=torch.zeros(n, len(shape.plan), dtype=torch.bool),
            labels=torch.zeros(n, endpoints), labeled=torch.ones(n, endpoints, dtype=torch.bool),
        )  # fmt: skip

    return draw
