"""The training loop: epochs of augmented batches, early stopping, a checkpoint after each epoch.

A run that was killed goes on from its last checkpoint to the same numbers as an unbroken one, because
everything random in an epoch follows from the seed and the number of the epoch alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nscweb.core.errors import ModelError
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.inference.device import choose_device, describe_device
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.preprocess.recipe import field_size, finish_field
from nscweb.training.augment import augment_batch
from nscweb.training.checkpoint import Progressed, copy_of, load_checkpoint, save_checkpoint
from nscweb.training.config import TrainConfig
from nscweb.training.dataset import TrainingData
from nscweb.training.splits import Split

CHECKPOINT = "unfinished.safetensors"
_EVALUATION_BATCH = 512
_GRADIENT_NORM = 2.0


def unheard(row: dict[str, float]) -> None:
    """Nobody wants to know of an epoch."""


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        model: the network at its best epoch, on the CPU, in evaluation mode.
        history: one row per epoch: epoch, learning_rate, train_loss, train_accuracy, validation_loss,
            validation_accuracy, seconds.
        best_epoch: epoch of `model`, from 1.
        seconds: training time over all parts of an interrupted run.
        device: where it was trained, in words.
        precision: ``float32`` or ``bfloat16``.
        threads: CPU threads.
    """

    model: CellNetwork
    history: list[dict[str, float]]
    best_epoch: int
    seconds: float
    device: str
    precision: str
    threads: int


def fit(
    config: TrainConfig,
    data: TrainingData,
    split: Split,
    checkpoint_folder: Path,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    clock: Callable[[], float] = time.monotonic,
    after_epoch: Callable[[dict[str, float]], None] = unheard,
) -> Trained:
    """Train a network on `split.train`, stop by `split.validation`; `split.held_out` is not touched.

    Args:
        config: settings.
        data: prepared cells.
        split: rows of the parts.
        checkpoint_folder: gets `CHECKPOINT` after each epoch; a run that is there already goes on.
        progress: receives cells done, cells in all, and a sentence.
        cancel: asked before each step; the last checkpoint stays.
        clock: seconds that never go backwards.
        after_epoch: gets each row of the history once its checkpoint is on the disk, those of a resumed run
            first; what it raises ends the run, and the checkpoint stays.

    Raises:
        JobCancelled: somebody asked to stop.
        WrongUse: the folder holds an unfinished run of another kind.
        ModelError: the loss is no longer a number.
    """
    device = choose_device(config.device, config.threads)
    torch.manual_seed(config.seed)
    architecture = ARCHITECTURES[config.architecture]
    model = architecture.make(len(data.recipe.channels), len(data.classes), config.options).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = _optimiser(config, model)
    checkpoint_folder.mkdir(parents=True, exist_ok=True)
    path = checkpoint_folder / CHECKPOINT
    fingerprint = _fingerprint(config, data, split)
    resumed = load_checkpoint(path, fingerprint, model, optimiser)
    progressed, best = resumed if resumed is not None else (Progressed(), copy_of(model))
    for row in progressed.history:
        after_epoch(row)
    half = use_bfloat16(config, device)
    steps = max(1, math.ceil(len(split.train) / config.batch))
    weight = _class_weight(config, data, split).to(device)
    validation = (data.inputs(split.validation), data.labels[split.validation])
    while progressed.epoch < config.epochs and progressed.epoch - progressed.best_epoch < config.patience:
        started = clock()
        epoch = progressed.epoch
        torch.manual_seed(_mixed(config.seed, epoch, 1))
        model.train()
        losses, hits = 0.0, 0
        for step, rows in enumerate(_batches(config, split.train, epoch)):
            stop_if_asked(cancel)
            rate = _learning_rate(config, epoch * steps + step, config.epochs * steps)
            for group in optimiser.param_groups:
                group["lr"] = rate
            inputs, labels = _augmented(config, data, rows, _mixed(config.seed, epoch, 2, step))
            inputs, labels = inputs.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                logits = model(inputs.contiguous(memory_format=torch.channels_last))
            loss = functional.cross_entropy(
                logits.float(), labels, weight, label_smoothing=config.label_smoothing
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
            optimiser.step()
            losses += loss.item() * len(rows)
            hits += int((logits.argmax(dim=1) == labels).sum())
            if step % 10 == 0:
                done = epoch * len(split.train) + step * config.batch
                progress(done, config.epochs * len(split.train), f"Epoch {epoch + 1} of {config.epochs}")
        scores = predict_logits(model, validation[0], device, half)
        row = {
            "epoch": float(epoch + 1),
            "learning_rate": optimiser.param_groups[0]["lr"],
            "train_loss": losses / len(split.train),
            "train_accuracy": hits / len(split.train),
            "validation_loss": _loss(scores, validation[1]),
            "validation_accuracy": float(np.mean(scores.argmax(axis=1) == validation[1])),
        }
        if not math.isfinite(row["train_loss"] + row["validation_loss"]):
            raise ModelError("Training failed: the loss is no longer a number.", "Lower the learning rate.")
        row["seconds"] = clock() - started
        progressed.history.append(row)
        progressed.epoch += 1
        progressed.seconds += row["seconds"]
        if row["validation_loss"] < progressed.best_loss:
            progressed.best_loss, progressed.best_epoch = row["validation_loss"], progressed.epoch
            best = copy_of(model)
        save_checkpoint(path, fingerprint, progressed, model, optimiser, best)
        after_epoch(row)
        said = f"validation accuracy {row['validation_accuracy']:.3f}"
        done = progressed.epoch * len(split.train)
        progress(done, config.epochs * len(split.train), f"Epoch {epoch + 1} of {config.epochs}: {said}")
    model.load_state_dict(best)
    return Trained(
        model=model.cpu().eval(),
        history=progressed.history,
        best_epoch=progressed.best_epoch,
        seconds=progressed.seconds,
        device=describe_device(device),
        precision="bfloat16" if half else "float32",
        threads=torch.get_num_threads(),
    )


def predict_logits(
    model: nn.Module, inputs: NDArray[np.float32], device: torch.device, half: bool = False
) -> NDArray[np.float32]:
    """(N, C, H, W) network inputs to (N, K) logits, in evaluation mode."""
    model.eval()
    parts = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        for start in range(0, len(inputs), _EVALUATION_BATCH):
            batch = torch.from_numpy(inputs[start : start + _EVALUATION_BATCH]).to(device)
            parts.append(model(batch.contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
    return np.concatenate(parts)


def use_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Whether mixed precision is used; ``auto`` takes it where the processor has units for it."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and capable is not None and bool(capable())


def _augmented(
    config: TrainConfig, data: TrainingData, rows: NDArray[np.int64], seed: int
) -> tuple[Tensor, Tensor]:
    """Network inputs (n, C, H, W) and labels (n,) of one step; made on the CPU on every device alike."""
    generator = torch.Generator().manual_seed(seed)
    fields = torch.from_numpy(data.fields[rows]).float()
    size = field_size(data.recipe, data.pixel_size_um) or data.recipe.resize
    changed = augment_batch(fields, size, config.augment, generator)
    inputs = finish_field(data.recipe, changed.numpy(), pixel_size_um=data.pixel_size_um)
    return torch.from_numpy(inputs), torch.from_numpy(data.labels[rows])


def _batches(config: TrainConfig, rows: NDArray[np.int64], epoch: int) -> Iterator[NDArray[np.int64]]:
    order = np.random.default_rng(_mixed(config.seed, epoch, 3)).permutation(rows)
    for start in range(0, len(order), config.batch):
        batch = order[start : start + config.batch]
        # Batch norm cannot learn from a single cell.
        if len(batch) > 1:
            yield batch


def _optimiser(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    kernels = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": kernels, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.learning_rate, betas=(0.9, 0.999), eps=1e-8)


def _learning_rate(config: TrainConfig, step: int, total: int) -> float:
    if config.schedule == "constant":
        return config.learning_rate
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    return config.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / max(1, total))))


def _class_weight(config: TrainConfig, data: TrainingData, split: Split) -> Tensor:
    counts = np.bincount(data.labels[split.train], minlength=len(data.classes)).clip(min=1)
    weight = counts.sum() / (len(counts) * counts) if config.balance else np.ones(len(counts))
    return torch.as_tensor(weight, dtype=torch.float32)


def _loss(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float(functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))


def _mixed(*numbers: int) -> int:
    """One seed from several numbers, so that neighbouring seeds and epochs share nothing."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _fingerprint(config: TrainConfig, data: TrainingData, split: Split) -> str:
    settings = {key: value for key, value in config.as_dict().items() if key not in ("device", "threads")}
    text = json.dumps(settings, sort_keys=True) + data.digest() + split.sentence
    return hashlib.sha256(text.encode() + split.train.tobytes()).hexdigest()
