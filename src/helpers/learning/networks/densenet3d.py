"""MONAI's 3-D DenseNet-121 as an encoder."""

from __future__ import annotations

from monai.networks.nets import DenseNet121
from torch import Tensor, nn
from torch.nn import functional

from helpers.learning.networks.encoder3d import Encoder3d, pooled


class Halve(nn.Module):
    """Means of 2x2x2 voxels. The same as MONAI's where sizes halve evenly; a small volume keeps its last voxel."""

    def forward(self, maps: Tensor) -> Tensor:
        sides = tuple(min(2, side) for side in maps.shape[2:])
        return functional.avg_pool3d(maps, sides, ceil_mode=True)


class DenseNet3d(Encoder3d):
    """Volumes (n, channels, z, y, x) -> vectors (n, length); with width 64 its growth rate is 32, as published.

    Huang et al. 2017, doi 10.1109/CVPR.2017.243, with 3-D convolutions.
    """

    definition = "MONAI's 3-D DenseNet-121 (Huang et al. 2017, doi 10.1109/CVPR.2017.243)"

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        growth = max(width // 2, 1)
        net = DenseNet121(3, channels, out_channels=1, init_features=width, growth_rate=growth)
        self.length = net.class_layers.out.in_features
        self.features = net.features
        self.last = nn.ReLU()
        for block in self.features.children():
            if isinstance(getattr(block, "pool", None), nn.AvgPool3d):
                block.pool = Halve()

    def forward(self, volumes: Tensor) -> Tensor:
        return pooled(self.last(self.features(volumes)))

    def stages(self) -> list[tuple[str, nn.Module]]:
        return [
            (name, block) for name, block in self.features.named_children() if any(True for _ in block.parameters())
        ]

    def explained(self) -> nn.Module:
        return self.last
