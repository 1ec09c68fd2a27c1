"""The networks of Zamani et al. 2023 for colonies of blood cells: AlexNet, GoogLeNet and ResNet-18.

The paper replaces the last layer of networks that know ImageNet (transfer learning) and changes nothing else.
It resizes to 224 x 224 for AlexNet and to 299 x 299 for the two others. Its table 1 prints 60, 5 and 12 million
parameters: those are the round figures of the original networks with 1000 classes. AlexNet is the one of
torchvision (Krizhevsky 2014, one column), and the auxiliary heads of GoogLeNet, which only help in training
from nothing, are left out.
"""

from __future__ import annotations

from nscweb.models.architectures.parts.backbones import FEATURES, backbone
from nscweb.models.architectures.parts.body_and_head import BodyAndHead, dense_4096, pooled_linear


def build(n_channels: int, n_classes: int, *, backbone_name: str) -> BodyAndHead:
    """One of the three.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        backbone_name: ``alexnet``, ``googlenet`` or ``resnet18``.
    """
    features = FEATURES[backbone_name]
    if backbone_name == "alexnet":
        head = dense_4096(features, n_classes, (6, 6), dropout_first=True)
    else:
        head = pooled_linear(features, n_classes, 0.2 if backbone_name == "googlenet" else 0.0)
    return BodyAndHead(backbone(backbone_name, n_channels), head)
