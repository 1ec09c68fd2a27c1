"""Optimiser, learning rate and class weights of a run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nscweb.training.config import TrainConfig

_SGD_MOMENTUM = 0.9


def make_optimiser(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser; weight decay is on kernels only, because it would pull batch norm towards zero."""
    kernels = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": kernels, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=_SGD_MOMENTUM, nesterov=True)
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.learning_rate, betas=(0.9, 0.999), eps=1e-8)


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """The rate of one step, counted from 0 over all epochs; `config.epochs` is a chosen number."""
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "step":
        return config.learning_rate * config.step_factor ** (step // steps_per_epoch // config.step_every)
    total = max(1, config.epochs * steps_per_epoch)
    # In a run of a few steps a long warm-up would never reach the rate that was asked for.
    warmup = min(config.warmup_steps, total // 10)
    warm = min(1.0, (step + 1) / max(1, warmup))
    return config.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / total)))


def class_weight(config: TrainConfig, labels: NDArray[np.int64], classes: int) -> Tensor:
    """(K,) weights of the classes in the loss, 1 on average over the cells that are shown.

    Balanced sampling shows each class equally often already, so the weights are then 1.
    """
    if config.sampling == "balanced" or not config.balance:
        return torch.ones(classes)
    counts = np.bincount(labels, minlength=classes).clip(min=1)
    weight = (counts.sum() / (classes * counts)) ** config.balance
    weight *= counts.sum() / (weight * counts).sum()
    return torch.as_tensor(weight, dtype=torch.float32)
