"""The two tasks that need no labels: restore a damaged image and know it again, or complete a hidden one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.errors import RadiogramError
from helpers.learning.networks.vit3d import Completion, Encoder, Restoration, patches
from helpers.parameters import Pretraining

PROJECTED = 256  # numbers in which two views of an image are compared
EPSILON = 1e-8
Losses = dict[str, Tensor]


class RestoreContrast(nn.Module):
    """Restore the first view, and tell that both views are of one image: loss r + c r.

    r is the mean absolute error of the restored image, c the contrastive loss of two views, their sum weighted as in
    MONAI's public recipe `vit_unetr_ssl`. There, views are compared by their restored images; here by their
    mean token after two layers (SimCLR's projection, Chen et al. 2020, arXiv 2002.05709): our definition.
    """

    name = "restore_contrast"

    def __init__(self, encoder: Encoder, settings: Pretraining) -> None:
        """Raises RadiogramError for batches of one image, which has no other to be told from."""
        super().__init__()
        if settings.batch < 2:
            raise RadiogramError(
                "pretraining.batch is 1, and images are told from others of their batch: set 2 or more."
            )
        width, self.temperature = encoder.width, settings.temperature
        self.encoder, self.decoder = encoder, Restoration(encoder)
        self.project = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, PROJECTED))

    def forward(self, shown: Mapping[str, Tensor]) -> Losses:
        """`image`, `first` and `second` view (n, 1, z, y, x) -> loss, restoration, contrast, psnr and embedding (n, width)."""
        image = shown["image"]
        tokens = self.encoder.tokens(torch.cat([shown["first"], shown["second"]]))
        means = tokens.mean(dim=1)
        restored = self.decoder(tokens[: len(image)])
        restoration = functional.l1_loss(restored, image)
        contrast = nt_xent(*self.project(means).chunk(2), temperature=self.temperature)
        return {
            "loss": restoration + contrast * restoration,
            "restoration": restoration,
            "contrast": contrast,
            "psnr": psnr((restored - image).flatten(1), image.flatten(1)).mean(),
        }


class Complete(nn.Module):
    """Complete an image of which most patches are hidden: masked autoencoding (He et al. 2022, doi 10.1109/CVPR52688.2022.01553).

    The loss is the mean squared error of the hidden voxels, as they are and not normalized by patch.
    """

    name = "mae"

    def __init__(self, encoder: Encoder, settings: Pretraining) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, Completion(encoder, heads=settings.heads)
        count = len(encoder.positions)
        self.kept = min(max(round(count * (1 - settings.masked)), 1), count - 1)

    def forward(self, shown: Mapping[str, Tensor]) -> Losses:
        """`image` (n, 1, z, y, x) and `order` (n, N) of its patches -> loss, restoration and psnr of the hidden patches."""
        image, order = shown["image"], shown["order"]
        kept, hidden = order[:, : self.kept], order[:, self.kept :]
        found = self.decoder(self.encoder.tokens(image, kept=kept), kept=kept)
        index = hidden[..., None].expand(-1, -1, found.shape[2])
        error = (found - patches(image, self.encoder.patch)).gather(1, index)
        restoration = error.square().mean()
        quality = psnr(error.flatten(1), image.flatten(1)).mean()
        return {"loss": restoration, "restoration": restoration, "psnr": quality}


OBJECTIVES: dict[str, type[RestoreContrast] | type[Complete]] = {
    task.name: task for task in (RestoreContrast, Complete)
}


def nt_xent(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """Contrastive loss of two views (n, d) of n images: each must find its partner among the other 2n - 1.

    SimCLR's NT-Xent (Chen et al. 2020, arXiv 2002.05709): cross-entropy of cosine similarities over `temperature`.
    """
    n = len(first)
    both = functional.normalize(torch.cat([first, second]).float(), dim=1)
    with torch.autocast(
        both.device.type, enabled=False
    ):  # half precision tells no two images apart at this temperature
        alike = (both @ both.T / temperature).fill_diagonal_(float("-inf"))
    partner = torch.arange(2 * n, device=both.device).roll(n)
    return functional.cross_entropy(alike, partner)


def psnr(error: Tensor, image: Tensor) -> Tensor:
    """Peak signal-to-noise ratio (n,) in dB: the range of each image (n, voxels) against its error (n, any)."""
    reach = image.amax(dim=1) - image.amin(dim=1)
    return 20 * torch.log10(reach.clamp_min(EPSILON)) - 10 * torch.log10(error.square().mean(dim=1).clamp_min(EPSILON))


def spread(embeddings: Tensor) -> float:
    """How far vectors (n, d) point apart: 1 where in every direction alike, 0 where all point the same way.

    The standard deviation of each number of the vectors of length 1, times the root of d: SimSiam's watch on collapse
    (Chen and He 2021, doi 10.1109/CVPR46437.2021.01549).
    """
    unit = functional.normalize(embeddings.float(), dim=1)
    return float(unit.std(dim=0, unbiased=False).mean() * unit.shape[1] ** 0.5)
