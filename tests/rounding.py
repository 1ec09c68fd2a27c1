"""How far two right ways of computing in float32 may lie apart: the one place where tests take such bounds from.

A processor, a library or another batch adds the same numbers in another order. Every addition rounds by at most half
an `EPS` of the partial sum, with a standard deviation of EPS / sqrt(12); n of them add up like a random walk, and the
difference of two ways is sqrt(2) times that: 0.41 EPS sqrt(n) of the largest partial sum. Among a million numbers the
furthest lies five standard deviations out, which makes 2 EPS sqrt(n); twice that is allowed. A mistake in what is
computed moves a number by far more.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

EPS = float(np.finfo(np.float32).eps)


def rounding(terms: int, size: float = 1.0) -> float:
    """Largest difference of two sums of that many products.

    Args:
        terms: products in a sum; of sums that follow one another, all of them together.
        size: of the largest partial sum; where terms cancel, the sum of their absolute values.
    """
    return 4 * EPS * math.sqrt(terms) * size


def network_terms(network: nn.Module) -> int:
    """Products behind one output of a network: the inputs of a unit, over all convolutions and linear layers."""
    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    return sum(part.weight[0].numel() for part in layers)


def network_rounding(network: nn.Module, size: float = 1.0) -> float:
    """`rounding` through all layers of a network, for outputs of that size.

    Normalisation keeps what lies between at a size of about one, so a smaller output does not round less.
    """
    return rounding(network_terms(network), max(1.0, size))


def score_rounding(network: nn.Module, logits: float = 10.0) -> float:
    """`network_rounding` of probabilities, which move by at most half of what logits of that size move."""
    return network_rounding(network, logits) / 2


def map_sizes(features: Tensor, weight: Tensor) -> NDArray[np.float32]:
    """(N,) `size` of class maps that are scaled to 0..1, from features (N, F, h, w) and the class weights (F,).

    A map is a sum whose terms cancel; where little is left, stretching it to 1 stretches the rounding with it. An
    empty map has the size inf.
    """
    whole = torch.einsum("nfhw,f->nhw", features.abs(), weight.abs()).amax(dim=(1, 2))
    left = torch.einsum("nfhw,f->nhw", features, weight).amax(dim=(1, 2)).clamp_min(0)
    return np.asarray((whole / left).numpy())
