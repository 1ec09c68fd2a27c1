"""Cells of a protocol: those of an imported study, or simulated ones of the same shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused, StudyNotFound
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.core.recipe import InputRecipe
from nscweb.core.samples import Sample, Study

if TYPE_CHECKING:
    from nscweb.papers.protocol import Protocol
    from nscweb.services.context import App
    from nscweb.training.data.dataset import LabelledCell, TrainingData

BRIGHTFIELD = "brightfield"


def cells_of_study(app: App, protocol: Protocol, study: Study, progress: Progress, cancel: CancelAsked) -> Cells:
    """Cells of a study; at the quick size every k-th of them.

    Raises:
        InputRefused: its samples have fewer than two true classes.
    """
    own = {label.casefold(): name for name, labels in protocol.classes.items() for label in (name, *labels)}
    mapped = {sample.name: _class_of(sample, own) for sample in study.samples if sample.cells}
    fits = set(mapped.values()) >= set(protocol.classes)
    names = tuple(protocol.classes)
    if not fits:
        mapped = {sample.name: sample.true_class for sample in study.samples if sample.cells}
        names = tuple(sorted({name for name in mapped.values() if name}))
    if len(names) < 2:
        raise InputRefused(
            f"The study {study.name} has samples of fewer than two true classes.",
            "Enter the true class of its samples in the sample sheet.",
        )
    wanted = sum(protocol.simulated["cells"].values()) if protocol.quick else 0
    markers = tuple(name for name in protocol.simulated.get("markers", ()) if name in study.channels)
    asked = {str(group).casefold() for group in protocol.independent.get("groups", ())} if fits else set()
    early = protocol.independent.get("time_h")
    training = [s for s in study.samples if mapped.get(s.name)]
    further = [
        s
        for s in study.samples
        if s.cells and s not in training and s.time_h == early and _published(s.group).casefold() in asked
    ]
    classes = ClassScheme(names, kind=protocol.kind)
    channels = (study.channel, *markers)
    labelled = list(_read(app, study, training, mapped, classes, channels, wanted, progress, cancel))
    apart = protocol.independent.get("cells", 0) * len(asked) if protocol.quick else 0
    anything = {sample.name: names[0] for sample in further}
    independent = list(_read(app, study, further, anything, classes, channels, apart, progress, cancel))
    return Cells(
        name=study.name,
        simulated=study.simulated,
        description=f"{len(labelled):,} {'SIMULATED ' if study.simulated else ''}cells of the study {study.name}.",
        licence="not stated; follows the images",
        classes=classes,
        channels=(BRIGHTFIELD, *markers),
        labelled=labelled,
        independent=independent,
        fits=fits,
        pixel_size_um=study.pixel_size_um,
    )


def _class_of(sample: Sample, own: dict[str, str]) -> str:
    """The protocol's class of a sample: by its medium where the paper goes by it, else by its true class."""
    for label in (_published(sample.group), sample.group, sample.true_class):
        if label.casefold() in own:
            return own[label.casefold()]
    return ""


def _published(group: str) -> str:
    from nscweb.evaluation.ratios.published_counts import published_group

    return published_group(group) or group


def _read(
    app: App,
    study: Study,
    samples: list[Sample],
    class_of: dict[str, str],
    classes: ClassScheme,
    channels: tuple[str, ...],
    wanted: int,
    progress: Progress,
    cancel: CancelAsked,
) -> Iterator[Any]:
    from nscweb.training.data.dataset import CellFileSource, SampleLabel, read_cell_files

    keys = app.catalogue.sample_keys(study.study_id)
    total = sum(sample.cells for sample in samples)
    step = max(1, total // wanted) if wanted else 1
    number = 0
    for sample in samples:
        label = SampleLabel(
            sample.name, _published(sample.group), sample.time_h, sample.replicate, sample.donor, "", sample.instrument
        )
        path = app.folder.cells_path(study.study_id, keys[sample.name])
        for cell in read_cell_files([CellFileSource(path, channels, label, class_of[sample.name])], classes):
            if number % 2048 == 0:
                stop_if_asked(cancel)
                progress(number, total, f"Reading cells of {study.name}")
            if number % step == 0:
                yield replace(cell, pixels=np.ascontiguousarray(cell.pixels))
            number += 1


@dataclass(frozen=True)
class Cells:
    """Cells of a protocol, as recorded.

    Attributes:
        name: of the study, or "simulated". simulated: True when the simulator drew them.
        description: a sentence.
        licence: of the images.
        classes: of the labels.
        channels: of the pixels, the first is brightfield.
        labelled: cells to train and test on.
        independent: cells of further samples, never trained on; their label is that of the first class and unused.
        truth: group -> true share (0..1) of the fate that it is asked about, where the simulator knows it.
        fits: False when the classes are not those of the paper, so that its numbers stand for something else.
    """

    name: str
    simulated: bool
    description: str
    licence: str
    classes: ClassScheme
    channels: tuple[str, ...]
    labelled: list[LabelledCell]
    independent: list[LabelledCell] = field(default_factory=list)
    truth: dict[str, float] = field(default_factory=dict)
    fits: bool = True
    pixel_size_um: float | None = None

    def has(self, recipe: InputRecipe) -> bool:
        """Whether the cells have the channels of a recipe."""
        return all(channel in self.channels for channel in recipe.channels)

    def prepared(
        self,
        recipe: InputRecipe,
        names: tuple[str, ...],
        *,
        independent: bool = False,
        progress: Progress = no_progress,
        cancel: CancelAsked = never_cancelled,
    ) -> TrainingData:
        """Cells of some classes made ready by a recipe, in the same order every time."""
        from nscweb.training.data.dataset import LabelledCell, collect

        classes = ClassScheme(names, kind=self.classes.kind)
        place = {self.classes.index(name): index for index, name in enumerate(names)}
        planes = [self.channels.index(channel) for channel in recipe.channels]
        chosen = self.independent if independent else self.labelled
        cells = (
            LabelledCell(cell.sample, place.get(cell.class_index, 0), cell.pixels[planes])
            for cell in chosen
            if independent or cell.class_index in place
        )
        return collect(
            cells,
            classes,
            recipe,
            simulated=self.simulated,
            description=self.description,
            licence=self.licence,
            total=len(chosen),
            pixel_size_um=self.pixel_size_um,
            progress=progress,
            cancel=cancel,
        )


def no_cells(protocol: Protocol) -> Cells:
    """For outputs that need none, such as the work of a network."""
    classes = ClassScheme(tuple(protocol.classes), kind=protocol.kind)
    return Cells("none", False, "No cells were needed.", "", classes, (), [])


def cells_of(
    app: App | None,
    protocol: Protocol,
    study: str = "",
    *,
    seed: int = 0,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Cells:
    """Cells of the study that was asked for, else of the paper's public study if it was imported, else simulated.

    Raises:
        StudyNotFound: a study that was asked for is not there.
        InputRefused: its samples have no true classes.
    """
    if app is not None and (study or protocol.study):
        try:
            found = app.catalogue.study(study or protocol.study)
        except StudyNotFound:
            if study:
                raise
        else:
            return cells_of_study(app, protocol, found, progress, cancel)
    return simulated_cells(protocol, seed, progress, cancel)


def simulated_cells(protocol: Protocol, seed: int, progress: Progress, cancel: CancelAsked) -> Cells:
    """The stand-in of a protocol, drawn by the simulator."""
    plan = protocol.simulated
    names = tuple(protocol.classes)
    class_of = {label: names.index(name) for name in names for label in protocol.classes[name]}
    total = sum(plan["cells"].values())
    channels: tuple[str, ...] = (BRIGHTFIELD,)
    independent: list[LabelledCell] = []
    truth: dict[str, float] = {}
    if plan["generator"] == "media":
        channels = (BRIGHTFIELD, *plan.get("markers", ()))
        stream = _media(plan, seed, class_of, channels[1:])
        if protocol.independent:
            drawn, truth = _inducers(protocol, seed, channels[1:])
            independent = list(drawn)
    elif plan["generator"] == "colonies":
        stream = _colonies(plan, seed, class_of)
    else:
        stream = _donors(plan, seed)
    labelled = []
    for number, cell in enumerate(stream):
        if number % 512 == 0:
            stop_if_asked(cancel)
            progress(number, total, "Drawing SIMULATED cells")
        labelled.append(cell)
    return Cells(
        name="simulated",
        simulated=True,
        description=f"{len(labelled):,} SIMULATED cells with the shape of the paper's data.",
        licence="Apache-2.0",
        classes=ClassScheme(names, kind=protocol.kind),
        channels=channels,
        labelled=labelled,
        independent=independent,
        truth=truth,
    )


def _media(plan: dict[str, Any], seed: int, class_of: dict[str, int], markers: tuple[str, ...]) -> Iterator[Any]:
    from nscweb.simulation.media import iter_medium_cells
    from nscweb.training.data.dataset import LabelledCell, SampleLabel

    drawn = iter_medium_cells(
        seed, plan["cells"], times_h=plan["times_h"], replicates=plan["replicates"], channels=("Ch1", *markers)
    )
    for cell in drawn:
        label = SampleLabel(cell.sample, cell.medium, cell.time_h, str(cell.replicate))
        yield LabelledCell(label, class_of[cell.medium], cell.pixels)


def _inducers(protocol: Protocol, seed: int, markers: tuple[str, ...]) -> tuple[Iterator[Any], dict[str, float]]:
    """Cells of the paper's inducers at its early time point, whose fates are already those counted in the end."""
    from nscweb.evaluation.ratios.published_counts import IMMUNOFLUORESCENCE, published_reference
    from nscweb.simulation.media import fate_shares, iter_medium_cells
    from nscweb.training.data.dataset import LabelledCell, SampleLabel

    plan = protocol.independent
    table = published_reference()
    counted = table[table["kind"] == IMMUNOFLUORESCENCE].sort_values("time_h").groupby("group").last()
    groups = [str(name) for name in plan["groups"]]
    shares = {name: fate_shares(counted["fate"][name], counted["percent"][name] / 100) for name in groups}
    drawn = iter_medium_cells(
        seed + 1,
        dict.fromkeys(groups, int(plan["cells"])),
        times_h=[float(plan["time_h"])],
        replicates=int(plan["replicates"]),
        shares=shares,
        channels=("Ch1", *markers),
    )
    cells = (LabelledCell(SampleLabel(c.sample, c.medium, c.time_h, str(c.replicate)), 0, c.pixels) for c in drawn)
    return cells, {name: float(counted["percent"][name] / 100) for name in groups}


def _colonies(plan: dict[str, Any], seed: int, class_of: dict[str, int]) -> Iterator[Any]:
    from nscweb.simulation.colonies import COLONIES, iter_colonies
    from nscweb.training.data.dataset import LabelledCell, SampleLabel

    for colony in iter_colonies(seed, plan["cells"], plan["replicates"]):
        label = SampleLabel(colony.dish, "", None, colony.dish)
        yield LabelledCell(label, class_of[COLONIES[colony.kind]], colony.pixels)


def _donors(plan: dict[str, Any], seed: int) -> Iterator[Any]:
    from nscweb.simulation.donors import iter_donor_cells
    from nscweb.training.data.dataset import LabelledCell, SampleLabel

    for cell in iter_donor_cells(seed, sum(plan["cells"].values()), plan["replicates"]):
        slide = f"{cell.donor} slide {cell.slide}"
        yield LabelledCell(SampleLabel(slide, cell.donor, None, str(cell.slide), cell.donor), cell.label, cell.pixels)
