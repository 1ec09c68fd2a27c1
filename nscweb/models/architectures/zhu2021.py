"""The published network of Zhu et al. 2021, layer by layer; names and shapes equal the authors' state dict.

The network is a small Xception (Chollet 2017) that keeps the full resolution of its 45 x 30 input in the
stem. Its names are part of the contract with the authors' weights, so they are not made nicer here.

The paper compares it with one "30 % smaller" and one "30 % larger" (figure 5b) and does not say how they were
made. Here that is read as the number of parameters, and all widths change alike: nearly all parameters lie in
pointwise convolutions, whose number goes with the square of the width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from nscweb.models.architectures.contract import CellNetwork


class SepConv(nn.Module):
    """Depthwise 3x3, then pointwise 1x1, both without bias; (N, inside, h, w) to (N, outside, h, w)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.depthwise_conv = nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False)
        self.pointwise_conv = nn.Conv2d(inside, outside, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise_conv(self.depthwise_conv(x))
        return out


class Stem(nn.Module):
    """block1: two plain convolutions; the size is kept."""

    def __init__(self, n_channels: int, middle: int, outside: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_channels, middle, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.relu(self.bn2(self.conv2(x)))
        return out


class Down(nn.Module):
    """block2, block3 and block5: two separable convolutions and max pooling beside a strided 1x1 shortcut."""

    def __init__(self, inside: int, middle: int, outside: int, *, relu_first: bool) -> None:
        super().__init__()
        self.relu_first = relu_first
        self.r_conv1 = nn.Conv2d(inside, outside, 1, stride=2, bias=False)
        self.r_bn1 = nn.BatchNorm2d(outside)
        self.conv1 = SepConv(inside, middle)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = SepConv(middle, outside)
        self.bn2 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        shortcut: Tensor = self.r_bn1(self.r_conv1(x))
        if self.relu_first:
            x = self.relu(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.pool(self.bn2(self.conv2(x)))
        return x + shortcut


class Middle(nn.Module):
    """block4: three times (ReLU, separable convolution, batch norm), plus identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = SepConv(width, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = SepConv(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = SepConv(width, width)
        self.bn3 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn1(self.conv1(self.relu(x)))
        out = self.bn2(self.conv2(self.relu(out)))
        out = self.bn3(self.conv3(self.relu(out)))
        summed: Tensor = x + out
        return summed


class Exit(nn.Module):
    """block6: two separable convolutions to the last features."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        inside, middle, outside = widths
        self.conv1 = SepConv(inside, middle)
        self.bn1 = nn.BatchNorm2d(middle)
        self.relu1 = nn.ReLU()
        self.conv2 = SepConv(middle, outside)
        self.bn2 = nn.BatchNorm2d(outside)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))
        out: Tensor = self.relu2(self.bn2(self.conv2(x)))
        return out


class Zhu2021(CellNetwork):
    """(N, C, 45, 30) in 0..1 to (N, 2048, 6, 4) features to (N, K) logits; 3,992,867 parameters for C=1, K=3.

    Source: Zhu et al. 2021 and the authors' repository `yanjingmao/NC_paper_source_code` (Apache-2.0).

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        size: share of the published number of parameters; 1 is the published network.
    """

    def __init__(self, n_channels: int, n_classes: int, *, size: float = 1.0) -> None:
        super().__init__()
        if not 0.01 <= size <= 16:
            raise ValueError("size is a share of the published network, from 0.01 to 16")
        w32, w64, w128, w256, w512, w1024, w2048 = (max(1, round(2**power * math.sqrt(size))) for power in range(5, 12))
        self.block1 = Stem(n_channels, w32, w64)
        self.block2 = Down(w64, w128, w128, relu_first=False)
        self.block3 = Down(w128, w256, w256, relu_first=False)
        self.block4_lst = nn.ModuleList(Middle(w256) for _ in range(4))
        self.block5 = Down(w256, w256, w512, relu_first=True)
        self.block6 = Exit((w512, w1024, w2048))
        self.final = nn.Linear(w2048, n_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.block3(self.block2(self.block1(x)))
        for block in self.block4_lst:
            x = block(x)
        features: Tensor = self.block6(self.block5(x))
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.final(features.mean(dim=(2, 3)))
        return logits

    @property
    def cam_layer(self) -> nn.Module:
        return self.block6.relu2

    @property
    def classifier(self) -> nn.Linear:
        return self.final


def build(n_channels: int, n_classes: int, *, size: float = 1.0) -> Zhu2021:
    """The published network; see `Zhu2021` for the option."""
    return Zhu2021(n_channels, n_classes, size=size)
