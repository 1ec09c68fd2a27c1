"""DeepSea, a network that outlines adherent cells in phase contrast (Zargari et al. 2023,
doi:10.1016/j.crmeth.2023.100500), built here, with the weights of its package.

The package `deepsea` is published under the MIT licence; nothing of it is run or imported, its file of weights is read.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nscweb.core.errors import WeightsInvalid
from nscweb.models.pretrained import file_of_package, read_state

_PACKAGE, _FILE = "deepsea", "segmentation.pth"
WEIGHTS_SHA256 = "cba54334577562e013edc15ec8c46ed5cabf5e2fee49477a433127d2e655b8c8"
# Sides of an input are multiples of this, because the network halves them twice.
MULTIPLE = 4
_WIDTHS = (64, 128, 256)


class _Block(nn.Module):
    """Two convolutions beside a plain one, added; names are those of the file."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(inside, outside, 3, padding=1),
            nn.BatchNorm2d(outside),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Conv2d(outside, outside, 3, padding=1),
        )
        self.bn = nn.BatchNorm2d(outside)
        self.conv1d = nn.Conv2d(inside, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.double_conv(x) + self.conv1d(x)))


class PhaseContrastNetwork(nn.Module):
    """(N, 1, H, W) from -1 to 1 to two maps (N, 2, H, W) from 0 to 1: inside of a cell, and rim between cells."""

    def __init__(self) -> None:
        super().__init__()
        small, middle, wide = _WIDTHS
        self.res1, self.res2, self.res3 = _Block(1, small), _Block(small, middle), _Block(middle, wide)
        self.res4, self.res5 = _Block(wide + middle, middle), _Block(middle + small, small)
        self.conv3, self.conv4 = nn.Conv2d(small, 2, 1), nn.Conv2d(small, 2, 1)
        self.down = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)

    def forward(self, x: Tensor) -> Tensor:
        first = self.res1(x)
        second = self.res2(self.down(first))
        deep = self.res3(self.down(second))
        deep = self.res4(torch.cat([second, self.up(deep)], dim=1))
        deep = self.res5(torch.cat([first, self.up(deep)], dim=1))
        cell, rim = torch.softmax(self.conv3(deep), dim=1), torch.softmax(self.conv4(deep), dim=1)
        return torch.cat([cell[:, 1:], rim[:, 1:]], dim=1)


def load_phase_contrast() -> PhaseContrastNetwork:
    """The network with the weights of the package, ready to predict.

    Raises:
        InputRefused: the package is not installed.
        WeightsInvalid: its file is another one.
    """
    what = "The package deepsea with the weights of the learnt method"
    path = file_of_package(_PACKAGE, f"trained_models/{_FILE}", what, "choose another method")
    network = PhaseContrastNetwork()
    try:
        network.load_state_dict(read_state(path, WEIGHTS_SHA256))
    except RuntimeError as error:
        raise WeightsInvalid(f"The file {path.name} does not fit its network.", code="E-WEIGHTS-SHAPES") from error
    return network.eval()
