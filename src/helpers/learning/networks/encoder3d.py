"""What every 3-D encoder is: volumes to one vector a volume, by stages that can be named."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Encoder3d(nn.Module, ABC):
    """Volumes (n, channels, z, y, x) -> vectors (n, length).

    `definition` says in one sentence whose definition it follows, `length` how many numbers a vector has.
    """

    definition: str = ""
    length: int

    @abstractmethod
    def forward(self, volumes: Tensor) -> Tensor:
        """Vectors (n, length)."""

    @abstractmethod
    def stages(self) -> list[tuple[str, nn.Module]]:
        """Named blocks that hold every weight, from the first to the last."""

    @abstractmethod
    def explained(self) -> nn.Module:
        """The module whose output (n, channels, z, y, x) Grad-CAM weighs: the last one that still knows where."""

    def published(self) -> nn.Module | None:
        """The module that MedicalNet's files fit, under their names; None where there are no such files."""
        return None


def pooled(maps: Tensor) -> Tensor:
    """Mean over space: (n, channels, z, y, x) -> (n, channels)."""
    return maps.mean(dim=(2, 3, 4))


def draw(encoder: nn.Module) -> None:
    """Weights as MedicalNet draws them: He et al. 2015 by fan-out (doi 10.1109/ICCV.2015.123), normalization the identity."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm3d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
