"""Sequences on one scale: each minus the mean and divided by the deviation of the training images, whatever its units."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Scaling(nn.Module):
    """Statistics of every sequence over all voxels of the training images shown so far, kept with the weights.

    A shared trunk would see nothing in a map of physical units beside standardized sequences: what is far from zero has
    one direction after the first normalization, however it varies.
    """

    def __init__(self, sequences: int) -> None:
        super().__init__()
        for name in ("shown", "mean", "square"):
            self.register_buffer(name, torch.zeros(sequences, dtype=torch.float64))

    def forward(self, images: Tensor, present: Tensor) -> Tensor:
        """Images (n, sequences, z, y, x) on the new scale, 0 where not `present` (n, sequences); learns only in training."""
        if self.training:
            self._learn(images.detach(), present)
        known = self.shown > 0
        deviation = (self.square - self.mean**2).clamp(min=0).sqrt()
        deviation = torch.where(known & (deviation > 1e-6), deviation, torch.ones_like(deviation))
        places = (None, slice(None), None, None, None)
        scaled = (images - self.mean.to(images.dtype)[places]) / deviation.to(images.dtype)[places]
        return scaled * present[..., None, None, None]

    @torch.no_grad()
    def _learn(self, images: Tensor, present: Tensor) -> None:
        """Means over cases of each case's mean and mean square."""
        weight = present.to(torch.float64)
        values = images.flatten(2).to(torch.float64)
        shown = self.shown + weight.sum(dim=0)
        share = weight / shown.clamp(min=1)
        kept = self.shown / shown.clamp(min=1)
        self.mean.copy_(kept * self.mean + (share * values.mean(dim=2)).sum(dim=0))
        self.square.copy_(kept * self.square + (share * (values**2).mean(dim=2)).sum(dim=0))
        self.shown.copy_(shown)
