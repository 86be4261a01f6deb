"""Small networks of images, and cases whose label is written in the lesion alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from helpers.learning.networks.batch import Batch
from helpers.learning.networks.network import Net

SIZE = (16, 16, 16)


def make_batch(images: torch.Tensor, lesion: torch.Tensor, labels: torch.Tensor) -> Batch:
    n, sequences = images.shape[:2]
    nothing = torch.zeros(n, 0)
    return Batch(
        images=images,
        present=torch.ones(n, sequences, dtype=torch.bool),
        lesion=lesion,
        dose=torch.zeros_like(lesion),
        target=torch.zeros_like(lesion),
        irradiated=torch.zeros(n, 2, dtype=torch.bool),
        clinical=nothing,
        known=nothing.bool(),
        plan=nothing,
        planned=nothing.bool(),
        labels=labels[:, None].float(),
        labeled=torch.ones(n, 1, dtype=torch.bool),
    )


def phantom(n: int, *, seed: int = 0, sequences: int = 2, radius: float = 4.0) -> Batch:
    """Noise with a ball somewhere that is bright in every case, and grainy where the label is 1."""
    draw = torch.Generator().manual_seed(seed)
    images = 0.5 * torch.randn(n, sequences, *SIZE, generator=draw)
    labels = torch.arange(n) % 2
    axes = torch.stack(torch.meshgrid(*(torch.arange(s) for s in SIZE), indexing="ij")).float()
    lesions = []
    for i in range(n):
        center = torch.randint(4, 12, (3,), generator=draw)[:, None, None, None]
        lesions.append((((axes - center) ** 2).sum(0) <= radius**2).float())
        grain = torch.randn(SIZE, generator=draw).sign() * (1.5 if labels[i] else 0.0)
        images[i] += lesions[-1] * (1.0 + grain)
    return make_batch(images, torch.stack(lesions), labels)


class Volumetric(Net):
    """Three convolutions and the mean; parts are either all sequences together or each by itself."""

    def __init__(self, sequences: int = 2, width: int = 8, *, late: bool = False) -> None:
        super().__init__()
        self.late = late
        self.first = nn.Sequential(nn.Conv3d(1 if late else sequences, width, 3, padding=1), nn.ReLU(inplace=True))
        self.second = nn.Sequential(nn.Conv3d(width, width, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.third = nn.Conv3d(width, width, 3, padding=1)
        self.after = nn.ReLU(inplace=True)
        self.head = nn.Linear(width, 1)

    def features(self, batch: Batch) -> torch.Tensor:
        n, sequences = batch.present.shape
        images = batch.images.flatten(0, 1).unsqueeze(1) if self.late else batch.images
        found = self.after(self.third(self.second(self.first(images)))).mean((2, 3, 4))
        return found.unflatten(0, (n, sequences)).mean(1) if self.late else found

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.head(self.features(batch))

    def explained(self) -> nn.Module:
        return self.third


class Slices(Net):
    """A 2-D convolution over the middle slices of stacks, as networks of slices have them."""

    def __init__(self, slices: int = 2, width: int = 4) -> None:
        super().__init__()
        self.slices = slices
        self.conv = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.head = nn.Linear(width, 1)

    def positions(self, batch: Batch) -> torch.Tensor:
        return torch.tensor([[3, 9]]).repeat(len(batch), 1)[:, : self.slices]

    def features(self, batch: Batch) -> torch.Tensor:
        n, sequences = batch.present.shape
        cut = batch.images.transpose(1, 2)[torch.arange(n)[:, None], self.positions(batch)]
        cut = cut.transpose(1, 2).flatten(0, 2).unsqueeze(1)
        found = self.conv(cut).relu().mean((2, 3))
        return found.unflatten(0, (n, sequences * self.slices)).mean(1)

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.head(self.features(batch))

    def explained(self) -> nn.Module:
        return self.conv


class Patches(Net):
    """Attention of one query to patches of 4 voxels of every sequence."""

    grid = (4, 4, 4)

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Linear(64, width)
        self.query = nn.Parameter(torch.randn(2, width))
        self.head = nn.Linear(width, 1)

    def tokens(self, batch: Batch) -> torch.Tensor:
        n, s = batch.present.shape
        cut = batch.images.reshape(n, s, 4, 4, 4, 4, 4, 4).permute(0, 1, 2, 4, 6, 3, 5, 7)
        return self.embed(cut.reshape(n, s * 64, 64))

    def attention(self, batch: Batch) -> torch.Tensor:
        return torch.einsum("hw,ntw->nht", self.query, self.tokens(batch)).softmax(-1)

    def features(self, batch: Batch) -> torch.Tensor:
        return (self.attention(batch) @ self.tokens(batch)).mean(1)

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.head(self.features(batch))


def train(net: Net, batch: Batch, *, steps: int = 150, rate: float = 1e-2) -> Net:
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(steps):
        loss = nn.functional.binary_cross_entropy_with_logits(net(batch), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Builders of batches and networks."""
    return SimpleNamespace(
        batch=make_batch, phantom=phantom, volumetric=Volumetric, slices=Slices, patches=Patches, train=train, size=SIZE
    )


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trained() -> tuple[Net, Batch]:
    """A network that learned the phantom, and cases that it never saw."""
    torch.manual_seed(3)
    return train(Volumetric(), phantom(48)), phantom(24, seed=9)
