"""MedicalNet's weights fit from every layout they come in; anything else is refused, unopened where it could run code."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from helpers.errors import RadiogramError
from helpers.learning.networks.build import build, record
from helpers.learning.networks.resnet3d import resnet10, resnet50
from helpers.parameters import Network


@pytest.fixture
def wide(with_networks):
    return with_networks(width=64)


def backbone(make=resnet10):
    """A network of the published width, each tensor filled with a number of its own: drawing millions takes seconds."""
    torch.manual_seed(5)
    with torch.device("meta"):
        net = make(1, 64)
    net = net.to_empty(device="cpu")
    for tensor in net.state_dict().values():
        tensor.copy_(torch.rand(()) * 0.02 + 0.01)
    return net


def published(net) -> dict:
    """A file as MedicalNet's: trained in parallel, wrapped, with the segmentation head."""
    head = nn.Conv3d(32, 2, 1, bias=False)
    tensors = {**net.state_dict(), "conv_seg.6.weight": head.weight.detach()}
    return {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()}}


def older(net) -> dict:
    """As before PyTorch 0.4.1 counted batches."""
    return {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}


LAYOUTS = {
    "medicalnet": lambda net, path: torch.save(published(net), path.with_suffix(".pth")),
    "legacy": lambda net, path: torch.save(
        published(net), path.with_suffix(".pth"), _use_new_zipfile_serialization=False
    ),
    "older": lambda net, path: torch.save(older(net), path.with_suffix(".pth")),
    "monai": lambda net, path: torch.save(
        {**net.state_dict(), "fc.weight": torch.zeros(2, 512)}, path.with_suffix(".pth")
    ),
    "safetensors": lambda net, path: save_file(net.state_dict(), path.with_suffix(".safetensors")),
}


def written(layout, net, folder) -> Path:
    LAYOUTS[layout](net, folder / "weights")
    return next(folder.iterdir())


def made(path, shape, parameters, **values):
    network = Network(**{"name": "net", "architecture": "resnet10", "weights": str(path), **values})
    return build(network, shape, parameters=parameters)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_fills_every_tensor(layout, tmp_path, shape, wide):
    net = backbone()
    loaded = made(written(layout, net, tmp_path), shape, wide, fusion="late").encoder
    weights = {k: v for k, v in loaded.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in weights.items())


@pytest.mark.slow
@pytest.mark.parametrize("architecture, make", [("resnet10_monai", resnet10), ("resnet50", resnet50)])
def test_monais_network_takes_the_same_files_and_resnet50_its_own(architecture, make, tmp_path, shape, wide):
    net = backbone(make)
    loaded = made(written("medicalnet", net, tmp_path), shape, wide, architecture=architecture, fusion="late").encoder
    assert torch.equal(loaded.published().layer4[0].conv2.weight, net.layer4[0].conv2.weight)


def test_the_first_layer_is_repeated_and_divided_so_that_equal_channels_give_what_one_gave(tmp_path, shape, wide):
    net = backbone().eval()
    early = made(written("medicalnet", net, tmp_path), shape, wide).encoder.eval()
    volumes = torch.randn(1, 1, 16, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(early(volumes.repeat(1, 3, 1, 1, 1)), net(volumes), rtol=1e-4, atol=1e-4)


def test_given_weights_are_the_trunk_and_random_ones_are_not(tmp_path, shape, wide):
    path = written("medicalnet", backbone(), tmp_path)
    net = made(path, shape, wide)
    assert {id(p) for p in net.trunk()} == {id(p) for p in net.encoder.parameters()}
    assert made("random", shape, wide).trunk() == []


def test_the_record_names_file_hash_and_license_and_frozen_layers_do_not_count_as_trained(
    tmp_path, shape, with_networks
):
    frozen = with_networks(width=64, trunk_rate=0)
    path = written("medicalnet", backbone(), tmp_path)
    network = Network(name="net", architecture="resnet10", weights=str(path))
    row = record(network, build(network, shape, parameters=frozen), shape, parameters=frozen)
    assert row["weights"] == "weights.pth" and row["license"].startswith("MIT")
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert row["trained"] == 513  # the last layer alone


def test_a_frozen_trunk_keeps_the_statistics_it_was_given(tmp_path, shape, wide, draw_batch):
    net = made(written("medicalnet", backbone(), tmp_path), shape, wide)
    given = net.encoder.bn1.running_mean.clone()
    for parameter in net.trunk():
        parameter.requires_grad_(False)
    net.train()(draw_batch(shape, n=2))
    assert torch.equal(net.encoder.bn1.running_mean, given)


class Runs:
    """A pickle that makes a folder when opened carelessly."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_file_that_wants_to_run_code_is_refused_and_runs_nothing(how, tmp_path, shape, wide):
    trap, path = tmp_path / "sprung", tmp_path / "weights.pth"
    content = {"state_dict": {"conv1.weight": torch.zeros(1)}, "more": Runs(trap)}
    torch.save(content, path) if how == "torch" else path.write_bytes(pickle.dumps(Runs(trap), protocol=2))
    with pytest.raises(RadiogramError, match=r"weights\.pth was refused: .*mkdir, which could run code"):
        made(path, shape, wide)
    assert not trap.exists()


@pytest.mark.parametrize("content", [b"hello", b""])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_holds_no_weights_is_named(content, suffix, tmp_path, shape, wide):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(RadiogramError, match=rf"networks\.models, net, weights: weights\{suffix} cannot be opened"):
        made(path, shape, wide)


def test_a_file_of_something_else_than_tensors_is_named(tmp_path, shape, wide):
    torch.save({"epoch": 3}, tmp_path / "weights.pth")
    with pytest.raises(RadiogramError, match=r"weights\.pth holds no dictionary of tensors"):
        made(tmp_path / "weights.pth", shape, wide)


def test_weights_of_another_depth_are_refused_with_what_does_not_fit(tmp_path, shape, wide):
    path = written("medicalnet", backbone(resnet50), tmp_path)
    with pytest.raises(RadiogramError, match=r"does not fit the network \(.*layer1\.0\.conv1\.weight\): choose"):
        made(path, shape, wide)


def test_weights_with_more_blocks_than_the_network_are_refused(tmp_path, shape, wide):
    net = backbone()
    more = {**net.state_dict(), "layer1.1.conv1.weight": torch.zeros(64, 64, 3, 3, 3)}
    torch.save(more, tmp_path / "weights.pth")
    with pytest.raises(RadiogramError, match=r"has 1 of no use, the first of all being layer1\.1\.conv1\.weight"):
        made(tmp_path / "weights.pth", shape, wide)


def test_an_absent_file_is_named_with_what_to_give(shape, wide):
    with pytest.raises(RadiogramError, match=r"net, weights: there is no file /nowhere/resnet_10\.pth; give .*random"):
        made("/nowhere/resnet_10.pth", shape, wide)


def test_a_narrow_network_says_which_width_the_weights_need(tmp_path, shape, with_networks):
    path = written("medicalnet", backbone(), tmp_path)
    with pytest.raises(RadiogramError, match=r"networks\.width is 8: set networks\.width to 64"):
        made(path, shape, with_networks(width=8))


def test_an_architecture_without_published_weights_says_which_have_them(tmp_path, shape, wide):
    path = written("medicalnet", backbone(), tmp_path)
    with pytest.raises(RadiogramError, match=r"no weights are published for mresnet: .*resnet10_monai or resnet50"):
        made(path, shape, wide, architecture="mresnet")
