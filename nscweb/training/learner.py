"""One network in training: what a step changes, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.models.pretrained import load_pretrained
from nscweb.training.average import Average
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import Batch, mixed_loss
from nscweb.training.distributed import ALONE, Team, synchronised
from nscweb.training.rates import make_optimiser


@dataclass
class Learner:
    """A network and everything that moves with it.

    Attributes:
        network: the network itself; files and predictions are made from it or from `average`.
        forward: what a step calls: the network, wrapped for several processes, compiled, or both.
        optimiser: of its weights.
        average: the running average, or None.
        weight: (K,) weights of the classes.
        half: whether steps use bfloat16.
        remark: why something that was asked for is not done; empty when all is.
    """

    config: TrainConfig
    network: CellNetwork
    forward: nn.Module
    optimiser: torch.optim.Optimizer
    average: Average | None
    weight: Tensor
    half: bool
    remark: str = ""

    @property
    def kept(self) -> CellNetwork:
        """The network whose numbers are validated and kept."""
        network: Any = self.network if self.average is None else self.average.network
        kept: CellNetwork = network
        return kept

    def step(self, batch: Batch, rate: float, number: int, whole: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Learn from one batch.

        Args:
            batch: cells of this process.
            rate: learning rate.
            number: of the step over all epochs, from 0.
            whole: see `mixed_loss`.

        Returns:
            Loss and number of right answers, on the device, so that a GPU need not wait for the CPU.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=self.half):
            logits = self.forward(batch.inputs)
        logits = logits.float()
        loss = mixed_loss(logits, batch, self.weight, self.config.label_smoothing, whole)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        if self.config.clip_gradient:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_gradient)
        self.optimiser.step()
        if self.average is not None:
            self.average.update(number)
        return loss.detach(), (logits.detach().argmax(dim=1) == batch.labels).sum()


def start_learner(
    config: TrainConfig,
    data: TrainingData,
    weight: Tensor,
    device: torch.device,
    team: Team = ALONE,
    pretrained_folder: Path | None = None,
) -> Learner:
    """A fresh network on its device; the same seed gives the same one.

    Raises:
        WrongUse: ImageNet weights were asked for and there are none for this network.
        InputRefused: they are not in `pretrained_folder`.
    """
    torch.manual_seed(config.seed)
    channels = len(data.recipe.channels)
    network = ARCHITECTURES[config.architecture].make(channels, len(data.classes), config.options)
    if config.pretrained == "imagenet":
        load_pretrained(network, config.architecture, channels, folder=pretrained_folder)
    # The module comes back as it is, so it is one of ours still.
    network = synchronised(network, team, device).to(device)  # type: ignore[assignment]
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the overload is missing in torch
    half = use_bfloat16(config, device)
    forward, remark = team.wrapped(network, device), ""
    if config.compile:
        shape = (2, channels, *data.recipe.resize)
        forward, remark = _compiled(forward, network, shape, device, half)
    return Learner(
        config=config,
        network=network,
        forward=forward,
        optimiser=make_optimiser(config, network),
        average=Average(network, config.average) if config.average else None,
        weight=weight.to(device),
        half=half,
        remark=remark,
    )


def use_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Whether mixed precision is used; ``auto`` takes it where the processor has units for it."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and capable is not None and bool(capable())


def _compiled(
    forward: nn.Module, network: nn.Module, shape: tuple[int, ...], device: torch.device, half: bool
) -> tuple[nn.Module, str]:
    """The compiled network, tried once forwards and backwards; or the plain one and why.

    The trial must leave no trace: batch norm counts what it sees, so its numbers are put back.
    """
    before = {name: value.clone() for name, value in network.state_dict().items()}
    try:
        made: nn.Module = torch.compile(forward)  # type: ignore[assignment]  # a compiled module is called as before
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            scores = made(torch.zeros(shape, device=device).contiguous(memory_format=torch.channels_last))
        scores.float().sum().backward()
        found, remark = made, ""
    # What can go wrong is as varied as compilers are; all of it is a RuntimeError, a missing file or a missing part.
    except (RuntimeError, OSError, ImportError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        found, remark = forward, f"torch.compile does not work here, so it was not used: {reason[:200]}"
    network.load_state_dict(before)
    network.zero_grad(set_to_none=True)
    return found, remark
