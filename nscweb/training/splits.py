"""Which samples train, which decide when to stop, and which are never seen: split by sample, never by cell.

Cells of one acquisition share illumination, focus and culture dish. A split by cell puts such twins on both
sides, and the figures come out too good (FACTS, weak points of the papers).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.training.dataset import TrainingData


@dataclass(frozen=True)
class Split:
    """Rows of a `TrainingData` in three parts.

    Attributes:
        train, validation, held_out: row numbers, ascending.
        sentence: how they were separated, for the card.
        by_sample: False only when the user asked for a split by cell because there is one sample per class.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    held_out: NDArray[np.int64]
    sentence: str
    by_sample: bool = True


def split_by_sample(data: TrainingData, seed: int, validation: float = 0.1, held_out: float = 0.2) -> Split:
    """Whole samples to each part, spread over the strata of commonest class and time point.

    Within each stratum samples are shuffled with the seed; the shares are kept over all strata together, so
    that strata of three replicates still give whole samples to each part.

    Raises:
        InputRefused: a class has fewer than three samples, so it cannot be in all three parts.
    """
    _check_enough(data)
    strata: dict[tuple[int, float], list[int]] = defaultdict(list)
    for index, sample in enumerate(data.samples):
        counts = np.bincount(data.labels[data.sample_of == index], minlength=len(data.classes))
        time = -1.0 if sample.time_h is None else sample.time_h
        strata[int(counts.argmax()), time].append(index)
    generator = np.random.default_rng([seed, 1])
    part_of = np.zeros(len(data.samples), np.int64)
    # Each part is owed its share of the samples seen so far; the part that is owed most gets the next sample.
    owed = np.zeros(3)
    shares = np.array([1 - validation - held_out, validation, held_out])
    for key in sorted(strata):
        members = np.asarray(strata[key])
        for index in generator.permutation(members):
            owed += shares
            part = int(owed.argmax())
            part_of[index] = part
            owed[part] -= 1
    _give_every_part_every_class(data, part_of)
    return _split(data, part_of[data.sample_of], _sentence(data, part_of), by_sample=True)


def split_by_cell(data: TrainingData, seed: int, validation: float = 0.1, held_out: float = 0.2) -> Split:
    """Cells to each part at random within each class; only for data that do not say what the samples are.

    The figures that follow are too good, and the card says so.
    """
    generator = np.random.default_rng([seed, 2])
    part_of = np.zeros(len(data), np.int64)
    for label in range(len(data.classes)):
        rows = generator.permutation(np.flatnonzero(data.labels == label))
        stop = round(len(rows) * validation)
        part_of[rows[:stop]] = 1
        part_of[rows[stop : stop + round(len(rows) * held_out)]] = 2
    counts = np.bincount(part_of, minlength=3)
    sentence = (
        "By cell within each class, because the data do not say which cells belong together: "
        f"{counts[0]:,} cells trained, {counts[1]:,} decided when to stop, {counts[2]:,} were held out. "
        "Figures from such a split are too good."
    )
    return _split(data, part_of, sentence, by_sample=False)


def _check_enough(data: TrainingData) -> None:
    for label, name in enumerate(data.classes.names):
        count = len(np.unique(data.sample_of[data.labels == label]))
        if count < 3:
            raise InputRefused(
                f"The class {name} is in {count} sample{'s' if count != 1 else ''} only; training needs at "
                "least three, one of which is never shown to the network.",
                "Add replicates, or ask for a split by cell and trust its figures less.",
                "E-TRAIN-SAMPLES",
            )


def _give_every_part_every_class(data: TrainingData, part_of: NDArray[np.int64]) -> None:
    """Move single samples so that each class is trained, watched and tested; changes `part_of`."""
    for part in (0, 2, 1):
        for label in range(len(data.classes)):
            holders = np.unique(data.sample_of[data.labels == label])
            if np.any(part_of[holders] == part):
                continue
            counts = np.bincount(part_of[holders], minlength=3)
            giver = int(counts.argmax())
            part_of[holders[part_of[holders] == giver][-1]] = part


def _split(data: TrainingData, part_of_cell: NDArray[np.int64], sentence: str, *, by_sample: bool) -> Split:
    train, validation, held_out = (np.flatnonzero(part_of_cell == part) for part in range(3))
    return Split(train, validation, held_out, sentence, by_sample)


def _sentence(data: TrainingData, part_of: NDArray[np.int64]) -> str:
    samples = np.bincount(part_of, minlength=3)
    cells = np.bincount(part_of[data.sample_of], minlength=3)
    return (
        "By sample, never by cell, spread over class and time point: "
        f"{samples[0]} samples ({cells[0]:,} cells) trained, "
        f"{samples[1]} ({cells[1]:,}) decided when to stop, "
        f"{samples[2]} ({cells[2]:,}) were held out and never seen."
    )
