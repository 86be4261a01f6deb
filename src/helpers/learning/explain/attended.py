"""What guided networks attend to in cases they never saw, beside the guide: slices for the figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from helpers.imaging import volumes
from helpers.learning.explain import choose
from helpers.learning.networks.batch import Batch
from helpers.learning.networks.guided import Guided
from helpers.learning.training import checkpoint
from helpers.parameters import Network
from helpers.study import Study

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Attended:
    """One slice of a case: image, lesion, guide and attention, each (y, x); attention is 1 at its highest in the volume."""

    model: str
    guide: str
    event: bool
    probability: float
    sequence: str
    image: Plane
    lesion: Plane
    share: Plane
    attention: Plane
    pixel: tuple[float, float]


def guided_networks(study: Study) -> list[Network]:
    """The networks of the study that attend to images under a guide."""
    models = study.parameters.networks.models
    return [n for n in models if n.architecture == "transformer" and n.guide != "none" and n.combine == "attention"]


def attended(study: Study) -> list[Attended]:
    """Of each guided network, a case with and one without its first endpoint: those of median risk among the judged.

    Attention is the mean over heads and over all trainings that never saw the case. Needs the tables predictions, cases and
    volumes, and the trainings of 06_networks; raises RadiogramError where they are gone.
    """
    predictions = study.tables.read("predictions")
    found = []
    for network in guided_networks(study):
        endpoint = network.endpoints[0] if network.endpoints else study.parameters.cohort.endpoints[0].name
        own = choose.judged(predictions, endpoint=endpoint, model=network.name)
        found += _of_network(
            study, network, [row for row in (_median(own, truth) for truth in (1, 0)) if row is not None]
        )
    return found


def _median(predictions: pd.DataFrame, truth: int) -> pd.Series | None:
    """The row of median risk among those with this outcome, the lower of the two in the middle."""
    own = predictions[predictions["truth"] == truth].sort_values(["probability", "case"])
    return own.iloc[(len(own) - 1) // 2] if len(own) else None


def _of_network(study: Study, network: Network, rows: Sequence[pd.Series]) -> list[Attended]:
    """Each training is read once, and asked about the cases whose patient it never saw."""
    total: dict[str, Tensor] = {}
    batches: dict[str, Batch] = {}
    sequences: Sequence[str] = ()
    folds, seeds = study.parameters.modeling.folds, study.parameters.networks.seeds
    for fold, seed in [(f, s) for f in range(folds) for s in range(seeds)]:
        loaded = checkpoint.load(study, model=network.name, fold=fold, seed=seed)
        sequences = loaded.shape.sequences
        for case in [str(row["case"]) for row in rows if str(row["patient"]) not in loaded.seen]:
            batches[case] = loaded.batch([case])
            total[case] = total.get(case, 0) + on_voxels(loaded.net, batches[case])[0]
    shown = []
    for row in rows:
        case = str(row["case"])
        about = (network.name, network.guide, bool(row["truth"]), float(row["probability"]))
        planes = _slice(batches[case], total[case] / total[case].max(), network.guide, sequences)
        shown.append(Attended(*about, *planes, _pixel(study, case)))
    return shown


def on_voxels(net: Guided, batch: Batch) -> Tensor:
    """Attention of the summary token, mean of heads, with each voxel having that of its patch: (n, z, y, x)."""
    torch.set_num_threads(1)  # sums of several threads differ in their last digits
    patches = net.attention(batch).mean(dim=1).unflatten(1, net.grid)[:, None]
    return torch.nn.functional.interpolate(patches, size=tuple(batch.images.shape[2:]), mode="nearest")[:, 0]


def _slice(batch: Batch, attention: Tensor, guide: str, sequences: Sequence[str]) -> tuple:
    """Sequence, image, lesion, guide and attention of the slice where the lesion is largest, else attention strongest."""
    area = batch.lesion[0].sum(dim=(1, 2))
    z = int((area if area.any() else attention.sum(dim=(1, 2))).argmax())
    channel = int(batch.present[0].int().argmax())
    planes = (batch.images[0, channel], batch.lesion[0], getattr(batch, guide)[0], attention)
    return sequences[channel], *(plane[z].numpy() for plane in planes)


def _pixel(study: Study, case: str) -> tuple[float, float]:
    files = study.tables.read("volumes").set_index("case")["file"]
    x, y, _ = np.linalg.norm(volumes.load(study, files[case]).affine[:3, :3], axis=0)
    return float(y), float(x)
