"""Class maps: which part of a cell speaks for a class.

Two ways give the same map. Grad-CAM (Selvaraju et al. 2017, equations 1 and 2) weighs the last features by
the mean gradient of the class score. Where the network ends in global average pooling and one linear layer,
that gradient is the layer's own weight divided by the number of positions (Zhou et al. 2016), so the map
needs no backward pass and comes with the prediction. Both are scaled to 0..1 per cell as the grad-cam
package does it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nscweb.core.recipe import InputRecipe
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.torchvision_compat import ensure_torchvision
from nscweb.preprocess.pixel_steps import centred_slices, crop_box, resampled
from nscweb.preprocess.prepare import field_size, pixel_factor, seen_box

if TYPE_CHECKING:
    pass

Floats = NDArray[np.float32]
_EPSILON = 1e-7  # of the grad-cam package; keeps an empty map at zero
_GRADIENT_BATCH = 32


def closed_form_maps(features: Tensor, weight: Tensor, class_indices: Tensor, size: tuple[int, int]) -> Floats:
    """Maps (N, H, W) in 0..1 from the last features.

    Args:
        features: (N, F, h, w).
        weight: (K, F) of the last linear layer.
        class_indices: (N,) class to explain for each cell.
        size: (H, W) of the network's input.
    """
    positions = features.shape[2] * features.shape[3]
    with torch.inference_mode():
        maps = torch.einsum("nfhw,nf->nhw", features, weight[class_indices] / positions)
        return finish_maps(maps.cpu().numpy(), size)


def finish_maps(maps: Floats, size: tuple[int, int]) -> Floats:
    """Weighted sums of features (N, h, w) to maps (N, H, W) in 0..1, the steps of the grad-cam package.

    What speaks against the class is cut off, then each map is scaled to 0..1, stretched, and scaled again.
    """
    small = _unit(np.maximum(maps, 0.0))
    result = np.empty((len(small), *size), np.float32)
    for target, source in zip(result, small, strict=True):
        cv2.resize(source, size[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return _unit(result)


def gradient_maps(network: CellNetwork, batch: Floats, class_indices: Sequence[int] | NDArray[Any]) -> Floats:
    """Maps (N, H, W) in 0..1 by the grad-cam package, for prepared inputs (N, C, H, W).

    The package leaves hooks on the network that it is given, so it gets a copy, inside its context manager.
    """
    if not len(batch):
        return np.zeros((0, *batch.shape[2:]), np.float32)
    ensure_torchvision()
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    twin = copy.deepcopy(network).eval().requires_grad_(True)
    parts = []
    with GradCAM(model=twin, target_layers=[twin.cam_layer]) as cam:
        for start in range(0, len(batch), _GRADIENT_BATCH):
            stop = start + _GRADIENT_BATCH
            targets = [ClassifierOutputTarget(int(index)) for index in class_indices[start:stop]]
            parts.append(cam(torch.from_numpy(np.ascontiguousarray(batch[start:stop])), targets))
    return np.concatenate(parts).astype(np.float32)


def map_on_frame(
    class_map: Floats,
    recipe: InputRecipe,
    frame: tuple[int, int],
    pixel_size_um: float | None = None,
    image: NDArray[Any] | None = None,
) -> Floats:
    """Put a map (H, W) back onto the raw image (h, w): undo the resize, then the centred crop or pad.

    Pixels outside the field were never seen by the network and are 0.

    Args:
        image: (C, h, w), needed by recipes that crop to the object, to know where the object is.
    """
    factor = pixel_factor(recipe, pixel_size_um)
    if factor != 1.0:
        # The network saw the frame at another pixel size: back from there as if it had been stored so.
        there = (max(1, round(frame[0] * factor)), max(1, round(frame[1] * factor)))
        larger = None if image is None else resampled(image, factor)
        on_frame = map_on_frame(class_map, recipe, there, image=larger)
        return np.asarray(cv2.resize(on_frame, frame[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    seen = (0, 0, *frame) if image is None else seen_box(recipe, image)
    field = field_size(recipe, pixel_size_um) or seen[2:]
    on_field = cv2.resize(np.asarray(class_map, np.float32), field[::-1], interpolation=cv2.INTER_LINEAR)
    on_seen = np.zeros(seen[2:], np.float32)
    seen_y, field_y = centred_slices(seen[2], field[0])
    seen_x, field_x = centred_slices(seen[3], field[1])
    on_seen[seen_y, seen_x] = on_field[field_y, field_x]
    # What the crop is to the frame, the frame is to the crop.
    back = (-seen[0], -seen[1], *frame)
    return np.asarray(crop_box(on_seen[None], back, np.zeros(1, np.float32))[0])


def _unit(maps: Floats) -> Floats:
    """Scale each map (N, h, w) to 0..1; an empty map stays 0."""
    maps = maps - maps.min(axis=(1, 2), keepdims=True)
    scaled: Floats = maps / (np.float32(_EPSILON) + maps.max(axis=(1, 2), keepdims=True))
    return scaled
