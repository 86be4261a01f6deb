"""The check of Adebayo et al. 2018: saliency that stays when the weights are drawn anew shows the scan, not the network.

Adebayo et al. 2018, "Sanity checks for saliency maps" (arXiv 1810.03292): weights are drawn anew from the last layer
down, one more layer at a time, and each map is compared with that of the trained network.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from helpers.learning.explain.fields import seen
from helpers.learning.explain.maps import methods, saliency
from helpers.learning.explain.saliency import inside
from helpers.learning.networks.batch import Batch
from helpers.learning.networks.network import Net

COLUMNS = ["method", "depth", "layer", "similarity", "inside"]
TRAINED = "none"  # what stands for the layer at depth 0
DRAWS = 3  # random networks a depth, whose similarities are averaged


def cascade(net: Net, batch: Batch, *, endpoint: int, sign: Tensor, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """method, depth, layer, similarity, inside: means over the cases and `draws` random networks.

    Depth 0 is the trained network, whose similarity is 1; at depth k the last k layers have new weights. Similarity is the
    rank correlation with the trained network's map over the voxels that the network was shown, since all others are 0 in
    any map, and 0 where a map says nothing; `inside` is the share
    of saliency inside the lesion. The network itself is left as it is.
    """
    net.eval()
    options = {"endpoint": endpoint, "sign": sign}
    given = seen(net, batch) & (batch.images != 0).any(dim=1)
    trained = {m: saliency(net, batch, method=m, **options).values for m in methods(net)}
    rows = [(m, 0, TRAINED, 1.0, _mean(inside(map_, batch.lesion))) for m, map_ in trained.items()]
    for draw in range(draws):
        for depth, layer, changed in drawn_anew(net, seed=(seed, draw)):
            for method, before in trained.items():
                after = saliency(changed, batch, method=method, **options).values
                alike = float(similarity(before, after, given).mean())
                rows.append((method, depth, layer, alike, _mean(inside(after, batch.lesion))))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.groupby(["method", "depth", "layer"], sort=False, as_index=False)[["similarity", "inside"]].mean()


def drawn_anew(net: Net, *, seed: tuple[int, int]) -> Iterator[tuple[int, str, Net]]:
    """(1, last layer, network), (2, the one before, network), ...: one copy, of which one layer more is drawn each time."""
    changed = copy.deepcopy(net).eval()
    for depth, (name, block) in enumerate(changed.layers_from_the_top(), start=1):
        draw(block, seed=crc32(f"{seed} {depth}".encode()))
        yield depth, name, changed


def draw(block: nn.Module, *, seed: int) -> None:
    """Give every weight of a block the value it could have had before training.

    A layer that knows how to begin begins anew; a parameter of any other module is drawn from a normal distribution with
    its own mean and spread. The state of the global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in block.modules():
            if callable(getattr(module, "reset_parameters", None)):
                module.reset_parameters()
                continue
            for parameter in module.parameters(recurse=False):
                spread = float(parameter.std()) if parameter.numel() > 1 else abs(float(parameter))
                parameter.copy_(torch.randn(parameter.shape) * spread + parameter.mean())


def similarity(before: Tensor, after: Tensor, given: Tensor) -> np.ndarray:
    """Spearman's rank correlation of two maps (n, z, y, x) over each case's `given` voxels, (n,); 0 where one is constant."""
    maps = zip(before.double().numpy(), after.double().numpy(), given.numpy(), strict=True)
    return np.array([_spearman(first[where], second[where]) for first, second, where in maps])


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    if not first.size or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def _mean(values: np.ndarray) -> float:
    """Mean of the cases whose map says something; NaN where none does."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
