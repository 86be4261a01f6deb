"""A vision transformer over the patches of one 3-D image, and the two decoders that it is pretrained with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.errors import RadiogramError

WIDER = 4  # times the width inside a block, as Dosovitskiy et al. have it
BETWEEN = 16  # channels between the two steps of the restoration, as MONAI's recipe has it


class Encoder(nn.Module):
    """Image (n, 1, z, y, x) -> one vector a patch; `grid` says how many patches lie along z, y and x.

    Dosovitskiy et al. 2021 (arXiv 2010.11929) with normalization before each step, fixed positions (sine and cosine
    of each axis, as He et al. 2022, doi 10.1109/CVPR52688.2022.01553) and no class token: whoever reads it out
    brings a query, or takes the mean. Sizes are ours; those of the paper's system are not public.
    """

    def __init__(self, size: Sequence[int], patch: int, width: int, depth: int, heads: int) -> None:
        """Raises RadiogramError for sizes that do not go into one another, naming the parameters."""
        super().__init__()
        _require(size, patch, width, heads)
        self.size, self.patch, self.width = (int(size[0]), int(size[1]), int(size[2])), patch, width
        self.grid = tuple(side // patch for side in self.size)
        self.embed = nn.Linear(patch**3, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.register_buffer("positions", positions(self.grid, width), persistent=False)
        initialize(self)
        nn.init.xavier_uniform_(self.embed.weight)  # else the positions drown what a patch shows

    def tokens(self, volume: Tensor, *, kept: Tensor | None = None) -> Tensor:
        """(n, N, width) of an image (n, 1, z, y, x); of the patches `kept` (n, k) alone, by their number, if given."""
        found = self.embed(patches(volume, self.patch)) + self.positions
        if kept is not None:
            found = found.gather(1, kept[..., None].expand(-1, -1, self.width))
        for block in self.blocks:
            found = block(found)
        return self.norm(found)

    def forward(self, volume: Tensor) -> Tensor:
        """The mean token (n, width)."""
        return self.tokens(volume).mean(dim=1)


class Block(nn.Module):
    """Attention of every token to every other, then two layers for each token by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(nn.Linear(width, WIDER * width), nn.GELU(), nn.Linear(WIDER * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, N, width) -> the same shape."""
        tokens = tokens + self._attention(self.norm_attention(tokens))
        return tokens + self.layers(self.norm_layers(tokens))

    def _attention(self, tokens: Tensor) -> Tensor:
        by_head = self.query_key_value(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(*by_head)
        return self.merge(found.transpose(1, 2).flatten(2))


class Restoration(nn.Module):
    """Tokens (n, N, width) -> image (n, 1, z, y, x), by two transposed convolutions with 16 channels between them.

    The decoder of MONAI's public recipe `vit_unetr_ssl`, whose two steps of 4 make patches of 16; here the two steps
    are the two factors nearest to each other of whatever the patch is.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        first, second = factors(encoder.patch)
        self.grid = encoder.grid
        self.coarse = nn.ConvTranspose3d(encoder.width, BETWEEN, first, stride=first)
        self.fine = nn.ConvTranspose3d(BETWEEN, 1, second, stride=second)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fine(self.coarse(tokens.transpose(1, 2).unflatten(2, self.grid)))


class Completion(nn.Module):
    """Tokens of the patches that were kept (n, k, width) -> voxels of every patch (n, N, patch^3).

    The light decoder of masked autoencoding (He et al. 2022): one learned token stands for every hidden patch.
    """

    def __init__(self, encoder: Encoder, *, heads: int, depth: int = 1) -> None:
        super().__init__()
        width = encoder.width
        self.hidden = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.voxels = nn.LayerNorm(width), nn.Linear(width, encoder.patch**3)
        self.register_buffer("positions", encoder.positions.clone(), persistent=False)
        initialize(self)

    def forward(self, tokens: Tensor, *, kept: Tensor) -> Tensor:
        count, width = self.positions.shape
        everywhere = self.hidden.expand(len(tokens), count, width).to(tokens.dtype)
        found = everywhere.scatter(1, kept[..., None].expand(-1, -1, width), tokens) + self.positions
        for block in self.blocks:
            found = block(found)
        return self.voxels(self.norm(found))


def patches(volume: Tensor, patch: int) -> Tensor:
    """Voxels (n, N, patch^3) of every patch of an image (n, 1, z, y, x), patches and voxels in the order z, y, x."""
    n, _, *sides = volume.shape
    z, y, x = (side // patch for side in sides)
    cut = volume.reshape(n, z, patch, y, patch, x, patch).permute(0, 1, 3, 5, 2, 4, 6)
    return cut.reshape(n, z * y * x, patch**3)


def positions(grid: Sequence[int], width: int) -> Tensor:
    """(N, width): sines and cosines of each patch's place along z, y and x, at wavelengths from 2 pi to 20 000 pi."""
    share = width // 6
    frequencies = 10_000.0 ** -(torch.arange(share) / max(share, 1))
    places = torch.cartesian_prod(*(torch.arange(side, dtype=torch.float32) for side in grid)).reshape(-1, 3)
    angles = places[:, :, None] * frequencies
    waves = torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)
    return functional.pad(waves, (0, width - waves.shape[1]))


def factors(patch: int) -> tuple[int, int]:
    """The two factors nearest to each other, the larger first: 16 -> (4, 4), 8 -> (4, 2), 7 -> (7, 1)."""
    smaller = max(k for k in range(1, int(patch**0.5) + 1) if patch % k == 0)
    return patch // smaller, smaller


def initialize(module: nn.Module) -> None:
    """Weights of every linear layer from a normal distribution of SD 0.02, cut at two SD, and biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
            nn.init.zeros_(layer.bias)


def _require(size: Sequence[int], patch: int, width: int, heads: int) -> None:
    if any(side % patch for side in size):
        sides = " x ".join(str(side) for side in size)
        raise RadiogramError(
            f"volumes.size {sides} does not divide into patches of {patch} voxels: "
            "make every side a multiple of pretraining.patch."
        )
    if width % heads:
        raise RadiogramError(
            f"pretraining.width {width} does not divide into {heads} heads: make it a multiple of pretraining.heads."
        )
