"""A running average of the numbers of a network, which predicts better than the last of its steps."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of weights and buffers (Polyak and Juditsky 1992, with forgetting).

    Args:
        model: network to follow; the average starts from its numbers.
        decay: share of the average that stays at each step. Step t (from 0) uses min(decay, (1 + t) / (10 + t)),
            so that the random numbers of the beginning are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(model).eval().requires_grad_(False)
        self._decay = decay
        ours, theirs = self.network.state_dict(keep_vars=True), model.state_dict(keep_vars=True)
        names = [name for name in ours if ours[name].is_floating_point()]
        self._ours: list[Tensor] = [ours[name].detach() for name in names]
        self._theirs: list[Tensor] = [theirs[name].detach() for name in names]
        # Counters, such as the batches that a batch norm has seen, have no average.
        self._counters = [(ours[name], theirs[name]) for name in ours if not ours[name].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the numbers of the followed network as they are now, after `step` steps (from 0)."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._ours, self._theirs, 1.0 - decay)
        for ours, theirs in self._counters:
            ours.copy_(theirs)
