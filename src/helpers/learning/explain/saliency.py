"""How much of a network's saliency lies inside the lesion, against what would lie there if it were spread evenly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from helpers.learning.explain.maps import Saliency, methods, saliency
from helpers.learning.networks.batch import Batch
from helpers.learning.networks.network import Net


@dataclass(frozen=True)
class Looked:
    """What one network looked at in n cases, by one method."""

    maps: NDArray[np.float32]  # (n, z, y, x), adding up to 1 a case, or 0 where the map says nothing
    inside: NDArray[np.float64]  # (n,) share of the map inside the lesion; NaN where the map says nothing
    volume_share: NDArray[np.float64]  # (n,) share of the voxels that the network was given inside the lesion


def looked(
    net: Net, batch: Batch, *, endpoint: int, sign: torch.Tensor
) -> tuple[NDArray[np.float64], Mapping[str, Looked]]:
    """Log odds (n,) of an endpoint, and by every method of the network what it looked at in the cases.

    endpoint: position among the network's; sign: (n,), 1 for cases called positive and -1 for the others.
    """
    net.eval()
    with torch.no_grad():
        logits = net(batch)[:, endpoint].double().numpy()
    found = {m: saliency(net, batch, method=m, endpoint=endpoint, sign=sign) for m in methods(net)}
    return logits, {m: _looked(map_, batch.lesion) for m, map_ in found.items()}


def _looked(found: Saliency, lesion: torch.Tensor) -> Looked:
    return Looked(found.values.float().numpy(), inside(found.values, lesion), volume_share(found.field, lesion))


def inside(maps: torch.Tensor, lesion: torch.Tensor) -> NDArray[np.float64]:
    """Share of each map (n, z, y, x) inside the lesion (n, z, y, x), a voxel counted by its share in it: (n,).

    NaN where a map is 0 everywhere.
    """
    maps, lesion = maps.double().flatten(1), lesion.double().flatten(1)
    total = maps.sum(1)
    return torch.where(total > 0, (maps * lesion).sum(1) / total, torch.nan).numpy()


def volume_share(field: torch.Tensor, lesion: torch.Tensor) -> NDArray[np.float64]:
    """Share of the lesion in the voxels of `field` (n, z, y, x): what a map spread evenly has inside, (n,)."""
    field, lesion = field.double().flatten(1), lesion.double().flatten(1)
    return ((field * lesion).sum(1) / field.sum(1)).numpy()
