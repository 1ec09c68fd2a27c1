"""What a training would be, before it begins: labelled studies, networks, the split, the time that it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import WrongUse
from nscweb.core.samples import Study
from nscweb.services.training_live import Speed, known_speed

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.services.train import TrainRequest
    from nscweb.training.dataset import SampleLabel
    from nscweb.training.grouping import By

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
_PARTS = ("trains the network", "decides when to stop", "held out, never seen")
_MAPS = {
    "closed-form": "shows where it looked, together with each prediction",
    "gradient": "shows where it looked, which takes a second pass",
    "none": "cannot show where it looked",
}


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
class PartRow:
    """One part of a split: what it is for, samples, cells, and cells of each class."""

    part: str
    samples: int
    cells: int
    per_class: dict[str, int]


@dataclass(frozen=True)
class TrainingPlan:
    """A training before it begins.

    Attributes:
        parts: training, validation, held out.
        sentence: how they are separated.
        classes: of the new model.
        train_cells: cells of one epoch.
        epochs: at most.
        speed: cells per second on this computer, None when nothing was measured yet.
        seconds: at most, without the measuring at the end; None without a speed.
    """

    parts: tuple[PartRow, ...]
    sentence: str
    classes: tuple[str, ...]
    train_cells: int
    epochs: int
    speed: Speed | None
    seconds: float | None


@dataclass(frozen=True)
class _Table:
    """Samples and their cells by number alone, as `nscweb.training.grouping.Labelled` wants them."""

    labels: NDArray[np.int64]
    sample_of: NDArray[np.int64]
    samples: tuple[SampleLabel, ...]
    classes: ClassScheme


def labelled_studies(app: App) -> list[LabelledStudy]:
    """Studies that have at least one sample with cells and a true class, newest first."""
    found = []
    for study in reversed(app.catalogue.studies()):
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


@lru_cache(maxsize=64)
def architecture_facts(name: str) -> ArchitectureFacts:
    """Work and abilities of a network, counted without its weights.

    Raises:
        WrongUse: no such architecture.
    """
    from nscweb.models.architecture_cost import architecture_cost
    from nscweb.models.architectures import ARCHITECTURES

    if name not in ARCHITECTURES:
        raise WrongUse(
            f"There is no architecture called {name!r}.", f"Known are: {', '.join(ARCHITECTURES)}."
        )
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


def plan_training(app: App, request: TrainRequest) -> TrainingPlan:
    """The split that training will make and what it may cost, from the catalogue alone: no cell is read.

    Raises:
        WrongUse: fewer than two classes, an unknown architecture.
        InputRefused: the split cannot be made; the message says which column of the sheet is missing.
    """
    from nscweb.services.train import config_of
    from nscweb.training.splits import SplitPlan, make_split

    table = _table(app, request)
    split = make_split(table, SplitPlan(cast("By", request.split_by or "sample")), request.seed)
    rows = (split.train, split.validation, split.held_out)
    config = config_of(request, app.settings.threads).for_cells(len(split.train))
    speed = known_speed(app, request.architecture)
    return TrainingPlan(
        parts=tuple(_part(table, words, part) for words, part in zip(_PARTS, rows, strict=True)),
        sentence=split.sentence,
        classes=table.classes.names,
        train_cells=len(split.train),
        epochs=config.epochs,
        speed=speed,
        seconds=config.epochs * len(split.train) / speed.cells_per_second if speed else None,
    )


def _part(table: _Table, words: str, rows: NDArray[np.int64]) -> PartRow:
    counts = np.bincount(table.labels[rows], minlength=len(table.classes))
    per_class = {name: int(count) for name, count in zip(table.classes.names, counts, strict=True)}
    return PartRow(words, len(np.unique(table.sample_of[rows])), len(rows), per_class)


def _table(app: App, request: TrainRequest) -> _Table:
    from nscweb.services.training_data import sources_of
    from nscweb.training.dataset import classes_of

    studies = [app.catalogue.study(name) for name in request.studies]
    sources = [source for study in studies for source in sources_of(app, study, request.channels)]
    cells = [
        sample.cells for study in studies for sample in study.samples if sample.true_class and sample.cells
    ]
    classes = classes_of(sources)
    labels = [classes.index(source.true_class) for source in sources]
    return _Table(
        np.repeat(np.asarray(labels, np.int64), cells),
        np.repeat(np.arange(len(sources)), cells),
        tuple(source.sample for source in sources),
        classes,
    )


def plan_table(plan: TrainingPlan) -> Sequence[dict[str, Any]]:
    """The split as rows for a page: part, samples, cells, cells of each class."""
    return [
        {"Part": row.part, "Samples": row.samples, "Cells": row.cells, **row.per_class} for row in plan.parts
    ]
