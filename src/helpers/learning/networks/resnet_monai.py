"""MONAI's 3-D ResNet-10: MedicalNet's tensors in another function."""

from __future__ import annotations

from monai.networks.nets import resnet10
from torch import Tensor, nn

from helpers.learning.networks.encoder3d import Encoder3d, pooled


class MonaiResNet10(Encoder3d):
    """Volumes (n, channels, z, y, x) -> vectors (n, 8 x width), the mean of maps at a 32nd of the resolution.

    It takes the files of MedicalNet's ResNet-10, whose names and shapes it shares, but its last two stages have
    stride 2 in place of dilation: faster, coarser, and not the function that those weights were trained in.
    """

    definition = (
        "MONAI's 3-D ResNet-10: the tensors of MedicalNet's, but its last two stages halve the resolution in place of "
        "dilation, so that the same weights make another function"
    )

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.length = 8 * width
        self.net = resnet10(
            spatial_dims=3,
            n_input_channels=channels,
            conv1_t_stride=2,  # MedicalNet's, and that of MONAI's own ResNetFeatures; resnet10 itself defaults to 1
            feed_forward=False,
            shortcut_type="B",
            bias_downsample=False,
            widen_factor=width / 64,
        )

    def forward(self, volumes: Tensor) -> Tensor:
        net = self.net
        maps = net.maxpool(net.act(net.bn1(net.conv1(volumes))))
        return pooled(net.layer4(net.layer3(net.layer2(net.layer1(maps)))))

    def stages(self) -> list[tuple[str, nn.Module]]:
        return [(name, getattr(self.net, name)) for name in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")]

    def explained(self) -> nn.Module:
        return self.net.layer4

    def published(self) -> nn.Module:
        return self.net
