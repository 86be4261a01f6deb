"""Saliency is Grad-CAM's by its definition, lies where the label is written, and goes when the weights go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from helpers.errors import RadiogramError
from helpers.learning.explain import concentration as concentrated
from helpers.learning.explain import fields, maps, saliency
from helpers.learning.explain.gradcam import grad_cam

pytestmark = pytest.mark.slow


def sign_of(net, batch):
    with torch.no_grad():
        return torch.where(net(batch)[:, 0] >= 0, 1.0, -1.0)


def test_grad_cam_of_a_mean_and_a_linear_layer_is_the_class_activation_map(make):
    """Selvaraju et al. 2017, section 3.1: there Grad-CAM is CAM (Zhou et al. 2016) up to the number of places."""
    net, batch = make.volumetric().eval(), make.phantom(4)
    net.after = torch.nn.Identity()
    found = grad_cam(net, batch, endpoint=0, sign=torch.ones(4))
    with torch.no_grad():
        channels = net.third(net.second(net.first(batch.images)))
        cam = (net.head.weight[0][None, :, None, None, None] * channels).sum(1, keepdim=True).clamp_min(0)
        expected = functional.interpolate(cam / channels[0, 0].numel(), size=make.size, mode="trilinear")[:, 0]
    torch.testing.assert_close(found, expected)


def test_a_negative_call_shows_what_speaks_against_the_endpoint(make):
    net, batch = make.volumetric().eval(), make.phantom(4)
    turned = make.volumetric().eval()
    turned.load_state_dict(net.state_dict())
    with torch.no_grad():
        turned.head.weight.neg_()
    against = grad_cam(net, batch, endpoint=0, sign=-torch.ones(4))
    torch.testing.assert_close(against, grad_cam(turned, batch, endpoint=0, sign=torch.ones(4)))


def test_a_case_is_explained_the_same_alone_and_among_others(make):
    net, batch = make.volumetric(late=True).eval(), make.phantom(6)
    together = grad_cam(net, batch, endpoint=0, sign=torch.ones(6))
    alone = grad_cam(net, batch.take(torch.tensor([4])), endpoint=0, sign=torch.ones(1))
    torch.testing.assert_close(together[4:5], alone)


def test_frozen_weights_and_later_work_in_place_change_nothing(make):
    net, batch = make.volumetric().eval(), make.phantom(3)
    before = grad_cam(net, batch, endpoint=0, sign=torch.ones(3))
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    torch.testing.assert_close(grad_cam(net, batch, endpoint=0, sign=torch.ones(3)), before)
    assert not net.third._forward_hooks


def test_parts_of_late_fusion_are_added(make):
    net, batch = make.volumetric(late=True).eval(), make.phantom(3)
    whole = grad_cam(net, batch, endpoint=0, sign=torch.ones(3))
    each = [
        grad_cam(
            net,
            replace(batch, images=batch.images[:, [s]], present=batch.present[:, [s]]),
            endpoint=0,
            sign=torch.ones(3),
        )
        for s in (0, 1)
    ]
    torch.testing.assert_close(whole, (each[0] + each[1]) / 2)  # the mean over two sequences halves each gradient


def test_maps_of_slices_lie_on_the_slices_that_were_taken(make):
    net, batch = make.slices().eval(), make.phantom(3)
    found = grad_cam(net, batch, endpoint=0, sign=torch.ones(3)) + grad_cam(net, batch, endpoint=0, sign=-torch.ones(3))
    seen = fields.seen(net, batch)
    assert seen[0, :, 0, 0].nonzero().flatten().tolist() == [2, 3, 4, 8, 9, 10]
    assert found[~seen].abs().max() == 0 and (found.flatten(1).sum(1) > 0).all()
    torch.testing.assert_close(found[:, 2], found[:, 4])


def test_a_network_of_slices_must_say_which_it_took(make):
    net, batch = make.slices().eval(), make.phantom(2)
    flat = torch.ones(2, 4, 8, 8)
    with pytest.raises(RadiogramError, match="which slices it took"):
        fields.on_volume(make.volumetric(), flat, batch)
    assert fields.on_volume(net, flat, batch).sum() == pytest.approx(2 * 4 * 16 * 16)


def test_a_network_without_channels_is_refused_by_grad_cam_and_offers_its_attention(make):
    net, batch = make.patches().eval(), make.phantom(2)
    with pytest.raises(RadiogramError, match="no layer of channels"):
        grad_cam(net, batch, endpoint=0, sign=torch.ones(2))
    assert maps.methods(net) == ("attention", "integrated gradients")
    assert maps.methods(make.volumetric()) == ("Grad-CAM", "integrated gradients")


def test_attention_lies_on_the_patches_it_is_given_to(make):
    net, batch = make.patches().eval(), make.phantom(2)
    found = maps.attention(net, batch)
    rows = net.attention(batch).mean(1).unflatten(1, (2, 4, 4, 4)).sum(1)
    middles = found[:, 1:-1:4, 1:-1:4, 1:-1:4]
    assert found.shape == (2, *make.size)
    assert np.corrcoef(middles.flatten().detach(), rows.flatten().detach())[0, 1] > 0.95


def test_integrated_gradients_add_up_to_what_the_images_change(make):
    """Completeness, Sundararajan et al. 2017, proposition 1."""
    net, batch = make.volumetric().double().eval(), make.phantom(4)
    batch = replace(batch, images=batch.images.double())
    found = maps.integrated_gradients(net, batch, endpoint=0, steps=200)
    with torch.no_grad():
        moved = net(batch)[:, 0] - net(replace(batch, images=0 * batch.images))[:, 0]
    torch.testing.assert_close(found.flatten(1).sum(1), moved, rtol=0.01, atol=1e-3)


def test_integrated_gradients_of_a_linear_network_are_weight_times_value(make):
    class Linear(make.volumetric):
        def forward(self, batch):
            return (batch.images * weights).flatten(1).sum(1, keepdim=True)

    batch, weights = make.phantom(2), torch.randn(2, *make.size)
    torch.testing.assert_close(maps.integrated_gradients(Linear(), batch, endpoint=0, steps=3), batch.images * weights)


def test_change_is_the_absolute_mean_of_neighbors_and_keeps_what_points_one_way():
    one = torch.zeros(1, 2, 9, 9, 9)
    one[0, 0, 4, 4, 4], one[0, 1, 4, 4, 4] = -27.0, -27.0
    found = maps.change(one)
    assert float(found.sum()) == pytest.approx(54) and float(found[0, 3, 5, 4]) == pytest.approx(2)
    one[0, 1] *= -1
    assert float(maps.change(one).sum()) == 0


def test_a_missing_sequence_draws_no_saliency(make):
    net, batch = make.volumetric().eval(), make.phantom(2)
    empty = batch.images * torch.tensor([[1.0, 0.0], [1.0, 1.0]])[:, :, None, None, None]
    found = maps.integrated_gradients(net, replace(batch, images=empty), endpoint=0)
    assert found[0, 1].abs().max() == 0 and found[1, 1].abs().max() > 0


def test_an_even_map_has_the_volume_share_inside(make):
    batch = make.phantom(3)
    even = torch.ones_like(batch.lesion)
    np.testing.assert_allclose(saliency.inside(even, batch.lesion), saliency.volume_share(even > 0, batch.lesion))
    np.testing.assert_allclose(saliency.inside(batch.lesion, batch.lesion), 1)
    assert np.isnan(saliency.inside(0 * even, batch.lesion)).all()


def test_the_share_of_a_network_of_slices_is_that_of_its_slices(make):
    net, batch = make.slices().eval(), make.phantom(2)
    found = saliency.volume_share(fields.seen(net, batch), batch.lesion)
    taken = batch.lesion[:, [2, 3, 4, 8, 9, 10]]
    np.testing.assert_allclose(found, taken.double().mean((1, 2, 3)))


@pytest.mark.parametrize("method", ["Grad-CAM", "integrated gradients"])
def test_saliency_of_a_trained_network_lies_inside_the_lesion(trained, method):
    net, batch = trained
    logits, found = saliency.looked(net, batch, endpoint=0, sign=sign_of(net, batch))
    assert ((logits >= 0) == (batch.labels[:, 0] == 1).numpy()).mean() > 0.9
    told = concentrated.concentration(found[method].inside, found[method].volume_share)
    assert told.inside > 3 * told.volume_share and told.p < 0.001


def test_concentration_leaves_out_maps_that_say_nothing():
    share, volume = np.array([0.5, np.nan, 0.4, 0.05, 0.3, 0.6, 0.4]), np.full(7, 0.1)
    told = concentrated.concentration(share, volume)
    assert (told.cases, told.above) == (6, 5) and told.inside == pytest.approx(0.4)
    assert np.isnan(concentrated.concentration(share[:3], volume[:3]).p)
    assert concentrated.concentration(np.full(3, np.nan), volume[:3]).cases == 0
