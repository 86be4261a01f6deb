"""The methods of saliency, by name: what a network looked at in a case, on the case's volume."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from helpers.learning.explain import fields
from helpers.learning.explain.gradcam import grad_cam
from helpers.learning.networks.batch import Batch
from helpers.learning.networks.network import Net

GRAD_CAM, ATTENTION, INTEGRATED = "Grad-CAM", "attention", "integrated gradients"
STEPS = 6  # of the way from the empty image to the case's
BLOCK = 3  # voxels along each side of the mean that integrated gradients are shown as


@dataclass(frozen=True)
class Saliency:
    """Maps of n cases, (n, z, y, x): not negative, adding up to 1 a case or 0 where a map says nothing; and what was seen.

    field: (n, z, y, x) bool, the voxels that the network was given: a network of slices sees few of them.
    """

    values: Tensor
    field: Tensor


def methods(net: Net) -> tuple[str, ...]:
    """The methods that a network of images is explained by: Grad-CAM or, of transformers, attention; and integrated gradients."""
    if net.explained() is not None:
        return GRAD_CAM, INTEGRATED
    return (ATTENTION, INTEGRATED) if hasattr(net, "grid") else (INTEGRATED,)


def saliency(net: Net, batch: Batch, *, method: str, endpoint: int, sign: Tensor) -> Saliency:
    """Maps of the cases by one of `methods(net)`, for the network in evaluation mode.

    endpoint: position of the endpoint among the network's; sign: (n,), 1 for a positive call and -1 for a negative one.
    """
    if method == GRAD_CAM:
        found = grad_cam(net, batch, endpoint=endpoint, sign=sign)
    elif method == ATTENTION:
        found = attention(net, batch)
    else:
        found = change(integrated_gradients(net, batch, endpoint=endpoint))
    return Saliency(_to_one(found), fields.seen(net, batch))


def integrated_gradients(net: Net, batch: Batch, *, endpoint: int, steps: int = STEPS) -> Tensor:
    """What each voxel adds to the logit against images of 0 (n, sequences, z, y, x); it adds up to the difference of the two.

    Sundararajan et al. 2017 (arXiv 1703.01365): the gradient, averaged over `steps` images on the straight way from 0, which
    is the mean of a standardized image, to the case's, times the image.
    """
    total = torch.zeros_like(batch.images)
    for step in range(steps):
        images = (batch.images * ((step + 0.5) / steps)).detach().requires_grad_()
        with torch.enable_grad():
            logits = net(replace(batch, images=images))
            (slopes,) = torch.autograd.grad(logits[:, endpoint].sum(), images)
        total += slopes
    return total * batch.images / steps


def change(attributions: Tensor) -> Tensor:
    """How far voxels and their neighbors move the logit, either way, sequences added: (n, sequences, z, y, x) -> (n, z, y, x).

    The absolute mean over blocks of 3 x 3 x 3 voxels, which is ours: single voxels of integrated gradients are noise.
    """
    added = attributions.sum(1, keepdim=True)
    return functional.avg_pool3d(added, BLOCK, stride=1, padding=BLOCK // 2, count_include_pad=False)[:, 0].abs()


def attention(net: Net, batch: Batch) -> Tensor:
    """What the summary token attends to, mean of heads, sequences added, brought to the volume: (n, z, y, x).

    It tells where the network looked, not what for (Jain & Wallace 2019, doi 10.18653/v1/N19-1357).
    """
    with torch.no_grad():
        rows = net.attention(batch).mean(dim=1)
    return fields.from_patches(rows, net.grid, batch)


def _to_one(maps: Tensor) -> Tensor:
    """Each case's map divided by its sum, so that every network has one vote."""
    kept = maps.double()
    total = kept.flatten(1).sum(1)[:, None, None, None]
    return torch.where(total > 0, kept / total.clamp_min(torch.finfo(kept.dtype).tiny), torch.zeros_like(kept))
