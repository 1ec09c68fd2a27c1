"""Plain features and a classifier that is fitted in seconds: logistic regression or a support vector machine.

On few cells it is hard to beat, and it says what a network has to beat. The features are what anybody would measure in
half an hour: shape, brightness, rings, edges, grains, spectrum, neighbourhoods. No feature was chosen by looking at a
class. None changes when a cell is turned by a quarter or mirrored. Lengths are pixels of the input, and the field of a
model has a fixed size, so size stays size.

They are measured in the input by plain operators, so that the whole model is one file of ONNX without special parts. It
keeps no places, so it has no class maps; `nscweb.training.feature_fit` finds its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, fx, nn

from nscweb.core.errors import WrongUse
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.architectures.parts.measured_shape import Named, Places, relief, shape, soft_mask
from nscweb.models.architectures.parts.measured_texture import (
    brightness,
    edges,
    grains,
    neighbours,
    patterns,
    rings,
    spectrum,
)

SMALLEST = 16
# A cell that lies further out in one feature than this many standard deviations lies this far out.
FURTHEST = 5.0
_TINY = 1e-12
# Standard deviations of a usual field; beyond it there are no cells, and fourth powers would overflow.
_BRIGHTEST = 300.0


def measures(x: Tensor) -> Tensor:
    """(N, C, H, W) network inputs, background at 0, to (N, F) finite float32 features, not standardised.

    F depends on C alone; `measure_names` gives the names in order. Inputs should be in units in which usual pixels are
    about 1, as after the contrast step of a recipe.
    """
    # Sums over thousands of pixels have no use at eight bits.
    with full_precision(x.device):
        shape_part, channel_part = _measured(x.float())
        rest = torch.stack([values for _, values in channel_part], dim=1)
        # The channels of a cell lie beside each other.
        rest = rest.reshape(-1, int(x.shape[1]) * len(channel_part))
        return torch.cat([torch.stack([values for _, values in shape_part], dim=1), rest], dim=1)


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Without mixed precision, where the device knows of any."""
    return torch.autocast(device.type, enabled=False) if device.type in ("cpu", "cuda") else nullcontext()


def measure_names(channels: Sequence[str]) -> list[str]:
    """Names of the features of `measures` for inputs with these channels."""
    with torch.inference_mode():
        shape_part, channel_part = _measured(torch.zeros(1, len(channels), SMALLEST, SMALLEST, device="cpu"))
    return [name for name, _ in shape_part] + [f"{channel}: {name}" for channel in channels for name, _ in channel_part]


def _measured(x: Tensor) -> tuple[Named, Named]:
    """Numbers of the cell, (N,), and of its channels, (N * C,)."""
    channels, height, width = (int(length) for length in x.shape[1:])
    even = x.clamp(-_BRIGHTEST, _BRIGHTEST)
    level = relief(even)
    mask = soft_mask(level)
    places = Places(mask)
    image = even.reshape(-1, 1, height, width)
    per_channel = places.repeated(channels)
    contrast = (image**2).mean(dim=(1, 2, 3))
    found: Named = [("log contrast", torch.log(contrast + _TINY) / 2)]
    found += brightness(image, per_channel)
    found += rings(image, per_channel)
    found += edges(image, per_channel)
    found += grains(image, per_channel)
    found += spectrum(image, per_channel)
    found += neighbours(image, per_channel)
    found += patterns(image, per_channel)
    return shape(level, mask, places), found


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

    # Measuring a cell takes a processor as long as the convolutions of three compact networks.
    macs_beside = 48_000_000
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
