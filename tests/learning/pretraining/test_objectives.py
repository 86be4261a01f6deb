from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.losses import ContrastiveLoss
from skimage.metrics import peak_signal_noise_ratio

from helpers.errors import RadiogramError
from helpers.learning.networks.vit3d import Encoder, patches
from helpers.learning.pretraining import corruption
from helpers.learning.pretraining.objectives import Complete, RestoreContrast, nt_xent, psnr, spread
from helpers.parameters import Pretraining

SIZE = (8, 8, 8)
SETTINGS = Pretraining(
    objective="mae", folder=None, sequences=("T1c",), patch=4, width=12, depth=1, heads=2, epochs=1, batch=2,
    learning_rate=0.001, temperature=0.05, masked=0.75, probe_labels=10,
)  # fmt: skip


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def encoder():
    torch.manual_seed(0)
    return Encoder(SIZE, 4, 12, 1, 2)


def test_the_contrastive_loss_is_that_of_monai():
    first, second = drawn(6, 9), drawn(6, 9, seed=1)
    for temperature in (0.05, 0.5):
        expected = ContrastiveLoss(temperature=temperature)(first, second)
        torch.testing.assert_close(nt_xent(first, second, temperature=temperature), expected, rtol=1e-4, atol=1e-5)


def test_views_of_one_image_that_agree_and_differ_from_all_others_cost_nothing():
    assert float(nt_xent(torch.eye(5), torch.eye(5), temperature=0.05)) < 1e-6


def test_the_signal_to_noise_ratio_is_that_of_scikit_image():
    image, error = drawn(3, 100), drawn(3, 100, seed=1) / 7
    for i, found in enumerate(psnr(error, image)):
        reach = float(image[i].max() - image[i].min())
        expected = peak_signal_noise_ratio(image[i].numpy(), (image[i] + error[i]).numpy(), data_range=reach)
        assert float(found) == pytest.approx(expected, rel=1e-4)


def test_spread_is_nothing_where_all_images_look_alike_and_one_where_they_point_everywhere():
    assert spread(torch.ones(50, 8)) == pytest.approx(0, abs=1e-6)
    assert spread(drawn(4000, 8)) == pytest.approx(1, abs=0.02)


def test_restoration_and_contrast_are_joined_as_the_recipe_joins_them():
    task = RestoreContrast(encoder(), SETTINGS)
    found = task(
        {"image": drawn(3, 1, *SIZE), "first": drawn(3, 1, *SIZE, seed=1), "second": drawn(3, 1, *SIZE, seed=2)}
    )
    expected = found["restoration"] + found["contrast"] * found["restoration"]
    assert float(found["loss"].detach()) == pytest.approx(float(expected.detach()))


def test_only_hidden_patches_count_in_masked_autoencoding():
    task, image = Complete(encoder(), SETTINGS), drawn(2, 1, *SIZE)
    torch.nn.init.zeros_(task.decoder.voxels.weight)  # restores 0 everywhere, so that the loss is the voxels' own size
    order = torch.stack([torch.arange(8), torch.arange(8).flip(0)])
    hidden = patches(image, 4).gather(1, order[:, task.kept :, None].expand(-1, -1, 64))
    found = task({"image": image, "order": order})
    assert task.kept == 2
    assert float(found["loss"].detach()) == pytest.approx(float(hidden.square().mean()), rel=1e-5)


@pytest.mark.parametrize("made", [RestoreContrast, Complete])
def test_an_objective_is_learned(made):
    task, image = made(encoder(), SETTINGS), drawn(4, 1, *SIZE)
    noise = 0.1 * drawn(4, 1, *SIZE, seed=5)
    shown = {"image": image, "first": image + noise, "second": image - noise, "order": torch.arange(8).expand(4, 8)}
    steps = torch.optim.AdamW(task.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = task(shown)["loss"]
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < 0.85 * losses[0]


def test_images_are_not_told_apart_in_batches_of_one():
    with pytest.raises(RadiogramError, match="pretraining.batch"):
        RestoreContrast(encoder(), SETTINGS.model_copy(update={"batch": 1}))


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(12, 16, 16)).astype(np.float32)


def view(image, *numbers):
    return corruption.Views(image.shape).draw(image, corruption.generator(1, "views", *numbers))


def test_the_same_epoch_and_image_are_damaged_alike_whatever_was_drawn_before(image):
    views = corruption.Views(image.shape)
    views.draw(image, corruption.generator(1, "views", 0, 0))
    assert np.array_equal(views.draw(image, corruption.generator(1, "views", 3, 7)), view(image, 3, 7))


def test_another_epoch_damages_otherwise(image):
    assert not np.array_equal(view(image, 0, 1), view(image, 1, 1))
    assert not np.array_equal(view(image, 0, 1), view(image, 0, 2))


def test_damage_leaves_the_image_itself_alone_and_some_of_it_in_view(image):
    before = image.copy()
    shares = [np.mean(view(image, 0, k) != image) for k in range(30)]
    assert np.array_equal(image, before)
    assert min(shares) > 0 and max(shares) < 1
    assert 0.1 < np.mean(shares) < 0.9


def test_what_is_filled_in_stays_within_the_range_of_the_image(image):
    for k in range(20):
        found = view(image, 0, k)
        assert found.min() >= image.min() and found.max() <= image.max()
