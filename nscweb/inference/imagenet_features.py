"""What a network that knows everyday pictures sees in a cell: for maps of cells that no model of ours fits.

EfficientNet-Lite0 comes with a package, so that it is there without a network connection. It never saw a cell, yet
its features tell sizes, outlines and grains apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.recipe import InputRecipe
from nscweb.inference.batches import keep_freed_memory
from nscweb.inference.device import choose_device
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.pretrained import load_pretrained
from nscweb.preprocess.prepare import apply_recipe

NAME = "efficientnet-lite0"
# Features are means over places, so that any multiple of 32 works; 224 px, as in its training, would take twelve times
# as long for cells that have some 60 pixels.
_SIDE = 64
_BATCH = 32


class ImagenetFeatures:
    """EfficientNet-Lite0 with ImageNet weights, ready to see cells of one channel.

    Args:
        field_px: (height, width) of the field that is kept of every frame, so that frame size is no feature.
        threads: CPU threads, None leaves torch's choice.

    Raises:
        InputRefused: the package with the weights is not installed.
        WeightsInvalid: its file is damaged.
    """

    def __init__(self, field_px: tuple[int, int], threads: int | None = None) -> None:
        self._device = choose_device("auto", threads)
        network = ARCHITECTURES[NAME].build(1, 2)
        load_pretrained(network, NAME, 1)
        # The overload is missing in torch.
        self._network = network.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._recipe = InputRecipe(field_px=field_px, resize=(_SIDE, _SIDE))
        keep_freed_memory()

    def embed(self, images: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Pooled features (N, 1280) of cells (1, h, w) at native depth."""
        parts = []
        for start in range(0, len(images), _BATCH):
            batch = apply_recipe(self._recipe, images[start : start + _BATCH])
            tensor = torch.from_numpy(np.ascontiguousarray(batch)).to(self._device)
            with torch.inference_mode():
                found = self._network.forward_features(tensor.contiguous(memory_format=torch.channels_last))
            parts.append(found.mean(dim=(2, 3)).float().cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, 1280), np.float32)
