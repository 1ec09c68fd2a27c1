"""Which cells train, which decide when to stop, and which are never seen: whole samples or more, never single cells.

Cells of one acquisition share illumination, focus and culture dish; samples of one donor or day share more. A
split by cell puts such twins on both sides, and the figures come out too good (FACTS, weak points of the papers).
The plainest question a split can answer is: how good is the network on the next sample, donor, day, instrument?
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.training.splits.grouping import (
    CHOICES,
    PLURAL,
    By,
    Groups,
    Labelled,
    Rows,
    deal,
    group_samples,
    lacking,
    listed,
    refuse_few,
)
from nscweb.training.splits.picked import Judging, aside, judging

_LEAST_SAMPLES = 3
_SAMPLE: By = "sample"
# One of two donors would leave too few cells to learn from; then whole samples decide when to stop.
_MOST_WATCHED = 0.35


@dataclass(frozen=True)
class Split:
    """Rows of a `TrainingData` in three parts.

    Attributes:
        train, validation, held_out: row numbers, ascending.
        sentence: how they were separated, for the card.
        by_sample: False only for a split by cell, where one sample is on all sides.
        by: what was kept together: ``sample``, ``donor``... or ``cell``.
        groups: names of the groups that were held out; empty for a split by cell.
        aside: cells that neither train nor judge, see `nscweb.training.splits.picked`.
    """

    train: Rows
    validation: Rows
    held_out: Rows
    sentence: str
    by_sample: bool = True
    by: By = "sample"
    groups: tuple[str, ...] = ()
    aside: Rows = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class SplitPlan:
    """How to split.

    Attributes:
        by: what must stay together; ``cell`` keeps nothing together and only shows how much too good it looks.
        validation: share of the cells that decide when to stop; 0 leaves that part empty.
        held_out: share of the cells that are never seen.
    """

    by: By = "sample"
    validation: float = 0.1
    held_out: float = 0.2

    def __post_init__(self) -> None:
        if self.by not in CHOICES:
            raise WrongUse(f"There is no split by {self.by!r}.", f"Possible are {', '.join(CHOICES)}.")
        if not 0 < self.held_out < 1 or self.validation < 0 or self.validation + self.held_out > 0.9:
            raise WrongUse(
                "The held-out share must be above 0 and at least a tenth of the cells must be left to train on.",
                "Usual shares are 0.1 to decide when to stop and 0.2 held out.",
            )


def make_split(data: Labelled, plan: SplitPlan, seed: int) -> Split:
    """Three parts of the cells, grouped by `plan.by` and alike in their classes; the same for the same seed.

    The held-out part is made of whole groups. The cells that decide when to stop are whole groups too where
    enough are left, else whole samples of the training groups; the sentence says which.

    Raises:
        InputRefused: the sheet does not say the group of some samples, a class is in too few groups, or none of its
            cells may judge.
    """
    if data.judges is not None:
        chosen = judging(data, data.judges)
        return with_picked(data, chosen, make_split(chosen, plan, seed))
    if plan.by == "cell":
        return _by_cell(data, plan, seed)
    groups = group_samples(data, plan.by)
    if plan.by == "sample" and plan.validation > 0:
        why = "training needs at least three, one of which is never shown to the network."
        refuse_few(groups, data.classes, _LEAST_SAMPLES, why)
        if not (np.count_nonzero(groups.counts, axis=1) > 1).any() and len(groups.names) == len(data.samples):
            return _by_pure_sample(data, plan, seed)
    why = "there must be one to train on and another that the network never sees."
    refuse_few(groups, data.classes, 2, why)
    shares = (1 - plan.held_out, plan.held_out)
    part_of = deal(groups.counts, shares, np.random.default_rng([seed, 5, CHOICES.index(plan.by)]), lacking)
    refuse_few(
        replace(groups, counts=groups.counts[part_of == 0]), data.classes, 1, "none of them is left to train on."
    )
    return held_out_split(data, groups, np.flatnonzero(part_of == 1), plan.validation / shares[0], seed)


def with_picked(data: Labelled, chosen: Judging, split: Split) -> Split:
    """A split of the cells that may judge as one of all: picked ones train, those of held-out groups are aside."""
    train, validation, held_out = (chosen.rows[rows] for rows in (split.train, split.validation, split.held_out))
    picked = np.setdiff1d(np.arange(len(data.labels)), chosen.rows)
    away = aside(data, picked, split.by, held_out)
    said = f" Besides, {int((~away).sum()):,} cells that were picked and not drawn at random trained"
    said += f", and {int(away.sum()):,} of what was held out were left aside" if away.any() else ""
    return replace(
        split,
        train=np.union1d(train, picked[~away]),
        validation=validation,
        held_out=held_out,
        aside=picked[away],
        sentence=f"{split.sentence}{said}; such cells never judge.",
    )


def split_by_sample(data: Labelled, seed: int, validation: float = 0.1, held_out: float = 0.2) -> Split:
    """Whole samples to each part; see `make_split`.

    Raises:
        InputRefused: a class has fewer than three samples, so it cannot be in all three parts.
    """
    return make_split(data, SplitPlan("sample", validation, held_out), seed)


def split_by_cell(data: Labelled, seed: int, validation: float = 0.1, held_out: float = 0.2) -> Split:
    """Cells to each part at random within each class; only for data that do not say what the samples are.

    The figures that follow are too good, and the card says so.
    """
    return make_split(data, SplitPlan("cell", validation, held_out), seed)


def held_out_split(data: Labelled, groups: Groups, out: Rows, validation: float, seed: int) -> Split:
    """Hold out the groups numbered in `out`; a share `validation` of the cells left decides when to stop."""
    away = np.isin(groups.of_sample[data.sample_of], out)
    rest = np.flatnonzero(~away)
    train, watch, watched_by = inner_validation(data, rest, groups.by, validation, seed)
    names = tuple(groups.names[index] for index in out)
    held = np.flatnonzero(away)
    sentence = _grouped_sentence(data, groups, (train, watch, held), watched_by, names)
    return Split(train, watch, held, sentence, True, groups.by, names)


def inner_validation(data: Labelled, rows: Rows, by: By, share: float, seed: int) -> tuple[Rows, Rows, By]:
    """Split off from training cells those that decide when to stop: (train, validation, what was kept together).

    Whole groups of `by` where each class is in two or more of them and they are not more than a third of the cells,
    else whole samples, else single cells: this part never enters a figure, so that cells of one sample on both
    sides cost at worst a few epochs.
    """
    if share <= 0:
        return rows, rows[:0], by
    for level in dict.fromkeys((by, _SAMPLE)):
        if level == "cell":
            break
        groups = group_samples(data, level, rows)
        found = groups.per_class()
        if found[found > 0].min(initial=2) < 2:
            continue
        generator = np.random.default_rng([seed, 6, CHOICES.index(level)])
        part_of = deal(groups.counts, (1 - share, share), generator, lacking)
        if lacking(part_of, np.stack([groups.counts[part_of == part].sum(axis=0) for part in (0, 1)])):
            continue
        watched = part_of[groups.of_sample[data.sample_of[rows]]] == 1
        if level != _SAMPLE and watched.mean() > max(_MOST_WATCHED, share):
            continue
        return rows[~watched], rows[watched], level
    watched = np.zeros(len(rows), bool)
    generator = np.random.default_rng([seed, 7])
    for label in np.unique(data.labels[rows]):
        members = generator.permutation(np.flatnonzero(data.labels[rows] == label))
        watched[members[: max(int(len(members) > 1), round(len(members) * share))]] = True
    return rows[~watched], rows[watched], "cell"


def _by_pure_sample(data: Labelled, plan: SplitPlan, seed: int) -> Split:
    """Whole samples of one class each, spread over class and time point.

    Within each stratum samples are shuffled with the seed; the shares are kept over all strata together, so
    that strata of three replicates still give whole samples to each part.
    """
    strata: dict[tuple[int, float], list[int]] = defaultdict(list)
    for index, sample in enumerate(data.samples):
        counts = np.bincount(data.labels[data.sample_of == index], minlength=len(data.classes))
        time = -1.0 if sample.time_h is None else sample.time_h
        strata[int(counts.argmax()), time].append(index)
    generator = np.random.default_rng([seed, 1])
    part_of = np.zeros(len(data.samples), np.int64)
    # Each part is owed its share of the samples seen so far; the part that is owed most gets the next sample.
    owed = np.zeros(3)
    shares = np.array([1 - plan.validation - plan.held_out, plan.validation, plan.held_out])
    for key in sorted(strata):
        for index in generator.permutation(np.asarray(strata[key])):
            owed += shares
            part = int(owed.argmax())
            part_of[index] = part
            owed[part] -= 1
    _give_every_part_every_class(data, part_of)
    samples = np.bincount(part_of, minlength=3)
    cells = np.bincount(part_of[data.sample_of], minlength=3)
    sentence = (
        "By sample, never by cell, spread over class and time point: "
        f"{samples[0]} samples ({cells[0]:,} cells) trained, "
        f"{samples[1]} ({cells[1]:,}) decided when to stop, "
        f"{samples[2]} ({cells[2]:,}) were held out and never seen."
    )
    names = tuple(data.samples[index].name for index in np.flatnonzero(part_of == 2))
    return Split(*_parts(part_of[data.sample_of]), sentence, True, "sample", names)


def _by_cell(data: Labelled, plan: SplitPlan, seed: int) -> Split:
    generator = np.random.default_rng([seed, 2])
    part_of = np.zeros(len(data.labels), np.int64)
    for label in range(len(data.classes)):
        rows = generator.permutation(np.flatnonzero(data.labels == label))
        stop = round(len(rows) * plan.validation)
        part_of[rows[:stop]] = 1
        part_of[rows[stop : stop + round(len(rows) * plan.held_out)]] = 2
    counts = np.bincount(part_of, minlength=3)
    sentence = (
        "By cell within each class, because the data do not say which cells belong together: "
        f"{counts[0]:,} cells trained, {counts[1]:,} decided when to stop, {counts[2]:,} were held out. "
        "Figures from such a split are too good."
    )
    return Split(*_parts(part_of), sentence, False, "cell")


def _give_every_part_every_class(data: Labelled, part_of: NDArray[np.int64]) -> None:
    """Move single samples so that each class is trained, watched and tested; changes `part_of`."""
    for part in (0, 2, 1):
        for label in range(len(data.classes)):
            holders = np.unique(data.sample_of[data.labels == label])
            if np.any(part_of[holders] == part):
                continue
            counts = np.bincount(part_of[holders], minlength=3)
            giver = int(counts.argmax())
            part_of[holders[part_of[holders] == giver][-1]] = part


def _parts(part_of_cell: NDArray[np.int64]) -> tuple[Rows, Rows, Rows]:
    train, validation, held_out = (np.flatnonzero(part_of_cell == part) for part in range(3))
    return train, validation, held_out


def _grouped_sentence(
    data: Labelled, groups: Groups, parts: tuple[Rows, Rows, Rows], watched_by: By, names: tuple[str, ...]
) -> str:
    train, watch, held = parts
    number = [len(np.unique(groups.of_sample[data.sample_of[rows]])) for rows in parts]

    def of(count: int) -> str:
        return f"{count} {groups.by if count == 1 else PLURAL[groups.by]}"

    watched = f"{of(number[1])} ({len(watch):,})"
    if watched_by != groups.by:
        kind = "whole samples" if watched_by == "sample" else "single cells"
        watched = f"{len(watch):,} cells of the same {PLURAL[groups.by]} ({kind})"
    which = "" if groups.by == "sample" else f": {listed(names)}"
    return (
        f"By {groups.by}, never by cell, balanced over the classes: {of(number[0])} ({len(train):,} cells) trained, "
        + (f"{watched} decided when to stop, " if len(watch) else "")
        + f"{of(number[2])} ({len(held):,} cells{which}) {'was' if number[2] == 1 else 'were'} held out and never seen."
    )
