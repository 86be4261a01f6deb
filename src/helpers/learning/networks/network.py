"""What every network can be asked, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from helpers.learning.networks.batch import Batch


class Net(nn.Module, ABC):
    """A network of the study: a Batch of n cases -> logits (n, endpoints).

    `definition` says in one sentence whose definition it follows. `uncertainty` is one learned log variance an
    endpoint where several endpoints are weighed by it (Kendall et al. 2018, doi 10.1109/CVPR.2018.00781), else None.
    """

    definition: str = ""
    uncertainty: nn.Parameter | None = None

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Logits (n, endpoints)."""

    @abstractmethod
    def features(self, batch: Batch) -> Tensor:
        """The vector (n, d) that the last layer reads."""

    def trunk(self) -> list[nn.Parameter]:
        """Parameters that start from given weights, and learn more slowly."""
        return []

    def explained(self) -> nn.Module | None:
        """The layer whose channels Grad-CAM weighs: output (n or n x parts, channels, [z,] y, x); None where there is none."""
        return None

    def layers_from_the_top(self) -> list[tuple[str, nn.Module]]:
        """Named blocks from the last to the first, in the order in which their weights are drawn anew (Adebayo et al. 2018)."""
        return [
            (name, block)
            for name, block in reversed(list(self.named_children()))
            if any(True for _ in block.parameters())
        ]
