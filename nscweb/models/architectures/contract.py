"""What every network offers, so that prediction, class maps and embeddings need no special case."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


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
        """The module whose output is `forward_features`; class maps are drawn from it."""

    @property
    @abstractmethod
    def classifier(self) -> nn.Linear:
        """The last layer: (N, F) pooled features, or what the head makes of them, to (N, K) logits."""


@dataclass(frozen=True)
class Architecture:
    """A line of the table ARCHITECTURES.

    Attributes:
        name: key in the table and in cards.
        title: plain words for pages.
        build: ``build(n_channels, n_classes, **options)`` returns the network with fresh random weights.
        default_input: (H, W) of the input that it was designed for.
        closed_form_cam: the head is global average pooling and one linear layer, so the class map is a
            weighted sum of the features (Zhou et al. 2016, equation 2) and needs no gradients.
        source: paper or reason.
    """

    name: str
    title: str
    build: Callable[..., CellNetwork]
    default_input: tuple[int, int]
    closed_form_cam: bool
    source: str

    def make(self, n_channels: int, n_classes: int, options: dict[str, Any] | None = None) -> CellNetwork:
        """The network in training mode with fresh weights from torch's generator."""
        return self.build(n_channels, n_classes, **(options or {}))
