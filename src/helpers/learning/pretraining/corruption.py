"""What the pretraining is shown: images damaged on purpose, each damage drawn by seed, epoch and image alone."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from monai.transforms import RandCoarseDropout, RandCoarseShuffle
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
SIDE = 96  # voxels along each side of the crops that the recipe's sizes were chosen for


class Views:
    """Damaged copies of an image, as MONAI's public recipe `vit_unetr_ssl` draws them.

    Of two damages one: boxes filled with noise (in-painting), or all but some boxes (out-painting); then, four times of five,
    small boxes whose voxels are shuffled. Context restoration after Chen et al. 2019 (doi 10.1016/j.media.2019.101539).
    The recipe's boxes are for crops of 96 voxels; here they are the same shares of each side.
    """

    def __init__(self, size: Sequence[int]) -> None:
        least, middle, most = (_share(size, of) for of in (5, 32, 64))
        inner, grain = _share(size, 20), _share(size, 8, least=2)
        self.fill = RandCoarseDropout(6, least, True, max_spatial_size=middle, prob=1.0)
        self.keep = RandCoarseDropout(6, inner, False, max_spatial_size=most, prob=1.0)
        self.shuffle = RandCoarseShuffle(10, grain, prob=0.8)

    def draw(self, volume: FloatArray, random: np.random.RandomState) -> FloatArray:
        """One damaged copy of an image (z, y, x)."""
        first = self.fill if random.uniform() < 0.5 else self.keep
        damaged = volume[None].copy()
        for damage in (first, self.shuffle):
            damage.set_random_state(state=random)
            damaged = damage(damaged)
        return np.asarray(damaged, dtype=np.float32)[0]


def order(count: int, random: np.random.RandomState) -> NDArray[np.int64]:
    """The patches in an order drawn by chance: masked autoencoding keeps the first ones and hides the rest."""
    return random.permutation(count).astype(np.int64)


def generator(seed: int, purpose: str, *numbers: int) -> np.random.RandomState:
    """A generator of its own for each seed, purpose and number (epoch, image): no draw depends on another."""
    words = np.random.SeedSequence([seed, crc32(purpose.encode()), *numbers])
    return np.random.RandomState(np.random.MT19937(words))


def _share(size: Sequence[int], of: int, *, least: int = 1) -> tuple[int, ...]:
    return tuple(max(round(side * of / SIDE), least) for side in size)
