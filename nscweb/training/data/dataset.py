"""Labelled cells in memory, made ready once so that each epoch is cheap.

The recipe's slow part (background, field) runs once per cell, before augmentation, on a field with a
margin: a rotated or shifted cell then brings real surroundings with it. The quick part (contrast, resize,
scale) runs after augmentation by the same code that prediction uses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused, WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.core.recipe import InputRecipe
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.preprocess.prepare import finish_field, prepare_field
from nscweb.training.data.field_store import MEMORY_LIMIT, FieldStore, joined
from nscweb.training.data.raw_cells import RawCells, RawKeeper
from nscweb.training.data.recording_features import nuisance_batch

DEFAULT_MARGIN = 6
_CHUNK = 2048
# float16 keeps 11 bits, more than the noise of these images leaves; its largest number is 65,504.
_HALF_LIMIT = 60_000.0


@dataclass(frozen=True)
class SampleLabel:
    """One acquisition as training knows it; `time_h` is None and the others are empty where not known."""

    name: str
    group: str = ""
    time_h: float | None = None
    replicate: str = ""
    donor: str = ""
    day: str = ""
    instrument: str = ""


@dataclass(frozen=True)
class LabelledCell:
    """A cell with its true class: pixels (C, h, w) at native depth; `judges`: see `TrainingData`."""

    sample: SampleLabel
    class_index: int
    pixels: NDArray[Any]
    judges: bool = True


@dataclass(frozen=True)
class CellFileSource:
    """A cell file of `nscweb.store.cell_files`, or some of its cells, that all have one true class.

    Attributes:
        path: the Arrow file.
        channels: channels to read, in the order of the recipe.
        sample: what the cells belong to.
        true_class: class name.
        rows: which of its cells, ascending; None for all.
        judges: these cells may judge a model, see `TrainingData`.
    """

    path: Path
    channels: tuple[str, ...]
    sample: SampleLabel
    true_class: str
    rows: tuple[int, ...] | None = None
    judges: bool = True


@dataclass(frozen=True)
class TrainingData:
    """Labelled cells, prepared.

    Attributes:
        fields: (N, C, h + 2 margin, w + 2 margin), float16 or float32, from `prepare_field`; an array or a memory map.
        labels: (N,) class index.
        sample_of: (N,) index into `samples`.
        samples: the acquisitions.
        classes: names in the order of the labels.
        recipe: of the model to be.
        margin: extra pixels around the field.
        simulated: True when the cells are simulated.
        description: a sentence for the card.
        licence: of the data and of the weights made from them.
        pixel_size_um: micrometres per pixel when known.
        nuisance: (N, F) numbers of the recording, from `recording_features.nuisance_batch`; None when not measured.
        raw: some of the cells as they were stored, for the shortcut audit; None when not kept.
        judges: (N,) whether a cell may say how good a network is; one that a person or a model picked may not, because
            it is harder or easier than the others. It trains like the others. None when all may.
    """

    fields: NDArray[Any]
    labels: NDArray[np.int64]
    sample_of: NDArray[np.int64]
    samples: tuple[SampleLabel, ...]
    classes: ClassScheme
    recipe: InputRecipe
    margin: int
    simulated: bool
    description: str
    licence: str
    pixel_size_um: float | None = None
    nuisance: NDArray[np.float32] | None = None
    raw: RawCells | None = None
    judges: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def times(self) -> NDArray[np.float64]:
        """(N,) hours since induction, NaN where not known."""
        hours = [np.nan if sample.time_h is None else sample.time_h for sample in self.samples]
        return np.asarray(hours, np.float64)[self.sample_of]

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Network inputs (n, C, H, W) of some cells, exactly as prediction makes them."""
        fields = self.fields[rows].astype(np.float32)
        return finish_field(self.recipe, fields, pixel_size_um=self.pixel_size_um)

    def scored(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> HeldOut:
        """Some of the cells with what a network said of them, (n, K); samples keep their numbers in `samples`."""
        return HeldOut(
            np.asarray(scores, np.float32),
            self.labels[rows],
            self.sample_of[rows],
            self.times[rows],
            self.classes.names,
            simulated=self.simulated,
        )

    def digest(self) -> str:
        """Fingerprint of cells and labels, so that a run is only resumed on its own data."""
        digest = hashlib.sha256()
        digest.update(repr((self.samples, self.classes.names, self.recipe.as_dict(), self.margin)).encode())
        digest.update(str((self.fields.shape, self.fields.dtype)).encode())
        digest.update(self.labels.tobytes())
        digest.update(self.sample_of.tobytes())
        digest.update(b"" if self.judges is None else self.judges.tobytes())
        digest.update(np.ascontiguousarray(self.fields[:: max(1, len(self) // 512)]).tobytes())
        return digest.hexdigest()


def with_pixel_size(recipe: InputRecipe, pixel_size_um: float | None) -> InputRecipe:
    """The recipe of a card, which brings later images to the pixel size of the training images; see `InputRecipe`."""
    return recipe if recipe.field_um is not None else replace(recipe, pixel_size_um=pixel_size_um)


def collect(
    cells: Iterable[LabelledCell],
    classes: ClassScheme,
    recipe: InputRecipe,
    *,
    simulated: bool,
    description: str,
    licence: str,
    total: int = 0,
    margin: int = DEFAULT_MARGIN,
    pixel_size_um: float | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    folder: Path | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> TrainingData:
    """Prepare labelled cells, in pieces of 2,048.

    Args:
        cells: in any order; samples are told apart by `SampleLabel`.
        total: expected number of cells, for progress.
        folder: where the prepared fields go, as a file that is mapped into memory, when they take more than
            `memory_limit` bytes; the caller removes it. None keeps them in memory whatever they take.

    Raises:
        InputRefused: there are no cells.
        JobCancelled: somebody asked to stop.
    """
    samples: dict[SampleLabel, int] = {}
    store = FieldStore(folder, memory_limit)
    labels: list[int] = []
    sample_of: list[int] = []
    judges: list[bool] = []
    nuisance: list[NDArray[Any]] = []
    keeper = RawKeeper()
    stream = iter(cells)
    while piece := list(islice(stream, _CHUNK)):
        stop_if_asked(cancel)
        fields = prepare_field(recipe, [cell.pixels for cell in piece], margin, pixel_size_um=pixel_size_um)
        small = float(np.abs(fields).max(initial=0.0)) < _HALF_LIMIT
        store.add(fields.astype(np.float16) if small else fields)
        labels.extend(cell.class_index for cell in piece)
        sample_of.extend(samples.setdefault(cell.sample, len(samples)) for cell in piece)
        judges.extend(cell.judges for cell in piece)
        images = [cell.pixels for cell in piece]
        nuisance.append(nuisance_batch(images))
        keeper.add(images, sample_of[-len(piece) :], labels[-len(piece) :])
        progress(len(labels), total, "Preparing cells")
    if not labels:
        raise InputRefused("There are no labelled cells to train on.", "Enter the true class of samples first.")
    return TrainingData(
        fields=store.finished(),
        labels=np.asarray(labels, np.int64),
        sample_of=np.asarray(sample_of, np.int64),
        samples=tuple(samples),
        classes=classes,
        recipe=recipe,
        margin=margin,
        simulated=simulated,
        description=description,
        licence=licence,
        pixel_size_um=pixel_size_um,
        nuisance=joined(nuisance),
        raw=keeper.kept(),
        judges=None if all(judges) else np.asarray(judges, bool),
    )


def read_cell_files(sources: Sequence[CellFileSource], classes: ClassScheme) -> Iterator[LabelledCell]:
    """The labelled cells of imported studies, read piece by piece from their cell files.

    Raises:
        WrongUse: a true class that `classes` does not have.
    """
    from nscweb.store.cell_files import CellFile

    for source in sources:
        if source.true_class not in classes.names:
            raise WrongUse(
                f"The sample {source.sample.name} has the true class {source.true_class!r}, which is not "
                "a class of the new model."
            )
        label = classes.index(source.true_class)
        cell_file = CellFile(source.path)
        rows = range(len(cell_file)) if source.rows is None else source.rows
        for start in range(0, len(rows), _CHUNK):
            for pixels in cell_file.take(rows[start : start + _CHUNK], source.channels):
                # A cell whose brightfield image was skipped at import has nothing to learn from.
                if pixels is not None:
                    yield LabelledCell(source.sample, label, pixels, source.judges)


def classes_of(sources: Sequence[CellFileSource], kind: str = "fate") -> ClassScheme:
    """The true classes of some cell files in alphabetical order.

    Raises:
        WrongUse: fewer than two classes.
    """
    names = tuple(sorted({source.true_class for source in sources if source.true_class}))
    if len(names) < 2:
        raise WrongUse(
            "Training needs cells of at least two classes.",
            "Enter the true class of more samples in the sample sheet, or label cells of another class.",
        )
    return ClassScheme(names, kind=kind)
