"""Plain features and a classifier that is fitted in seconds: logistic regression or a support vector machine.

On few cells it is hard to beat, and it says what a network has to beat. The features are those of `feature_measures`;
they are measured in the input by plain operators, so that the whole model is one file of ONNX without special parts.
It keeps no places, so it has no class maps; `nscweb.training.feature_fit` finds its numbers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from nscweb.core.errors import WrongUse
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.architectures.feature_measures import full_precision, measure_names, measures

# A cell that lies further out in one feature than this many standard deviations lies this far out.
FURTHEST = 5.0


def kernel_scores(features: Tensor, vectors: Tensor, weights: Tensor, offsets: Tensor, gamma: Tensor) -> Tensor:
    """Decision values (N, P) of support vector machines with a radial kernel for standardised features (N, F).

    Args:
        vectors: (V, F) support vectors. weights: (V, P) dual coefficients. offsets: (P,). gamma: () of
            ``exp(-gamma * distance ** 2)``.
    """
    with full_precision(features.device):
        values = features.float()
        own = (values**2).sum(dim=1, keepdim=True) + (vectors**2).sum(dim=1)
        distance = (own - 2 * values @ vectors.T).clamp(min=0)
        return torch.exp(-gamma * distance) @ weights + offsets


# Both look at shapes, which only exist when numbers flow; the folding of batch norm calls them as they are.
fx.wrap("measures")
fx.wrap("kernel_scores")


class Features(CellNetwork):
    """(N, C, H, W) to (N, F, 1, 1) standardised features to (N, K) logits.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        vectors: support vectors V; 0 for a logistic regression.
    """

    scale: Tensor
    middle: Tensor
    spread: Tensor
    vectors: Tensor
    weights: Tensor
    offsets: Tensor
    gamma: Tensor

    def __init__(self, n_channels: int, n_classes: int, *, vectors: int = 0) -> None:
        super().__init__()
        vectors = int(vectors)
        count = len(measure_names([""] * n_channels))
        self.register_buffer("scale", torch.ones(1, n_channels, 1, 1))
        self.register_buffer("middle", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))
        self.supported = vectors > 0
        pairs = n_classes * (n_classes - 1) // 2
        if self.supported:
            self.register_buffer("vectors", torch.zeros(vectors, count))
            self.register_buffer("weights", torch.zeros(vectors, pairs))
            self.register_buffer("offsets", torch.zeros(pairs))
            self.register_buffer("gamma", torch.ones(()))
        self.final = nn.Linear(pairs if self.supported else count, n_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        found: Tensor = measures(x / self.scale)
        return ((found - self.middle) / self.spread).clamp(-FURTHEST, FURTHEST)[:, :, None, None]

    def forward_head(self, features: Tensor) -> Tensor:
        values = features.flatten(1)
        if self.supported:
            values = kernel_scores(values, self.vectors, self.weights, self.offsets, self.gamma)
        logits: Tensor = self.final(values)
        return logits

    @property
    def cam_layer(self) -> nn.Module:
        raise WrongUse(
            "Plain features keep no places, so there are no class maps of them.",
            "Ask for occlusion maps.",
            "E-NO-CLASS-MAPS",
        )

    @property
    def classifier(self) -> nn.Linear:
        return self.final


def build(n_channels: int, n_classes: int, **options: Any) -> Features:
    """Plain features; see `Features` for the options."""
    return Features(n_channels, n_classes, **options)
