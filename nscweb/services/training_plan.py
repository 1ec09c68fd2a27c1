"""What a training would be, before it begins: labelled studies, networks, the split, the time that it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from nscweb.core.errors import WrongUse
from nscweb.core.samples import Study
from nscweb.services.split_preview import PartRow, preview_split, split_choices
from nscweb.services.training_live import Speed, known_speed

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.services.train import TrainRequest
    from nscweb.training.splits.grouping import By

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


def plan_training(app: App, request: TrainRequest) -> TrainingPlan:
    """The split that training will make and what it may cost, from the catalogue alone: no cell is read.

    Raises:
        WrongUse: fewer than two classes, an unknown architecture.
        InputRefused: the split cannot be made; the message says which column of the sheet is missing.
    """
    from nscweb.services.train import config_of
    from nscweb.training.splits.plan import SplitPlan

    plan = SplitPlan(cast("By", request.split_by or "sample"))
    preview = preview_split(app, request.studies, plan, request.seed)
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


def impossible_splits(app: App, studies: Sequence[str]) -> dict[str, str]:
    """Ways to split that these studies do not allow, and why; everything when they have fewer than two classes."""
    try:
        return {choice.by: choice.reason for choice in split_choices(app, studies) if not choice.possible}
    except WrongUse as error:
        return dict.fromkeys(SPLITS, str(error))


def plan_table(plan: TrainingPlan) -> Sequence[dict[str, Any]]:
    """The split as rows for a page: part, samples, cells, cells of each class."""
    return [{"Part": row.part, "Samples": row.samples, "Cells": row.cells, **row.classes} for row in plan.parts]
