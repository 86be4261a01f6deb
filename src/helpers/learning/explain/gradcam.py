"""Grad-CAM in two and three dimensions: which places of a layer speak for the network's call.

Selvaraju et al. 2017 (doi 10.1109/ICCV.2017.74): the channels of a layer are added, each weighted by the mean gradient
of the logit over the layer's places, and what speaks against the call is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.errors import RadiogramError
from helpers.learning.explain import fields
from helpers.learning.networks.batch import Batch
from helpers.learning.networks.network import Net


def grad_cam(net: Net, batch: Batch, *, endpoint: int, sign: Tensor) -> Tensor:
    """Grad-CAM of n cases on their volumes, (n, z, y, x), not negative; 0 where the layer saw nothing that speaks for the call.

    sign: (n,), 1 for a positive call and -1 for a negative one, whose map shows what speaks against the endpoint.
    Every part that went through the layer (a sequence, a slice) has its own weights; the parts' maps are added, each where
    its part lies. The network must be in evaluation mode. Raises RadiogramError for a network without such a layer.
    """
    layer = net.explained()
    if layer is None:
        raise RadiogramError("This network has no layer of channels that Grad-CAM could weigh.")
    activations, gradients = _through(net, layer, batch, endpoint=endpoint, sign=sign)
    maps = [_weighted(a, g, cases=len(batch)) for a, g in zip(activations, gradients, strict=True)]
    return fields.on_volume(net, torch.cat(maps, dim=1), batch)


def _through(
    net: Net, layer: nn.Module, batch: Batch, *, endpoint: int, sign: Tensor
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Outputs of the layer, one a call, and the gradients of the summed logits by them."""
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _given: object, output: Tensor) -> Tensor:
        # A trunk that is frozen has no gradient of its own; the copy keeps the values from a later layer's in-place work.
        kept = output if output.requires_grad else output.detach().requires_grad_()
        outputs.append(kept)
        return kept.clone()

    handle = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = net(batch)
            total = (logits[:, endpoint] * sign.to(logits)).sum()
            gradients = torch.autograd.grad(total, outputs, allow_unused=True)
    finally:
        handle.remove()
    pairs = list(zip(outputs, gradients, strict=True))
    return [o.detach() for o in outputs], [torch.zeros_like(o) if g is None else g for o, g in pairs]


def _weighted(activation: Tensor, gradient: Tensor, *, cases: int) -> Tensor:
    """(cases x parts, channels, [z,] y, x) -> (cases, parts, [z,] y, x): channels added by mean gradient, cut off at 0."""
    if len(activation) % cases or activation.ndim not in (4, 5):
        shape = tuple(activation.shape)
        raise RadiogramError(f"Grad-CAM needs a layer of (cases x parts, channels, [z,] y, x), not one of {shape}.")
    weights = gradient.flatten(2).mean(-1).reshape(*gradient.shape[:2], *[1] * (gradient.ndim - 2))
    maps = (weights * activation).sum(1).clamp_min(0).detach()
    return maps.reshape(cases, -1, *maps.shape[1:])
