"""A 2-D ConvNeXt over stacks of neighboring slices, pooled by attention over slices, then over sequences."""

from __future__ import annotations

from typing import Any

import timm
import torch
from torch import Tensor, nn

from helpers.errors import RadiogramError
from helpers.imaging import weights as weights_room
from helpers.learning.networks.batch import Batch, Shape
from helpers.learning.networks.network import Net
from helpers.learning.networks.scaling import Scaling
from helpers.parameters import Network, Parameters

NEIGHBORS = (-1, 0, 1)  # slices that stand for red, green and blue
SHARED = 256  # numbers of the vector that every head reads
STRIDES = (32, 16, 8)  # of ConvNeXt's last stage: its own, and those that timm reaches by dilation
LAST_MAP = 2  # rows and columns that the last stage's map should have
EXPLAINED_MAP = 4  # rows and columns below which a map shows no place
# Of blocks that start from random values; the usual 1e-6 is for 300 epochs, and leaves a short training without blocks.
LAYER_SCALE = 1.0


class ConvNeXtSlices(Net):
    """One ConvNeXt for all sequences (Liu et al. 2022, doi 10.1109/CVPR52688.2022.01167), and a head an endpoint.

    Of each sequence it sees `slices` stacks of three neighboring slices as red, green and blue; each stack stands for an
    equal share of the lesion's volume. The stacks' vectors are pooled by attention, brought to 256 numbers by a layer of
    the sequence's own, and pooled by attention over the sequences that are there (both Ilse et al. 2018,
    arXiv 1802.04712). Without any sequence the vector is 0.
    """

    definition = (
        "ConvNeXt trunk shared by sequences over stacks of three neighboring slices, attention over slices and over "
        "sequences, a head an endpoint: our own arrangement, as the authors' is not public"
    )

    def __init__(
        self,
        shape: Shape,
        *,
        backbone: str,
        slices: int,
        dropout: float,
        pretrained: bool = False,
        sequences: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.slices = slices
        self.read = [k for k, name in enumerate(shape.sequences) if name in (sequences or shape.sequences)]
        self.pretrained = pretrained
        self.scaling = Scaling(len(self.read))
        self.explained_stage = explained_stage(shape.size)
        self.trunk_net = _trunk(backbone, stride=stride(shape.size), pretrained=pretrained)
        width = self.trunk_net.num_features
        self.over_slices = Attention(width)
        self.projections = nn.ModuleList(_projection(width) for _ in self.read)
        self.over_sequences = Attention(SHARED)
        self.shared = nn.LayerNorm(SHARED)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(SHARED, 1) for _ in shape.endpoints)
        # One log variance an endpoint; a module cannot register a parameter by the name of a class's attribute.
        self.log_variances = nn.Parameter(torch.zeros(len(shape.endpoints))) if len(shape.endpoints) > 1 else None

    @property
    def uncertainty(self) -> nn.Parameter | None:
        return self.log_variances

    def forward(self, batch: Batch) -> Tensor:
        """Logits (n, endpoints)."""
        vector = self.dropout(self.features(batch))
        return torch.cat([head(vector) for head in self.heads], dim=1)

    def features(self, batch: Batch) -> Tensor:
        """The vector (n, 256) that every head reads."""
        return self._pooled(batch)[0]

    def attention(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Weights over slices (n, sequences, slices) and over sequences (n, sequences); both sum to 1, a missing one has 0."""
        return self._pooled(batch)[1:]

    def trunk(self) -> list[nn.Parameter]:
        """The ConvNeXt's parameters where they start from given weights."""
        return list(self.trunk_net.parameters()) if self.pretrained else []

    def explained(self) -> nn.Module:
        """The deepest stage whose map (n x sequences x slices, channels, y, x) still shows places.

        The slice changes fastest; `positions` says where in the volume it lies.
        """
        return self.trunk_net.stages[self.explained_stage]

    def positions(self, batch: Batch) -> Tensor:
        """The middle slice (n, slices) of every stack."""
        return positions(batch.lesion, self.slices)

    def layers_from_the_top(self) -> list[tuple[str, nn.Module]]:
        stages = list(enumerate(self.trunk_net.stages))
        return [
            ("heads", self.heads),
            ("attention over sequences", self.over_sequences),
            ("projections", self.projections),
            ("attention over slices", self.over_slices),
            *((f"stage {k + 1}", stage) for k, stage in reversed(stages)),
            ("stem", self.trunk_net.stem),
        ]

    def _pooled(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The shared vector (n, 256) and both sets of weights."""
        present = batch.present[:, self.read]
        images = self.scaling(batch.images[:, self.read], present)
        cut = stacks(images, self.positions(batch))
        found = self.trunk_net(cut.flatten(0, 2)).unflatten(0, cut.shape[:3])
        by_sequence, slice_weights = self.over_slices(found)
        projected = torch.stack([layer(by_sequence[:, s]) for s, layer in enumerate(self.projections)], dim=1)
        pooled, weights = self.over_sequences(projected, present=present)
        some = present.any(dim=1, keepdim=True)
        return self.shared(pooled) * some, slice_weights, weights


class Attention(nn.Module):
    """Gated attention (Ilse et al. 2018, arXiv 1802.04712, equation 9): a weighted mean over the last but one axis."""

    def __init__(self, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.content = nn.Linear(width, hidden)
        self.gate = nn.Linear(width, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, *, present: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(..., k, width) -> mean (..., width) and weights (..., k), which sum to 1, or are all 0 where none is present."""
        score = self.score(torch.tanh(self.content(x)) * torch.sigmoid(self.gate(x))).squeeze(-1)
        if present is None:
            weights = score.softmax(dim=-1)
        else:  # a number and not -inf: where nothing is present the softmax, and its gradient, stay finite
            weights = score.masked_fill(~present, torch.finfo(score.dtype).min).softmax(dim=-1) * present
        return (weights.unsqueeze(-1) * x).sum(dim=-2), weights


def build(network: Network, shape: Shape, *, parameters: Parameters) -> ConvNeXtSlices:
    """The network of a study, its trunk with the weights that `network.weights` names.

    Raises RadiogramError for a backbone that is no ConvNeXt of timm, for other inputs than images, and for weights that
    are absent, do not fit, or could run code.
    """
    settings = parameters.networks
    _require_convnext(settings.backbone)
    _require_images_alone(network)
    net = ConvNeXtSlices(
        shape,
        backbone=settings.backbone,
        slices=settings.slices,
        dropout=settings.dropout,
        pretrained=network.weights != "random",
        sequences=network.sequences,
    )
    if net.pretrained:
        _load(net.trunk_net, network, settings.backbone)
    return net


def stride(size: tuple[int, int, int]) -> int:
    """How much smaller the last stage's map is than slices of a volume of `size` (z, y, x).

    32 from 64 pixels on; dilation takes the place of the last strides on smaller slices.
    """
    return next((s for s in STRIDES if min(size[1:]) / s >= LAST_MAP), STRIDES[-1])


def explained_stage(size: tuple[int, int, int]) -> int:
    """The deepest of the four stages whose map has 4 rows and columns, the first where none has."""
    strides = [min(own, stride(size)) for own in (4, 8, 16, 32)]
    return max((k for k, s in enumerate(strides) if min(size[1:]) / s >= EXPLAINED_MAP), default=0)


def positions(lesion: Tensor, count: int) -> Tensor:
    """Slices (n, count) in the middle of `count` equal shares of the lesion's volume (n, z, y, x), ascending.

    They crowd where the lesion's area is largest. Without a lesion they are spread over the whole volume.
    """
    area = lesion.float().sum(dim=(2, 3))
    area = torch.where(area.sum(dim=1, keepdim=True) > 0, area, torch.ones_like(area))
    share = area.cumsum(dim=1) / area.sum(dim=1, keepdim=True)
    # A hair below the middle, so that rounding never decides between two slices.
    middle = (torch.arange(count, device=area.device) + 0.5) / count - 1e-5
    found = torch.searchsorted(share, middle.expand(len(area), count).contiguous())
    return found.clamp(max=lesion.shape[1] - 1)


def stacks(images: Tensor, middle: Tensor) -> Tensor:
    """(n, sequences, slices, 3, y, x) from images (n, sequences, z, y, x) and middle slices (n, slices).

    At the volume's edge the edge itself stands in for a neighbor.
    """
    near = (middle[..., None] + torch.tensor(NEIGHBORS, device=middle.device)).clamp(0, images.shape[2] - 1)
    case = torch.arange(len(images), device=images.device)[:, None, None]
    return images.transpose(1, 2)[case, near].permute(0, 3, 1, 2, 4, 5)


def _projection(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, SHARED), nn.GELU())


def _trunk(backbone: str, *, stride: int, pretrained: bool) -> Any:
    own = {} if pretrained else {"ls_init_value": LAYER_SCALE}
    return timm.create_model(backbone, pretrained=False, num_classes=0, output_stride=stride, **own)


def _require_convnext(backbone: str) -> None:
    if not timm.is_model(backbone) or not backbone.removeprefix("test_").startswith("convnext"):
        raise RadiogramError(
            f"networks.backbone: {backbone} is no ConvNeXt that timm knows: take test_convnext, convnext_tiny or a larger one."
        )


def _require_images_alone(network: Network) -> None:
    if network.inputs != ("images",) or network.guide != "none":
        raise RadiogramError(
            f"networks.models, {network.name}: a convnext reads images alone, without a guide: take the architecture "
            "transformer, or bring clinical variables in by a fusion (networks.fusions)."
        )


def _load(trunk: Any, network: Network, backbone: str) -> None:
    """Fill the trunk; the sentences of the weights' own room are told about this network."""
    try:
        weights_room.load(trunk, weights_room.weights_path(backbone, network.weights))
    except RadiogramError as error:
        told = (
            str(error).removeprefix("deep.weights: ").replace("add --set deep.weights=", "name it as these weights, ")
        )
        raise RadiogramError(f"networks.models, {network.name}, weights: {told}") from error
