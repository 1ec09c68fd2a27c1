"""The trainings of a protocol: each is done once, its scores are kept, and the same call goes on after a stop.

`Result` is what is kept of one, on disk and in memory.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import NscwebError
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.papers.protocol import Block, Protocol
from nscweb.papers.protocol_cells import Cells

if TYPE_CHECKING:
    from nscweb.training.config import TrainConfig
    from nscweb.training.data.dataset import TrainingData
    from nscweb.training.splits.plan import Split

# Prepared sets that are held in memory at once; a protocol has few recipes, and large ones fill gigabytes.
_HELD = 2


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


@dataclass
class Bench:
    """Where trainings are done.

    Attributes:
        protocol, cells: what. folder: keeps each training in a folder of its own. seed: added to the protocol's.
        device, threads: for training. skipped: sentences about trainings that could not be done.
        finished: every training so far, those of a search too. backbones: folder of ImageNet weights that were
        downloaded.
    """

    protocol: Protocol
    cells: Cells
    folder: Path
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    progress: Progress = no_progress
    cancel: CancelAsked = never_cancelled
    clock: Callable[[], float] = time.monotonic
    skipped: list[str] = field(default_factory=list)
    finished: list[Result] = field(default_factory=list)
    backbones: Path | None = None
    _prepared: OrderedDict[str, tuple[TrainingData, float]] = field(default_factory=OrderedDict)

    def run(self, units: Iterable[Unit]) -> list[Result]:
        """Every unit, one after the other; one that this study cannot give is skipped with a sentence."""
        wanted = list(units)
        results = []
        for number, unit in enumerate(wanted):
            stop_if_asked(self.cancel)
            self.progress(number, len(wanted), f"Training {number + 1} of {len(wanted)}: {unit.key}")
            try:
                results.append(self.result(unit))
            except NscwebError as error:
                if error.code == "E-JOB-CANCELLED":
                    raise
                self.skipped.append(f"{unit.key} was left out. {error}")
        return results

    def result(self, unit: Unit, train: dict[str, Any] | None = None) -> Result:
        """Train one unit, or read it when it was trained before with the same cells and settings.

        Args:
            train: changes to the settings of training.

        Raises:
            InputRefused: the cells lack the channels, or too few samples for the split.
            JobCancelled: somebody asked to stop; the checkpoint stays.
        """
        from nscweb.core.errors import InputRefused
        from nscweb.training.loop import CHECKPOINT, fit

        model = self.protocol.model(unit.model)
        recipe = self.protocol.recipe_of(model, unit.variant)
        if not self.cells.has(recipe):
            raise InputRefused(f"The cells have no channels {', '.join(recipe.channels)}.")
        data, prepare_seconds = self.prepared(unit)
        split = self.split(unit, data)
        config = self.config(unit, train)
        folder = self.folder / unit.key
        mark = fingerprint(config, data, split)
        kept = read_result(folder, mark, unit)
        if kept is not None:
            self.finished.append(kept)
            return kept
        if (folder / "mark.txt").is_file() and (folder / "mark.txt").read_text("utf-8") != mark:
            # A checkpoint of other cells or settings could not be gone on from.
            (folder / CHECKPOINT).unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mark.txt").write_text(mark, "utf-8")
        trained = fit(
            config, data, split, folder, self._said(unit), self.cancel, self.clock, pretrained_folder=self.backbones
        )
        result = Result(
            unit=unit,
            classes=data.classes.names,
            scores=scores_of(trained.model, data, split.held_out, self.device),
            independent=self._independent(unit, trained.model, data.classes.names),
            history=pd.DataFrame(trained.history),
            seconds=trained.seconds,
            prepare_seconds=prepare_seconds,
            cells=(len(split.train), len(split.validation), len(split.held_out)),
            parameters=sum(parameter.numel() for parameter in trained.model.parameters()),
            validation_loss=min(row["validation_loss"] for row in trained.history),
            device=f"{trained.device}, {trained.precision}",
            split=split.sentence,
        )
        if self.protocol.keep_weights:
            from safetensors.torch import save_model

            save_model(trained.model, str(folder / "weights.safetensors"))
        write_result(folder, mark, result)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        self.finished.append(result)
        return result

    def prepared(self, unit: Unit) -> tuple[TrainingData, float]:
        """Cells of a unit made ready, and how long that took."""
        recipe = self.protocol.recipe_of(self.protocol.model(unit.model), unit.variant)
        names = self._classes(unit)
        key = json.dumps([recipe.as_dict(), names], sort_keys=True)
        if key not in self._prepared:
            started = self.clock()
            data = self.cells.prepared(recipe, names, cancel=self.cancel)
            self._prepared[key] = (data, self.clock() - started)
            while len(self._prepared) > _HELD:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def split(self, unit: Unit, data: TrainingData) -> Split:
        """Rows of a unit."""
        from nscweb.training.splits.folds import folds
        from nscweb.training.splits.plan import SplitPlan, make_split

        rule = self.protocol.splits[unit.split]
        by: Any = rule.by
        seed = self.seed + unit.seed
        if unit.folds:
            made = folds(data, by, unit.folds, seed, validation=rule.validation)
            return made[unit.fold - 1]
        return make_split(data, SplitPlan(by, rule.validation, rule.held_out), seed)

    def config(self, unit: Unit, train: dict[str, Any] | None = None) -> TrainConfig:
        """Settings of a unit's training."""
        from nscweb.training.augment import AugmentSettings
        from nscweb.training.config import FAMILIES, recipe_settings

        model = self.protocol.model(unit.model)
        settings = {**self.protocol.train_of(model), **(train or {})}
        # What a paper does not mention it did not do.
        augment = AugmentSettings.off(**settings.pop("augment", {}))
        family = self.protocol.paper if self.protocol.paper in FAMILIES else FAMILIES[0]
        return recipe_settings(
            family,
            architecture=model.architecture,
            seed=self.seed + unit.seed,
            device=self.device,
            threads=self.threads,
            augment=augment,
            **settings,
        )

    def _classes(self, unit: Unit) -> tuple[str, ...]:
        return self.protocol.tasks[unit.task] if self.cells.fits else self.cells.classes.names

    def _independent(self, unit: Unit, model: Any, names: tuple[str, ...]) -> pd.DataFrame:
        if not self.cells.independent or unit.fold > 1:
            return pd.DataFrame()
        recipe = self.protocol.recipe_of(self.protocol.model(unit.model), unit.variant)
        data = self.cells.prepared(recipe, names, independent=True, cancel=self.cancel)
        table = scores_of(model, data, np.arange(len(data)), self.device)
        return table.drop(columns="true_class")

    def _said(self, unit: Unit) -> Progress:
        def say(done: int, total: int, step: str = "") -> None:
            self.progress(done, total, f"{unit.key}: {step}")

        return say


def units_of(protocol: Protocol, blocks: Iterable[str]) -> list[Unit]:
    """Every training of some blocks, in the order of the file."""
    units = []
    for name in blocks:
        block: Block = protocol.blocks[name]
        for model in block.models:
            for split in block.splits:
                for seed in block.seeds:
                    for fold in range(1, block.folds + 1) if block.folds else (0,):
                        units.append(Unit(name, model, split, block.task, block.variant, seed, fold, block.folds))
    return units
