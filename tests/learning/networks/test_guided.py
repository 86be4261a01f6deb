"""Guided cross-modal attention: its formula, its guide, what is missing, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from helpers.errors import RadiogramError
from helpers.learning.networks import build
from helpers.learning.networks.batch import Shape
from helpers.learning.networks.guided import FLOOR, START, Concatenated, Guided, GuidedAttention, statistics
from helpers.learning.networks.tokens import Tokens, guide_share
from helpers.parameters import Network, Pretraining

SHAPE = Shape(("T1c", "FLAIR"), (8, 8, 12), ("age", "sex"), ("dmax",), ("progression",))
INPUTS = ("images", "clinical", "plan")


@pytest.fixture
def parameters(settings):
    sizes = {**settings.pretraining.model_dump(), "patch": 4, "width": 24, "depth": 1, "heads": 4}
    cohort = settings.cohort.model_copy(update={"dose": "DOSE", "target": "TARGET"})
    return settings.model_copy(update={"pretraining": Pretraining.model_validate(sizes), "cohort": cohort})


@pytest.fixture
def net_of(parameters):
    def make(shape=SHAPE, parameters=parameters, **values):
        torch.manual_seed(0)
        network = Network(name="Guided", architecture="transformer", **{"inputs": INPUTS, **values})
        return build.build(network, shape, parameters=parameters).eval()

    return make


@pytest.fixture
def batch(draw_batch):
    """Four cases: the second without FLAIR, the third without its age, the last without a dose."""
    made = draw_batch(SHAPE, missing=[(1, 1)])
    drawn = torch.Generator().manual_seed(1)
    dose = torch.rand(4, *SHAPE.size, generator=drawn)
    known = torch.tensor([[True, True], [True, True], [False, True], [True, True]])
    return replace(
        made,
        dose=dose,
        irradiated=torch.tensor([[True, False]] * 3 + [[False, False]]),
        clinical=torch.randn(4, 2, generator=drawn) * known,
        known=known,
        plan=torch.randn(4, 1, generator=drawn),
        planned=torch.ones(4, 1, dtype=torch.bool),
    )


def test_attention_is_the_published_formula_of_ours():
    """Against numpy, head by head."""
    torch.manual_seed(2)
    attention = GuidedAttention(8, 2, guided=True)
    asking, tokens, guide = torch.randn(1, 3, 8), torch.randn(1, 5, 8), torch.rand(1, 5)
    with torch.no_grad():
        attention.strength.copy_(torch.tensor([0.2, -0.1]))
        found = attention.weights(asking, tokens, torch.ones(1, 5, dtype=torch.bool), guide)[0].numpy()
        query, key = (layer.weight.numpy().T for layer in (attention.query, attention.key))
        beta = attention.beta.numpy()
    for head, part in enumerate((slice(0, 4), slice(4, 8))):
        logits = (asking[0].numpy() @ query)[:, part] @ (tokens[0].numpy() @ key)[:, part].T / 2
        logits = logits + beta[head] * np.log(FLOOR + guide[0].numpy())
        expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found[head], expected, rtol=1e-5)


def test_without_content_attention_follows_the_guide_to_the_power_of_beta():
    attention = GuidedAttention(8, 2, guided=True)
    torch.nn.init.zeros_(attention.query.weight)
    guide = torch.tensor([[0.0, 0.2, 0.5, 1.0]])
    with torch.no_grad():
        found = attention.weights(torch.randn(1, 1, 8), torch.randn(1, 4, 8), torch.ones(1, 4, dtype=torch.bool), guide)
    expected = (FLOOR + guide) ** START
    torch.testing.assert_close(found[0, :, 0], (expected / expected.sum()).expand(2, 4))


def test_beta_starts_small_and_never_gets_negative():
    attention = GuidedAttention(8, 4, guided=True)
    torch.testing.assert_close(attention.beta, torch.full((4,), START))
    with torch.no_grad():
        attention.strength.fill_(-100.0)
    assert (attention.beta >= 0).all()
    assert not GuidedAttention(8, 4, guided=False).beta.any()


def test_what_is_read_out_is_numpys_weighted_mean_and_standard_deviation():
    drawn = np.random.default_rng(0)
    weights, values = drawn.dirichlet(np.ones(7), size=3), drawn.normal(2.0, 1.5, size=(7, 4))
    found = statistics(torch.tensor(weights), torch.tensor(values)).numpy()
    for row, own in zip(found, weights, strict=True):
        mean = np.average(values, axis=0, weights=own)
        deviation = np.sqrt(np.cov(values.T, aweights=own, ddof=0).diagonal())
        np.testing.assert_allclose(row, np.concatenate([mean, deviation]), rtol=1e-4)


def test_the_spread_of_tokens_that_are_all_alike_does_not_break_the_slope():
    values = torch.ones(1, 5, 4, requires_grad=True)
    statistics(torch.full((1, 2, 5), 0.2), values).sum().backward()
    assert values.grad.isfinite().all()


@pytest.mark.parametrize("values", [{"guide": "dose"}, {}, {"combine": "concatenation"}])
def test_patches_that_differ_are_told_from_patches_that_are_all_their_mean(net_of, values):
    """Between attention and the last layer nothing but the spread of the patches changes: texture must not average out."""
    net = net_of(**values)
    tokens = torch.randn(1, 24, 24)
    even = Tokens(tokens.mean(dim=1, keepdim=True).expand(-1, 24, -1), torch.ones(1, 24).bool(), torch.ones(1, 24), ())
    both = torch.zeros(1, 2, 24), torch.zeros(1, 1, 24)
    for layer in getattr(net, "layers", ()):  # attending to all alike, the means agree
        torch.nn.init.zeros_(layer.attention.query.weight)
    with torch.no_grad():
        joined = [net.joined(replace(even, scans=scans, variables=both)) for scans in (tokens, even.scans)]
    assert not torch.allclose(*joined, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("combine", ["attention", "concatenation"])
def test_of_a_lesion_shown_alone_only_its_patches_are_open(parameters, net_of, batch, combine):
    alone = parameters.model_copy(update={"volumes": parameters.volumes.model_copy(update={"outside": "blank"})})
    net = net_of(combine=combine, parameters=alone)
    lesion = torch.zeros_like(batch.lesion)
    lesion[:3, :4, :4, :5] = 1.0  # two patches of twelve; the last case has none drawn, and all of its patches are open
    shown = replace(batch, lesion=lesion)
    tokens = net.branches(shown)
    opened = tokens.opened.unflatten(1, (2, 12))
    assert opened.sum(dim=2).tolist() == [[2, 2], [2, 0], [2, 2], [12, 12]]
    with torch.no_grad():
        elsewhere = torch.where(tokens.opened[..., None], tokens.scans, 9.0)
        torch.testing.assert_close(net.joined(replace(tokens, scans=elsewhere)), net.joined(tokens))
    if combine == "attention":
        rows = net.attention(shown)
        torch.testing.assert_close(rows.sum(dim=-1), torch.ones(4, 4))
        assert not rows[:3, :, 2:].any()


@pytest.mark.slow
@pytest.mark.parametrize("guide", ["none", "dose", "target", "lesion"])
def test_attention_rows_sum_to_1_over_the_patches(net_of, batch, guide):
    net = net_of(guide=guide)
    rows = net.attention(batch)
    assert rows.shape == (4, 4, 2 * 2 * 3) and net.grid == (2, 2, 3)
    assert (rows >= 0).all()
    torch.testing.assert_close(rows.sum(dim=-1), torch.ones(4, 4))


def test_attention_leaves_the_network_as_it_was(net_of, batch):
    net = net_of(guide="dose").train()
    net.attention(batch)
    assert net.training


def test_a_strong_guide_draws_attention_to_its_patches(net_of, batch):
    net = net_of(guide="target")
    target = torch.zeros_like(batch.target)
    target[:, :4, :4, :4] = 1.0
    batch = replace(batch, target=target, irradiated=torch.ones(4, 2, dtype=torch.bool))
    before = net.attention(batch)[..., 0].mean()
    with torch.no_grad():
        for layer in net.layers:
            layer.attention.strength.fill_(1.0)
    assert net.attention(batch)[..., 0].min() > 0.99 > 0.5 > before


def test_a_guide_that_is_the_same_everywhere_guides_nowhere(net_of, batch):
    net = net_of(guide="dose")
    even = replace(batch, dose=torch.full_like(batch.dose, 0.7), irradiated=torch.ones(4, 2, dtype=torch.bool))
    without = replace(batch, irradiated=torch.zeros(4, 2, dtype=torch.bool))
    with torch.no_grad():
        torch.testing.assert_close(net(even), net(without))
        assert not torch.allclose(net(even)[:3], net(batch)[:3])


def test_the_guide_of_a_patch_is_its_mean_and_1_where_there_is_none(batch):
    share = guide_share(batch, "dose", (2, 2, 3)).unflatten(1, (2, 2, 3))
    torch.testing.assert_close(share[0, 1, 0, 2], batch.dose[0, 4:, :4, 8:].mean())
    assert (share[3] == 1).all()


def test_what_is_missing_has_no_say(net_of, batch):
    """Values behind a mask that says "not there" may be anything."""
    changed = replace(
        batch,
        images=batch.images.masked_fill(~batch.present[:, :, None, None, None], 5.0),
        clinical=batch.clinical.masked_fill(~batch.known, 5.0),
        dose=torch.cat([batch.dose[:3], torch.full_like(batch.dose[3:], 3.0)]),
    )
    net = net_of(guide="dose")
    with torch.no_grad():
        torch.testing.assert_close(net(changed), net(batch))


@pytest.mark.parametrize("combine", ["attention", "concatenation"])
def test_a_case_of_which_nothing_is_known_still_gets_a_finite_answer(net_of, batch, combine):
    nothing = {name: torch.zeros_like(getattr(batch, name)) for name in ("present", "known", "planned", "irradiated")}
    net = net_of(combine=combine).train()
    logits = net(replace(batch, **nothing))
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)


def test_every_input_matters_and_only_those_named(net_of, batch):
    others = {"images": "images", "clinical": "clinical", "plan": "plan"}
    for inputs in (INPUTS, ("images",), ("clinical", "plan"), ("clinical",)):
        net = net_of(inputs=inputs)
        with torch.no_grad():
            for kind, field in others.items():
                changed = net(replace(batch, **{field: getattr(batch, field).flip(0)}))
                assert torch.equal(changed, net(batch)) == (kind not in inputs)


def test_modality_dropout_hides_each_kind_from_its_share_and_never_all(net_of, draw_batch):
    net, many = net_of(), draw_batch(SHAPE, 600)
    many = replace(many, known=torch.ones(600, 2, dtype=torch.bool), planned=torch.ones(600, 1, dtype=torch.bool))
    torch.manual_seed(4)
    seen = net.branches._hide(many)
    there = torch.stack([mask.any(dim=1) for mask in (seen.present, seen.known, seen.planned)])
    assert there.any(dim=0).all()
    assert torch.allclose(there.float().mean(dim=1), torch.tensor(0.8), atol=0.06)


def test_dropout_follows_the_seed_and_ends_with_training(net_of, batch):
    net = net_of(guide="dose")

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return net.train()(batch)

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))
    assert torch.equal(net.eval()(batch), net(batch))


def test_the_encoder_is_the_trunk_only_where_it_starts_from_given_weights(net_of):
    encoder = {p.shape for p in net_of().branches.images.encoder.parameters()}
    assert net_of().trunk() == []
    assert {p.shape for p in net_of(weights="pretrained").trunk()} == encoder
    assert net_of(weights="pretrained", inputs=("clinical",)).trunk() == []


def test_each_endpoint_has_a_logit_and_where_there_are_several_a_variance(net_of, batch, draw_batch):
    two = replace(SHAPE, endpoints=("a", "b"))
    net = net_of(shape=two)
    assert net(batch).shape == (4, 2) and net.uncertainty.shape == (2,)
    assert net_of().uncertainty is None
    assert net.features(batch).shape == (4, 24)


def test_layers_from_the_top_cover_all_but_what_is_drawn_once(net_of):
    net = net_of(guide="dose")
    names = [name for name, _ in net.layers_from_the_top()]
    assert names[0] == "head" and names[-2:] == ["encoder block 1", "patches"]
    covered = {id(p) for _, block in net.layers_from_the_top() for p in block.parameters()}
    left = {name for name, p in net.named_parameters() if id(p) not in covered}
    assert all(
        name.rsplit(".", 1)[0].endswith("norm") or name.split(".")[-1] in ("kind", "unknown", "summary")
        for name in left
    )


def test_the_fusion_is_as_wide_as_the_encoder_up_to_256(parameters):
    sizes = {**parameters.pretraining.model_dump(), "width": 360, "heads": 12}
    wide = parameters.model_copy(update={"pretraining": Pretraining.model_validate(sizes)})
    net = build.build(Network(name="Wide", architecture="transformer"), SHAPE, parameters=wide)
    assert net.branches.width == 256 and net.layers[0].attention.heads == 8


def test_a_concatenation_is_the_late_fusion(net_of):
    assert isinstance(net_of(combine="concatenation"), Concatenated) and isinstance(net_of(), Guided)


@pytest.mark.parametrize(
    ("values", "shape", "words"),
    [
        ({}, replace(SHAPE, clinical=()), "cohort.clinical names no variable"),
        ({}, replace(SHAPE, plan=()), "no number of a plan"),
        ({"inputs": ("clinical",), "guide": "dose"}, SHAPE, "do not name"),
        ({"combine": "concatenation", "guide": "dose"}, SHAPE, "nothing that could be guided"),
        ({"weights": "resnet.pth"}, SHAPE, "random or pretrained"),
        ({}, replace(SHAPE, size=(8, 8, 10)), "pretraining.patch"),
    ],
)
def test_what_a_study_does_not_have_is_refused_in_a_sentence(net_of, values, shape, words):
    with pytest.raises(RadiogramError, match=words):
        net_of(shape=shape, **values)


def test_a_guide_without_its_column_is_refused(parameters):
    cohort = parameters.cohort.model_copy(update={"dose": None})
    without = parameters.model_copy(update={"cohort": cohort})
    network = Network(name="Guided", architecture="transformer", guide="dose")
    with pytest.raises(RadiogramError, match="cohort.dose names no column"):
        build.build(network, SHAPE, parameters=without)


def test_an_unknown_guide_is_refused():
    with pytest.raises(ValidationError):
        Network(name="Guided", architecture="transformer", guide="tumor")
