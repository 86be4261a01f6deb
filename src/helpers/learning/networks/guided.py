"""Guided cross-modal attention: clinical and plan tokens ask the patches of the scans, guided by dose, target or lesion.

Gomaa et al. 2025 (doi 10.1038/s41598-025-02026-7) name the method and do not publish it. The definition is ours: an
attention whose log weights gain beta times the logarithm of the guide, with a learned beta >= 0 of every head, and which
reads out the mean and the standard deviation of what it attends to.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.errors import RadiogramError
from helpers.learning.networks.batch import Batch, Shape
from helpers.learning.networks.network import Net
from helpers.learning.networks.tokens import Branches, Tokens, guide_share
from helpers.learning.networks.vit3d import Encoder
from helpers.parameters import Network, Parameters

FLOOR = 0.01  # added to the guide: at beta 1 a patch outside it weighs a hundredth of one within
START = 0.1  # beta of every head before training: all but unguided, so that a guide has to earn its weight
QUICKLY = 10.0  # times faster than other weights, beta learns: it has far to go, and is one number a head
LAYERS = 2
LEAST = 1e-6  # variance: at 0 the slope of the root has no end
PRETRAINED = "pretrained"  # weights: the encoder of the study's own pretraining
WIDEST, MOST_HEADS = 256, 8  # of the fusion, whatever the encoder has


def statistics(weights: Tensor, values: Tensor) -> Tensor:
    """Weighted mean and standard deviation (..., asking, 2 d) of values (..., tokens, d); rows of weights (..., asking, tokens) sum to 1.

    Attentive statistics pooling (Okabe et al. 2018, doi 10.21437/Interspeech.2018-993): a mean forgets how tokens differ,
    and that is what texture is.
    """
    weights, values = weights.float(), values.float()
    with torch.autocast(values.device.type, enabled=False):  # half precision loses a small difference of squares
        mean = weights @ values
        variance = weights @ values.square() - mean.square()
    return torch.cat([mean, variance.clamp_min(LEAST).sqrt()], dim=-1)


class GuidedAttention(nn.Module):
    """A = softmax((Q Wq)(T Wk)^T / sqrt(d_h) + beta_h log(floor + g)); beta_h >= 0 is learned, or 0 if not guided.

    Read out are mean and standard deviation of T Wv under A, side by side through Wo.
    """

    def __init__(self, width: int, heads: int, *, guided: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.merge = nn.Linear(2 * width, width)
        self.strength = nn.Parameter(torch.zeros(heads)) if guided else None

    @property
    def beta(self) -> Tensor:
        """How strongly each head is guided: (heads,)."""
        if self.strength is None:
            return torch.zeros(self.heads, device=self.query.weight.device)
        return functional.softplus(QUICKLY * self.strength + math.log(math.expm1(START)))

    def weights(self, asking: Tensor, tokens: Tensor, opened: Tensor, guide: Tensor) -> Tensor:
        """(n, heads, asking, tokens): each row sums to 1 over the open tokens."""
        query, key = self._split(self.query(asking)), self._split(self.key(tokens))
        logits = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
        logits = logits + self.beta[:, None, None] * torch.log(FLOOR + guide)[:, None, None]
        return logits.masked_fill(~opened[:, None, None], -torch.inf).softmax(dim=-1)

    def forward(self, asking: Tensor, tokens: Tensor, opened: Tensor, guide: Tensor) -> Tensor:
        weights = self.weights(asking, tokens, opened, guide)
        return self.merge(statistics(weights, self._split(self.value(tokens))).transpose(1, 2).flatten(2))

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):
    """Z = Q + Drop([mean, SD of T Wv under A] Wo), then Z + MLP(LN(Z))."""

    def __init__(self, width: int, heads: int, *, guided: bool, dropout: float) -> None:
        super().__init__()
        self.attention = GuidedAttention(width, heads, guided=guided)
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, asking: Tensor, tokens: Tensor, opened: Tensor, guide: Tensor) -> Tensor:
        asking = asking + self.dropout(self.attention(asking, tokens, opened, guide))
        return asking + self.mlp(asking)


class Fused(Net, ABC):
    """Branches of tokens, joined to one vector a case, and a linear layer on it."""

    def __init__(self, branches: Branches, endpoints: int, *, dropout: float, pretrained: bool) -> None:
        super().__init__()
        self.branches, self.pretrained = branches, pretrained
        self.norm = nn.LayerNorm(branches.width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(branches.width, endpoints)
        self.log_variances = nn.Parameter(torch.zeros(endpoints)) if endpoints > 1 else None

    @property
    def uncertainty(self) -> nn.Parameter | None:
        return self.log_variances

    @abstractmethod
    def joined(self, tokens: Tokens) -> Tensor:
        """One vector a case: (n, width)."""

    def features(self, batch: Batch) -> Tensor:
        return self.norm(self.joined(self.branches(batch)))

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.dropout(self.features(batch)))

    def trunk(self) -> list[nn.Parameter]:
        images = self.branches.images
        return list(images.encoder.parameters()) if images is not None and self.pretrained else []

    @abstractmethod
    def joining(self) -> list[tuple[str, nn.Module]]:
        """Named blocks between the tokens and the last layer, from the last to the first."""

    def layers_from_the_top(self) -> list[tuple[str, nn.Module]]:
        images = self.branches.images
        kinds = [("plan tokens", self.branches.plan), ("clinical tokens", self.branches.clinical)]
        found = [("head", self.head), *self.joining(), *(pair for pair in kinds if pair[1] is not None)]
        if images is None:
            return found
        blocks = list(enumerate(images.encoder.blocks, start=1))
        deep = [(f"encoder block {k}", block) for k, block in reversed(blocks)]
        return [*found, ("image tokens", images.project), *deep, ("patches", images.encoder.embed)]


class Guided(Fused):
    """Clinical tokens, plan tokens and CLS attend to the patches under the guide; then CLS attends to all of them."""

    definition = (
        "Cross-modal attention from clinical and plan tokens to the patches of the scans, with the guide in its logits, which "
        "reads out mean and standard deviation (after Okabe et al. 2018); the definition is ours, that of Gomaa et al. 2025 is "
        "not public."
    )

    def __init__(
        self, branches: Branches, endpoints: int, *, heads: int, dropout: float, pretrained: bool = False
    ) -> None:
        super().__init__(branches, endpoints, dropout=dropout, pretrained=pretrained)
        width, guided = branches.width, branches.guide != "none"
        self.summary = nn.Parameter(torch.zeros(width))
        self.layers = nn.ModuleList(Layer(width, heads, guided=guided, dropout=dropout) for _ in range(LAYERS))
        self.gather = nn.MultiheadAttention(width, heads, batch_first=True)

    def joined(self, tokens: Tokens) -> Tensor:
        asking = self._asking(tokens)
        for layer in self.layers:
            asking = layer(asking, tokens.scans, tokens.opened, tokens.guide)
        summary = asking[:, :1]
        gathered, _ = self.gather(summary, asking, asking, need_weights=False)
        return (summary + gathered)[:, 0]

    def joining(self) -> list[tuple[str, nn.Module]]:
        layers = list(enumerate(self.layers, start=1))
        return [("gathering", self.gather), *((f"guided layer {k}", layer) for k, layer in reversed(layers))]

    def attention(self, batch: Batch) -> Tensor:
        """What CLS attends to in the last layer: (n, heads, N) over the patches, added over sequences; rows sum to 1.

        Without dropout and with nothing hidden. Raises RadiogramError for a network without images.
        """
        if self.branches.images is None:
            raise RadiogramError("This network sees no images, so there is no attention over them to show.")
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                tokens = self.branches(batch)
                return self._attention(tokens).unflatten(-1, (batch.present.shape[1], -1)).sum(dim=2)
        finally:
            self.train(training)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Patches along z, y and x, in the order of `attention` and `guide`."""
        return self.branches.images.encoder.grid

    def guide(self, batch: Batch) -> Tensor:
        """The guide over the patches: (n, N)."""
        return guide_share(batch, self.branches.guide, self.grid)

    def beta(self) -> Tensor:
        """How strongly each head of each layer is guided: (layers, heads)."""
        return torch.stack([layer.attention.beta for layer in self.layers]).detach()

    def _asking(self, tokens: Tokens) -> Tensor:
        return torch.cat([self.summary.expand(len(tokens.scans), 1, -1), *tokens.variables], dim=1)

    def _attention(self, tokens: Tokens) -> Tensor:
        asking = self._asking(tokens)
        for layer in self.layers[:-1]:
            asking = layer(asking, tokens.scans, tokens.opened, tokens.guide)
        return self.layers[-1].attention.weights(asking, tokens.scans, tokens.opened, tokens.guide)[:, :, 0]


class Concatenated(Fused):
    """Late fusion: the mean token of each kind of input, of scans its standard deviation too, side by side, through two layers.

    Nothing is guided.
    """

    definition = (
        "Mean tokens of the scans, the clinical variables and the plan side by side, and of the scans the standard deviation; "
        "an ablation of our own."
    )

    def __init__(self, branches: Branches, endpoints: int, *, dropout: float, pretrained: bool = False) -> None:
        super().__init__(branches, endpoints, dropout=dropout, pretrained=pretrained)
        width = branches.width
        parts = len(branches.inputs) + (branches.images is not None)
        self.mix = nn.Sequential(
            nn.Linear(parts * width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width)
        )

    def joined(self, tokens: Tokens) -> Tensor:
        means = [part.mean(dim=1) for part in tokens.variables]
        if self.branches.images is not None:
            even = tokens.opened / tokens.opened.sum(dim=1, keepdim=True)
            means.insert(0, statistics(even[:, None], tokens.scans)[:, 0])
        return self.mix(torch.cat(means, dim=1))

    def joining(self) -> list[tuple[str, nn.Module]]:
        return [("mixing", self.mix)]


def build(network: Network, shape: Shape, *, parameters: Parameters) -> Fused:
    """The network of architecture `transformer`: its encoder has the sizes of parameters.pretraining, and random weights.

    With weights "pretrained" the encoder counts as trunk, and whoever knows the study's folder fills it.
    Raises RadiogramError for an input, a guide or weights that the study does not have.
    """
    _require(network, shape, parameters)
    sizes, dropout = parameters.pretraining, parameters.networks.dropout
    heads = min(sizes.heads, MOST_HEADS)
    branches = Branches(
        Encoder(shape.size, sizes.patch, sizes.width, sizes.depth, sizes.heads),
        shape,
        inputs=network.inputs,
        guide=network.guide,
        width=min(sizes.width, WIDEST) // heads * heads,
        hidden=parameters.networks.modality_dropout,
        lesion_alone=parameters.volumes.outside == "blank",
    )
    pretrained = network.weights == PRETRAINED and "images" in network.inputs
    if network.combine == "concatenation":
        return Concatenated(branches, len(shape.endpoints), dropout=dropout, pretrained=pretrained)
    return Guided(branches, len(shape.endpoints), heads=heads, dropout=dropout, pretrained=pretrained)


def _require(network: Network, shape: Shape, parameters: Parameters) -> None:
    """Raises RadiogramError for a network that asks for what the study does not have."""
    cohort, guide, inputs = parameters.cohort, network.guide, network.inputs
    column = {"dose": cohort.dose, "target": cohort.target}.get(guide, guide)
    joined = network.combine == "concatenation"
    wrong = {
        "inputs: clinical, and cohort.clinical names no variable": "clinical" in inputs and not shape.clinical,
        "inputs: plan, and no number of a plan is known": "plan" in inputs and not shape.plan,
        f"guide: {guide}, and cohort.{guide} names no column": column is None,
        f"guide: {guide}, over images that its inputs do not name": guide != "none" and "images" not in inputs,
        f"guide: {guide}, and a concatenation attends to nothing that could be guided": guide != "none" and joined,
        f"weights: {network.weights}, and a transformer starts from random or pretrained ones": network.weights
        not in ("random", PRETRAINED),
    }
    for words in (words for words, found in wrong.items() if found):
        raise RadiogramError(f"networks.models, {network.name}, {words}: change one or the other.")
