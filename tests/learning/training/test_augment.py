"""Augmentation: drawn anew by its seed, the same for all that belongs together, and absent where there is nothing."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from helpers.learning.networks.batch import Batch
from helpers.learning.training import augment

SIZE = (10, 12, 14)


@pytest.fixture
def batch():
    drawn = torch.Generator().manual_seed(0)
    n = 4
    lesion = torch.zeros(n, *SIZE)
    lesion[:, 3:7, 4:9, 5:8] = 1
    images = torch.randn(n, 3, *SIZE, generator=drawn)
    images[:, 2] = lesion  # a sequence that shows nothing but the lesion
    present = torch.tensor([[True, True, True]] * 3 + [[True, False, True]])
    images[~present] = 0
    irradiated = torch.tensor([[True, True]] * 2 + [[False, False]] * 2)
    given = irradiated[:, 0, None, None, None].float()
    return Batch(
        images=images, present=present, lesion=lesion, dose=0.9 * lesion * given, target=lesion * given,
        irradiated=irradiated, clinical=torch.zeros(n, 0), known=torch.zeros(n, 0, dtype=torch.bool),
        plan=torch.zeros(n, 0), planned=torch.zeros(n, 0, dtype=torch.bool), labels=torch.zeros(n, 1),
        labeled=torch.ones(n, 1, dtype=torch.bool),
    )  # fmt: skip


def same(a: Batch, b: Batch) -> bool:
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Batch))


def test_the_same_seeds_give_the_same_batch_and_others_another(batch):
    first = augment.augmented(batch, [1, 2, 3, 4])
    assert same(first, augment.augmented(batch, [1, 2, 3, 4]))
    assert not torch.equal(first.images, augment.augmented(batch, [5, 6, 7, 8]).images)


def test_a_case_is_changed_the_same_in_any_company(batch):
    together = augment.augmented(batch, [1, 2, 3, 4])
    alone = augment.augmented(batch.take(torch.tensor([2])), [3])
    assert torch.equal(together.images[2], alone.images[0]) and torch.equal(together.lesion[2], alone.lesion[0])


def test_the_generators_of_torch_are_left_alone(batch):
    state = torch.get_rng_state()
    augment.augmented(batch, [1, 2, 3, 4])
    assert torch.equal(state, torch.get_rng_state())


def test_lesion_dose_and_target_move_with_the_images(batch, monkeypatch):
    monkeypatch.setattr(augment, "_shades", tuple)
    for start in range(0, 40, 4):
        found = augment.augmented(batch, range(start, start + 4))
        torch.testing.assert_close(found.images[:, 2], found.lesion, atol=1e-5, rtol=0)
        torch.testing.assert_close(found.dose[:2], 0.9 * found.lesion[:2], atol=1e-5, rtol=0)
        torch.testing.assert_close(found.target[:2], found.lesion[:2], atol=1e-5, rtol=0)


def test_what_is_missing_stays_missing(batch):
    found = augment.augmented(batch, [1, 2, 3, 4])
    assert (found.images[3, 1] == 0).all() and (found.dose[2:] == 0).all() and (found.target[2:] == 0).all()


def test_everything_stays_finite_and_a_mask_a_mask(batch):
    for start in range(0, 80, 4):
        found = augment.augmented(batch, range(start, start + 4))
        assert torch.isfinite(found.images).all() and found.images.dtype == torch.float32
        assert found.lesion.min() >= -1e-6 and found.lesion.max() <= 1 + 1e-6


def test_the_scale_of_a_sequence_does_not_matter_to_its_shades(batch):
    """A map in physical units is changed as its standardized copy is."""
    moved = augment._shaded(1000 + 300 * batch.images[0, 0], np.random.RandomState(5))
    plain = augment._shaded(batch.images[0, 0], np.random.RandomState(5))
    torch.testing.assert_close((moved - 1000) / 300, plain, atol=1e-3, rtol=1e-3)
