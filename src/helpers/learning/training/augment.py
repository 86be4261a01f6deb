"""Training cases as they might also have been scanned: mirrored, turned, scaled, and in other shades, by MONAI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from monai.data import get_track_meta, set_track_meta
from monai.transforms import RandAdjustContrast, RandAffine, RandBiasField, RandFlip, RandGaussianNoise
from torch import Tensor

from helpers.learning.networks.batch import Batch

TURN, TILT = 0.26, 0.1  # radians: about the axis of the slices, and about the other two
SCALE = 0.1  # share by which a lesion may be larger or smaller
SHIFT = 0.04  # share of the side by which it may lie elsewhere
OFTEN, SELDOM = 0.8, 0.3  # of moving, and of each change of shade
MAPS = ("lesion", "dose", "target")

Transforms = tuple[Any, ...]


def augmented(batch: Batch, seeds: Sequence[int]) -> Batch:
    """The batch with each case changed at random by its own seed, whatever cases it shares the batch with.

    Images, lesion, dose and target move together; shades change in the images alone, each sequence in its own way. A
    sequence that is missing stays 0.
    """
    with _plain_tensors():
        cases = [_case(batch, i, np.random.RandomState(seed)) for i, seed in enumerate(seeds)]
    return replace(batch, **{name: torch.stack([case[name] for case in cases]) for name in ("images", *MAPS)})


def _case(batch: Batch, i: int, state: np.random.RandomState) -> dict[str, Tensor]:
    there = dict(zip(MAPS, [True, *batch.irradiated[i].tolist()], strict=True))
    planned = [name for name in MAPS if there[name]]
    present = batch.present[i].tolist()
    stacked = torch.cat([batch.images[i], torch.stack([getattr(batch, name)[i] for name in planned])])
    moved = _applied(_movements(tuple(stacked.shape[1:])), stacked, state)
    images = [_shaded(moved[k], state) if here else torch.zeros_like(moved[k]) for k, here in enumerate(present)]
    found = dict(zip(planned, moved[len(present) :], strict=True))
    return {"images": torch.stack(images), **{name: found.get(name, getattr(batch, name)[i]) for name in MAPS}}


def _shaded(image: Tensor, state: np.random.RandomState) -> Tensor:
    """One sequence (z, y, x) in other shades, its darkest value as zero and its deviation as one meanwhile."""
    darkest, deviation = image.min(), image.std().clamp(min=1e-6)
    changed = _applied(_shades(), ((image - darkest) / deviation)[None], state)[0]
    return changed * deviation + darkest


def _applied(transforms: Transforms, image: Tensor, state: np.random.RandomState) -> Tensor:
    for transform in transforms:
        image = transform.set_random_state(state=state)(image)
    return image.float()


@lru_cache
def _movements(size: tuple[int, ...]) -> Transforms:
    moved = RandAffine(
        prob=OFTEN, rotate_range=(TURN, TILT, TILT), scale_range=(SCALE,) * 3,
        translate_range=tuple(SHIFT * side for side in size), mode="bilinear", padding_mode="border",
    )  # fmt: skip
    return RandFlip(prob=0.5, spatial_axis=2), moved


@lru_cache
def _shades() -> Transforms:
    return (
        RandBiasField(prob=SELDOM, degree=2, coeff_range=(0.0, 0.1)),
        RandAdjustContrast(prob=SELDOM, gamma=(0.7, 1.4)),
        RandGaussianNoise(prob=SELDOM, std=0.1),
    )


@contextmanager
def _plain_tensors() -> Iterator[None]:
    """Without the record of positions that MONAI otherwise keeps of each transform."""
    before = get_track_meta()
    set_track_meta(False)
    try:
        yield
    finally:
        set_track_meta(before)
