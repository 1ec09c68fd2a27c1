"""How much work a network is: multiply-adds and parameters, counted on a real forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Cost:
    """Work of one cell.

    Attributes:
        parameters: learned numbers.
        macs: multiply-adds of convolutions and linear layers for one input.
    """

    parameters: int
    macs: int

    @property
    def mflop(self) -> float:
        """Million floating point operations; one multiply-add counts as two."""
        return 2 * self.macs / 1e6


def count_cost(model: nn.Module, input_shape: tuple[int, int, int]) -> Cost:
    """Count the work of `model` on one input of shape (C, H, W). Hooks are removed afterwards.

    Batch norm, activation and pooling are left out: they fold away or are small.
    """
    macs = 0

    def add(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal macs
        if isinstance(module, nn.Conv2d):
            per_output = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
            macs += per_output * output.numel()
        elif isinstance(module, nn.Linear):
            macs += module.in_features * output.numel()

    handles = [module.register_forward_hook(add) for module in model.modules()]
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            model(torch.zeros(1, *input_shape))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return Cost(sum(parameter.numel() for parameter in model.parameters()), macs)
