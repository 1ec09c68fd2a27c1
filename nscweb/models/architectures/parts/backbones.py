"""Known networks of torchvision up to their last feature map, with random weights.

Every function takes the number of input planes and returns an ``nn.Sequential`` whose entries carry the names
of torchvision, so that weights of torchvision fit by name. Its last entry gives the features. torchvision is
imported inside the functions: the table of networks is listed far more often than one of these is built.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from nscweb.models.architectures.parts.first_layer import fit_channels
from nscweb.models.torchvision_compat import ensure_torchvision


def _models() -> Any:
    ensure_torchvision()
    from torchvision import models

    return models


def _chain(model: nn.Module, leave_out: Iterable[str]) -> nn.Sequential:
    """The children of `model` in order, those without `leave_out`."""
    skipped = set(leave_out)
    return nn.Sequential(OrderedDict((name, child) for name, child in model.named_children() if name not in skipped))


def resnet(n_channels: int, *, depth: int) -> nn.Sequential:
    """ResNet-18 or ResNet-50 (He et al. 2016): 512 or 2048 features at a 32nd of the input."""
    models = _models()
    made = {18: models.resnet18, 50: models.resnet50}[depth](weights=None)
    made.conv1 = fit_channels(made.conv1, n_channels)
    return _chain(made, ("avgpool", "fc"))


def vgg(n_channels: int, *, depth: int) -> nn.Sequential:
    """The convolutions of VGG-16 or VGG-19 (Simonyan and Zisserman 2015): 512 features at a 32nd of the input.

    Only these are made: the dense layers of torchvision's VGG hold 120 million numbers that most heads replace.
    """
    _models()
    from torchvision.models.vgg import cfgs, make_layers

    layers: nn.Sequential = make_layers(cfgs[{16: "D", 19: "E"}[depth]], batch_norm=False)
    layers[0] = fit_channels(layers[0], n_channels)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return layers


def inception_v3(n_channels: int) -> nn.Sequential:
    """Inception-v3 (Szegedy et al. 2016) without its auxiliary head: 2048 features; input from 75 x 75."""
    made = _models().inception_v3(weights=None, aux_logits=False, init_weights=True)
    made.Conv2d_1a_3x3.conv = fit_channels(made.Conv2d_1a_3x3.conv, n_channels)
    return _chain(made, ("AuxLogits", "avgpool", "dropout", "fc"))


def googlenet(n_channels: int) -> nn.Sequential:
    """GoogLeNet (Szegedy et al. 2015) without its auxiliary heads: 1024 features at a 32nd of the input."""
    made = _models().googlenet(weights=None, aux_logits=False, init_weights=True)
    made.conv1.conv = fit_channels(made.conv1.conv, n_channels)
    return _chain(made, ("aux1", "aux2", "avgpool", "dropout", "fc"))


def alexnet(n_channels: int) -> nn.Sequential:
    """The convolutions of AlexNet (Krizhevsky 2014, as in torchvision): 256 features; input from 63 x 63."""
    layers: nn.Sequential = _models().alexnet(weights=None).features
    layers[0] = fit_channels(layers[0], n_channels)
    return layers


def densenet121(n_channels: int) -> nn.Sequential:
    """DenseNet-121 (Huang et al. 2017) with the ReLU that torchvision hides in its forward: 1024 features."""
    layers: nn.Sequential = _models().densenet121(weights=None).features
    layers.conv0 = fit_channels(layers.conv0, n_channels)
    layers.add_module("relu5", nn.ReLU())
    return layers


def mobilenet_v2(n_channels: int) -> nn.Sequential:
    """MobileNetV2 (Sandler et al. 2018): 1280 features at a 32nd of the input."""
    layers: nn.Sequential = _models().mobilenet_v2(weights=None).features
    # One nn.Sequential in another.
    layers[0][0] = fit_channels(layers[0][0], n_channels)  # type: ignore[index,operator]
    return layers


FEATURES: dict[str, int] = {
    "resnet18": 512,
    "resnet50": 2048,
    "vgg16": 512,
    "vgg19": 512,
    "inception_v3": 2048,
    "googlenet": 1024,
    "alexnet": 256,
    "densenet121": 1024,
    "mobilenet_v2": 1280,
}

_BUILDERS: dict[str, Callable[[int], nn.Sequential]] = {
    "resnet18": lambda n_channels: resnet(n_channels, depth=18),
    "resnet50": lambda n_channels: resnet(n_channels, depth=50),
    "vgg16": lambda n_channels: vgg(n_channels, depth=16),
    "vgg19": lambda n_channels: vgg(n_channels, depth=19),
    "inception_v3": inception_v3,
    "googlenet": googlenet,
    "alexnet": alexnet,
    "densenet121": densenet121,
    "mobilenet_v2": mobilenet_v2,
}


def backbone(name: str, n_channels: int) -> nn.Sequential:
    """The network of that name, a key of FEATURES, which says how many features it ends in."""
    return _BUILDERS[name](n_channels)
