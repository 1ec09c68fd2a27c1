"""The networks of Parthasarathy 2024: known backbones, average pooling, dropout and a dense head.

The paper names MobileNet, VGG19, Inception-v3, ResNet18 and ResNet50, an average pooling "to start with",
"dense and dropout layers", and input of 45 x 60, 60 x 60 or 75 x 75 "depending on the optimal size for the
model". Chosen here, because the paper does not print them: one dense layer of 128 with ReLU, dropout 0.5
before and after it, 75 x 75 for Inception-v3 (it takes no less), 45 x 60 for MobileNet and 60 x 60 for the
others. The paper cites the first MobileNet (Howard et al. 2017), which torchvision does not have; it is built
here. What the paper calls ResNetv2 comes with the citation of He et al. 2016 and the depths 18 and 50, so it
is torchvision's ResNet.
"""

from __future__ import annotations

from torch import nn

from nscweb.models.architectures.parts.backbones import FEATURES, backbone
from nscweb.models.architectures.parts.body_and_head import BodyAndHead, GlobalAveragePool

# Width and stride of the separable layers of MobileNet (Howard et al. 2017, table 1).
_SEPARABLE = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)


def _conv(inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outside), nn.ReLU6()]


def mobilenet(n_channels: int) -> nn.Sequential:
    """MobileNet of width 1 (Howard et al. 2017): 1024 features at a 32nd of the input."""
    layers, inside = _conv(n_channels, 32, 3, stride=2), 32
    for outside, stride in _SEPARABLE:
        layers += _conv(inside, inside, 3, stride, groups=inside)
        layers += _conv(inside, outside, 1)
        inside = outside
    return nn.Sequential(*layers)


def build(
    n_channels: int, n_classes: int, *, backbone_name: str, hidden: int = 128, dropout: float = 0.5
) -> BodyAndHead:
    """Backbone and head.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        backbone_name: ``mobilenet`` or a name of `parts.backbones`.
        hidden: values of the dense layer.
        dropout: share of values hidden in training, before and after the dense layer.
    """
    if backbone_name == "mobilenet":
        body, features = mobilenet(n_channels), 1024
    else:
        body, features = backbone(backbone_name, n_channels), FEATURES[backbone_name]
    head = nn.Sequential(
        GlobalAveragePool(),
        nn.Dropout(dropout),
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, n_classes),
    )
    return BodyAndHead(body, head)
