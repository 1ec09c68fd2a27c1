"""The accurate network: for those who can wait a little longer than for the compact one.

Compact is cheap because its stem halves the resolution at once and its depthwise layers see 3 x 3 places. Here
work is spent where small cells need it: the first convolution keeps the full resolution, the next stage
looks with 5 x 5 depthwise filters at half of it, and half of all layers lie at a quarter, where a
cell of 15 to 20 pixels is still 4 to 5 places across. Squeeze-excitation (Hu et al. 2018) lets the whole cell
decide which channels count, shortcuts shrink by averages instead of skipping pixels (He et al. 2019,
ResNet-D), and whole blocks are left out at random in training (Huang et al. 2016, stochastic depth), which a
deeper network needs with a few thousand cells. It ends in global average pooling and one linear layer, so
class maps come in closed form. Its work is less than a quarter of that of the published network of Zhu et al.
and about a hundredth of that of CG-RecNet.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nscweb.models.architectures.contract import CellNetwork


def _separable(inside: int, outside: int, kernel: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inside, inside, kernel, padding=kernel // 2, groups=inside, bias=False),
        nn.Conv2d(inside, outside, 1, bias=False),
        nn.BatchNorm2d(outside),
    ]


class SqueezeExcite(nn.Module):
    """(N, width, h, w) times a weight in 0..1 per cell and channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.Conv2d(width, width // 4, 1), nn.ReLU(), nn.Conv2d(width // 4, width, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x * self.weigh(x.mean(dim=(2, 3), keepdim=True))
        return out


class SkipAtRandom(nn.Module):
    """In training a share of the cells gets 0 and the others more, so that the mean stays; else nothing."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return x
        kept = torch.rand(x.shape[0], 1, 1, 1, device=x.device) >= self.share
        return x * (kept / (1 - self.share)).to(x.dtype)


class DownBlock(nn.Module):
    """(N, inside, h, w) to (N, outside, h/2, w/2): two separable convolutions, pooling, averaged shortcut."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *_separable(inside, outside, kernel),
            nn.ReLU(),
            *_separable(outside, outside, kernel),
            nn.MaxPool2d(3, stride=2, padding=1),
            SqueezeExcite(outside),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.main(x) + self.shortcut(x)
        return out


class SameBlock(nn.Module):
    """(N, width, h, w) to the same shape: twice (ReLU, separable convolution), squeeze-excitation, identity."""

    def __init__(self, width: int, kernel: int, skip: float) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ReLU(),
            *_separable(width, width, kernel),
            nn.ReLU(),
            *_separable(width, width, kernel),
            SqueezeExcite(width),
            SkipAtRandom(skip),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.main(x)
        return out


class Accurate(CellNetwork):
    """(N, C, 48, 48) to (N, 28 * width, 6, 6) features to (N, K) logits; other sizes work as well.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        width: channels of the first layer; every later stage is a multiple of it.
        depth: number of blocks at a quarter of the input, and again at an eighth.
        dropout: share of pooled features hidden in training.
        skip: share of cells for which the last block is left out in training; earlier ones less.
    """

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        *,
        width: int = 16,
        depth: int = 3,
        dropout: float = 0.2,
        skip: float = 0.1,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(n_channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 3 * width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(3 * width),
            nn.ReLU(),
        )
        skips = [skip * (index + 1) / (2 * depth) for index in range(2 * depth)]
        middle, late = 8 * width, 14 * width
        self.to_quarter = DownBlock(3 * width, middle, 5)
        self.quarter = nn.Sequential(*(SameBlock(middle, 5, share) for share in skips[:depth]))
        self.to_eighth = DownBlock(middle, late, 3)
        self.eighth = nn.Sequential(*(SameBlock(late, 3, share) for share in skips[depth:]))
        self.exit = nn.Sequential(nn.ReLU(), *_separable(late, 28 * width, 3), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(28 * width, n_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.quarter(self.to_quarter(self.stem(x)))
        features: Tensor = self.exit(self.eighth(self.to_eighth(x)))
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(features.mean(dim=(2, 3))))
        return logits

    @property
    def cam_layer(self) -> nn.Module:
        return self.exit[-1]

    @property
    def classifier(self) -> nn.Linear:
        return self.head


def build(
    n_channels: int, n_classes: int, *, width: int = 16, depth: int = 3, dropout: float = 0.2, skip: float = 0.1
) -> Accurate:
    """The accurate network; see `Accurate` for the options."""
    return Accurate(n_channels, n_classes, width=width, depth=depth, dropout=dropout, skip=skip)
