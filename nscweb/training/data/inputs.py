"""From rows of the training data to network inputs: augmented for training, plain for measuring.

On the CPU both end in the same code that prediction uses. On a GPU the fields travel there as they are stored, and
augmentation and the quick part of the recipe run there, equal within 1e-3, so that the network need not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nscweb.core.recipe import InputRecipe
from nscweb.preprocess.pixel_steps import DEVIATION_FLOOR
from nscweb.preprocess.prepare import field_size, finish_field
from nscweb.training.augment import augment_batch
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.sampling import mixed_seed

Given = TypeVar("Given")
Made = TypeVar("Made")

_EVALUATION_CELLS = 512
# Inputs of 224 x 224 for a whole data set would not fit; 64 MiB of them at a time do.
_EVALUATION_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Batch:
    """One step's cells, or this process's part of them.

    Attributes:
        inputs: (n, C, H, W) float32, channels last, on the device of the network.
        labels: (n,) class index, on the same device.
        others, share: with mixup, labels (n,) of the cells mixed in, and the share of the cells themselves; share is 1
            without.
    """

    inputs: Tensor
    labels: Tensor
    others: Tensor
    share: float


@dataclass(frozen=True)
class BatchMaker:
    """Makes training batches; the same rows and seed give the same batch at any time and in any thread.

    Attributes:
        config: strengths of augmentation and mixup.
        data: prepared cells.
        device: of the network.
    """

    config: TrainConfig
    data: TrainingData
    device: torch.device

    def __call__(self, rows: NDArray[np.int64], seed: int) -> Batch:
        """The batch of some rows."""
        config, data = self.config, self.data
        # Rows of a memory-mapped file are read quicker in the order in which they lie there.
        order = np.argsort(rows, kind="stable")
        stored = np.empty((len(rows), *data.fields.shape[1:]), data.fields.dtype)
        stored[order] = data.fields[rows[order]]
        fields = torch.from_numpy(stored).to(self.device, non_blocking=True).float()
        generator = torch.Generator(self.device).manual_seed(seed)
        size = field_size(data.recipe, data.pixel_size_um) or data.recipe.resize
        changed = augment_batch(fields, size, config.augment, generator)
        inputs = finish_on(data.recipe, changed, data.pixel_size_um)
        labels = torch.from_numpy(data.labels[rows]).to(self.device, non_blocking=True)
        if not config.mixup:
            return Batch(inputs.contiguous(memory_format=torch.channels_last), labels, labels, 1.0)
        drawn = np.random.default_rng(mixed_seed(seed, 5))
        share = float(drawn.beta(config.mixup, config.mixup))
        partner = torch.from_numpy(drawn.permutation(len(rows))).to(self.device)
        inputs = torch.lerp(inputs[partner], inputs, share)
        return Batch(inputs.contiguous(memory_format=torch.channels_last), labels, labels[partner], share)


def ahead(make: Callable[[Given], Made], given: Iterable[Given], *, threaded: bool) -> Iterator[Made]:
    """`make` of each given thing in order, with the next one made by a thread while this one is worked on."""
    if not threaded:
        yield from map(make, given)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="next-batch") as pool:
        waiting = None
        for item in given:
            coming = pool.submit(make, item)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def finish_on(recipe: InputRecipe, fields: Tensor, pixel_size_um: float | None) -> Tensor:
    """The quick part of the recipe where the fields are: `finish_field` on the CPU, `finish_tensor` elsewhere."""
    if fields.device.type == "cpu":
        return torch.from_numpy(finish_field(recipe, fields.numpy(), pixel_size_um=pixel_size_um))
    return finish_tensor(recipe, fields)


def finish_tensor(recipe: InputRecipe, fields: Tensor) -> Tensor:
    """`finish_field` in torch: fields (N, C, h, w) without a margin -> (N, C, H, W), equal within 1e-3."""
    if recipe.contrast == "deviation":
        largest = fields.abs().amax(dim=(2, 3), keepdim=True)
        scaled = fields / torch.where(largest > 1e-30, largest, torch.inf)
        square = (scaled**2).mean(dim=(2, 3), keepdim=True) - scaled.mean(dim=(2, 3), keepdim=True) ** 2
        fields = scaled / square.clamp_min(DEVIATION_FLOOR**2).sqrt()
    height, width = fields.shape[2:]
    if (height, width) != tuple(recipe.resize):
        down, across = resize_matrices((height, width), recipe.resize, recipe.interpolation)
        fields = down.to(fields.device) @ fields @ across.to(fields.device).T
    if recipe.divide_by != 1.0:
        fields = fields / recipe.divide_by
    if recipe.clip is not None:
        fields = fields.clamp(*recipe.clip)
    return fields


@lru_cache(maxsize=32)
def resize_matrices(given: tuple[int, int], wanted: tuple[int, int], interpolation: str) -> tuple[Tensor, Tensor]:
    """(H, h) and (W, w): OpenCV's resize of x is ``first @ x @ second.T``, because it is linear and goes by axis.

    They are read off OpenCV itself, by resizing images of a single row or column of ones.
    """
    method = cv2.INTER_AREA if interpolation == "area" else cv2.INTER_LINEAR
    found = []
    for axis in (0, 1):
        columns = []
        for place in range(given[axis]):
            probe = np.zeros(given, np.float32)
            probe[(place, slice(None)) if axis == 0 else (slice(None), place)] = 1.0
            resized = cv2.resize(probe, (wanted[1], wanted[0]), interpolation=method)
            columns.append(resized[:, 0] if axis == 0 else resized[0])
        found.append(torch.from_numpy(np.stack(columns, axis=1)))
    return found[0], found[1]


def plain_pieces(
    data: TrainingData, rows: NDArray[np.int64], device: torch.device
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """Rows and their network inputs (n, C, H, W), in pieces that never hold more than 64 MiB of inputs."""
    each = 4 * len(data.recipe.channels) * data.recipe.resize[0] * data.recipe.resize[1]
    many = max(1, min(_EVALUATION_CELLS, _EVALUATION_BYTES // each))
    for start in range(0, len(rows), many):
        part = rows[start : start + many]
        if device.type == "cpu":
            yield part, torch.from_numpy(data.inputs(part))
            continue
        fields = torch.from_numpy(np.asarray(data.fields[part])).to(device).float()
        if data.margin:
            fields = fields[:, :, data.margin : -data.margin, data.margin : -data.margin]
        yield part, finish_tensor(data.recipe, fields)


def predict_rows(
    model: nn.Module, data: TrainingData, rows: NDArray[np.int64], device: torch.device, half: bool = False
) -> NDArray[np.float32]:
    """(n, K) logits of some cells, in evaluation mode; inputs are made in pieces."""
    model.eval()
    parts = [np.zeros((0, len(data.classes)), np.float32)]
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        for _, inputs in plain_pieces(data, rows, device):
            logits = model(inputs.contiguous(memory_format=torch.channels_last))
            parts.append(logits.float().cpu().numpy())
    return np.concatenate(parts)


def mixed_loss(logits: Tensor, batch: Batch, weight: Tensor, smoothing: float, whole: Tensor | None = None) -> Tensor:
    """Weighted cross-entropy of a batch, of both labels of each input with mixup.

    Args:
        logits: (n, K).
        batch: its labels.
        weight: (K,) of the classes.
        smoothing: share of each label given to all classes.
        whole: sum of the weights to divide by; that of the batch itself when None.
    """
    if batch.share == 1.0 and whole is None:
        return functional.cross_entropy(logits, batch.labels, weight, label_smoothing=smoothing)
    total = logits.new_zeros(())
    for labels, share in ((batch.labels, batch.share), (batch.others, 1 - batch.share)):
        if share:
            summed = functional.cross_entropy(logits, labels, weight, reduction="sum", label_smoothing=smoothing)
            total = total + share * summed / (weight[labels].sum() if whole is None else whole)
    return total
