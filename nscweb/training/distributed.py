"""Several processes that train one network: ``torchrun --nproc_per_node=2 -m nscweb.training ...``.

Plain data-parallel training of torch (DDP; NCCL between CUDA GPUs, Gloo between CPUs). Every process sees the same
batches and works on its own equal part of each, and the gradients are averaged, so the result is close to that of
one process. It is not equal to the last digit: each process augments its part with random numbers of its own, and
on the CPU each computes batch norm over its part alone (torch has a batch norm over all parts for CUDA only; there
it is used). Process 0 validates, writes the checkpoint and the card. All processes must see the same folders.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn

from nscweb.core.errors import WrongUse

# Process 0 may need this long to measure and write while the others wait.
_LONGEST_WAIT = datetime.timedelta(hours=2)


@dataclass(frozen=True)
class Team:
    """The processes of one run.

    Attributes:
        rank: number of this process, from 0; 0 leads.
        size: processes in all.
        local_rank: number of this process on its own machine, which is also the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    def part(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of a batch that this process works on; `batches` made the batch divisible."""
        return rows[self.rank :: self.size]

    def device(self, chosen: torch.device) -> torch.device:
        """This process's own GPU in place of "the GPU"."""
        if chosen.type != "cuda" or self.size == 1:
            return chosen
        return torch.device("cuda", self.local_rank)

    def wrapped(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The network with gradients averaged over the processes; it starts from the numbers of process 0."""
        if self.size == 1:
            return model
        return nn.parallel.DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def summed(self, numbers: list[float], device: torch.device) -> list[float]:
        """Sums over the processes."""
        if self.size == 1:
            return numbers
        tensor = torch.tensor(numbers, dtype=torch.float64, device=device)
        dist.all_reduce(tensor)
        return [float(number) for number in tensor.tolist()]

    def told(self, numbers: list[float], device: torch.device) -> list[float]:
        """The numbers of process 0, in every process."""
        if self.size == 1:
            return numbers
        tensor = torch.tensor(numbers, dtype=torch.float64, device=device)
        dist.broadcast(tensor, 0)
        return [float(number) for number in tensor.tolist()]

    def wait(self) -> None:
        """Until every process has come this far."""
        if self.size > 1:
            dist.barrier()


ALONE = Team()


def synchronised(model: nn.Module, team: Team, device: torch.device) -> nn.Module:
    """Batch norm over the whole batch on CUDA; elsewhere torch has none, and each process uses its part."""
    if team.size > 1 and device.type == "cuda":
        # Torch gives it no types.
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    return model


@contextmanager
def team_of(environment: Mapping[str, str], device: str) -> Iterator[Team]:
    """The processes that torchrun started, or this one alone when it did not.

    Args:
        environment: with RANK, WORLD_SIZE and LOCAL_RANK when torchrun started the process.
        device: as in `TrainConfig.device`.

    Raises:
        WrongUse: torch was built without what it needs for several processes, or a GPU is missing.
    """
    size = int(environment.get("WORLD_SIZE", "1"))
    if size < 2:
        yield ALONE
        return
    team = Team(int(environment["RANK"]), size, int(environment.get("LOCAL_RANK", "0")))
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu and team.local_rank >= torch.cuda.device_count():
        raise WrongUse(
            f"{team.local_rank + 1} processes on this machine, but it has {torch.cuda.device_count()} GPUs.",
            "Start as many processes per machine as it has GPUs, or add --device cpu.",
        )
    if not dist.is_available() or (not on_gpu and not dist.is_gloo_available()):
        raise WrongUse("This torch was built without support for several processes.", "Train with one process.")
    if on_gpu:
        torch.cuda.set_device(team.local_rank)
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_LONGEST_WAIT)
    try:
        yield team
    finally:
        dist.destroy_process_group()
