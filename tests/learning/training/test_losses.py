"""The loss: the published formulas, and unknown labels that nobody looks at."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from helpers.errors import RadiogramError
from helpers.learning.training.losses import Objective, objective, prior_shift

EVEN = Objective(torch.ones(2, 2), focal=False)
FOCAL = Objective(torch.ones(2, 2), focal=True)


def batch(n=12, endpoints=2, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, endpoints, generator=drawn)
    labels = (torch.rand(n, endpoints, generator=drawn) < 0.4).float()
    labeled = torch.rand(n, endpoints, generator=drawn) < 0.7
    return logits, labels, labeled


@pytest.mark.parametrize("made", [EVEN, FOCAL, Objective(torch.tensor([[0.6, 3.0], [1.0, 1.0]]), focal=False)])
def test_what_stands_in_the_place_of_an_unknown_label_changes_neither_loss_nor_gradient(made):
    logits, labels, labeled = batch()
    found = []
    for stand_in in (0.0, 1.0, float("nan")):
        given = logits.clone().requires_grad_()
        loss = made(given, torch.where(labeled, labels, torch.tensor(stand_in)), labeled)
        loss.backward()
        found.append((loss.item(), given.grad))
    assert len({loss for loss, _ in found}) == 1
    for _, gradient in found:
        assert torch.equal(gradient, found[0][1])
        assert (gradient[~labeled] == 0).all() and gradient[labeled].abs().min() > 0


def test_the_loss_of_known_labels_is_the_cross_entropy_of_those_alone():
    logits, labels, labeled = batch()
    each = [
        functional.binary_cross_entropy_with_logits(logits[labeled[:, k], k], labels[labeled[:, k], k]) for k in (0, 1)
    ]
    assert EVEN(logits, labels, labeled).item() == pytest.approx(float(sum(each) / 2), rel=1e-6)


def test_an_endpoint_without_any_label_is_left_out_and_none_at_all_is_zero():
    logits, labels, labeled = batch()
    labeled[:, 1] = False
    alone = functional.binary_cross_entropy_with_logits(logits[labeled[:, 0], 0], labels[labeled[:, 0], 0])
    uncertainty = torch.tensor([0.0, 5.0])
    assert EVEN(logits, labels, labeled, uncertainty=uncertainty).item() == pytest.approx(float(alone), rel=1e-6)
    nothing = EVEN(logits.requires_grad_(), labels, torch.zeros_like(labeled))
    nothing.backward()
    assert nothing.item() == 0 and (logits.grad == 0).all()


@pytest.mark.parametrize(("logit", "label"), [(0.0, 1), (2.0, 1), (-3.0, 1), (1.5, 0)])
def test_the_focal_loss_is_that_of_lin(logit, label):
    right = 1 / (1 + math.exp(-logit))
    right = right if label else 1 - right
    found = FOCAL(torch.full((1, 2), logit), torch.full((1, 2), float(label)), torch.ones(1, 2, dtype=torch.bool))
    assert found.item() == pytest.approx(-((1 - right) ** 2) * math.log(right), rel=1e-5)


def test_uncertainty_weighs_endpoints_as_the_classification_likelihood_of_kendall():
    logits, labels, labeled = batch()
    losses, _ = EVEN.by_endpoint(logits, labels, labeled)
    variances = torch.tensor([0.5, 2.0])  # sigma squared
    expected = (losses / variances + variances.sqrt().log()).mean()
    assert EVEN(logits, labels, labeled, uncertainty=variances.log()).item() == pytest.approx(expected.item(), rel=1e-6)


def test_weights_make_both_classes_count_the_same_in_all():
    labels = np.array([[1, 0], [0, 1], [0, np.nan], [0, 1], [0, 1.0]])
    made = objective(labels, imbalance="weights", endpoints=("a", "b"))
    for column, (without, events) in zip(labels.T, made.weights.numpy(), strict=True):
        assert (column == 0).sum() * without == pytest.approx((column == 1).sum() * events)
        assert np.nansum(np.where(column == 1, events, np.where(column == 0, without, np.nan))) == pytest.approx(
            np.isfinite(column).sum()
        )


def test_the_prior_shift_gives_a_weighted_constant_back_the_frequency_of_the_class():
    """The constant that minimizes a balanced loss is 0; shifted, it is the log odds of the training rows."""
    labels = np.repeat([[1.0], [0.0]], [7, 33], axis=0)
    made = objective(labels, imbalance="weights", endpoints=("a",))
    constant = torch.zeros(1, requires_grad=True)
    known = torch.ones(40, 1, dtype=torch.bool)
    made(constant.expand(40, 1), torch.tensor(labels), known).backward()
    assert constant.grad.item() == pytest.approx(0, abs=1e-6)
    assert prior_shift(made) == pytest.approx([math.log(7 / 33)], rel=1e-6)
    assert prior_shift(objective(labels, imbalance="focal", endpoints=("a",))) == pytest.approx([0.0])


def test_one_class_alone_is_refused():
    with pytest.raises(RadiogramError, match="Endpoint b has 0 training cases with it and 3 without"):
        objective(np.array([[1, 0], [0, 0], [1, 0.0]]), imbalance="none", endpoints=("a", "b"))
