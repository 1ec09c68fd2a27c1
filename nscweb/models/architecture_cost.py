"""Work and size of a line of ARCHITECTURES without its weights: nothing is drawn, nothing is computed."""

from __future__ import annotations

import torch

from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.cost import Cost, count_cost


def architecture_cost(name: str, channels: int, classes: int, size: tuple[int, int]) -> Cost:
    """Parameters and multiply-adds of one input (channels, H, W); `size` is (H, W).

    Raises:
        KeyError: there is no architecture of that name.
    """
    with torch.device("meta"):
        model = ARCHITECTURES[name].make(channels, classes)
    return count_cost(model, (channels, *size))
