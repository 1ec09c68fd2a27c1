"""Maps of prepared cells by a network in torch, by name, as pages show them and as the tests of a card judge them."""

from __future__ import annotations

import copy
from typing import Any, Literal, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from nscweb.core.progress import Progress, no_progress
from nscweb.evaluation.audit.occlusion import Score, occlusion_maps
from nscweb.inference.cam import finish_maps
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
MapMethod = Literal["grad-cam", "integrated-gradients", "occlusion"]
MAP_METHODS: tuple[MapMethod, ...] = get_args(MapMethod)

# Chosen by `benchmarks/map_tests.py`: 8 steps give the maps of 16, and a blur of a pixel takes away the pattern that
# layers with a stride leave in gradients, without which a map changes when the cell moves by a pixel.
_STEPS = 8
_BLUR_PX = 1.0
# Steps of occlusion along the shorter side; a patch is two steps wide, so that every pixel is covered four times.
_PATCH_STEPS = 12
_BATCH = 64


def methods_for(architecture: str) -> tuple[MapMethod, ...]:
    """What can be drawn of a network: occlusion alone where it keeps no places, else all but the slow occlusion.

    Gradients through plain features would take minutes, and are no part of the network's own maps.
    """
    if ARCHITECTURES[architecture].class_maps == "none":
        return ("occlusion",)
    if ARCHITECTURES[architecture].made_of:
        return ("grad-cam",)
    return ("grad-cam", "integrated-gradients")


def probabilities(network: torch.nn.Module, temperature: float = 1.0) -> Score:
    """A function from prepared inputs (M, C, H, W) to probabilities (M, K)."""
    device = next(iter(network.parameters())).device

    def score(inputs: Floats) -> Floats:
        parts = []
        with torch.inference_mode():
            for start in range(0, len(inputs), 4 * _BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(inputs[start : start + 4 * _BATCH])).to(device)
                parts.append(torch.softmax(network(batch) / temperature, dim=1).cpu().numpy())
        return np.concatenate(parts)

    return score


def draw_maps(
    method: MapMethod,
    network: CellNetwork,
    inputs: Floats,
    classes: Ints,
    background: NDArray[Any],
    *,
    progress: Progress = no_progress,
) -> Floats:
    """Maps (N, H, W) in 0..1 of prepared inputs (N, C, H, W); what speaks against a class is cut off.

    Args:
        method: see `MapMethod`.
        network: in evaluation mode; it stays as it is.
        classes: (N,) index of the class that each map speaks for.
        background: (N, C) level around the cell.
        progress: of occlusion.
    """
    size = (inputs.shape[2], inputs.shape[3])
    if method == "occlusion":
        return occluded(probabilities(network), inputs, classes, background, progress=progress)
    if method == "grad-cam":
        return finish_maps(grad_cam(network, inputs, classes), size)
    return finish_maps(integrated_gradients(network, inputs, classes, background, progress=progress), size)


def occluded(
    score: Score, inputs: Floats, classes: Ints, background: NDArray[Any], *, progress: Progress = no_progress
) -> Floats:
    """Occlusion maps (N, H, W) in 0..1 of any scoring function, with patches that suit the size of the input."""
    size = (inputs.shape[2], inputs.shape[3])
    step = max(1, round(min(size) / _PATCH_STEPS))
    found = occlusion_maps(score, inputs, classes, 2 * step, step, background=background, progress=progress)
    return finish_maps(found, size)


def grad_cam(network: CellNetwork, inputs: Floats, classes: Ints) -> Floats:
    """Grad-CAM before it is cut off and scaled: (N, h, w) in the size of the last features.

    The gradient reaches back to the features only, so that it needs neither hooks nor the grad-cam package, which
    machines that train do not have.
    """
    device = next(iter(network.parameters())).device
    parts = []
    for start in range(0, len(inputs), _BATCH):
        batch = torch.from_numpy(np.ascontiguousarray(inputs[start : start + _BATCH])).to(device)
        wanted = torch.from_numpy(classes[start : start + _BATCH]).to(device)
        with torch.no_grad():
            features = network.forward_features(batch)
        features = features.detach().requires_grad_(True)
        with torch.enable_grad():
            scores = network.forward_head(features).gather(1, wanted[:, None]).sum()
            (slopes,) = torch.autograd.grad(scores, features)
        maps = (slopes.mean(dim=(2, 3), keepdim=True) * features.detach()).sum(dim=1)
        parts.append(maps.cpu().numpy())
    return np.concatenate(parts)


def integrated_gradients(
    network: CellNetwork, inputs: Floats, classes: Ints, background: NDArray[Any], *, progress: Progress = no_progress
) -> Floats:
    """Integrated gradients (Sundararajan et al. 2017, equation 3), blurred by a pixel: (N, H, W), signed.

    What each pixel adds to the score of the class (the logit) on the straight way from an empty field to the cell,
    summed over channels.

    Args:
        background: (N, C) level of the empty field.
    """
    device = next(iter(network.parameters())).device
    parts = []
    for start in range(0, len(inputs), _BATCH):
        cells = torch.from_numpy(np.ascontiguousarray(inputs[start : start + _BATCH])).to(device)
        wanted = torch.from_numpy(classes[start : start + _BATCH]).to(device)
        empty = torch.from_numpy(np.asarray(background[start : start + _BATCH], np.float32)).to(device)
        empty = empty[:, :, None, None].expand_as(cells)
        total = torch.zeros_like(cells)
        for step in range(_STEPS):
            progress(
                _STEPS * start + step * len(cells), _STEPS * len(inputs), "Asking the model on the way to the cells"
            )
            there = (empty + (step + 0.5) / _STEPS * (cells - empty)).requires_grad_(True)
            with torch.enable_grad():
                (slopes,) = torch.autograd.grad(network(there).gather(1, wanted[:, None]).sum(), there)
            total += slopes
        parts.append(((cells - empty) * total / _STEPS).sum(dim=1).cpu().numpy())
    return np.stack([cv2.GaussianBlur(one, (0, 0), _BLUR_PX) for one in np.concatenate(parts)])


def randomised(
    network: CellNetwork, architecture: str, options: dict[str, Any], inputs: Floats, seed: int, *, whole: bool
) -> CellNetwork:
    """The network with weights drawn anew, as before training, in evaluation mode on its device.

    Args:
        inputs: (N, C, H, W) cells for which batch norm gets its statistics; random weights would die out without.
        seed: of the weights.
        whole: all layers; else only the last one, which names the classes.
    """
    device = next(iter(network.parameters())).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if not whole:
            twin = copy.deepcopy(network)
            twin.classifier.reset_parameters()
            return twin.eval()
        twin = ARCHITECTURES[architecture].make(inputs.shape[1], network.classifier.out_features, options)
    twin = twin.to(device).eval()
    norms = [module for module in twin.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    for module in norms:
        # None: the plain mean over the batches that are shown.
        module.train()
        module.momentum = None
    with torch.inference_mode():
        for start in range(0, len(inputs), _BATCH):
            if len(inputs) - start > 1:
                twin(torch.from_numpy(np.ascontiguousarray(inputs[start : start + _BATCH])).to(device))
    return twin.eval()
