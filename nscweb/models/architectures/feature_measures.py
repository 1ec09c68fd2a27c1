"""Plain features of single cells, measured in the network input itself, so that they travel in ONNX with the model.

What anybody would measure in half an hour: shape, brightness, rings, edges, grains, spectrum, neighbourhoods. No
feature was chosen by looking at a class. None changes when a cell is turned by a quarter or mirrored. Lengths are
pixels of the input, and the field of a model has a fixed size, so size stays size.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

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
