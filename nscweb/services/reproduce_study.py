"""Cells of a protocol from an imported study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused
from nscweb.core.progress import CancelAsked, Progress, stop_if_asked
from nscweb.core.samples import Sample, Study
from nscweb.services.reproduce_data import BRIGHTFIELD, Cells

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.services.reproduce_protocol import Protocol


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
    from nscweb.training.dataset import CellFileSource, SampleLabel, read_cell_files

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
