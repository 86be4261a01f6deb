"""3-D encoders have the published layers, strides and parameters, and MONAI's layers made alike say the same."""

from __future__ import annotations

import monai.networks.nets as monai_nets
import pytest
import torch
from torch import nn
from torchvision import models as photographs

from helpers.learning.networks.densenet3d import DenseNet3d
from helpers.learning.networks.mresnet import MresNet
from helpers.learning.networks.resnet3d import resnet10, resnet50
from helpers.learning.networks.resnet_monai import MonaiResNet10
from helpers.learning.networks.vgg3d import vgg11, vgg16

EVERY = {
    "resnet10": resnet10,
    "resnet50": resnet50,
    "monai": MonaiResNet10,
    "vgg11": vgg11,
    "vgg16": vgg16,
    "mresnet": MresNet,
    "densenet121": DenseNet3d,
}


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def convolutions(module):
    return [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]


def stirred(module):
    """Statistics and scales of normalization that are not the identity, as after training."""
    for m in module.modules():
        if isinstance(m, nn.BatchNorm3d):
            nn.init.uniform_(m.running_mean, -0.2, 0.2)
            nn.init.uniform_(m.running_var, 0.5, 1.5)
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.uniform_(m.bias, -0.2, 0.2)
    return module.eval()


def dilated_as_medicalnet(net):
    """MONAI's ResNet with the strides and dilations of MedicalNet's last two stages."""
    for stage, dilation in ((net.layer3, 2), (net.layer4, 4)):
        for m in convolutions(stage):
            m.stride = (1, 1, 1)
            if m.kernel_size == (3, 3, 3):
                m.dilation = m.padding = (dilation,) * 3
    return net.eval()


def outputs_of(module):
    """A list that every output of the module is added to."""
    found = []
    module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    return found


def test_medicalnets_resnet10_has_the_published_14_36_million_parameters():
    # Table "Computational Cost" of MedicalNet's README. It counts what is transferred: the segmentation head that its
    # repository trains with has 0.16 million more.
    with torch.device("meta"):
        backbone = resnet10(1, 64)
    head = nn.Sequential(
        nn.ConvTranspose3d(512, 32, 2, stride=2), nn.BatchNorm3d(32), nn.ReLU(),
        nn.Conv3d(32, 32, 3, padding=1, bias=False), nn.BatchNorm3d(32), nn.ReLU(), nn.Conv3d(32, 2, 1, bias=False),
    )  # fmt: skip
    assert round(parameters(backbone) / 1e6, 2) == 14.36
    assert parameters(backbone) == 14_355_520
    assert parameters(backbone) + parameters(head) == 14_514_464


def test_medicalnets_last_two_stages_are_dilated_and_keep_an_eighth_of_the_resolution():
    net = resnet10(1, 16).eval()
    assert [s.stride[0] for s in (net.conv1, net.layer1[0].conv1, net.layer2[0].conv1)] == [2, 1, 2]
    for stage, dilation in ((net.layer3, 2), (net.layer4, 4)):
        wide = [m for m in convolutions(stage) if m.kernel_size == (3, 3, 3)]
        assert {m.dilation for m in wide} == {m.padding for m in wide} == {(dilation,) * 3}
        assert {m.stride for m in convolutions(stage)} == {(1, 1, 1)}
    found = outputs_of(net.explained())
    with torch.no_grad():
        vectors = net(torch.zeros(2, 1, 32, 40, 48))
    assert found[0].shape == (2, 128, 4, 5, 6) and vectors.shape == (2, 128)


@pytest.mark.parametrize("ours, theirs", [(resnet10, "resnet10"), (resnet50, "resnet50")])
def test_monais_layers_with_medicalnets_strides_and_dilations_compute_the_same(ours, theirs):
    torch.manual_seed(0)
    net = stirred(ours(1, 16))
    options = {"spatial_dims": 3, "n_input_channels": 1, "conv1_t_stride": 2, "widen_factor": 0.25}
    other = getattr(monai_nets, theirs)(**options, shortcut_type="B", bias_downsample=False, feed_forward=False)
    other.load_state_dict(net.state_dict())
    volumes = torch.randn(2, 1, 16, 24, 16)
    with torch.no_grad():
        torch.testing.assert_close(net(volumes), dilated_as_medicalnet(other)(volumes), rtol=1e-4, atol=1e-5)


def test_monais_resnet10_takes_the_same_tensors_and_is_another_function_which_its_definition_says():
    torch.manual_seed(0)
    dilated, faster = stirred(resnet10(1, 16)), MonaiResNet10(1, 16).eval()
    faster.published().load_state_dict(dilated.state_dict())
    volumes = torch.randn(1, 1, 32, 32, 32)
    found = outputs_of(faster.explained())
    with torch.no_grad():
        assert (dilated(volumes) - faster(volumes)).abs().max() > 0.01
    assert found[0].shape[2:] == (1, 1, 1)
    assert "another function" in faster.definition and "in place of dilation" in faster.definition


@pytest.mark.parametrize("ours, theirs", [(vgg11, "vgg11_bn"), (vgg16, "vgg16_bn")])
def test_vgg_has_the_convolutions_of_its_configuration_with_a_third_axis(ours, theirs):
    with torch.device("meta"):
        flat = convolutions(getattr(photographs, theirs)(weights=None).features)
        deep = convolutions(ours(3, 64))
    assert [(m.in_channels, m.out_channels) for m in deep] == [(m.in_channels, m.out_channels) for m in flat]
    assert {m.kernel_size for m in deep} == {(3, 3, 3)}


def test_densenet121_has_the_published_layers_with_a_third_axis():
    with torch.device("meta"):
        flat = convolutions(photographs.densenet121(weights=None).features)
        net = DenseNet3d(3, 64)
    deep = convolutions(net)
    assert [(m.in_channels, m.out_channels) for m in deep] == [(m.in_channels, m.out_channels) for m in flat]
    assert net.length == 1024


def test_halving_is_monais_where_sizes_halve_evenly():
    torch.manual_seed(0)
    net = DenseNet3d(1, 8).eval()
    other = monai_nets.DenseNet121(3, 1, 1, init_features=8, growth_rate=4).eval()
    other.features.load_state_dict(net.features.state_dict())
    volumes = torch.randn(1, 1, 32, 32, 32)
    with torch.no_grad():
        theirs = other.class_layers.flatten(other.class_layers.pool(other.class_layers.relu(other.features(volumes))))
        torch.testing.assert_close(net(volumes), theirs, rtol=1e-5, atol=1e-6)


def test_the_mresnet_sees_three_scales_in_every_block_and_is_labeled_as_our_own():
    net = MresNet(3, 16)
    blocks = [block for name, stage in net.stages() if name != "stem" for block in stage]
    assert len(blocks) == 8
    assert all([scale.dilation[0] for scale in block.scales] == [1, 2, 3] for block in blocks)
    assert "of our own" in net.definition and "not public" in net.definition


@pytest.mark.parametrize("name", EVERY)
def test_any_size_gives_one_vector_a_volume_and_maps_to_explain(name):
    torch.manual_seed(0)
    net = EVERY[name](2, 8).eval()
    found = outputs_of(net.explained())
    for size in ((8, 8, 8), (24, 32, 20)):
        with torch.no_grad():
            vectors = net(torch.randn(2, 2, *size))
        assert vectors.shape == (2, net.length) and torch.isfinite(vectors).all()
        assert found[-1].ndim == 5 and len(found[-1]) == 2


@pytest.mark.parametrize("name", EVERY)
def test_the_stages_hold_every_weight_once(name):
    net = EVERY[name](1, 8)
    held = [id(p) for _, stage in net.stages() for p in stage.parameters()]
    assert sorted(held) == sorted({id(p) for p in net.parameters()})


@pytest.mark.parametrize("name", EVERY)
def test_the_same_seed_draws_the_same_weights(name):
    def drawn(seed):
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in EVERY[name](1, 4).parameters()])

    assert torch.equal(drawn(3), drawn(3)) and not torch.equal(drawn(3), drawn(4))
