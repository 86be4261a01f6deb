"""The pretraining as Lightning runs it: images damaged anew in each epoch, an objective, and what is logged of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from helpers.learning.pretraining import corruption
from helpers.learning.pretraining.objectives import Complete, RestoreContrast, spread

WEIGHT_DECAY = 0.05  # of AdamW, as He et al. 2022 have it
READERS = 8  # processes that damage images for a GPU; how many does not change what is drawn
Key = tuple[int, int]  # epoch, and number of an image


class Shown(Dataset[dict[str, Tensor]]):
    """Images by (epoch, number), with two damaged views, or an order of their patches, drawn for exactly that key."""

    def __init__(self, files: Sequence[Path], *, size: Sequence[int], patches: int, seed: int, purpose: str) -> None:
        self.files, self.patches, self.seed, self.purpose = tuple(files), patches, seed, purpose
        self.views = corruption.Views(size)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: Key) -> dict[str, Tensor]:
        image = np.load(self.files[key[1]])
        drawn = corruption.generator(self.seed, self.purpose, *key)
        if self.patches:
            return {
                "image": torch.from_numpy(image)[None],
                "order": torch.from_numpy(corruption.order(self.patches, drawn)),
            }
        views = [self.views.draw(image, drawn) for _ in range(2)]
        return {
            n: torch.from_numpy(v)[None] for n, v in zip(("image", "first", "second"), (image, *views), strict=True)
        }


class Drawn(Sampler[Key]):
    """Keys of an epoch: all images in an order drawn from (seed, epoch), or as they come and always of epoch 0."""

    def __init__(self, length: int, *, seed: int, shuffled: bool) -> None:
        self.length, self.seed, self.shuffled, self.epoch = length, seed, shuffled, 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls it before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Key]:
        if not self.shuffled:
            return iter([(0, number) for number in range(self.length)])
        drawn = corruption.generator(self.seed, "order", self.epoch).permutation(self.length)
        return iter([(self.epoch, int(number)) for number in drawn])


def loader(images: Shown, *, batch: int, shuffled: bool, device: str) -> DataLoader[dict[str, Tensor]]:
    """Batches of images; the last ones of an epoch that fill no batch of two are left out where images are learned from."""
    sampler = Drawn(len(images), seed=images.seed, shuffled=shuffled)
    left_out = shuffled and len(images) % batch == 1 and len(images) > 1
    readers = READERS if device == "cuda" else 0
    return DataLoader(
        images, batch_size=batch, sampler=sampler, drop_last=left_out, num_workers=readers, pin_memory=device == "cuda"
    )


class Task(LightningModule):
    """An objective on the training images, and on held-out ones, where the spread of the embeddings is watched too."""

    def __init__(self, objective: RestoreContrast | Complete, *, rate: float) -> None:
        super().__init__()
        self.objective, self.rate = objective, rate
        self._embedded: list[Tensor] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; biases, norms and learned tokens are not decayed."""
        weights = [p for p in self.parameters() if p.requires_grad]
        decayed = [p for p in weights if p.dim() > 1]
        plain = [p for p in weights if p.dim() <= 1]
        groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.rate)

    def training_step(self, shown: dict[str, Tensor], _: int) -> Tensor:
        return self._logged(shown, "train")

    def validation_step(self, shown: dict[str, Tensor], _: int) -> None:
        self._logged(shown, "inner")
        self._embedded.append(self.objective.encoder(shown["image"]))

    def on_validation_epoch_end(self) -> None:
        self.log("inner_spread", spread(torch.cat(self._embedded)))
        self._embedded.clear()

    def _logged(self, shown: dict[str, Tensor], part: str) -> Tensor:
        found = self.objective(shown)
        values = {f"{part}_{name}": value.detach() for name, value in found.items()}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(shown["image"]))
        return found["loss"]
