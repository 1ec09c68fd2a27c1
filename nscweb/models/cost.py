"""How much work a network is: multiply-adds and parameters, counted on a real forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """Work of one cell.

    Attributes:
        parameters: learned numbers.
        macs: multiply-adds of convolutions, linear layers and attention for one input.
    """

    parameters: int
    macs: int

    @property
    def mflop(self) -> float:
        """Million floating point operations; one multiply-add counts as two."""
        return 2 * self.macs / 1e6


def count_cost(model: nn.Module, input_shape: tuple[int, int, int]) -> Cost:
    """Count the work of `model` on one input of shape (C, H, W), where the model lies.

    A model on torch's ``meta`` device is counted without memory and without arithmetic. Batch norm,
    activation and pooling are left out: they fold away or are small.
    """
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    counter = FlopCounterMode(display=False)
    training = model.training
    fused_attention = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    # Fused forms of attention are single operations, of which the counter knows nothing.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            model(torch.zeros(1, *input_shape, device=device))
    finally:
        torch.backends.mha.set_fastpath_enabled(fused_attention)
        model.train(training)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    # What a part does beside matrix products, which no counter sees, it says itself.
    beside = sum(int(getattr(part, "macs_beside", 0)) for part in model.modules())
    return Cost(parameters, counter.get_total_flops() // 2 + beside)
