"""State of an unfinished training run in one safetensors file, from which a killed run goes on.

One file, because a half-written pair of files could not be told from a whole one; safetensors, because a
pickle is never loaded. It is written beside its final name, flushed to the disk and renamed.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nscweb.core.errors import WrongUse


@dataclass
class Progressed:
    """How far a run has come.

    Attributes:
        epoch: finished epochs.
        history: one row per epoch, see `nscweb.training.loop`.
        best_epoch: epoch with the lowest validation loss, from 1; 0 before the first.
        best_loss: that loss.
        gained_epoch, gained_loss: last epoch whose loss was better by a gain worth waiting for, and its loss.
        seconds: training time so far, over all parts of an interrupted run.
    """

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")
    gained_epoch: int = 0
    gained_loss: float = float("inf")
    seconds: float = 0.0


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that its final name never holds half of it."""
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def save_checkpoint(
    path: Path,
    fingerprint: str,
    progressed: Progressed,
    model: nn.Module,
    optimiser: Optimizer,
    best: dict[str, Tensor],
    average: nn.Module | None = None,
) -> None:
    """Write everything that the next epoch needs; `average` is the network of averaged numbers, where there is one."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    if average is not None:
        tensors.update({f"average.{name}": tensor for name, tensor in average.state_dict().items()})
    tensors.update({f"best.{name}": tensor for name, tensor in best.items()})
    for index, state in optimiser.state_dict()["state"].items():
        kept = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        tensors.update({f"optimiser.{index}.{name}": tensor for name, tensor in kept.items()})
    metadata = {"fingerprint": fingerprint, "progressed": json.dumps(asdict(progressed))}
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_atomically(path, safetensors.torch.save(plain, metadata))


def load_checkpoint(
    path: Path, fingerprint: str, model: nn.Module, optimiser: Optimizer, average: nn.Module | None = None
) -> tuple[Progressed, dict[str, Tensor]] | None:
    """Put a run back where it was; None when there is no checkpoint.

    Raises:
        WrongUse: the checkpoint is damaged, or belongs to other data or settings.
    """
    if not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as opened:
            metadata: dict[str, str] = opened.metadata() or {}
            names = list(opened.keys())
            tensors: dict[str, Tensor] = {name: opened.get_tensor(name) for name in names}
        progressed = Progressed(**json.loads(metadata["progressed"]))
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise WrongUse(
            f"The checkpoint {path.name} of an unfinished run is damaged.", "Delete it to start anew."
        ) from error
    if metadata.get("fingerprint") != fingerprint:
        raise WrongUse(
            f"The folder {path.parent.name} holds an unfinished run on other data or with other settings.",
            f"Choose another folder, or delete {path.name} to start anew.",
        )
    model.load_state_dict(_below(tensors, "model."))
    if average is not None:
        average.load_state_dict(_below(tensors, "average."))
    groups = optimiser.state_dict()["param_groups"]
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in _below(tensors, "optimiser.").items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    return progressed, _below(tensors, "best.")


def copy_of(model: nn.Module) -> dict[str, Tensor]:
    """The numbers of a network as they are now, on the CPU."""
    with torch.no_grad():
        return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
