"""The default network: Xception-type, made for the work that two CPU cores can do.

Three choices make it cheap without making it blind. The stem halves the resolution at once, where a cell of
15 to 20 pixels still has its outline, nucleus and granules. The stem is made of ordinary convolutions with
few channels, because depthwise layers at high resolution cost a CPU more time than their arithmetic says.
Everything after it is separable with shortcuts, as in Xception (Chollet 2017), and ends in global average
pooling and one linear layer, so that class maps come in closed form.
"""

from __future__ import annotations

from torch import Tensor, nn

from nscweb.models.architectures.contract import CellNetwork


def _separable(inside: int, outside: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False),
        nn.Conv2d(inside, outside, 1, bias=False),
        nn.BatchNorm2d(outside),
    ]


class DownBlock(nn.Module):
    """(N, inside, h, w) to (N, outside, h/2, w/2): two separable convolutions, pooling, shortcut."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *_separable(inside, outside), nn.ReLU(), *_separable(outside, outside), nn.MaxPool2d(3, stride=2, padding=1)
        )
        self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride=2, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.main(x) + self.shortcut(x)
        return out


class SameBlock(nn.Module):
    """(N, width, h, w) to the same shape: twice (ReLU, separable convolution, batch norm), plus identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.main = nn.Sequential(nn.ReLU(), *_separable(width, width), nn.ReLU(), *_separable(width, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.main(x)
        return out


class Compact(CellNetwork):
    """(N, C, 48, 48) to (N, 8 * width, 6, 6) features to (N, K) logits; other sizes work as well.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        width: channels of the stem; every later stage is a multiple of it.
        depth: number of blocks that keep the size, at an eighth of the input.
        dropout: share of pooled features hidden in training.
    """

    def __init__(
        self, n_channels: int, n_classes: int, *, width: int = 32, depth: int = 3, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(n_channels, width // 2, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.down = nn.Sequential(DownBlock(width, 2 * width), DownBlock(2 * width, 4 * width))
        self.same = nn.Sequential(*(SameBlock(4 * width) for _ in range(depth)))
        self.exit = nn.Sequential(nn.ReLU(), *_separable(4 * width, 8 * width), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8 * width, n_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        features: Tensor = self.exit(self.same(self.down(self.stem(x))))
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


def build(n_channels: int, n_classes: int, *, width: int = 32, depth: int = 3, dropout: float = 0.1) -> Compact:
    """The compact network; see `Compact` for the options."""
    return Compact(n_channels, n_classes, width=width, depth=depth, dropout=dropout)
