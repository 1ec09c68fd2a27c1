"""What belongs together in a split (samples, donors, days...), and whole groups dealt out evenly over parts.

Dealing out is greedy with a repair: each group goes to the part that is furthest below its share of the classes
of that group, then single groups move while that makes the parts more even. The order is drawn with the seed, so
the same data and seed always give the same parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused
from nscweb.training.data.dataset import SampleLabel

By = Literal["sample", "replicate", "donor", "day", "instrument", "time", "group", "cell"]
CHOICES: tuple[By, ...] = get_args(By)
PLURAL: dict[str, str] = {
    "sample": "samples",
    "replicate": "replicates",
    "donor": "donors",
    "day": "days",
    "instrument": "instruments",
    "time": "time points",
    "group": "groups",
    "cell": "cells",
}
# The column of the sample sheet that says it.
COLUMN: dict[str, str] = {
    "replicate": "replicate",
    "donor": "donor",
    "day": "acquisition day",
    "instrument": "instrument",
    "time": "time",
    "group": "group",
}
_NAMED = 5
_MOVES = 400

Rows = NDArray[np.int64]


class Labelled(Protocol):
    """What a split needs to know of labelled cells; `TrainingData` has it, and so has a table of samples alone."""

    @property
    def labels(self) -> NDArray[np.int64]: ...

    @property
    def sample_of(self) -> NDArray[np.int64]: ...

    @property
    def samples(self) -> tuple[SampleLabel, ...]: ...

    @property
    def classes(self) -> ClassScheme: ...

    @property
    def judges(self) -> NDArray[np.bool_] | None: ...


@dataclass(frozen=True)
class Groups:
    """Samples that must stay together.

    Attributes:
        by: what they have in common.
        names: (G,) as the sample sheet calls them, sorted.
        of_sample: (S,) group of each sample; -1 for samples without cells among the rows asked for.
        counts: (G, K) cells of each class.
    """

    by: By
    names: tuple[str, ...]
    of_sample: Rows
    counts: NDArray[np.int64]

    def per_class(self) -> NDArray[np.int64]:
        """(K,) groups that hold at least one cell of each class."""
        found: NDArray[np.int64] = (self.counts > 0).sum(axis=0)
        return found


def value_of(sample: SampleLabel, by: By) -> str:
    """What the sample sheet says of a sample; "" when it says nothing.

    Two samples with the same text belong together, also over studies and inducer groups: replicate 1 of two groups
    was most likely grown on the same day, and taking it for one group can only make a figure more careful.
    """
    if by == "sample":
        return sample.name
    if by == "time":
        return "" if sample.time_h is None else f"{sample.time_h:g} h"
    return "" if by == "cell" else str(getattr(sample, by)).strip()


def group_samples(data: Labelled, by: By, rows: Rows | None = None) -> Groups:
    """Group the samples of some cells (all of them when `rows` is None).

    Raises:
        InputRefused: the sheet does not say the group of some samples.
    """
    labels = data.labels if rows is None else data.labels[rows]
    sample_of = data.sample_of if rows is None else data.sample_of[rows]
    size = len(data.classes)
    cells = np.bincount(sample_of * size + labels, minlength=len(data.samples) * size).reshape(-1, size)
    there = np.flatnonzero(cells.sum(axis=1))
    values = {int(index): value_of(data.samples[index], by) for index in there}
    refuse_missing([data.samples[index].name for index, value in values.items() if not value], by)
    names = sorted(set(values.values()))
    number = {name: index for index, name in enumerate(names)}
    of_sample = np.full(len(data.samples), -1, np.int64)
    counts = np.zeros((len(names), size), np.int64)
    for index, value in values.items():
        of_sample[index] = number[value]
        counts[number[value]] += cells[index]
    return Groups(by, tuple(names), of_sample, counts)


def refuse_missing(samples: Sequence[str], by: By) -> None:
    """Raise `InputRefused` that names the samples whose sheet does not say `by`."""
    if not samples:
        return
    one = len(samples) == 1
    raise InputRefused(
        f"A split by {by} needs to know the {by} of every sample, and the sheet does not say it for "
        f"{len(samples)} sample{'' if one else 's'}: {listed(samples)}.",
        f"Fill in the column {COLUMN.get(by, by)} of the sample sheet for {'it' if one else 'them'}, or choose a "
        "split by sample.",
        "E-SPLIT-UNKNOWN",
    )


def refuse_few(groups: Groups, classes: ClassScheme, least: int, why: str) -> None:
    """Raise `InputRefused` when a class is in fewer than `least` groups; `why` ends the sentence."""
    for name, count in zip(classes.names, groups.per_class(), strict=True):
        if count < least:
            raise InputRefused(
                f"The class {name} is in {count} {groups.by if count == 1 else PLURAL[groups.by]} only; {why}",
                "Add replicates, or ask for a split by cell and trust its figures less."
                if groups.by == "sample"
                else f"Record the class in more {PLURAL[groups.by]}, or choose a split by sample.",
                "E-TRAIN-SAMPLES",
            )


def listed(names: Sequence[str], limit: int = _NAMED) -> str:
    """The first names and how many more there are."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"


def deal(
    counts: NDArray[np.int64],
    shares: Sequence[float],
    generator: np.random.Generator,
    faults: Callable[[Rows, NDArray[np.int64]], int],
) -> Rows:
    """Deal whole groups out over parts.

    Args:
        counts: (G, K) cells of each class in each group; a class without any cell counts for nothing.
        shares: (P,) wanted share of each part, together 1.
        generator: draws the order of the groups.
        faults: from part of each group (G,) and cells of each part and class (P, K) to a number of things that
            must not be; as few as possible before anything else, 0 when all is well.

    Returns:
        (G,) part of each group.
    """
    weight = counts / np.maximum(counts.sum(axis=0), 1)
    target = np.outer(shares, (counts.sum(axis=0) > 0).astype(np.float64))
    part_of = np.full(len(counts), -1, np.int64)
    filled = np.zeros(target.shape)
    for group in generator.permutation(len(counts)):
        gain = (weight[group] * (2 * (filled - target) + weight[group])).sum(axis=1)
        # An empty part first among those that gain alike, then the one that holds least.
        part = int(np.lexsort((filled.sum(axis=1), np.round(gain, 12)))[0])
        part_of[group] = part
        filled[part] += weight[group]
    return _evened(counts, weight, target, part_of, faults)


def _evened(
    counts: NDArray[np.int64],
    weight: NDArray[np.float64],
    target: NDArray[np.float64],
    part_of: Rows,
    faults: Callable[[Rows, NDArray[np.int64]], int],
) -> Rows:
    """Single moves of groups while they take faults away or make the parts more even."""
    parts = len(target)
    held = np.stack([counts[part_of == part].sum(axis=0) for part in range(parts)])
    wrong = faults(part_of, held)
    for _ in range(_MOVES):
        filled = np.stack([weight[part_of == part].sum(axis=0) for part in range(parts)])
        over = filled - target
        # (G, P): how much the squared distance from the wanted shares changes when a group moves to a part.
        joins = 2 * weight @ over.T + (weight**2).sum(axis=1, keepdims=True)
        leaves = -2 * (weight * over[part_of]).sum(axis=1) + (weight**2).sum(axis=1)
        change = joins + leaves[:, None]
        change[np.arange(len(counts)), part_of] = np.inf
        found = None
        for flat in np.argsort(change, axis=None, kind="stable")[: None if wrong else 3 * parts]:
            group, part = divmod(int(flat), parts)
            if not np.isfinite(change[group, part]) or (not wrong and change[group, part] > -1e-12):
                break
            trial, moved = part_of.copy(), held.copy()
            trial[group] = part
            moved[part_of[group]] -= counts[group]
            moved[part] += counts[group]
            now = faults(trial, moved)
            if now < wrong or (now == wrong and change[group, part] < -1e-12):
                found = trial, moved, now
                break
        if found is None:
            break
        part_of, held, wrong = found
    return part_of


def lacking(_: Rows, held: NDArray[np.int64]) -> int:
    """Classes that a part lacks, over all parts: for parts that each need every class."""
    there = held.sum(axis=0) > 0
    return int((held[:, there] == 0).sum())


def swallowed(part_of: Rows, held: NDArray[np.int64]) -> int:
    """Classes that are in one part alone, and parts without a group: for parts that are held out in turn."""
    there = held.sum(axis=0) > 0
    alone = int(((held > 0).sum(axis=0)[there] == 1).sum())
    return alone + len(held) - len(np.unique(part_of))
