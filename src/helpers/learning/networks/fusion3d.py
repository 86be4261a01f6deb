"""Sequences brought together around a 3-D encoder: early, as its channels, or late, by attention over their vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from helpers.learning.networks.batch import Batch
from helpers.learning.networks.encoder3d import Encoder3d
from helpers.learning.networks.network import Net


@dataclass(frozen=True)
class Ends:
    """What a network reads and says: positions of its sequences in a batch, number of endpoints, dropout before the last layer."""

    sequences: tuple[int, ...]
    endpoints: int
    dropout: float
    given: bool = False  # whether the encoder starts from given weights


class Volumetric(Net):
    """A 3-D encoder and one linear layer from its vectors to one logit an endpoint."""

    def __init__(self, encoder: Encoder3d, *, ends: Ends) -> None:
        super().__init__()
        self.encoder = encoder
        self.ends = ends
        self.head = nn.Sequential(nn.Dropout(ends.dropout), nn.Linear(encoder.length, ends.endpoints))
        several = nn.Parameter(torch.zeros(ends.endpoints)) if ends.endpoints > 1 else None
        self.register_parameter("log_variances", several)

    @property
    def uncertainty(self) -> nn.Parameter | None:  # torch refuses a parameter under a name that Net already has
        return self.log_variances

    @abstractmethod
    def features(self, batch: Batch) -> Tensor:
        """The vector (n, length) that the last layer reads."""

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))

    def train(self, mode: bool = True) -> Volumetric:
        super().train(mode)
        if self.ends.given and not any(p.requires_grad for p in self.encoder.parameters()):
            self.encoder.eval()  # frozen: the statistics of its normalization stay as given, too
        return self

    def trunk(self) -> list[nn.Parameter]:
        return list(self.encoder.parameters()) if self.ends.given else []

    def explained(self) -> nn.Module:
        return self.encoder.explained()

    def layers_from_the_top(self) -> list[tuple[str, nn.Module]]:
        return [("head", self.head), *reversed(self.encoder.stages())]

    def _seen(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images (n, sequences, z, y, x) with 0 for what is missing, and which are there (n, sequences)."""
        index = list(self.ends.sequences)
        present = batch.present[:, index]
        return batch.images[:, index].masked_fill(~present[..., None, None, None], 0.0), present


class Early(Volumetric):
    """Sequences are the encoder's channels; one that is missing is 0, the mean of a standardized image."""

    def features(self, batch: Batch) -> Tensor:
        return self.encoder(self._seen(batch)[0])


class Late(Volumetric):
    """One encoder reads every sequence alone; the vectors are read by a layer a sequence and averaged by attention.

    The layer of its own tells the network which sequence a vector came from. Attention is gated by a hyperbolic tangent
    (Ilse, Tomczak and Welling 2018, arXiv 1802.04712); a missing sequence has weight 0.
    """

    def __init__(self, encoder: Encoder3d, *, ends: Ends) -> None:
        super().__init__(encoder, ends=ends)
        length = encoder.length
        self.readers = nn.ModuleList(nn.Linear(length, length) for _ in ends.sequences)
        self.score = nn.Linear(length, 1)

    def features(self, batch: Batch) -> Tensor:
        vectors, present = self._vectors(batch)
        return (self._weights(vectors, present)[..., None] * vectors).sum(dim=1)

    def attention(self, batch: Batch) -> Tensor:
        """Weights (n, sequences) that sum to 1 over the sequences a case has."""
        return self._weights(*self._vectors(batch))

    def layers_from_the_top(self) -> list[tuple[str, nn.Module]]:
        head, *stages = super().layers_from_the_top()
        return [head, ("attention", self.score), ("readers", self.readers), *stages]

    def _vectors(self, batch: Batch) -> tuple[Tensor, Tensor]:
        images, present = self._seen(batch)
        each = self._encoded(images.flatten(0, 1).unsqueeze(1), present.flatten()).unflatten(0, present.shape)
        read = [torch.tanh(reader(each[:, i])) for i, reader in enumerate(self.readers)]
        return torch.stack(read, dim=1), present

    def _encoded(self, volumes: Tensor, present: Tensor) -> Tensor:
        """Vectors of volumes (n x sequences, 1, z, y, x). An empty volume in training would spoil the normalization of a batch."""
        if not self.training or bool(present.all()):
            return self.encoder(volumes)
        found = self.encoder(volumes[present])
        return found.new_zeros(len(volumes), found.shape[1]).index_put((present.nonzero().squeeze(1),), found)

    def _weights(self, vectors: Tensor, present: Tensor) -> Tensor:
        scores = self.score(vectors).squeeze(-1).float()
        # A case without any sequence gets weights of 0 in place of 0 / 0.
        return torch.softmax(scores.masked_fill(~present, -1e4), dim=1) * present


FUSIONS: dict[str, type[Volumetric]] = {"early": Early, "late": Late}


def fused(
    encoder: Encoder3d, *, fusion: str, sequences: Sequence[int], endpoints: int, dropout: float, given: bool
) -> Net:
    """The network around an encoder of as many channels as it has sequences (early) or of one (late)."""
    return FUSIONS[fusion](encoder, ends=Ends(tuple(sequences), endpoints, dropout, given))
