"""Weights drawn anew from the last layer down: the network is left alone, and its saliency does not survive."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from helpers.learning.explain import randomization

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checked(trained):
    net, batch = trained
    before = copy.deepcopy(net.state_dict())
    with torch.no_grad():
        sign = torch.where(net(batch)[:, 0] >= 0, 1.0, -1.0)
    table = randomization.cascade(net, batch, endpoint=0, sign=sign, seed=1, draws=8)
    return table, before, net, batch, sign


def test_the_network_itself_is_left_as_it_was(checked):
    _, before, net, _, _ = checked
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_layers_are_drawn_from_the_last_to_the_first(checked, trained):
    table = checked[0]
    own = table[table["method"] == "Grad-CAM"]
    assert own["layer"].tolist() == ["none", "head", "third", "second", "first"]
    assert own["depth"].tolist() == [0, 1, 2, 3, 4]


def test_saliency_collapses_when_weights_are_randomized(checked):
    table, _, _, batch, _ = checked
    volume = float(batch.lesion.mean())
    for method in ("Grad-CAM", "integrated gradients"):
        own = table[table["method"] == method].set_index("depth")
        assert own.loc[0, "similarity"] == 1
        assert abs(own.loc[4, "similarity"]) < 0.5
        assert own.loc[4, "inside"] - volume < 0.5 * (own.loc[0, "inside"] - volume)


def test_drawing_leaves_nothing_of_a_block_and_everything_of_the_others(make):
    net = make.volumetric().eval()
    seen = {
        depth: (name, copy.deepcopy(changed.state_dict()))
        for depth, name, changed in randomization.drawn_anew(net, seed=(0, 0))
    }
    names = [name for name, _ in seen.values()]
    for depth, (_, state) in seen.items():
        for key, value in state.items():
            drawn = key.split(".")[0] in names[:depth]
            assert torch.equal(value, net.state_dict()[key]) != drawn, (depth, key)


def test_a_parameter_without_a_layer_of_its_own_is_drawn_with_its_own_spread(make):
    block = torch.nn.ParameterList([torch.nn.Parameter(5 + 0.1 * torch.randn(4000))])
    before = block[0].detach().clone()
    randomization.draw(block, seed=1)
    assert not torch.isclose(block[0], before).any() or float(np.corrcoef(block[0].detach(), before)[0, 1]) < 0.1
    assert float(block[0].mean()) == pytest.approx(5, abs=0.01) and float(block[0].std()) == pytest.approx(0.1, rel=0.1)


def test_the_same_seed_draws_the_same_and_leaves_the_global_generator_alone(checked, make):
    table, _, net, batch, sign = checked
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    again = randomization.cascade(net, batch, endpoint=0, sign=sign, seed=1, draws=8)
    assert torch.equal(torch.rand(3), expected)
    assert again.equals(table)


def test_similarity_is_spearmans_of_each_case(make):
    a, b = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5).round(decimals=1)
    expected = [spearmanr(a[i].flatten(), b[i].flatten()).statistic for i in range(2)]
    every = torch.ones_like(a, dtype=torch.bool)
    np.testing.assert_allclose(randomization.similarity(a, b, every), expected)
    assert randomization.similarity(a, torch.zeros_like(a), every).tolist() == [0, 0]
    np.testing.assert_allclose(randomization.similarity(a, a, every), 1)


def test_voxels_that_no_network_was_shown_make_no_maps_alike():
    shown = torch.zeros(1, 8, 4, 4, dtype=torch.bool)
    shown[:, 3] = True
    torch.manual_seed(0)
    a, b = torch.rand(2, 1, 8, 4, 4) * shown
    every = torch.ones_like(shown)
    assert randomization.similarity(a, b, every)[0] > 0.6 > abs(randomization.similarity(a, b, shown)[0])
