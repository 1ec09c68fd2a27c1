"""The files of ImageNet weights that torchvision publishes: address, size, and the beginning of their SHA-256.

The table repeats what torchvision's own list of weights says (a test compares them), so that a list on a page
needs no torch. The name of each file ends in the first eight digits of its SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass

_SERVER = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class BackboneFile:
    """One file.

    Attributes:
        name: of the network, as torchvision calls it.
        file: its name on the server. megabytes: its size, rounded.
        sha256: the first digits of its SHA-256.
    """

    name: str
    file: str
    megabytes: float

    @property
    def url(self) -> str:
        return _SERVER + self.file

    @property
    def sha256(self) -> str:
        return self.file.removesuffix(".pth").rpartition("-")[2]


BACKBONE_FILES: dict[str, BackboneFile] = {
    item.name: item
    for item in (
        BackboneFile("resnet18", "resnet18-f37072fd.pth", 44.7),
        BackboneFile("resnet50", "resnet50-0676ba61.pth", 97.8),
        BackboneFile("mobilenet_v2", "mobilenet_v2-b0353104.pth", 13.6),
        BackboneFile("densenet121", "densenet121-a639ec97.pth", 30.8),
        BackboneFile("googlenet", "googlenet-1378be20.pth", 49.7),
        BackboneFile("inception_v3", "inception_v3_google-0cc3c7bd.pth", 103.9),
        BackboneFile("alexnet", "alexnet-owt-7be5be79.pth", 233.1),
        BackboneFile("vit_b_16", "vit_b_16-c867db91.pth", 330.3),
        BackboneFile("vgg16", "vgg16-397923af.pth", 527.8),
        BackboneFile("vgg19", "vgg19-dcbb9e9d.pth", 548.1),
    )
}


def backbone_of(pretrained: str) -> BackboneFile | None:
    """The file behind ``Architecture.pretrained``, such as ``torchvision ResNet18_Weights.IMAGENET1K_V1``."""
    kind, _, weights = pretrained.partition(" ")
    if kind != "torchvision":
        return None
    wanted = weights.partition("_Weights.")[0].replace("_", "").lower()
    return next((item for name, item in BACKBONE_FILES.items() if name.replace("_", "") == wanted), None)
