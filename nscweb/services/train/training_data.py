"""From studies with true classes to labelled cells for the training room, and what the card says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress
from nscweb.core.recipe import InputRecipe
from nscweb.core.samples import Study
from nscweb.services.labels.labels import HOW_WORDS, labels_of
from nscweb.services.train.class_sources import chosen_labels, sources_of
from nscweb.services.train.labelled_folders import labelled_study
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.services.train.request import LearnRequest, TrainRequest
    from nscweb.training.card_writer import CardText
    from nscweb.training.data.dataset import CellFileSource, TrainingData

# Samples of each class that a split by sample needs: one to train, one to watch, one never seen.
_LEAST_SAMPLES = 3
_FIELD_LIMITS = (24, 128)


@dataclass(frozen=True)
class Collected:
    """Prepared training cells with what is known of where they come from.

    Attributes:
        data: prepared cells.
        digests: sample name in `data` -> SHA-256 of its cell file; empty for simulated cells made on the fly.
        can_split_by_sample: every class has enough samples.
        remarks: sentences for the limits in the card.
        sources: the cell files in the order in which they were read; empty for simulated cells made on the fly.
        labels: of the request.
    """

    data: TrainingData
    digests: dict[str, str]
    can_split_by_sample: bool
    remarks: tuple[str, ...]
    sources: tuple[CellFileSource, ...] = ()
    labels: tuple[str, ...] = ()


def collect_data(app: App, request: LearnRequest, progress: Progress, cancel: CancelAsked) -> Collected:
    """Labelled cells of the studies, or simulated ones, made ready for training.

    Raises:
        WrongUse: fewer than two true classes.
        StudyNotFound: no such study.
    """
    if request.simulated:
        return _simulated(request, progress, cancel)
    from nscweb.training.data.dataset import classes_of, collect, read_cell_files

    made = [
        labelled_study(app, name, class_level=request.class_level, progress=progress, cancel=cancel)
        for name in request.studies
    ]
    studies = [study for study, _ in made]
    sources = [source for study in studies for source in sources_of(app, study, request.channels, request.labels)]
    classes = classes_of(sources)
    recipe = changed_recipe(recipe_for(request.architecture, sources, request.channels), request.recipe)
    total = sum(len(source.rows) for source in sources if source.rows is not None) or sum(
        study.cells for study in studies
    )
    data = collect(
        read_cell_files(sources, classes),
        classes,
        recipe,
        simulated=any(study.simulated for study in studies),
        description=_description(app, studies, classes, request.labels),
        licence=request.licence,
        total=total,
        pixel_size_um=one_pixel_size(studies),
        progress=progress,
        cancel=cancel,
    )
    digests = {}
    for name, path in {source.sample.name: source.path for source in sources}.items():
        with CellFile(path) as cells:
            digests[name] = cells.sha256()
    # What is held out is dealt from the cells that may judge.
    able = [source for source in sources if source.judges]
    samples = [len({source.sample for source in able if source.true_class == name}) for name in classes.names]
    by_sample = min(samples) >= _LEAST_SAMPLES
    return Collected(data, digests, by_sample, _remarks(studies), tuple(sources), request.labels)


def recipe_for(architecture: str, sources: list[CellFileSource], channels: tuple[str, ...] = ()) -> InputRecipe:
    """A field that holds nearly all frames, resized to an input of the size that the network likes.

    The side is the 90th percentile of the longer side of the frames, an even number from 24 to 128 px; frames
    are padded or cropped to it, never stretched, because frame size can leak class.
    """
    from nscweb.training.data.sizes import input_size_for

    sides = []
    for source in sources:
        with CellFile(source.path) as cells:
            frames = np.asarray(cells.frames)
        sides.append((frames if source.rows is None else frames[list(source.rows)]).max(axis=1))
    side = int(np.ceil(np.percentile(np.concatenate(sides), 90) / 2) * 2) if sides else _FIELD_LIMITS[0]
    side = min(max(side, _FIELD_LIMITS[0]), _FIELD_LIMITS[1])
    field = field_for(architecture, side)
    resize = input_size_for(architecture, field)
    return InputRecipe(channels or ("brightfield",), field_px=field, resize=resize)


def field_for(architecture: str, side: int) -> tuple[int, int]:
    """(height, width) of the field: square, or in the shape of the only input that the network takes.

    A square field resized to 45 x 30 would stretch cells; a field of that shape crops its sides instead.
    """
    from nscweb.training.data.sizes import input_size_for

    height, width = input_size_for(architecture, (side, side))
    return round(side * height / max(height, width)), round(side * width / max(height, width))


def changed_recipe(recipe: InputRecipe, changes: dict[str, Any]) -> InputRecipe:
    """The recipe with some of its fields replaced.

    Raises:
        CardInvalid: a field that does not exist, or a value that makes no sense.
    """
    fields = recipe.as_dict()
    strange = sorted(set(changes) - set(fields) - {"crop_to_object", "clahe"})
    if strange:
        raise WrongUse(
            f"There is no step of preprocessing called {', '.join(strange)}.",
            f"Possible are: {', '.join([*fields, 'crop_to_object', 'clahe'])}.",
            "E-RECIPE",
        )
    return InputRecipe.from_dict({**fields, **changes})


def _simulated(request: LearnRequest, progress: Progress, cancel: CancelAsked) -> Collected:
    from nscweb.training.data.simulated import RECIPE, simulated_data
    from nscweb.training.data.sizes import input_size_for

    field = field_for(request.architecture, max(RECIPE.field_px or RECIPE.resize))
    recipe = replace(RECIPE, field_px=field, resize=input_size_for(request.architecture, field))
    recipe = changed_recipe(recipe, request.recipe)
    data = simulated_data(request.simulated, request.seed, recipe, progress=progress, cancel=cancel)
    return Collected(data, {}, True, ())


def card_text(app: App, request: TrainRequest, collected: Collected) -> CardText:
    """What a person would say about the new model."""
    from nscweb.training.card_writer import CardText

    classes = collected.data.classes
    if request.simulated:
        return _simulated_text(app, request, collected)
    return CardText(
        title=f"{request.out.name}: {', '.join(classes.names)}",
        summary=f"Trained in nscweb to tell {len(classes)} classes apart. {collected.data.description}",
        command=request.command,
        created_utc=app.clock(),
        limits=collected.remarks,
    )


def _description(app: App, studies: list[Study], classes: ClassScheme, labels: tuple[str, ...]) -> str:
    names = ", ".join(study.name for study in studies)
    simulated = any(study.simulated for study in studies)
    which = f"of the {'study' if len(studies) == 1 else 'studies'} {names}"
    if not labels:
        cells = sum(s.cells for study in studies for s in study.samples if s.true_class in classes.names)
        return f"{cells:,} {'simulated cells' if simulated else 'cells'} {which}."
    agreed = [chosen_labels(app, study.study_id, labels) for study in studies]
    left_out = sum(len(item.disputed) for item in agreed)
    said = f"{sum(len(item.table) for item in agreed):,} {'simulated ' if simulated else ''}cells labelled one by one"
    ways = sorted({how for study in studies for how in _ways(app, study, labels)})
    disputed = f" {left_out:,} on which the labels disagree were left out." if left_out else ""
    return f"{said} ({', '.join(ways)}) {which}.{disputed}"


def _ways(app: App, study: Study, labels: tuple[str, ...]) -> set[str]:
    """In which ways the labels were given, in words."""
    there = set(labels_of(app, study.study_id)["how"])
    return {words for how, words in HOW_WORDS.items() if how in there and ("all" in labels or how in labels)}


def one_pixel_size(studies: list[Study]) -> float | None:
    """Micrometres per pixel of all of some studies; None where one does not know it, or they differ."""
    sizes = {study.pixel_size_um for study in studies}
    return sizes.pop() if len(sizes) == 1 else None


def _remarks(studies: list[Study]) -> tuple[str, ...]:
    sizes = {study.pixel_size_um for study in studies}
    if len(sizes) > 1:
        return ("The studies that it was trained on have different or unknown pixel sizes, so size may mislead it.",)
    return ()


def _simulated_text(app: App, request: TrainRequest, collected: Collected) -> CardText:
    """What a person would say about a model that has seen nothing but the simulator."""
    from nscweb.training.card_writer import CardText

    # The default network goes without its name; others carry it, so that a list tells them apart.
    network = "" if request.architecture == "compact" else f" (network {request.architecture})"
    return CardText(
        title=f"Fates of neural stem cells, trained on simulated cells{network}",
        summary=(
            "Names the fate of a brightfield image: astrocyte, oligodendrocyte or neuron. "
            f"{collected.data.description} Young cells of different fate look alike to it, as the figures by "
            "time point show."
        ),
        command=request.command,
        created_utc=app.clock(),
        uses=(
            "Learning nscweb, its demo study, and testing an installation.",
            "Starting point for a model of your own: train one on your labelled cells with nscweb train.",
        ),
        limits=(
            "It knows cells 15 to 20 pixels across, as a FlowSight records them at about 1 micrometre per "
            "pixel; images of another scale are outside what it knows.",
            "Its intervals by time point rest on two or three held-out samples of each class, so they are "
            "narrower than they should be.",
            *collected.remarks,
        ),
    )
