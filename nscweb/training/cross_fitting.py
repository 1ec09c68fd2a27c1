"""Cross-fitting: every cell trains, and each is judged by a network that never saw it.

A network per fold learns from the other folds and judges its own; a last one learns from all cells, in the same way
and for as many epochs, and is kept. Labels are then never set aside, and there are as many honest scores as cells,
which is what temperature, prediction sets and corrected ratios live on. The kept network has seen more cells than
those that judged, so it is a little better than its figures say; `benchmarks/small_data.py` measures by how much.

No cell decides when to stop: the rate falls to nothing at the end of a run whose length follows from the number of
cells, and the averaged weights of the end are what is kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.models.architectures import ARCHITECTURES
from nscweb.models.architectures.contract import CellNetwork
from nscweb.training.checkpoint import copy_of, write_atomically
from nscweb.training.config import TrainConfig
from nscweb.training.cross_validation import CrossValidated, Fitted, cross_validate
from nscweb.training.data.dataset import TrainingData
from nscweb.training.data.inputs import predict_rows
from nscweb.training.jury import Jury
from nscweb.training.loop import CHECKPOINT, Trained, fit, unheard
from nscweb.training.splits.plan import Split

NETWORK = "network.safetensors"
LAST = "all-cells"


@dataclass(frozen=True)
class CrossFitted:
    """A finished cross-fitting.

    Attributes:
        trained: the kept network; its history is the mean over the folds, its seconds those of all trainings.
        jury: it, and the networks of the folds.
        folds: for ``performance.curves["cross_validation"]`` of a card: ``by``, ``rows``, ``summary``, ``confusion``.
    """

    trained: Trained
    jury: Jury
    folds: dict[str, Any]


def cross_fit(
    config: TrainConfig,
    data: TrainingData,
    split: Split,
    folder: Path,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    *,
    after_epoch: Callable[[dict[str, float]], None] = unheard,
    pretrained_folder: Path | None = None,
) -> CrossFitted:
    """Train the network of each fold and the one that is kept; a run that was stopped goes on where it was.

    Args:
        config: settings, every number chosen (`TrainConfig.for_cells`).
        data: labelled cells.
        split: with folds.
        folder: gets a folder per fold, and checkpoints; `tidy` removes them.
        progress: receives cells shown, of all trainings together.
        cancel: asked before each step; what is finished stays.
        after_epoch: hears of each epoch; its row has ``fold``, from 1, that of the kept network last.
        pretrained_folder: see `fit`.

    Raises:
        As `fit`.
    """
    parts = [replace(split, train=train, held_out=held, folds=()) for train, held in split.folds]
    total = config.epochs * split.shown
    before = np.concatenate(([0], np.cumsum([config.epochs * len(part.train) for part in parts])))
    count = len(parts)

    def part_of(index: int, name: str) -> tuple[Progress, Callable[[dict[str, float]], None]]:
        def shown(done: int, _: int, step: str = "") -> None:
            progress(int(before[index]) + done, total, f"{name}: {step}" if step else name)

        def heard(row: dict[str, float]) -> None:
            after_epoch({**row, "fold": float(index + 1)})

        return shown, heard

    def fold(
        config: TrainConfig, data: TrainingData, part: Split, place: Path, _: Progress, cancel: CancelAsked
    ) -> Fitted:
        index = next(number for number, item in enumerate(parts) if item is part)
        shown, heard = part_of(index, f"Fold {index + 1} of {count}")
        made = fit(config, data, part, place, shown, cancel, after_epoch=heard, pretrained_folder=pretrained_folder)
        logits = torch.from_numpy(predict_rows(made.model, data, part.held_out, torch.device("cpu")))
        write_atomically(place / NETWORK, safetensors.torch.save(_plain(made.model)))
        (place / CHECKPOINT).unlink(missing_ok=True)
        return Fitted(torch.softmax(logits, dim=1).numpy(), made.history, made.best_epoch, made.seconds, made.device)

    found = cross_validate(config, data, parts, folder, no_progress, cancel, fitter=fold)
    shown, heard = part_of(count, "All cells")
    last = fit(
        config, data, split, folder / LAST, shown, cancel, after_epoch=heard, pretrained_folder=pretrained_folder
    )
    judges = tuple(_loaded(config, data, folder / f"fold-{index + 1:02d}") for index in range(count))
    seconds = last.seconds + sum(float(row["seconds"]) for row in found.rows)
    trained = replace(last, history=mean_history([row["history"] for row in found.rows]), seconds=seconds)
    return CrossFitted(trained, Jury(last.model, judges, data, split), fold_figures(found, split))


def tidy(folder: Path) -> None:
    """Take away what cross-fitting kept for going on, but for the folder itself."""
    for place in (*folder.glob("fold-*"), folder / LAST):
        shutil.rmtree(place, ignore_errors=True)


def fold_figures(found: CrossValidated, split: Split) -> dict[str, Any]:
    """What a card keeps of the folds."""
    rows = [{key: row[key] for key in ("fold", "cells", "accuracy", "macro_f1", "f1")} for row in found.rows]
    confusion = [list(row) for row in found.confusion]
    return {"by": split.by, "rows": rows, "summary": found.summary, "confusion": confusion}


def mean_history(histories: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, float]]:
    """The mean over folds of each number of each epoch; seconds are added up.

    A number that some fold does not have, because it was not finite there, is left out.
    """
    rows = []
    for epoch in zip(*histories, strict=True):
        names = [name for name in epoch[0] if all(row.get(name) is not None for row in epoch)]
        values = {name: [float(row[name]) for row in epoch] for name in names if name != "fold"}
        rows.append({name: sum(item) if name == "seconds" else float(np.mean(item)) for name, item in values.items()})
    return rows


def _plain(network: CellNetwork) -> dict[str, torch.Tensor]:
    """Contiguous tensors, as files hold them."""
    return {name: tensor.contiguous() for name, tensor in copy_of(network).items()}


def _loaded(config: TrainConfig, data: TrainingData, place: Path) -> CellNetwork:
    network = ARCHITECTURES[config.architecture].make(len(data.recipe.channels), len(data.classes), config.options)
    network.load_state_dict(safetensors.torch.load((place / NETWORK).read_bytes()))
    return network.eval()
