"""One finished training of a protocol: what is kept of it, on disk and in memory."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nscweb.training.config import TrainConfig
    from nscweb.training.dataset import TrainingData
    from nscweb.training.splits import Split


@dataclass(frozen=True)
class Unit:
    """One training. `fold` counts from 1; 0 when it is no cross-validation."""

    block: str
    model: str
    split: str
    task: str = ""
    variant: str = ""
    seed: int = 0
    fold: int = 0
    folds: int = 0

    @property
    def key(self) -> str:
        """Name of its folder."""
        parts = [self.block, self.model, self.task, self.variant, self.split, f"seed{self.seed}"]
        parts += [f"fold{self.fold}"] if self.folds else []
        return "_".join(part.replace(" ", "-") for part in parts if part)


@dataclass(frozen=True)
class Result:
    """A finished training.

    Attributes:
        unit: which. classes: names in the order of the scores. scores: one row per held-out cell with sample_id,
        group, donor, time_h, true_class, predicted and ``p_<class>``. independent: the same for cells of further
        samples; empty where there are none. history: one row per epoch. seconds: of training. prepare_seconds: of
        making the cells ready. cells: trained, watched and held out. parameters: of the network. validation_loss:
        the best. device: where. split: sentence.
    """

    unit: Unit
    classes: tuple[str, ...]
    scores: pd.DataFrame
    independent: pd.DataFrame
    history: pd.DataFrame
    seconds: float
    prepare_seconds: float
    cells: tuple[int, int, int]
    parameters: int
    validation_loss: float
    device: str
    split: str


def scores_of(model: Any, data: TrainingData, rows: NDArray[np.int64], device: str) -> pd.DataFrame:
    """Scores of some cells by a network of the training room; columns as in `Result.scores`."""
    from nscweb.inference.device import choose_device
    from nscweb.training.loop import predict_logits

    where = choose_device(device)
    parts = [
        predict_logits(model.to(where), data.inputs(part), where)
        for part in np.array_split(rows, max(1, -(-len(rows) // 2048)))
    ]
    logits = np.concatenate(parts).astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    names = np.asarray(data.classes.names, object)
    samples = [data.samples[index] for index in data.sample_of[rows]]
    table = pd.DataFrame(
        {
            "sample_id": [sample.name for sample in samples],
            "group": [sample.group for sample in samples],
            "donor": [sample.donor for sample in samples],
            "replicate": [sample.replicate for sample in samples],
            "time_h": data.times[rows],
            "true_class": names[data.labels[rows]],
            "predicted": names[shares.argmax(axis=1)],
        }
    )
    for index, name in enumerate(data.classes.names):
        table[f"p_{name}"] = shares[:, index]
    return table


def fingerprint(config: TrainConfig, data: TrainingData, split: Split) -> str:
    """What a training rests on: settings, cells and rows; another processor changes nothing that matters."""
    settings = {key: value for key, value in config.as_dict().items() if key not in ("device", "threads")}
    text = json.dumps(settings, sort_keys=True) + data.digest()
    rows = b"".join(part.tobytes() for part in (split.train, split.validation, split.held_out))
    return hashlib.sha256(text.encode() + rows).hexdigest()


def write_result(folder: Path, mark: str, result: Result) -> None:
    """Keep a training. The marked file comes last, so that a folder with it is complete."""
    from nscweb.store.files import atomic_write

    result.scores.to_parquet(folder / "scores.parquet", index=False)
    result.independent.to_parquet(folder / "independent.parquet", index=False)
    result.history.to_csv(folder / "history.csv", index=False)
    plain = {
        key: value for key, value in vars(result).items() if key not in ("unit", "scores", "independent", "history")
    }
    with atomic_write(folder / "result.json") as stream:
        text = json.dumps({"mark": mark, "unit": asdict(result.unit), **plain}, indent=1)
        stream.write(text.encode("utf-8"))


def read_result(folder: Path, mark: str, unit: Unit) -> Result | None:
    """The training kept in a folder, None when there is none or it rests on something else."""
    try:
        plain = json.loads((folder / "result.json").read_text("utf-8"))
        if plain.pop("mark") != mark:
            return None
        plain.pop("unit")
        return Result(
            unit=unit,
            scores=pd.read_parquet(folder / "scores.parquet"),
            independent=pd.read_parquet(folder / "independent.parquet"),
            history=pd.read_csv(folder / "history.csv"),
            **{**plain, "classes": tuple(plain["classes"]), "cells": tuple(plain["cells"])},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
