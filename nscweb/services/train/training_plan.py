"""What a training would be, before it begins: labelled studies, networks, the split, the time that it may take.

How a training goes is a file that a page reads while it runs; how fast this computer trains is remembered.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from nscweb.core.columns import label
from nscweb.core.errors import WrongUse
from nscweb.core.samples import Study
from nscweb.services.kept import kept
from nscweb.services.labels.labels import labels_mark
from nscweb.services.train.class_sources import chosen_labels
from nscweb.services.train.job_folders import read_facts
from nscweb.services.train.split_preview import PartRow, preview_split, split_choices
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.services.train.request import LearnRequest
    from nscweb.training.splits.grouping import By


LIVE, SPEEDS = "live.json", "speeds.json"
# Multiply-adds that a measurement of the speed may cost, counted forwards: a few seconds on two cores.
_MEASURED_MFLOP = 30_000.0
_MEASURED_CELLS = (8, 384)
# What a split may keep together, in words; the page offers them in this order.
SPLITS = {
    "sample": "Samples: works on the next sample?",
    "replicate": "Replicates: works on the next replicate?",
    "donor": "Donors: works on the next donor or animal?",
    "day": "Days: works on the next day?",
    "instrument": "Instruments: works on another instrument?",
    "cell": "Single cells: figures come out too good",
}
REFERENCE = "compact"
_MAPS = {
    "closed-form": "shows where it looked, together with each prediction",
    "gradient": "shows where it looked, which takes a second pass",
    "none": "cannot show where it looked",
}


@dataclass(frozen=True)
class Live:
    """A training as far as it has come.

    Attributes:
        history: one row per finished epoch, see `nscweb.training.loop.Trained`.
        epochs: planned at most; 0 when not known.
        cells: training cells of one epoch; 0 when not known.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    epochs: int = 0
    cells: int = 0

    @property
    def best(self) -> dict[str, float] | None:
        """The row with the lowest validation loss."""
        return min(self.history, key=lambda row: row["validation_loss"]) if self.history else None

    @property
    def cells_per_second(self) -> float | None:
        """Of the last epoch, its look at the validation cells included."""
        seconds = self.history[-1].get("seconds", 0.0) if self.history else 0.0
        return self.cells / seconds if self.cells and seconds > 0 else None


class LiveWriter:
    """Takes each row of the history and keeps the file of a training up to date.

    Rows of an interrupted part stay until the same epoch comes again, so that a page that watches never sees the
    curves shrink.
    """

    def __init__(self, folder: Path, epochs: int, cells: int) -> None:
        self._path = folder / LIVE
        self._epochs, self._cells = epochs, cells
        self._rows = {int(row["epoch"]): row for row in read_live(folder).history}

    def __call__(self, row: dict[str, float]) -> None:
        """Write the file anew with one more row."""
        self._rows[int(row["epoch"])] = dict(row)
        history = [self._rows[epoch] for epoch in sorted(self._rows)]
        content = {"epochs": self._epochs, "cells": self._cells, "history": history}
        with atomic_write(self._path, durable=False) as stream:
            stream.write(json.dumps(content).encode())


def read_live(folder: Path) -> Live:
    """What `LiveWriter` wrote; nothing when there is no file yet."""
    content = read_facts(folder / LIVE)
    if not content:
        return Live()
    return Live(list(content["history"]), int(content["epochs"]), int(content["cells"]))


@dataclass(frozen=True)
class Speed:
    """Cells per second in training on this computer.

    Attributes:
        cells_per_second: shown to the network, with augmentation and the way back.
        measured_utc: ISO 8601.
        how: ``trained`` (a whole training), ``measured`` (a few steps) or ``scaled`` (from another network, by the
            work of both).
    """

    cells_per_second: float
    measured_utc: str
    how: str


def known_speed(app: App, architecture: str) -> Speed | None:
    """The last measurement of this network on this computer, else another network's scaled by the work of both."""
    table = read_facts(_speeds(app))
    found = table.get(_speed_key(app, architecture))
    if found:
        return Speed(float(found["cells_per_second"]), str(found["measured_utc"]), str(found["how"]))
    suffix = _speed_key(app, "")
    others = {key.removesuffix(suffix): row for key, row in table.items() if key.endswith(suffix)}
    if not others:
        return None

    wanted = architecture_facts(architecture).mflop
    works = {name: architecture_facts(name).mflop for name in others}
    nearest = min(works, key=lambda name: max(works[name] / wanted, wanted / works[name]))
    row = others[nearest]
    return Speed(row["cells_per_second"] * works[nearest] / wanted, str(row["measured_utc"]), "scaled")


def keep_speed(app: App, architecture: str, cells_per_second: float, how: str) -> None:
    """Remember a measurement; the newest counts."""
    table = read_facts(_speeds(app))
    row = {"cells_per_second": cells_per_second, "measured_utc": app.clock(), "how": how}
    with atomic_write(_speeds(app)) as stream:
        text = json.dumps({**table, _speed_key(app, architecture): row}, indent=1)
        stream.write(text.encode())


def measure_speed(app: App, architecture: str) -> Speed:
    """Train a few steps on simulated cells and remember how fast it went. Takes seconds, for large networks more."""
    import numpy as np

    from nscweb.core.recipe import InputRecipe
    from nscweb.training.config import TrainConfig
    from nscweb.training.data.simulated import simulated_data
    from nscweb.training.loop import fit
    from nscweb.training.splits.plan import Split

    facts = architecture_facts(architecture)
    least, most = _MEASURED_CELLS
    cells = int(min(most, max(least, _MEASURED_MFLOP / facts.mflop)))
    recipe = InputRecipe(field_px=(48, 48), resize=facts.input_size)
    data = simulated_data(cells + 6, 0, recipe)
    rows = np.arange(len(data))
    split = Split(rows[6:], rows[:6], rows[:0], "for a measurement")
    config = TrainConfig(architecture=architecture, epochs=2, batch=min(64, cells), threads=app.settings.threads)
    with TemporaryDirectory(prefix="nscweb-speed-") as folder:
        trained = fit(config, data, split, Path(folder))
    # The first epoch also pays for starting up.
    speed = Speed(len(split.train) / max(1e-6, trained.history[-1]["seconds"]), app.clock(), "measured")
    keep_speed(app, architecture, speed.cells_per_second, speed.how)
    return speed


def mean_speed(history: Sequence[dict[str, float]], cells: int) -> float | None:
    """Cells per second over all epochs but the first, which pays for starting up; None before the second."""
    seconds = sum(row.get("seconds", 0.0) for row in history[1:])
    return (len(history) - 1) * cells / seconds if len(history) > 1 and seconds > 0 else None


def _speed_key(app: App, architecture: str) -> str:
    """A data folder may be opened on several computers."""
    return f"{architecture}|{platform.node()}|{os.cpu_count()}|{app.settings.threads or 0}"


def _speeds(app: App) -> Path:
    return app.folder.root / "training" / SPEEDS


@dataclass(frozen=True)
class LabelledStudy:
    """A study with samples of known class.

    Attributes:
        study: the study.
        samples, cells: those with a true class.
        classes: their classes, sorted.
    """

    study: Study
    samples: int
    cells: int
    classes: tuple[str, ...]


@dataclass(frozen=True)
class ArchitectureFacts:
    """A network as a person chooses it.

    Attributes:
        name: key of ARCHITECTURES. title: plain words. input_size: (H, W) pixels. mflop: million operations for
        one cell at that size. parameters: learned numbers. relative: work beside the compact network. maps:
        whether it shows where it looked, in words. pretrained: weights learnt on other images can be had.
        source: paper or reason.
    """

    name: str
    title: str
    input_size: tuple[int, int]
    mflop: float
    parameters: int
    relative: float
    maps: str
    pretrained: bool
    source: str


@dataclass(frozen=True)
class TrainingPlan:
    """A training before it begins.

    Attributes:
        parts: training, validation, held out.
        sentence: how they are separated. warnings: what is thin about it.
        classes: of the new model.
        train_cells: cells of one epoch.
        epochs: at most.
        speed: cells per second on this computer, None when nothing was measured yet.
        seconds: at most, without the measuring at the end; None without a speed.
    """

    parts: tuple[PartRow, ...]
    sentence: str
    warnings: tuple[str, ...]
    classes: tuple[str, ...]
    train_cells: int
    epochs: int
    speed: Speed | None
    seconds: float | None


def labelled_studies(app: App, labels: Sequence[str] = ()) -> list[LabelledStudy]:
    """Studies that have at least one cell of known class, newest first; `labels`: see `LearnRequest`."""
    found = []
    for study in reversed(app.catalogue.studies()):
        if labels:
            if labels_mark(app, study.study_id):
                agreed = chosen_labels(app, study.study_id, labels)
                if agreed.classes:
                    samples = agreed.table["sample"].nunique()
                    found.append(LabelledStudy(study, samples, len(agreed.table), tuple(agreed.classes)))
            continue
        known = [sample for sample in study.samples if sample.true_class and sample.cells]
        if known:
            classes = tuple(sorted({sample.true_class for sample in known}))
            found.append(LabelledStudy(study, len(known), sum(sample.cells for sample in known), classes))
    return found


def architecture_names() -> list[str]:
    """Every network, the usual ones first."""
    from nscweb.models.architectures import ARCHITECTURES

    return list(ARCHITECTURES)


def architecture_title(name: str) -> str:
    """A network in plain words."""
    from nscweb.models.architectures import ARCHITECTURES

    return ARCHITECTURES[name].title


@kept(64)
def architecture_facts(name: str) -> ArchitectureFacts:
    """Work and abilities of a network, counted without its weights.

    Raises:
        WrongUse: no such architecture.
    """
    from nscweb.models.architecture_cost import architecture_cost
    from nscweb.models.architectures import ARCHITECTURES

    if name not in ARCHITECTURES:
        raise WrongUse(f"There is no architecture called {name!r}.", f"Known are: {', '.join(ARCHITECTURES)}.")
    line = ARCHITECTURES[name]
    cost = architecture_cost(name, 1, 3, line.default_input)
    reference = cost.mflop if name == REFERENCE else architecture_facts(REFERENCE).mflop
    return ArchitectureFacts(
        name=name,
        title=line.title,
        input_size=line.default_input,
        mflop=cost.mflop,
        parameters=cost.parameters,
        relative=cost.mflop / reference,
        maps=_MAPS[line.class_maps],
        pretrained=bool(line.pretrained),
        source=line.source,
    )


def start_weights(app: App, name: str) -> str:
    """ImageNet weights to start a network from: ``here``, ``elsewhere`` (can be downloaded) or "" for none."""
    from nscweb.models.architectures import ARCHITECTURES
    from nscweb.models.backbone_files import backbone_of
    from nscweb.services.fetch.published_models import backbones_folder

    source = ARCHITECTURES[name].pretrained if name in ARCHITECTURES else ""
    if not source:
        return ""
    file = backbone_of(source)
    return "here" if file is None or (backbones_folder(app) / file.file).is_file() else "elsewhere"


def common_channels(studies: Sequence[Study]) -> tuple[str, ...]:
    """Channels that every one of the studies has kept, in the order of the first."""
    first, *others = studies
    return tuple(name for name in first.channels if all(name in item.channels for item in others))


def plan_training(app: App, request: LearnRequest) -> TrainingPlan:
    """The split that training will make and what it may cost, from the catalogue alone: no cell is read.

    Raises:
        WrongUse: fewer than two classes, an unknown architecture.
        InputRefused: the split cannot be made; the message says which column of the sheet is missing.
    """
    from nscweb.services.train.train import config_of
    from nscweb.training.splits.plan import SplitPlan

    plan = SplitPlan(cast("By", request.split_by or "sample"))
    preview = preview_split(app, request.studies, plan, request.seed, request.labels)
    train = preview.rows[0].cells
    config = config_of(request, app.settings.threads).for_cells(train)
    speed = known_speed(app, request.architecture)
    return TrainingPlan(
        parts=preview.rows,
        sentence=preview.sentence,
        warnings=preview.warnings,
        classes=tuple(preview.rows[0].classes),
        train_cells=train,
        epochs=config.epochs,
        speed=speed,
        seconds=config.epochs * train / speed.cells_per_second if speed else None,
    )


def impossible_splits(app: App, studies: Sequence[str], labels: Sequence[str] = ()) -> dict[str, str]:
    """Ways to split that these studies do not allow, and why; everything when they have fewer than two classes."""
    try:
        choices = split_choices(app, studies, labels=labels)
        return {choice.by: choice.reason for choice in choices if not choice.possible}
    except WrongUse as error:
        return dict.fromkeys(SPLITS, str(error))


def plan_table(plan: TrainingPlan) -> Sequence[dict[str, Any]]:
    """The split as rows for a page: part, samples, cells, cells of each class."""
    heads = [label(name) for name in ("part", "samples", "cells")]
    return [{**dict(zip(heads, (row.part, row.samples, row.cells), strict=True)), **row.classes} for row in plan.parts]
