"""A network made of a body that ends in a feature map and a head that ends in one linear layer."""

from __future__ import annotations

from torch import Tensor, nn

from nscweb.models.architectures.contract import CellNetwork


class BodyAndHead(CellNetwork):
    """(N, C, H, W) to (N, F, h, w) features by `body`, to (N, K) logits by `head`.

    Args:
        body: its last entry gives the features, from which class maps are drawn.
        head: its last entry is the linear layer that gives the logits.
    """

    def __init__(self, body: nn.Sequential, head: nn.Sequential) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def forward_features(self, x: Tensor) -> Tensor:
        features: Tensor = self.body(x)
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features)
        return logits

    @property
    def cam_layer(self) -> nn.Module:
        return self.body[-1]

    @property
    def classifier(self) -> nn.Linear:
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        return last


class GlobalAveragePool(nn.Module):
    """(N, F, h, w) to (N, F), the mean over all places."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3))


class GlobalMaxPool(nn.Module):
    """(N, F, h, w) to (N, F), the largest value over all places."""

    def forward(self, features: Tensor) -> Tensor:
        return features.amax(dim=(2, 3))


def pooled_linear(features: int, n_classes: int, dropout: float = 0.0) -> nn.Sequential:
    """Global average pooling, dropout where it is more than 0, one linear layer: class maps in closed form."""
    layers: list[nn.Module] = [GlobalAveragePool()]
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(features, n_classes))


def dense_4096(features: int, n_classes: int, grid: tuple[int, int], *, dropout_first: bool) -> nn.Sequential:
    """The head of VGG and AlexNet: pooling to a grid, two dense layers of 4096 with dropout, one linear layer.

    Args:
        features: F of the feature map.
        n_classes: classes K.
        grid: places that are left before the dense layers: (7, 7) in VGG, (6, 6) in AlexNet.
        dropout_first: AlexNet drops before each dense layer, VGG after it.
    """
    flat = features * grid[0] * grid[1]
    drop = [nn.Dropout(0.5), nn.Dropout(0.5)]
    first, second = nn.Linear(flat, 4096), nn.Linear(4096, 4096)
    if dropout_first:
        dense = [drop[0], first, nn.ReLU(), drop[1], second, nn.ReLU()]
    else:
        dense = [first, nn.ReLU(), drop[0], second, nn.ReLU(), drop[1]]
    return nn.Sequential(nn.AdaptiveAvgPool2d(grid), nn.Flatten(1), *dense, nn.Linear(4096, n_classes))
