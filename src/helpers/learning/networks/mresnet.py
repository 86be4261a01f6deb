"""A MresNet-style network of our own: residual blocks that see three scales at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.learning.networks.encoder3d import Encoder3d, draw, pooled

DILATIONS = (1, 2, 3)
STAGES = ((1, 1), (2, 2), (4, 2), (8, 1))  # factor on the width, stride; the last keeps where things are for Grad-CAM
BLOCKS = 2  # a stage, as in ResNet-18


class MultiScale(nn.Module):
    """Three 3x3x3 convolutions side by side with dilation 1, 2 and 3, mixed by one of 1x1x1, then one more of 3x3x3."""

    def __init__(self, channels: int, planes: int, *, stride: int = 1) -> None:
        super().__init__()
        part = max(planes // 2, 1)
        self.scales = nn.ModuleList(
            nn.Conv3d(channels, part, 3, stride=stride, padding=d, dilation=d, bias=False) for d in DILATIONS
        )
        self.mix = _normalized(nn.Conv3d(part * len(DILATIONS), planes, 1, bias=False))
        self.conv = _normalized(nn.Conv3d(planes, planes, 3, padding=1, bias=False))
        self.relu = nn.ReLU(inplace=True)
        same = stride == 1 and channels == planes
        self.around = nn.Identity() if same else _normalized(nn.Conv3d(channels, planes, 1, stride=stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.relu(self.mix(torch.cat([scale(x) for scale in self.scales], dim=1)))
        return self.relu(self.conv(mixed) + self.around(x))


class MresNet(Encoder3d):
    """Volumes (n, channels, z, y, x) -> vectors (n, 14 x width): means of the last three stages side by side.

    Ying et al. 2025 (doi 10.3389/fonc.2025.1573700) name a MresNet that they do not define in what could be read.
    This one is ours: ResNet-18's stem and stages (the last without its stride), each block with multi-scale receptive fields.
    """

    definition = (
        "MresNet-style network of our own (the authors' definition is not public): ResNet-18's stem and stages with "
        "convolutions of dilation 1, 2 and 3 side by side, and the means of the last three stages"
    )

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.length = sum(factor for factor, _ in STAGES[1:]) * width
        stem = _normalized(nn.Conv3d(channels, width, 7, stride=2, padding=3, bias=False))
        self.stem = nn.Sequential(*stem, nn.ReLU(inplace=True), nn.MaxPool3d(3, stride=2, padding=1))
        entering = width
        for number, (factor, stride) in enumerate(STAGES, start=1):
            planes = width * factor
            first = MultiScale(entering, planes, stride=stride)
            rest = [MultiScale(planes, planes) for _ in range(BLOCKS - 1)]
            self.add_module(f"stage{number}", nn.Sequential(first, *rest))
            entering = planes
        draw(self)

    def forward(self, volumes: Tensor) -> Tensor:
        second = self.stage2(self.stage1(self.stem(volumes)))
        third = self.stage3(second)
        return torch.cat([pooled(second), pooled(third), pooled(self.stage4(third))], dim=1)

    def stages(self) -> list[tuple[str, nn.Module]]:
        return list(self.named_children())

    def explained(self) -> nn.Module:
        return self.stage4


def _normalized(convolution: nn.Conv3d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm3d(convolution.out_channels))
