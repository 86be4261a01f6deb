"""Early and late fusion of sequences: what is missing is not read, attention sums to one, and rows are what they say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from helpers.errors import RadiogramError
from helpers.learning.networks.batch import Shape
from helpers.learning.networks.build import ENCODERS, build, record
from helpers.parameters import Network
from helpers.tables import DECLARED

FUSIONS = ("early", "late")


def made(shape, parameters, *, seed=0, **values):
    torch.manual_seed(seed)
    return build(Network(**{"name": "net", "architecture": "resnet10", **values}), shape, parameters=parameters)


@pytest.fixture
def narrow(with_networks):
    return with_networks(width=4, dropout=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("architecture", ENCODERS)
def test_every_architecture_gives_a_logit_an_endpoint_with_and_without_a_sequence(
    architecture, fusion, narrow, shape, draw_batch
):
    two = replace(shape, endpoints=("idh", "ki67"))
    net = made(two, narrow, architecture=architecture, fusion=fusion)
    batch = draw_batch(two, missing=[(0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)])
    logits = net.train()(batch)
    logits.sum().backward()
    assert logits.shape == (4, 2) and torch.isfinite(logits).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)
    assert torch.isfinite(net.eval()(batch)).all()
    assert net.features(batch).shape[0] == 4


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("training", [True, False])
def test_what_stands_where_a_sequence_is_missing_is_not_read(fusion, training, narrow, shape, draw_batch):
    net = made(shape, narrow, fusion=fusion).train(training)
    batch = draw_batch(shape, missing=[(0, 1), (2, 0)])
    other = replace(batch, images=batch.images.clone())
    other.images[0, 1] = float("nan")
    other.images[2, 0] = 1e6
    assert torch.equal(net(batch), net(other))


def test_attention_over_sequences_sums_to_one_and_leaves_out_the_missing(narrow, shape, draw_batch):
    net = made(shape, narrow, fusion="late").eval()
    batch = draw_batch(shape, missing=[(0, 1), (1, 0), (1, 2)])
    weights = net.attention(batch)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))
    assert (weights[~batch.present] == 0).all() and (weights[batch.present] > 0).all()
    assert weights[1, 1] == 1


def test_a_missing_sequence_does_not_spoil_what_late_fusion_learns_of_intensities(narrow, shape, draw_batch):
    def statistics(batch):
        net = made(shape, narrow, fusion="late").train()
        net(batch)
        return net.encoder.bn1.running_mean

    missing = draw_batch(shape, n=4, missing=[(3, 0), (3, 1), (3, 2)])
    torch.testing.assert_close(statistics(missing), statistics(missing.take(torch.tensor([0, 1, 2]))))


def test_late_fusion_shares_one_encoder_of_one_channel_and_early_has_a_channel_a_sequence(narrow, shape):
    assert made(shape, narrow, fusion="late").encoder.conv1.in_channels == 1
    assert made(shape, narrow, fusion="early").encoder.conv1.in_channels == 3


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_network_of_one_sequence_reads_no_other(fusion, narrow, shape, draw_batch):
    net = made(shape, narrow, sequences=("T1c",), fusion=fusion).eval()
    batch = draw_batch(shape)
    other = replace(batch, images=batch.images.clone())
    other.images[:, :2] = 7
    assert torch.equal(net(batch), net(other))
    other.images[:, 2] = 7
    assert not torch.equal(net(batch), net(other))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_in_evaluation_a_case_gets_the_same_logit_whatever_its_batch(fusion, narrow, shape, draw_batch):
    net = made(shape, narrow, fusion=fusion).eval()
    batch = draw_batch(shape, missing=[(1, 0)])
    alone = torch.cat([net(batch.take(torch.tensor([i]))) for i in range(4)])
    torch.testing.assert_close(net(batch), alone, rtol=1e-4, atol=1e-5)


def test_several_endpoints_get_a_learned_variance_each_and_one_has_none(narrow, shape):
    several = made(replace(shape, endpoints=("idh", "ki67")), narrow)
    assert several.uncertainty.shape == (2,) and any(p is several.uncertainty for p in several.parameters())
    assert made(shape, narrow).uncertainty is None


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("architecture", ENCODERS)
def test_layers_from_the_top_hold_every_weight_and_begin_with_the_head(architecture, fusion, narrow, shape):
    net = made(shape, narrow, architecture=architecture, fusion=fusion)
    layers = net.layers_from_the_top()
    held = sorted(id(p) for _, layer in layers for p in layer.parameters())
    assert held == sorted({id(p) for p in net.parameters()})
    assert layers[0][0] == "head"


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_explained_layer_has_a_map_a_case_or_a_map_a_case_and_sequence(fusion, narrow, shape, draw_batch):
    net = made(shape, narrow, fusion=fusion).eval()
    found = []
    net.explained().register_forward_hook(lambda _module, _inputs, output: found.append(output.shape))
    net(draw_batch(shape, missing=[(0, 1)]))
    assert found == [((4 if fusion == "early" else 12), 32, 2, 2, 2)]


def test_the_record_is_a_row_of_architectures_and_counts_what_learns(narrow, shape):
    net = made(shape, narrow)
    row = record(Network(name="net", architecture="resnet10"), net, shape, parameters=narrow)
    assert set(row) == set(DECLARED["architectures"].names)
    assert row["parameters"] == row["trained"] == sum(p.numel() for p in net.parameters())
    assert row["inputs"] == "T1, T2, T1c (early fusion), 16 x 16 x 16 voxels"
    assert (row["weights"], row["sha256"], row["license"]) == ("random", "", "")
    assert "MedicalNet" in row["definition"] and "4 channels after the first layer" in row["definition"]


def test_a_sequence_that_the_study_lacks_is_named(narrow, shape):
    with pytest.raises(RadiogramError, match=r"networks\.models, net, sequences: FLAIR is not among .*T1, T2, T1c"):
        made(shape, narrow, sequences=("FLAIR",))


@pytest.mark.parametrize(
    "values, what", [({"inputs": ("images", "clinical")}, "inputs"), ({"guide": "lesion"}, "guide")]
)
def test_a_network_of_images_alone_refuses_other_inputs_and_guides(values, what, narrow, shape):
    with pytest.raises(RadiogramError, match=rf"networks\.models, net, {what}: .*architecture transformer"):
        made(shape, narrow, **values)


@pytest.mark.slow
def test_a_late_network_learns_which_sequence_carries_the_signal(narrow, draw_batch):
    shape = Shape(("T1", "T1c"), (8, 8, 8), (), (), ("necrosis",))
    net = made(shape, narrow, fusion="late").train()
    batch = draw_batch(shape, n=24)
    truth = (torch.arange(24) % 2).float()
    batch.images[:, 1, 2:6, 2:6, 2:6] += 2 * (2 * truth - 1)[:, None, None, None]
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(net(batch).squeeze(1), truth).backward()
        optimizer.step()
    logits = net.eval()(batch).squeeze(1)
    assert logits[truth == 1].min() > logits[truth == 0].max()


@pytest.mark.slow
def test_building_a_network_imports_no_library_that_it_does_not_use():
    code = (
        "import sys; from helpers.learning.networks import build; "
        "print([m for m in ('monai', 'timm', 'lightning', 'shap') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
