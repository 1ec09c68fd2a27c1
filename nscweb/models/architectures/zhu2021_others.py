"""The networks that Zhu et al. 2021 compare theirs with: MLP, ResNet, VGG and Inception-v3 at 45 x 30.

The paper (Methods, "Other related neural network architectures") says that the MLP turns the 45 x 30 image
into a vector of length 512, has one 512 x 512 hidden layer and a three-way output, and that the others have
"the classic layer configuration of each network with customized starting layers to fit the size of the cell
images". It gives neither depths nor the starting layers, and no numbers of parameters. Chosen here, each as
the smallest change with which the classic layers still have places to look at:

- ResNet-18: the first convolution is 3 x 3 without stride, and the first pooling is left out; the last map is
  6 x 4.
- VGG-16: the first pooling is left out (five halvings of 30 pixels leave nothing); the last map is 2 x 1. The
  dense layers of 4096 follow the pooled features.
- Inception-v3: the first two convolutions have padding, the first no stride, and the first pooling is left
  out; the last map is 4 x 2.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from nscweb.core.errors import WrongUse
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.architectures.parts.backbones import FEATURES, backbone
from nscweb.models.architectures.parts.body_and_head import BodyAndHead, dense_4096, pooled_linear


class Mlp(CellNetwork):
    """(N, C, 45, 30) to (N, 512, 1, 1) hidden values to (N, K) logits. It has no places, so no class maps.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        height, width: the size of the input; it cannot be another one.
        hidden: values of the two inner layers; 512 in the paper.
    """

    def __init__(
        self, n_channels: int, n_classes: int, *, height: int = 45, width: int = 30, hidden: int = 512
    ) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Flatten(1),
            nn.Linear(n_channels * height * width, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Unflatten(1, (hidden, 1, 1)),
        )
        self.final = nn.Linear(hidden, n_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        features: Tensor = self.inner(x)
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.final(features.flatten(1))
        return logits

    @property
    def cam_layer(self) -> nn.Module:
        raise WrongUse(
            "A multi-layer perceptron keeps no places of the image, so it has no class maps.",
            "Use a convolutional network where you want to see which part of a cell counts.",
            "E-NO-CLASS-MAPS",
        )

    @property
    def classifier(self) -> nn.Linear:
        return self.final


def _resnet(n_channels: int, n_classes: int) -> BodyAndHead:
    body: Any = backbone("resnet18", n_channels)
    body.conv1 = nn.Conv2d(n_channels, 64, 3, padding=1, bias=False)
    del body.maxpool
    return BodyAndHead(body, pooled_linear(FEATURES["resnet18"], n_classes))


def _vgg(n_channels: int, n_classes: int) -> BodyAndHead:
    layers = list(backbone("vgg16", n_channels))
    first_pooling = next(index for index, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d))
    del layers[first_pooling]
    return BodyAndHead(nn.Sequential(*layers), dense_4096(FEATURES["vgg16"], n_classes, (1, 1), dropout_first=False))


def _inception(n_channels: int, n_classes: int) -> BodyAndHead:
    body: Any = backbone("inception_v3", n_channels)
    body.Conv2d_1a_3x3.conv.stride = (1, 1)
    for block in (body.Conv2d_1a_3x3, body.Conv2d_2a_3x3):
        block.conv.padding = (1, 1)
    del body.maxpool1
    return BodyAndHead(body, pooled_linear(FEATURES["inception_v3"], n_classes, 0.5))


def build(
    n_channels: int, n_classes: int, *, kind: str, height: int = 45, width: int = 30, hidden: int = 512
) -> CellNetwork:
    """One of the four.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        kind: ``mlp``, ``resnet``, ``vgg`` or ``inception``.
        height, width, hidden: of the MLP; see `Mlp`. The others take any size and ignore them.
    """
    if kind == "mlp":
        return Mlp(n_channels, n_classes, height=height, width=width, hidden=hidden)
    return {"resnet": _resnet, "vgg": _vgg, "inception": _inception}[kind](n_channels, n_classes)
