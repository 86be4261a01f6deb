"""Held-out images as they are, as they were shown and as they were restored: to look at, not to judge by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from helpers.learning.networks.vit3d import patches
from helpers.learning.pretraining.objectives import Complete, RestoreContrast
from helpers.learning.pretraining.task import Shown

FloatArray = NDArray[np.float32]


@torch.inference_mode()
def pictures(objective: RestoreContrast | Complete, images: Shown, *, count: int) -> FloatArray:
    """(count, 3, y, x): the middle slice of evenly chosen images as it is, as it was shown, and as it was restored.

    Of masked autoencoding what was shown has NaN where a patch was hidden.
    """
    objective.eval()
    chosen = np.unique(np.linspace(0, len(images) - 1, count).round().astype(int))
    shown = [images[(0, int(number))] for number in chosen]
    batch = {name: torch.stack([one[name] for one in shown]) for name in shown[0]}
    seen, restored = _completed(objective, batch) if isinstance(objective, Complete) else _restored(objective, batch)
    middle = batch["image"].shape[2] // 2
    return torch.stack([volume[:, 0, middle] for volume in (batch["image"], seen, restored)], dim=1).numpy()


def _restored(objective: RestoreContrast, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    return batch["first"], objective.decoder(objective.encoder.tokens(batch["first"]))


def _completed(objective: Complete, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    encoder, image = objective.encoder, batch["image"]
    kept = batch["order"][:, : objective.kept]
    found = objective.decoder(encoder.tokens(image, kept=kept), kept=kept)
    own = patches(image, encoder.patch)
    index = kept[..., None].expand(-1, -1, own.shape[2])
    seen = torch.full_like(own, float("nan")).scatter(1, index, own.gather(1, index))
    return unpatched(seen, encoder.grid), unpatched(found.scatter(1, index, own.gather(1, index)), encoder.grid)


def unpatched(voxels: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """The image (n, 1, z, y, x) of the voxels (n, N, patch^3) of its patches: `vit3d.patches` undone."""
    n, _, cube = voxels.shape
    patch = round(cube ** (1 / 3))
    cut = voxels.reshape(n, *grid, patch, patch, patch).permute(0, 1, 4, 2, 5, 3, 6)
    return cut.reshape(n, 1, *(side * patch for side in grid))
