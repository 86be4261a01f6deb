"""3-D ResNets in MedicalNet's dilated form, under the names of its published weights."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from helpers.learning.networks.encoder3d import Encoder3d, draw, pooled

# Stage: factor on the width, stride, dilation. The last two keep their resolution, so 8 voxels stay one step apart.
STAGES = ((1, 1, 1), (2, 2, 1), (4, 1, 2), (8, 1, 4))


class Basic(nn.Module):
    """Two 3x3x3 convolutions and a way around them."""

    expansion = 1

    def __init__(self, channels: int, planes: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = _conv(channels, planes, stride=stride, dilation=dilation)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = _conv(planes, planes, dilation=dilation)
        self.bn2 = nn.BatchNorm3d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels, planes, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3x3x3 convolution between two of 1x1x1, and a way around them."""

    expansion = 4

    def __init__(self, channels: int, planes: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = _conv(planes, planes, stride=stride, dilation=dilation)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(planes * 4)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels, planes * 4, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet3d(Encoder3d):
    """MedicalNet's network without its segmentation head (Chen et al. 2019, arXiv 1904.00625).

    Volumes (n, channels, z, y, x) -> vectors (n, 8 x width x expansion): the mean of maps at an eighth of the
    resolution. Every tensor has the name that MedicalNet gives it.
    """

    def __init__(self, channels: int, width: int, *, block: type[Basic | Bottleneck], blocks: tuple[int, ...]) -> None:
        super().__init__()
        depth = 2 + sum(blocks) * (2 if block is Basic else 3)
        self.definition = (
            f"MedicalNet's 3-D ResNet-{depth} (Chen et al. 2019, arXiv 1904.00625), whose last two stages keep "
            "their resolution by dilation 2 and 4"
        )
        self.length = 8 * width * block.expansion
        self.conv1 = nn.Conv3d(channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        entering = width
        for number, ((factor, stride, dilation), count) in enumerate(zip(STAGES, blocks, strict=True), start=1):
            planes = width * factor
            first = block(entering, planes, stride=stride, dilation=dilation)
            entering = planes * block.expansion
            rest = [block(entering, planes, dilation=dilation) for _ in range(count - 1)]
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
        draw(self)

    def forward(self, volumes: Tensor) -> Tensor:
        maps = self.maxpool(self.relu(self.bn1(self.conv1(volumes))))
        return pooled(self.layer4(self.layer3(self.layer2(self.layer1(maps)))))

    def stages(self) -> list[tuple[str, nn.Module]]:
        return [(name, getattr(self, name)) for name in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")]

    def explained(self) -> nn.Module:
        return self.layer4

    def published(self) -> nn.Module:
        return self


resnet10 = partial(ResNet3d, block=Basic, blocks=(1, 1, 1, 1))
resnet50 = partial(ResNet3d, block=Bottleneck, blocks=(3, 4, 6, 3))


def _conv(channels: int, planes: int, *, stride: int = 1, dilation: int = 1) -> nn.Conv3d:
    return nn.Conv3d(channels, planes, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)


def _shortcut(channels: int, planes: int, *, stride: int) -> nn.Sequential | None:
    """Shortcut of type B: 1x1x1 convolution and normalization, where the identity does not fit."""
    if stride == 1 and channels == planes:
        return None
    return nn.Sequential(nn.Conv3d(channels, planes, 1, stride=stride, bias=False), nn.BatchNorm3d(planes))
