"""The networks of Kim et al. 2023 for nasal stem cells: four backbones with the head of the paper.

Head (Methods, "Deep learning"): dropout 0.4, global max pooling, dropout, dense layer of 64 with ReLU, batch
norm, dropout, output of two units with softmax. The softmax is left to the prediction, as everywhere here.
The first dropout hides single values of the feature map, as in Keras. Because the maximum is taken, class maps
need gradients. The paper prints no numbers of parameters; Xception without its head has 20,861,480 in Keras.
"""

from __future__ import annotations

from torch import Tensor, nn

from nscweb.models.architectures.parts.backbones import FEATURES, backbone
from nscweb.models.architectures.parts.body_and_head import BodyAndHead, GlobalMaxPool


def _separable(inside: int, outside: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False),
        nn.Conv2d(inside, outside, 1, bias=False),
        nn.BatchNorm2d(outside),
    ]


class XceptionDown(nn.Module):
    """(N, inside, h, w) to (N, outside, h/2, w/2): two separable convolutions and pooling, beside a shortcut."""

    def __init__(self, inside: int, middle: int, outside: int, *, relu_first: bool = True) -> None:
        super().__init__()
        first: list[nn.Module] = [nn.ReLU()] if relu_first else []
        self.main = nn.Sequential(
            *first,
            *_separable(inside, middle),
            nn.ReLU(),
            *_separable(middle, outside),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride=2, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.main(x) + self.shortcut(x)
        return out


class XceptionSame(nn.Module):
    """(N, width, h, w) to the same shape: three times (ReLU, separable convolution), plus identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [nn.ReLU(), *_separable(width, width)]
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.main(x)
        return out


def xception(n_channels: int) -> nn.Sequential:
    """Xception (Chollet 2017, figure 5): 2048 features at a 32nd of the input."""
    return nn.Sequential(
        nn.Conv2d(n_channels, 32, 3, stride=2, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        XceptionDown(64, 128, 128, relu_first=False),
        XceptionDown(128, 256, 256),
        XceptionDown(256, 728, 728),
        *(XceptionSame(728) for _ in range(8)),
        XceptionDown(728, 728, 1024),
        *_separable(1024, 1536),
        nn.ReLU(),
        *_separable(1536, 2048),
        nn.ReLU(),
    )


def build(
    n_channels: int, n_classes: int, *, backbone_name: str, hidden: int = 64, dropout: float = 0.4
) -> BodyAndHead:
    """Backbone and the head of the paper.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        backbone_name: ``xception`` or a name of `parts.backbones`.
        hidden: values of the dense layer.
        dropout: share of values hidden in training, at the three places of the paper.
    """
    if backbone_name == "xception":
        body, features = xception(n_channels), 2048
    else:
        body, features = backbone(backbone_name, n_channels), FEATURES[backbone_name]
    head = nn.Sequential(
        nn.Dropout(dropout),
        GlobalMaxPool(),
        nn.Dropout(dropout),
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.BatchNorm1d(hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, n_classes),
    )
    return BodyAndHead(body, head)
