"""The LinAngular-XCA fusion module of CG-RecNet (Li et al. 2026, section 2.4.1), equations 1 to 3.

The text of the paper names the parts; the equations themselves are images that the sources at hand do not
show. Each part is therefore taken from the work that the paper cites for it, and where that leaves a choice it
is said here:

- Equation 1, linear angular attention: the first-order form of angular attention (You et al. 2023, Castling-ViT,
  equation 5): similarity of unit vectors q, k is 1/2 + <q, k> / pi. Because multiplication is associative, k and v
  are multiplied first, so the work grows linearly with the number of places. LayerNorm steadies the result, and a
  depthwise convolution of the values keeps fine texture, both as in that work. 1/pi is the "angular scaling
  factor" of the paper.
- Equation 2, cross-covariance attention (El-Nouby et al. 2021): softmax over channels of k^T q of unit vectors
  along places, times a learnable temperature per head.
- Equation 3, fusion: the query comes from the first branch, key and value from the second, each by a depthwise
  3 x 3 convolution; cross-covariance attention between them, then a sigmoid that weighs the first branch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_HEADS = 8


def _tokens(x: Tensor) -> Tensor:
    """(N, F, h, w) to (N, h * w, F)."""
    return x.flatten(2).transpose(1, 2)


def _map_like(tokens: Tensor, x: Tensor) -> Tensor:
    """(N, h * w, F) to the shape (N, F, h, w) of `x`."""
    return tokens.transpose(1, 2).reshape(x.shape)


def _channel_attention(query: Tensor, key: Tensor, value: Tensor, temperature: Tensor) -> Tensor:
    """Cross-covariance attention of (N, heads, c, places) planes, to the same shape."""
    query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
    weights = torch.softmax(query @ key.transpose(-2, -1) * temperature, dim=-1)
    return weights @ value


class LinearAngularAttention(nn.Module):
    """Equation 1: (N, F, h, w) to the same shape, every place informed by all others; residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.texture = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.steady = nn.LayerNorm(width // _HEADS, elementwise_affine=False)
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.to_qkv(self.norm(_tokens(x))).chunk(3, dim=-1)
        texture = self.texture(_map_like(value, x))
        query, key, heads = (part.unflatten(-1, (_HEADS, -1)).transpose(1, 2) for part in (query, key, value))
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        # Means instead of sums over the places: the same after LayerNorm, and safe in bfloat16.
        mean_value = heads.mean(dim=2, keepdim=True)
        covered = key.transpose(-2, -1) @ (heads / x.shape[2] / x.shape[3])
        seen = self.steady(0.5 * mean_value + query @ covered / math.pi)
        tokens = seen.transpose(1, 2).flatten(2) + _tokens(texture)
        return x + _map_like(self.project(tokens), x)


class CrossCovarianceAttention(nn.Module):
    """Equation 2: (N, F, h, w) to the same shape, every channel informed by all others; residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.temperature = nn.Parameter(torch.ones(_HEADS, 1, 1))
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.to_qkv(self.norm(_tokens(x))).transpose(1, 2).chunk(3, dim=1)
        query, key, value = (part.unflatten(1, (_HEADS, -1)) for part in (query, key, value))
        seen = _channel_attention(query, key, value, self.temperature).flatten(1, 2)
        return x + _map_like(self.project(seen.transpose(1, 2)), x)


class LinAngularXcaFusion(nn.Module):
    """Both branches on the same features, then equation 3; (N, F, h, w) to the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.angular = LinearAngularAttention(width)
        self.covariance = CrossCovarianceAttention(width)
        self.to_query = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.to_key = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.to_value = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.temperature = nn.Parameter(torch.ones(_HEADS, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        spatial, channel = self.angular(x), self.covariance(x)
        query, key, value = (
            part.flatten(2).unflatten(1, (_HEADS, -1))
            for part in (self.to_query(spatial), self.to_key(channel), self.to_value(channel))
        )
        context = _channel_attention(query, key, value, self.temperature).flatten(1, 2)
        out: Tensor = spatial * torch.sigmoid(context.reshape(x.shape))
        return out
