"""Where a network's maps lie: from the grid of a layer, of slices or of patches onto the voxels that the network was given."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from helpers.errors import RadiogramError
from helpers.learning.networks.batch import Batch
from helpers.learning.networks.network import Net

NEIGHBORS = (-1, 0, 1)  # slices that a stack of three shows, whose colors one map stands for


def on_volume(net: Net, maps: Tensor, batch: Batch) -> Tensor:
    """Maps (n, parts, [z,] y, x) of a layer, parts added, on the volume: (n, z, y, x).

    Maps of three dimensions are interpolated linearly. Maps of slices are laid where `net.positions(batch)`, (n, slices),
    has the middle of their stack, a third on each of its three slices; parts are sequences x slices, the slice fastest.
    Raises RadiogramError for maps of slices of a network that does not say which slices it took.
    """
    depth, *plane = batch.images.shape[2:]
    if maps.ndim == 5:
        return _interpolated(maps.sum(1, keepdim=True), (depth, *plane))[:, 0]
    middle = _positions(net, batch)
    by_slice = maps.unflatten(1, (-1, middle.shape[1])).sum(1)
    flat = functional.interpolate(by_slice, size=plane, mode="bilinear", align_corners=False)
    volume = flat.new_zeros(len(batch), depth, *plane)
    for step in NEIGHBORS:
        place = (middle + step).clamp(0, depth - 1)[:, :, None, None].expand(-1, -1, *plane)
        volume.scatter_add_(1, place, flat / len(NEIGHBORS))
    return volume


def seen(net: Net, batch: Batch) -> Tensor:
    """The voxels that a network was given: (n, z, y, x) bool; all of them but for a network of slices."""
    volume = torch.ones_like(batch.lesion, dtype=torch.bool)
    if not hasattr(net, "positions"):
        return volume
    depth = batch.lesion.shape[1]
    near = (_positions(net, batch)[..., None] + torch.tensor(NEIGHBORS, device=volume.device)).clamp(0, depth - 1)
    slices = torch.zeros(len(batch), depth, dtype=torch.bool, device=volume.device)
    slices.scatter_(1, near.flatten(1), torch.ones_like(near.flatten(1), dtype=torch.bool))
    return slices[:, :, None, None] & volume


def from_patches(rows: Tensor, grid: tuple[int, int, int], batch: Batch) -> Tensor:
    """Weights (n, sequences x patches), patches in the order z, y, x of `grid`, on the volume with sequences added: (n, z, y, x).

    Interpolated between the middles of the patches.
    """
    by_sequence = rows.unflatten(1, (-1, *grid))
    return _interpolated(by_sequence.sum(1, keepdim=True), tuple(batch.images.shape[2:]))[:, 0]


def _interpolated(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(maps, size=size, mode="trilinear", align_corners=False)


def _positions(net: Net, batch: Batch) -> Tensor:
    if not hasattr(net, "positions"):
        raise RadiogramError("Grad-CAM has maps of slices, but this network does not say which slices it took.")
    return net.positions(batch)
