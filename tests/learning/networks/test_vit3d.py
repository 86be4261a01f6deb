from __future__ import annotations

import pytest
import torch
from torch import nn

from helpers.errors import RadiogramError
from helpers.learning.networks.vit3d import Block, Completion, Encoder, Restoration, factors, patches, positions
from helpers.learning.pretraining.examples import unpatched

SIZE = (8, 12, 16)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Encoder(SIZE, 4, 24, 2, 3).eval()


def volume(n=2):
    return torch.randn(n, 1, *SIZE, generator=torch.Generator().manual_seed(1))


def test_a_token_stands_for_each_patch_along_z_y_and_x(encoder):
    assert encoder.grid == (2, 3, 4)
    assert encoder.tokens(volume()).shape == (2, 24, 24)
    assert encoder(volume()).shape == (2, 24)


def test_the_blocks_of_the_base_size_hold_the_85_million_parameters_of_the_paper():
    with torch.device("meta"):
        base = Encoder((96, 96, 96), 16, 768, 12, 12)
    assert sum(p.numel() for p in base.blocks.parameters()) == 12 * 7_087_872  # ViT-B, Dosovitskiy et al. 2021
    assert base.grid == (6, 6, 6)


def test_patches_are_what_a_convolution_of_that_stride_sees():
    linear = nn.Linear(64, 5)
    convolution = nn.Conv3d(1, 5, 4, stride=4)
    convolution.weight.data = linear.weight.data.reshape(5, 1, 4, 4, 4)
    convolution.bias.data = linear.bias.data
    seen = convolution(volume()).flatten(2).transpose(1, 2)
    torch.testing.assert_close(linear(patches(volume(), 4)), seen)


def test_patches_put_together_are_the_image():
    torch.testing.assert_close(unpatched(patches(volume(), 4), (2, 3, 4)), volume())


def test_attention_is_that_of_torch():
    torch.manual_seed(0)
    block, reference = Block(24, 3), nn.MultiheadAttention(24, 3, batch_first=True)
    reference.in_proj_weight.data, reference.in_proj_bias.data = (
        block.query_key_value.weight,
        block.query_key_value.bias,
    )
    reference.out_proj.weight.data, reference.out_proj.bias.data = block.merge.weight, block.merge.bias
    tokens = torch.randn(2, 7, 24)
    expected, _ = reference(tokens, tokens, tokens)
    torch.testing.assert_close(block._attention(tokens), expected)


def test_patches_that_are_hidden_change_nothing(encoder):
    kept = torch.tensor([[0, 5, 9], [1, 2, 23]])
    other = unpatched(patches(volume(), 4).clone().index_fill_(1, torch.tensor([11, 17]), 9.0), (2, 3, 4))
    torch.testing.assert_close(encoder.tokens(other, kept=kept), encoder.tokens(volume(), kept=kept))


def test_every_patch_kept_is_the_whole_image(encoder):
    order = torch.stack([torch.randperm(24), torch.randperm(24)])
    whole = encoder.tokens(volume()).gather(1, order[..., None].expand(-1, -1, 24))
    torch.testing.assert_close(encoder.tokens(volume(), kept=order), whole)


@pytest.mark.parametrize("width", [24, 28, 6])
def test_no_two_patches_share_a_position(width):
    found = positions((2, 3, 4), width)
    assert found.shape == (24, width)
    assert len(torch.unique(found, dim=0)) == 24


def test_decoders_give_an_image_and_its_patches(encoder):
    assert Restoration(encoder)(encoder.tokens(volume())).shape == (2, 1, *SIZE)
    kept = torch.tensor([[0, 5, 9], [1, 2, 23]])
    assert Completion(encoder, heads=3)(encoder.tokens(volume(), kept=kept), kept=kept).shape == (2, 24, 64)


def test_a_restored_patch_follows_from_its_own_token_alone(encoder):
    restore = Restoration(encoder)
    tokens = encoder.tokens(volume()).detach()
    changed = tokens.clone()
    changed[:, 7] += 1.0
    moved = patches(restore(changed) - restore(tokens), 4).abs().amax(dim=(0, 2)) > 1e-6
    assert moved.nonzero().flatten().tolist() == [7]


@pytest.mark.parametrize(("patch", "steps"), [(16, (4, 4)), (8, (4, 2)), (7, (7, 1)), (1, (1, 1))])
def test_the_steps_of_the_restoration_make_up_the_patch(patch, steps):
    assert factors(patch) == steps


def test_the_same_seed_draws_the_same_weights():
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(Encoder(SIZE, 4, 24, 1, 3)(volume()))
    assert torch.equal(*made)


@pytest.mark.parametrize(
    ("sizes", "named"), [((SIZE, 5, 24, 1, 3), "pretraining.patch"), ((SIZE, 4, 25, 1, 3), "pretraining.heads")]
)
def test_sizes_that_do_not_fit_are_refused_by_the_name_of_the_parameter(sizes, named):
    with pytest.raises(RadiogramError, match=named):
        Encoder(*sizes)
