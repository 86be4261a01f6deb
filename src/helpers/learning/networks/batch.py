"""What every network is given: some cases, with what is missing marked as missing."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Tensors of n cases; a value that is not known is 0 and its mask is False."""

    images: Tensor  # (n, sequences, z, y, x) float32, on the scale of the study's normalization
    present: Tensor  # (n, sequences) bool
    lesion: Tensor  # (n, z, y, x) float32, share of the voxel inside reader1's mask
    dose: Tensor  # (n, z, y, x) float32, share of the prescription
    target: Tensor  # (n, z, y, x) float32, share of the voxel inside the target volume
    irradiated: Tensor  # (n, 2) bool, whether there is a dose, and a target
    clinical: Tensor  # (n, variables) float32, standardized on the training rows
    known: Tensor  # (n, variables) bool
    plan: Tensor  # (n, numbers) float32, standardized on the training rows
    planned: Tensor  # (n, numbers) bool
    labels: Tensor  # (n, endpoints) float32
    labeled: Tensor  # (n, endpoints) bool

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> Batch:
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def take(self, index: Tensor) -> Batch:
        """The cases at these positions."""
        return Batch(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True)
class Shape:
    """Sizes that a network is built for."""

    sequences: tuple[str, ...]
    size: tuple[int, int, int]
    clinical: tuple[str, ...]
    plan: tuple[str, ...]
    endpoints: tuple[str, ...]
