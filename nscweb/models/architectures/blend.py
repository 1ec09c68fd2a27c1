"""One or several networks side by side, with plain features beside them: their logits are added up.

Each part ends in one linear layer on pooled features, so their weighted sum does too: a blend is a network like any
other, with class maps in closed form. What plain features say has no place in the image, so it is no part of the maps.
`nscweb.training.cross_fitting` makes blends, where cells that nobody had seen say that they help.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nscweb.models.architectures import compact
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.architectures.feature_measures import Features

# The network that can be a part: one whose head is pooling and one linear layer.
PART = "compact"


class Blend(CellNetwork):
    """(N, C, H, W) to (N, F, h, w) features of all networks, and of plain features their logits, to (N, K) logits.

    Args:
        n_channels: input planes C.
        n_classes: classes K.
        members: how many networks.
        plain: 1 with plain features, 0 without.
        vectors: their support vectors, 0 for a logistic regression.
        options: of the `build` of each network.
    """

    def __init__(
        self, n_channels: int, n_classes: int, *, members: int = 1, plain: int = 1, vectors: int = 0, **options: Any
    ) -> None:
        super().__init__()
        made = [compact.build(n_channels, n_classes, **options) for _ in range(int(members))]
        width = self.placed = sum(part.classifier.in_features for part in made)
        self.members = nn.ModuleList(_headless(part) for part in made)
        self.plain = Features(n_channels, n_classes, vectors=vectors) if plain else None
        self.joined = nn.Identity()
        self.head = nn.Linear(width + (n_classes if plain else 0), n_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        parts = [member.forward_features(x) for member in self.members]  # type: ignore[operator]  # networks of ours
        if self.plain is not None:
            said = self.plain.forward_head(self.plain.forward_features(x))
            height, width = parts[0].shape[2], parts[0].shape[3]
            parts.append(said[:, :, None, None].expand(-1, -1, height, width))
        joined: Tensor = self.joined(torch.cat(parts, dim=1))
        return joined

    def forward_head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits

    @property
    def cam_layer(self) -> nn.Module:
        return self.joined

    @property
    def classifier(self) -> nn.Linear:
        return self.head

    @property
    def map_weight(self) -> Tensor:
        weight = self.head.weight.clone()
        weight[:, self.placed :] = 0
        return weight


def build(n_channels: int, n_classes: int, **options: Any) -> Blend:
    """A blend with fresh weights; see `Blend` for the options."""
    return Blend(n_channels, n_classes, **options)


def _headless(network: CellNetwork) -> CellNetwork:
    """The network without its own last layer, which the one of the blend replaces."""
    network.head = nn.Identity()
    return network


def blended(networks: Sequence[CellNetwork], plain: Features | None, shares: tuple[float, float]) -> Blend:
    """Fitted parts as one network.

    Args:
        networks: fitted, each with its own last layer; they stay as they are.
        plain: fitted features, or None.
        shares: what the mean of the networks' logits and the logits of the features are multiplied by.
    """
    first = networks[0]
    classes = first.classifier.out_features
    made = Blend.__new__(Blend)
    nn.Module.__init__(made)
    made.members = nn.ModuleList(_headless(copy.deepcopy(part)) for part in networks)
    made.plain, made.joined = plain, nn.Identity()
    made.placed = sum(part.classifier.in_features for part in networks)
    made.head = nn.Linear(made.placed + (0 if plain is None else classes), classes)
    each = shares[0] / len(networks)
    weight = [each * part.classifier.weight.detach() for part in networks]
    bias = sum((each * part.classifier.bias.detach() for part in networks), torch.zeros(classes))
    if plain is not None:
        weight.append(shares[1] * torch.eye(classes))
    made.head.load_state_dict({"weight": torch.cat(weight, dim=1), "bias": bias})
    return made.eval()
