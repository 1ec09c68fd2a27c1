"""The first convolution of a known network, fitted to any set of channels."""

from __future__ import annotations

from typing import Any

from torch import nn


def fit_channels(layer: Any, n_channels: int) -> nn.Conv2d:
    """`layer` for (N, n_channels, H, W); the same layer when it fits already, else a new one with fresh weights.

    Kernel, stride, padding and bias stay as they are. Ungrouped layers only, which first layers are.
    """
    assert isinstance(layer, nn.Conv2d)
    if layer.in_channels == n_channels:
        return layer
    padding = (int(layer.padding[0]), int(layer.padding[1]))
    stride = (layer.stride[0], layer.stride[1])
    size = (layer.kernel_size[0], layer.kernel_size[1])
    return nn.Conv2d(n_channels, layer.out_channels, size, stride, padding, bias=layer.bias is not None)
