"""Every architecture of the house can be explained and checked: finite maps, whatever it is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.learning.explain import randomization, saliency
from helpers.learning.networks import build
from helpers.learning.networks.batch import Shape
from helpers.parameters import Network
from helpers.study import load

SIZE = (16, 16, 16)
SMALL = [
    "networks.width=4", "networks.slices=2", "pretraining.patch=4", "pretraining.width=24", "pretraining.depth=1",
    "volumes.size=[16, 16, 16]",
]  # fmt: skip
NETWORKS = {
    "resnet10": ({"architecture": "resnet10"}, "Grad-CAM"),
    "late": ({"architecture": "resnet10", "fusion": "late"}, "Grad-CAM"),
    "mresnet": ({"architecture": "mresnet"}, "Grad-CAM"),
    "vgg11": ({"architecture": "vgg11"}, "Grad-CAM"),
    "densenet121": ({"architecture": "densenet121"}, "Grad-CAM"),
    "convnext": ({"architecture": "convnext"}, "Grad-CAM"),
    "guided": ({"architecture": "transformer", "guide": "lesion"}, "attention"),
    "concatenated": ({"architecture": "transformer", "combine": "concatenation"}, "integrated gradients"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_explained_and_its_weights_drawn_anew(make, name):
    values, first = NETWORKS[name]
    torch.manual_seed(0)
    parameters = load("demo", overrides=SMALL).parameters
    shape = Shape(("T1c", "T2"), SIZE, (), (), ("label",))
    net = build.build(Network(name=name, **values), shape, parameters=parameters).eval()
    batch, sign = make.phantom(3), torch.tensor([1.0, -1.0, 1.0])
    logits, found = saliency.looked(net, batch, endpoint=0, sign=sign)
    assert np.isfinite(logits).all() and next(iter(found)) == first and "integrated gradients" in found
    for own in found.values():
        assert own.maps.shape == (3, *SIZE) and own.maps.min() >= 0 and np.isfinite(own.maps).all()
        total = own.maps.sum(axis=(1, 2, 3))
        assert np.all(np.isclose(total, 1, atol=1e-4) | (total == 0))
        assert ((own.volume_share > 0) & (own.volume_share < 1)).all()
    table = randomization.cascade(net, batch, endpoint=0, sign=sign, seed=0, draws=1)
    assert table["similarity"].abs().max() <= 1 + 1e-9
    last = table[table["method"] == "integrated gradients"].iloc[-1]
    assert abs(last["similarity"]) < 0.9
