"""Must hold: a trained 3-D ResNet's saliency lies inside the lesion, far above its volume share, and collapses without its weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from helpers.learning.explain import concentration, randomization, saliency
from helpers.learning.networks.fusion3d import fused
from helpers.learning.networks.resnet3d import resnet10

SIZE = (24, 32, 32)


def cored(make, n, seed):
    """A bright ball of radius 6 somewhere, whose core is dark where the label is 1, in two noisy sequences."""
    draw = torch.Generator().manual_seed(seed)
    images = 0.5 * torch.randn(n, 2, *SIZE, generator=draw)
    axes = torch.stack(torch.meshgrid(*(torch.arange(s) for s in SIZE), indexing="ij")).float()
    labels, lesions = torch.arange(n) % 2, []
    for i in range(n):
        center = torch.tensor([torch.randint(8, s - 8, (1,), generator=draw).item() for s in SIZE])
        away = ((axes - center[:, None, None, None]) ** 2).sum(0).sqrt()
        lesions.append((away <= 6).float())
        images[i] += lesions[-1] + (away < 3.6).float() * (-1.5 if labels[i] else 0.5)
    return make.batch(images, torch.stack(lesions), labels)


@pytest.mark.slow
@pytest.mark.parametrize("fusion", ["early", "late"])
def test_saliency_of_a_trained_resnet_is_in_the_lesion_and_collapses_without_its_weights(make, fusion):
    training, unseen = cored(make, 48, 0), cored(make, 16, 9)
    torch.manual_seed(0)
    encoder = resnet10(2 if fusion == "early" else 1, 8)
    net = fused(encoder, fusion=fusion, sequences=(0, 1), endpoints=1, dropout=0.0, given=False)
    optimizer = torch.optim.AdamW(net.train().parameters(), lr=3e-3)
    for _ in range(120 if fusion == "early" else 50):
        batch = training.take(torch.randperm(48)[:8])
        loss = nn.functional.binary_cross_entropy_with_logits(net(batch), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        sign = torch.where(net.eval()(unseen)[:, 0] >= 0, 1.0, -1.0)
    assert (sign == 2 * unseen.labels[:, 0] - 1).float().mean() > 0.9
    found = saliency.looked(net, unseen, endpoint=0, sign=sign)[1]["integrated gradients"]
    told = concentration.concentration(found.inside, found.volume_share)
    assert told.inside > 5 * told.volume_share and told.above == told.cases == 16
    table = randomization.cascade(net, unseen, endpoint=0, sign=sign, seed=1, draws=1)
    last = table[table["method"] == "integrated gradients"].iloc[-1]
    assert last["similarity"] < 0.5
    assert last["inside"] - told.volume_share < 0.3 * (told.inside - told.volume_share)
