"""Ways of drawing class maps that were tried beside Grad-CAM, each a function of network, inputs and classes.

All return maps (N, H, W) float32, signed or not; `benchmarks/map_tests.py` scales them as the program does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nscweb.evaluation.audit.occlusion import occlusion_maps
from nscweb.models.architectures.contract import CellNetwork

Floats = NDArray[np.float32]
Maker = Callable[[CellNetwork, Floats, NDArray[np.int64], NDArray[np.float32]], Floats]
_BATCH = 64


def finer_layer(network: CellNetwork, inputs: Floats, times: int) -> nn.Module:
    """The last module whose output has at least `times` the rows of that of `cam_layer`."""
    seen: list[tuple[nn.Module, int]] = []
    hooks = [
        module.register_forward_hook(lambda module, given, out: seen.append((module, out.shape[2])))
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d | nn.ReLU | nn.Sequential | nn.MaxPool2d)
    ]
    with torch.inference_mode():
        rows = network.forward_features(torch.from_numpy(inputs[:1])).shape[2]
    for hook in hooks:
        hook.remove()
    return [module for module, height in seen if height >= times * rows][-1]


@contextmanager
def watched(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Outputs of a layer, gradients kept."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, given: object, out: Tensor) -> None:
        out.retain_grad()
        kept.append(out)

    hook = layer.register_forward_hook(keep)
    try:
        yield kept
    finally:
        hook.remove()


def _twin(network: CellNetwork) -> CellNetwork:
    twin = copy.deepcopy(network).eval().requires_grad_(True)
    for module in twin.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return twin


def of_layer(how: str, times: int = 1) -> Maker:
    """Grad-CAM (``cam``), Grad-CAM++ (``plus``) or LayerCAM (``layer``) of a layer `times` as fine as the last."""

    def make(network: CellNetwork, inputs: Floats, classes: NDArray[np.int64], level: NDArray[np.float32]) -> Floats:
        twin = _twin(network)
        layer = finer_layer(twin, inputs, times) if times > 1 else twin.cam_layer
        parts = []
        for start in range(0, len(inputs), _BATCH):
            batch = torch.from_numpy(inputs[start : start + _BATCH])
            wanted = torch.from_numpy(classes[start : start + _BATCH])
            with watched(layer) as kept:
                twin.zero_grad()
                twin(batch).gather(1, wanted[:, None]).sum().backward()
                values, slopes = kept[0].detach(), kept[0].grad
            assert slopes is not None
            if how == "cam":
                maps = (slopes.mean(dim=(2, 3), keepdim=True) * values).sum(dim=1)
            elif how == "layer":
                maps = (slopes.clamp_min(0) * values).sum(dim=1)
            else:
                total = values.sum(dim=(2, 3), keepdim=True)
                below = 2 * slopes**2 + total * slopes**3
                alpha = slopes**2 / torch.where(slopes != 0, below, torch.ones_like(below))
                weight = (alpha * slopes.clamp_min(0)).sum(dim=(2, 3), keepdim=True)
                maps = (weight * values).sum(dim=1)
            parts.append(maps.numpy())
        small = np.maximum(np.concatenate(parts), 0)
        size = inputs.shape[2:]
        return np.stack([cv2.resize(one, size[::-1], interpolation=cv2.INTER_LINEAR) for one in small])

    return make


def input_slopes(network: nn.Module, batch: Tensor, classes: Tensor) -> Tensor:
    batch = batch.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(network(batch).gather(1, classes[:, None]).sum(), batch)
    return found


def smooth_grad(network: CellNetwork, inputs: Floats, classes: NDArray[np.int64], level: NDArray[np.float32]) -> Floats:
    """Smilkov et al. 2017: size of the gradient, mean of 16 noisy copies."""
    twin = _twin(network)
    x, wanted = torch.from_numpy(inputs), torch.from_numpy(classes)
    generator = torch.Generator().manual_seed(1)
    spread = 0.1 * (x.amax(dim=(1, 2, 3), keepdim=True) - x.amin(dim=(1, 2, 3), keepdim=True))
    total = sum(
        input_slopes(twin, x + spread * torch.randn(x.shape, generator=generator), wanted).abs().sum(dim=1)
        for _ in range(16)
    )
    return total.numpy()


def integrated(smooth: float = 0.0, signed: bool = True, steps: int = 16) -> Maker:
    """Sundararajan et al. 2017 from the background to the cell, then blurred by `smooth` pixels."""

    def make(network: CellNetwork, inputs: Floats, classes: NDArray[np.int64], level: NDArray[np.float32]) -> Floats:
        twin = _twin(network)
        x, wanted = torch.from_numpy(inputs), torch.from_numpy(classes)
        base = torch.from_numpy(level.astype(np.float32))[:, :, None, None].expand_as(x)
        total = sum(input_slopes(twin, base + (i + 0.5) / steps * (x - base), wanted) for i in range(steps))
        found = ((x - base) * total / steps).sum(dim=1).numpy()
        found = found if signed else np.abs(found)
        return np.stack([cv2.GaussianBlur(one, (0, 0), smooth) for one in found]) if smooth else found

    return make


def log_odds(network: nn.Module) -> Callable[[Floats], Floats]:
    def score(batch: Floats) -> Floats:
        with torch.inference_mode():
            p = torch.softmax(network(torch.from_numpy(np.ascontiguousarray(batch))), dim=1).double()
            p = p.clamp(1e-6, 1 - 1e-6)
            return (p / (1 - p)).log().numpy()

    return score


def probability(network: nn.Module) -> Callable[[Floats], Floats]:
    def score(batch: Floats) -> Floats:
        with torch.inference_mode():
            return torch.softmax(network(torch.from_numpy(np.ascontiguousarray(batch))), dim=1).numpy()

    return score


def occluded(patch: int, step: int, odds: bool = True) -> Maker:
    """Occlusion with square patches."""

    def make(network: CellNetwork, inputs: Floats, classes: NDArray[np.int64], level: NDArray[np.float32]) -> Floats:
        score = (log_odds if odds else probability)(network)
        return occlusion_maps(score, inputs, classes, patch, step, background=level)

    return make


def over_shifts(base: Maker, reach: int = 3, step: int = 2) -> Maker:
    """Mean of maps of shifted inputs, moved back: the grid of the layer is smoothed away."""
    from nscweb.evaluation.audit.map_figures import shifted

    def make(network: CellNetwork, inputs: Floats, classes: NDArray[np.int64], level: NDArray[np.float32]) -> Floats:
        total = np.zeros((len(inputs), *inputs.shape[2:]), np.float32)
        for down in range(-reach, reach + 1, step):
            for right in range(-reach, reach + 1, step):
                found = base(network, shifted(inputs, (down, right), level), classes, level)
                total += shifted(found[:, None], (-down, -right))[:, 0]
        return total

    return make
