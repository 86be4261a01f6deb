"""VGG with 3-D convolutions: a plain stack of them, and one hidden layer."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from helpers.learning.networks.encoder3d import Encoder3d, draw, pooled

FACTORS = (1, 2, 4, 8, 8)  # channels of the five blocks, times the width


class Vgg3d(Encoder3d):
    """Volumes (n, channels, z, y, x) -> vectors (n, 8 x width).

    Configurations A and D of Simonyan and Zisserman 2015 (arXiv 1409.1556) with 3x3x3 convolutions and batch
    normalization. Their two hidden layers of 4096 would dwarf the rest in three dimensions: here the mean over space
    enters one of 8 x width. The fifth pooling is left out, since the mean follows at once.
    """

    def __init__(self, channels: int, width: int, *, convolutions: tuple[int, ...]) -> None:
        super().__init__()
        depth = sum(convolutions) + 3
        self.definition = (
            f"VGG-{depth} (Simonyan and Zisserman 2015, arXiv 1409.1556) with 3-D convolutions, batch normalization and "
            "one hidden layer after the mean over space; our definition, since the authors' is not public"
        )
        self.length = FACTORS[-1] * width
        entering = channels
        for number, (factor, count) in enumerate(zip(FACTORS, convolutions, strict=True), start=1):
            self.add_module(f"block{number}", _block(entering, width * factor, count=count))
            entering = width * factor
        # Rounding up is the same where sizes halve evenly; a small volume keeps its last voxel.
        self.pool = nn.MaxPool3d(2, ceil_mode=True)
        self.hidden = nn.Sequential(nn.Linear(entering, self.length), nn.ReLU(inplace=True))
        draw(self)

    def forward(self, volumes: Tensor) -> Tensor:
        maps = self.block1(volumes)
        for block in (self.block2, self.block3, self.block4, self.block5):
            maps = block(self.pool(maps))
        return self.hidden(pooled(maps))

    def stages(self) -> list[tuple[str, nn.Module]]:
        return [(name, block) for name, block in self.named_children() if name != "pool"]

    def explained(self) -> nn.Module:
        return self.block5


vgg11 = partial(Vgg3d, convolutions=(1, 1, 2, 2, 2))
vgg16 = partial(Vgg3d, convolutions=(2, 2, 3, 3, 3))


def _block(channels: int, planes: int, *, count: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(count):
        convolution = nn.Conv3d(channels if index == 0 else planes, planes, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm3d(planes), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
