"""The network of slices: its size, what its attention sees, and that what is missing changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch

from helpers.errors import RadiogramError
from helpers.learning.networks import convnext
from helpers.learning.networks.batch import Shape
from helpers.learning.networks.scaling import Scaling
from helpers.parameters import Network

SHAPE = Shape(("T2", "FLAIR", "T1c"), (12, 32, 32), (), (), ("idh", "ki67"))
NET = Network(name="multitask", architecture="convnext")


@pytest.fixture
def net(settings):
    torch.manual_seed(0)
    return convnext.build(NET, SHAPE, parameters=settings).eval()


def ball(batch, *, low=3, high=9):
    lesion = torch.zeros_like(batch.lesion)
    lesion[:, low:high, 8:24, 8:24] = 1
    return replace(batch, lesion=lesion)


def test_convnext_tiny_has_the_published_number_of_parameters(with_networks):
    built = convnext.build(NET, replace_size((3, 224, 224)), parameters=with_networks(backbone="convnext_tiny"))
    counted = sum(p.numel() for p in built.trunk_net.parameters())
    classifier = 768 * 1000 + 1000  # of ImageNet's classes, which is not built
    assert counted + classifier == 28_589_128
    assert built.trunk_net.num_features == 768 and convnext.stride((3, 224, 224)) == 32


def replace_size(size):
    return Shape(SHAPE.sequences, size, (), (), SHAPE.endpoints)


def test_a_logit_an_endpoint_from_a_shared_vector_of_256(net, draw_batch):
    batch = ball(draw_batch(SHAPE))
    assert net(batch).shape == (4, 2) and net.features(batch).shape == (4, 256)
    assert net.uncertainty.shape == (2,) and any(p is net.uncertainty for p in net.parameters())


def test_a_single_task_has_no_uncertainty(settings):
    single = convnext.build(NET, Shape(("T2",), (12, 32, 32), (), (), ("idh",)), parameters=settings)
    assert single.uncertainty is None


def test_attention_sums_to_one_and_a_missing_sequence_has_none(net, draw_batch):
    batch = ball(draw_batch(SHAPE, missing=[(0, 1), (2, 0), (2, 2)]))
    slices, sequences = net.attention(batch)
    torch.testing.assert_close(slices.sum(-1), torch.ones(4, 3))
    torch.testing.assert_close(sequences.sum(-1), torch.ones(4))
    assert (sequences[~batch.present] == 0).all() and (sequences[batch.present] > 0).all()


def test_what_stands_where_a_sequence_is_missing_changes_nothing(net, draw_batch):
    batch = ball(draw_batch(SHAPE, missing=[(0, 1)]))
    images = batch.images.clone()
    images[0, 1] = 1e3
    assert torch.equal(net(batch), net(replace(batch, images=images)))


def test_a_case_without_any_sequence_gives_finite_numbers_and_gradients(settings, draw_batch):
    torch.manual_seed(0)
    net = convnext.build(NET, SHAPE, parameters=settings).train()
    batch = ball(draw_batch(SHAPE, missing=[(1, 0), (1, 1), (1, 2)]))
    net(batch).square().sum().backward()
    assert (net.features(batch)[1] == 0).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_a_network_reads_only_the_sequences_it_names(settings, draw_batch):
    one = Network(name="one", architecture="convnext", sequences=("FLAIR",))
    net = convnext.build(one, SHAPE, parameters=settings).eval()
    batch = ball(draw_batch(SHAPE))
    images = batch.images.clone()
    images[:, [0, 2]] += 5
    assert torch.equal(net(batch), net(replace(batch, images=images)))


def test_a_case_is_scored_alike_whoever_shares_its_batch(net, draw_batch):
    batch = ball(draw_batch(SHAPE))
    alone = torch.cat([net(batch.take(torch.tensor([i]))) for i in range(4)])
    torch.testing.assert_close(net(batch), alone, rtol=1e-4, atol=1e-5)


def test_each_stack_stands_for_an_equal_share_of_the_lesion():
    lesion = torch.zeros(2, 20, 4, 4)
    lesion[0, 4:16] = 1
    lesion[1, 10:12] = 1
    assert convnext.positions(lesion, 3).tolist() == [[5, 9, 13], [10, 10, 11]]
    assert convnext.positions(torch.zeros(1, 20, 4, 4), 2).tolist() == [[4, 14]]


def test_a_stack_is_a_slice_between_its_neighbors_and_the_edge_stands_in_for_itself():
    images = torch.arange(2 * 3 * 5.0).reshape(2, 3, 5, 1, 1)
    cut = convnext.stacks(images, torch.tensor([[0, 2], [4, 4]]))
    assert cut.shape == (2, 3, 2, 3, 1, 1)
    np.testing.assert_array_equal(cut[0, 1, :, :, 0, 0], [[5, 5, 6], [6, 7, 8]])
    np.testing.assert_array_equal(cut[1, 2, 0, :, 0, 0], [28, 29, 29])


@pytest.mark.parametrize(
    ("pixels", "stride", "stage"), [(16, 8, 0), (32, 16, 1), (64, 32, 2), (96, 32, 2), (224, 32, 3)]
)
def test_maps_keep_places_on_small_slices(settings, draw_batch, pixels, stride, stage):
    size = (4, pixels, pixels)
    assert (convnext.stride(size), convnext.explained_stage(size)) == (stride, stage)
    net, kept = convnext.build(NET, replace_size(size), parameters=settings).eval(), []
    net.explained().register_forward_hook(lambda _m, _i, output: kept.append(output.shape))
    net(draw_batch(replace_size(size), n=1))
    assert kept[0][0] == 3 * 3 and min(kept[0][2:]) >= 4


def test_layers_from_the_top_are_all_that_learns_but_the_norm_and_the_uncertainty(net):
    named = [id(p) for _, layer in net.layers_from_the_top() for p in layer.parameters()]
    assert len(named) == len(set(named))
    rest = {name for name, p in net.named_parameters() if id(p) not in set(named)}
    assert {name.split(".")[0] for name in rest} <= {"log_variances", "shared", "trunk_net"}
    assert net.layers_from_the_top()[0][0] == "heads" and net.layers_from_the_top()[-1][0] == "stem"


def test_a_sequences_units_do_not_matter_once_training_images_were_seen(draw_batch):
    scaling, batch = Scaling(3), draw_batch(SHAPE, n=6, missing=[(0, 2)])
    units = torch.tensor([1.0, 300.0, 0.01])[None, :, None, None, None]
    images = (batch.images * units + 4 * units) * batch.present[..., None, None, None]
    for i in range(0, 6, 2):
        scaling(images[i : i + 2], batch.present[i : i + 2])
    found = scaling.eval()(images, batch.present)
    assert (found[0, 2] == 0).all()
    for s in range(3):
        own = found[batch.present[:, s], s]
        assert own.mean().abs() < 1e-4 and (own.std() - 1).abs() < 1e-3
    assert torch.equal(found, scaling(images, batch.present))  # nothing is learned outside training


@pytest.mark.parametrize("layout", ["timm", "torchvision", "facebook"])
def test_weights_of_every_layout_fill_the_trunk_and_learn_slowly(settings, tmp_path, layout):
    torch.manual_seed(1)
    given = timm.create_model("test_convnext", num_classes=0).state_dict()
    path = tmp_path / "weights.pth"
    torch.save(LAYOUTS[layout](given), path)
    net = convnext.build(NET.model_copy(update={"weights": str(path)}), SHAPE, parameters=settings)
    filled = net.trunk_net.state_dict()
    assert all(torch.equal(filled[name], tensor) for name, tensor in given.items())
    assert len(net.trunk()) == len(list(net.trunk_net.parameters()))


def test_random_weights_are_no_trunk(net):
    assert net.trunk() == []


def _torchvision(state):
    names = {"conv_dw": "block.0", "norm": "block.2", "mlp.fc1": "block.3", "mlp.fc2": "block.5"}
    told = {}
    for name, tensor in state.items():
        group, _, rest = name.partition(".")
        if group == "stem":
            told[f"features.0.{rest}"] = tensor
        elif group == "head":
            told[f"classifier.0.{rest.removeprefix('norm.')}"] = tensor
        else:
            stage, kind, index, tail = rest.split(".", 3)
            if kind == "downsample":
                told[f"features.{2 * int(stage)}.{index}.{tail}"] = tensor
            elif tail == "gamma":
                told[f"features.{2 * int(stage) + 1}.{index}.layer_scale"] = tensor[:, None, None]
            else:
                old = next(k for k in names if tail.startswith(k))
                told[f"features.{2 * int(stage) + 1}.{index}.{names[old]}{tail.removeprefix(old)}"] = tensor
    return told


def _facebook(state):
    names = {"conv_dw": "dwconv", "mlp.fc1": "pwconv1", "mlp.fc2": "pwconv2"}
    told = {}
    for name, tensor in state.items():
        if name.startswith("stem."):
            name = f"downsample_layers.0.{name.removeprefix('stem.')}"
        elif ".downsample." in name:
            _, stage, _, rest = name.split(".", 3)
            name = f"downsample_layers.{stage}.{rest}"
        else:
            name = name.replace(".blocks", "").replace("head.norm", "norm")
            for ours, theirs in names.items():
                name = name.replace(ours, theirs)
        told[name] = tensor
    return {"model": told}


LAYOUTS = {"timm": dict, "torchvision": _torchvision, "facebook": _facebook}


class Harmful:
    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (Harmful(), "cannot be opened as weights"),
        ({"conv1.weight": torch.zeros(3)}, "does not fit the backbone"),
    ],
)
def test_weights_that_would_run_code_or_do_not_fit_are_refused_for_this_network(
    settings, tmp_path, capsys, state, sentence
):
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    with pytest.raises(RadiogramError, match=f"^networks.models, multitask, weights: .*{sentence}"):
        convnext.build(NET.model_copy(update={"weights": str(path)}), SHAPE, parameters=settings)
    assert "ran" not in capsys.readouterr().out


def test_another_architecture_as_backbone_or_other_inputs_are_told(settings, with_networks):
    with pytest.raises(RadiogramError, match="networks.backbone: resnet18 is no ConvNeXt"):
        convnext.build(NET, SHAPE, parameters=with_networks(backbone="resnet18"))
    with pytest.raises(RadiogramError, match="a convnext reads images alone"):
        convnext.build(NET.model_copy(update={"inputs": ("images", "clinical")}), SHAPE, parameters=settings)
