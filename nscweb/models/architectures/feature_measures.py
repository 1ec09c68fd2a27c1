"""Plain features of single cells, measured in the network input itself, so that they travel in ONNX with the model.

What anybody would measure in half an hour: shape, brightness, rings, edges, grains, spectrum, neighbourhoods. No
feature was chosen by looking at a class. None changes when a cell is turned by a quarter or mirrored. Lengths are
pixels of the input, and the field of a model has a fixed size, so size stays size.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def measures(x: Tensor) -> Tensor:
    """(N, C, H, W) network inputs, background at 0, to (N, F) finite float32 features, not standardised.

    F depends on C alone; `measure_names` gives the names in order.
    """
    shape_part, channel_part = _measured(x.float())
    rest = torch.stack([values for _, values in channel_part], dim=1)
    # The channels of a cell lie beside each other.
    return torch.cat([torch.stack([values for _, values in shape_part], dim=1), rest.reshape(x.shape[0], -1)], dim=1)


def measure_names(channels: Sequence[str]) -> list[str]:
    """Names of the features of `measures` for inputs with these channels."""
    with torch.inference_mode():
        shape_part, channel_part = _measured(torch.zeros(1, len(channels), SMALLEST, SMALLEST))
    return [name for name, _ in shape_part] + [f"{channel}: {name}" for channel in channels for name, _ in channel_part]


def _measured(x: Tensor) -> tuple[Named, Named]:
    """Numbers of the cell, (N,), and of its channels, (N * C,)."""
    channels, height, width = (int(length) for length in x.shape[1:])
    peak = x.abs().amax(dim=(2, 3), keepdim=True)
    scaled = x / (peak + _TINY)
    energy = ((scaled**2).mean(dim=(2, 3), keepdim=True) + _TINY).sqrt()
    even = scaled / (energy + 1e-5)
    level = relief(even)
    mask = soft_mask(level)
    places = Places(mask)
    image = even.reshape(-1, 1, height, width)
    per_channel = places.repeated(channels)
    found: Named = [("log contrast", torch.log(peak * energy + _TINY).reshape(-1))]
    found += brightness(image, per_channel)
    found += rings(image, per_channel)
    found += edges(image, per_channel)
    found += grains(image, per_channel)
    found += spectrum(image, per_channel)
    found += neighbours(image, per_channel)
    found += patterns(image, x.reshape(-1, 1, height, width), per_channel)
    return shape(level, mask, places), found
