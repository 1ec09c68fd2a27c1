"""The training loop: epochs of augmented batches, early stopping, a checkpoint after epochs.

A run that was killed goes on from its last checkpoint to the same numbers as an unbroken one, because
everything random in an epoch follows from the seed and the number of the epoch alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from nscweb.core.errors import ModelError, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.inference.device import choose_device, describe_device
from nscweb.models.architectures.contract import CellNetwork
from nscweb.training.checkpoint import Progressed, copy_of, load_checkpoint, save_checkpoint
from nscweb.training.config import TrainConfig
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import Batch, BatchMaker, ahead, predict_rows
from nscweb.training.data.sampling import batches, epoch_order, mixed_seed, steps_per_epoch
from nscweb.training.distributed import ALONE, Team
from nscweb.training.feature_fit import FEATURES, fit_features, options_for
from nscweb.training.learner import Learner, start_learner
from nscweb.training.rates import class_weight, learning_rate
from nscweb.training.splits.plan import Split

CHECKPOINT = "unfinished.safetensors"
_EVALUATION_BATCH = 512
# Saving may take this share of the time; after the first epoch, which is always saved.
_SAVING_SHARE = 0.05


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
        remarks: what was asked for and could not be done, in sentences.
        options: what a card needs to build the network again; None: the options of the settings.
    """

    model: CellNetwork
    history: list[dict[str, float]]
    best_epoch: int
    seconds: float
    device: str
    precision: str
    threads: int
    remarks: tuple[str, ...] = ()
    options: dict[str, Any] | None = None


def fit(
    config: TrainConfig,
    data: TrainingData,
    split: Split,
    checkpoint_folder: Path,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    clock: Callable[[], float] = time.monotonic,
    after_epoch: Callable[[dict[str, float]], None] = unheard,
    team: Team = ALONE,
    pretrained_folder: Path | None = None,
) -> Trained:
    """Train a network on `split.train`, stop by `split.validation`; `split.held_out` is not touched.

    Args:
        config: settings.
        data: prepared cells.
        split: rows of the parts.
        checkpoint_folder: gets `CHECKPOINT` after the first epoch and then as often as saving costs little; a run that
            is there already goes on.
        progress: receives cells done, cells in all, and a sentence.
        cancel: asked before each step; the last checkpoint stays.
        clock: seconds that never go backwards.
        after_epoch: gets each row of the history after its epoch, those of a resumed run first; what it raises ends
            the run, and the checkpoint stays.
        team: the processes that train together; only the first reports, validates and writes.
        pretrained_folder: where ImageNet weights lie that were downloaded before.

    Raises:
        JobCancelled: somebody asked to stop.
        WrongUse: the folder holds an unfinished run of another kind, a part has no cells, or there are no ImageNet
            weights for the architecture.
        InputRefused: they are not on this computer.
        ModelError: the loss is no longer a number.
    """
    if not len(split.train) or not len(split.validation):
        raise WrongUse(
            "Training needs cells to learn from and cells that decide when to stop, and one of them has none.",
            "Choose shares of the split that leave cells for both.",
        )
    if config.architecture == FEATURES:
        return _fit_plain_features(config, data, split, progress, cancel, clock, after_epoch)
    config = config.for_cells(len(split.train))
    device = team.device(choose_device(config.device, config.threads))
    weight = class_weight(config, data.labels[split.train], len(data.classes))
    learner = start_learner(config, data, weight, device, team, pretrained_folder)
    checkpoint_folder.mkdir(parents=True, exist_ok=True)
    path = checkpoint_folder / CHECKPOINT
    fingerprint = _fingerprint(config, data, split, team)
    averaged = learner.average.network if learner.average else None
    resumed = load_checkpoint(path, fingerprint, learner.network, learner.optimiser, averaged)
    progressed, best = resumed if resumed is not None else (Progressed(), copy_of(learner.kept))
    # Nobody may write before everybody has read.
    team.wait()
    epoch_run = _EpochRun(config, data, split, learner, device, team, progress, cancel)
    for row in progressed.history:
        after_epoch(row)
    saved, saving = -math.inf, 0.0
    while not _finished(config, progressed):
        started = clock()
        row = epoch_run(progressed.epoch)
        row["seconds"] = clock() - started
        progressed.history.append(row)
        progressed.epoch += 1
        progressed.seconds += row["seconds"]
        if row["validation_loss"] < progressed.best_loss:
            progressed.best_loss, progressed.best_epoch = row["validation_loss"], progressed.epoch
            best = copy_of(learner.kept)
        if row["validation_loss"] < progressed.gained_loss - config.least_gain:
            progressed.gained_loss, progressed.gained_epoch = row["validation_loss"], progressed.epoch
        began = clock()
        if team.leads and (_finished(config, progressed) or (began - saved) * _SAVING_SHARE >= saving):
            save_checkpoint(path, fingerprint, progressed, learner.network, learner.optimiser, best, averaged)
            saved = clock()
            saving = saved - began
        said = f"validation accuracy {row['validation_accuracy']:.3f}"
        epoch_run.report(progressed.epoch * len(split.train), progressed.epoch, f": {said}")
        after_epoch(row)
    model = learner.network
    model.load_state_dict(best)
    return Trained(
        model=model.cpu().eval(),
        history=progressed.history,
        best_epoch=progressed.best_epoch,
        seconds=progressed.seconds,
        device=describe_device(device) + (f", {team.size} processes" if team.size > 1 else ""),
        precision="bfloat16" if learner.half else "float32",
        threads=torch.get_num_threads(),
        remarks=(learner.remark,) if learner.remark else (),
    )


def _fit_plain_features(
    config: TrainConfig,
    data: TrainingData,
    split: Split,
    progress: Progress,
    cancel: CancelAsked,
    clock: Callable[[], float],
    after_epoch: Callable[[dict[str, float]], None],
) -> Trained:
    """Features are fitted at once: a history of one row, and nothing to go on from after a kill."""
    choose_device("cpu", config.threads)
    began = clock()
    options = options_for(config.balance)
    fitted = fit_features(data, split.train, options=options, seed=config.seed, progress=progress, cancel=cancel)
    row = {"epoch": 1.0, "learning_rate": 0.0}
    for name, rows in (("train", split.train), ("validation", split.validation)):
        logits = predict_rows(fitted.network, data, rows, torch.device("cpu"))
        row[f"{name}_loss"], row[f"{name}_accuracy"] = _judged(logits, data.labels[rows])
    row["seconds"] = clock() - began
    after_epoch(row)
    return Trained(
        model=fitted.network,
        history=[row],
        best_epoch=1,
        seconds=row["seconds"],
        device=describe_device(torch.device("cpu")),
        precision="float32",
        threads=torch.get_num_threads(),
        options=fitted.options,
    )


@dataclass(frozen=True)
class _EpochRun:
    """One pass over the training cells, and the look at the validation cells after it."""

    config: TrainConfig
    data: TrainingData
    split: Split
    learner: Learner
    device: torch.device
    team: Team
    progress: Progress
    cancel: CancelAsked

    def __call__(self, epoch: int) -> dict[str, float]:
        """The row of the history of one epoch (from 0), without its time.

        Raises:
            JobCancelled, ModelError: as `fit`.
        """
        config, data, team, learner = self.config, self.data, self.team, self.learner
        rows = self.split.train
        steps = steps_per_epoch(config, len(rows))
        order = epoch_order(config, rows, data.labels[rows], epoch)
        torch.manual_seed(mixed_seed(config.seed, epoch, 1, *([team.rank] if team.size > 1 else [])))
        learner.network.train()
        losses = torch.zeros((), dtype=torch.float64, device=self.device)
        hits = torch.zeros((), dtype=torch.int64, device=self.device)
        shown = 0
        coming = ahead(
            lambda item: (item[1], self._batch(epoch, *item)),
            enumerate(batches(config, order, team.size)),
            threaded=self._threaded(),
        )
        for step, (chosen, batch) in enumerate(coming):
            stop_if_asked(self.cancel)
            number = epoch * steps + step
            whole = None
            if team.size > 1:
                labels = torch.from_numpy(data.labels[chosen]).to(self.device)
                whole = learner.weight[labels].sum() / team.size
            loss, right = learner.step(batch, learning_rate(config, number, steps), number, whole)
            losses += loss * len(batch.labels)
            hits += right
            shown += len(batch.labels)
            if step % 10 == 0:
                self.report(epoch * len(rows) + step * config.batch, epoch + 1)
        loss_sum, hit_sum, count = team.summed([float(losses), float(hits), float(shown)], self.device)
        rate = learner.optimiser.param_groups[0]["lr"]
        row = {
            "epoch": float(epoch + 1),
            "learning_rate": rate,
            "train_loss": loss_sum / max(1.0, count),
            "train_accuracy": hit_sum / max(1.0, count),
        }
        measured = self._validated() if team.leads else [0.0, 0.0]
        row["validation_loss"], row["validation_accuracy"] = team.told(measured, self.device)
        if not math.isfinite(row["train_loss"] + row["validation_loss"]):
            raise ModelError("Training failed: the loss is no longer a number.", "Lower the learning rate.")
        return row

    def report(self, done: int, epoch: int, said: str = "") -> None:
        """Tell how far the run is, after `done` cells, in words of `epoch` (from 1)."""
        if self.team.leads:
            total = self.config.epochs * len(self.split.train)
            self.progress(min(done, total), total, f"Epoch {epoch} of {self.config.epochs}{said}")

    def _batch(self, epoch: int, step: int, rows: NDArray[np.int64]) -> Batch:
        """This process's part of one step; its random numbers follow from where it stands in the run."""
        place = (epoch, 2, step, *([self.team.rank] if self.team.size > 1 else []))
        make = BatchMaker(self.config, self.data, self.device)
        return make(self.team.part(rows), mixed_seed(self.config.seed, *place))

    def _threaded(self) -> bool:
        """Whether a thread makes the next batch: for a GPU; a CPU has no core left over for it."""
        return self.device.type == "cuda"

    def _validated(self) -> list[float]:
        """Loss and accuracy on the validation cells."""
        rows = self.split.validation
        scores = predict_rows(self.learner.kept, self.data, rows, self.device, self.learner.half)
        return list(_judged(scores, self.data.labels[rows]))


def predict_logits(
    model: nn.Module, inputs: NDArray[np.float32], device: torch.device, half: bool = False
) -> NDArray[np.float32]:
    """(N, C, H, W) network inputs to (N, K) logits, in evaluation mode; see `predict_rows` for many cells."""
    model.eval()
    parts = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        for start in range(0, len(inputs), _EVALUATION_BATCH):
            batch = torch.from_numpy(inputs[start : start + _EVALUATION_BATCH]).to(device)
            parts.append(model(batch.contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
    return np.concatenate(parts)


def _judged(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Mean loss and share of right answers."""
    loss = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))
    return float(loss), float(np.mean(logits.argmax(axis=1) == labels))


def _finished(config: TrainConfig, progressed: Progressed) -> bool:
    waited = progressed.epoch - progressed.gained_epoch
    return progressed.epoch >= config.epochs or waited >= config.patience


def _fingerprint(config: TrainConfig, data: TrainingData, split: Split, team: Team) -> str:
    settings = {key: value for key, value in config.as_dict().items() if key not in ("device", "threads")}
    text = json.dumps(settings, sort_keys=True) + data.digest() + split.sentence
    text += f" in {team.size} processes" if team.size > 1 else ""
    return hashlib.sha256(text.encode() + split.train.tobytes()).hexdigest()
