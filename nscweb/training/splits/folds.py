"""Every cell held out once: grouped folds, and one group left out at a time."""

from __future__ import annotations

import re

import numpy as np

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.training.splits.grouping import CHOICES, PLURAL, By, Labelled, deal, group_samples, refuse_few, swallowed
from nscweb.training.splits.picked import judging
from nscweb.training.splits.plan import Split, SplitPlan, held_out_split, inner_validation, make_split, with_picked

LEAVE_ONE_OUT = 0
_LEAST_FOLDS = 2
# Below so many labelled cells a held-out third costs more accuracy than a training per fold costs time.
CROSS_FIT_BELOW = 20_000
FOLDS = 5
_SAID = re.compile(r"Cross-fitted, (\d+) folds [^:]*?(, one at a time)?:")


def folds(data: Labelled, by: By, k: int, seed: int, *, validation: float = 0.1) -> list[Split]:
    """Splits in which each cell is held out exactly once, but for those that may not judge.

    Args:
        data: labelled cells.
        by: what stays together; ``cell`` keeps nothing together and gives figures that are too good.
        k: number of folds; `LEAVE_ONE_OUT` (0) holds out one group at a time.
        seed: of the dealing; leaving one out is the same for every seed but for its validation cells.
        validation: share of the training cells of each fold that decide when to stop.

    Raises:
        WrongUse: `k` is 1 or negative, or leaving one out is asked for single cells.
        InputRefused: the sheet does not say the group of some samples; a class is in one group only, so that
            the network would never see it while that group is held out; more folds than groups.
    """
    if k != LEAVE_ONE_OUT and k < _LEAST_FOLDS:
        raise WrongUse("Cross-validation needs at least two folds.", "Ask for 5, or for 0: one group at a time.")
    if data.judges is not None:
        chosen = judging(data, data.judges)
        return [with_picked(data, chosen, split) for split in folds(chosen, by, k, seed, validation=validation)]
    if by == "cell":
        return _by_cell(data, k, seed, validation)
    groups = group_samples(data, by)
    why = f"while that {by} is held out, the network would never see the class."
    refuse_few(groups, data.classes, 2, why)
    count = len(groups.names)
    if k > count:
        raise InputRefused(
            f"{k} folds by {by} need at least {k} {PLURAL[by]}; there are {count}.",
            f"Ask for {count} folds or fewer.",
            "E-FOLDS",
        )
    if k == LEAVE_ONE_OUT:
        fold_of = np.arange(count)
    else:
        generator = np.random.default_rng([seed, 8, CHOICES.index(by)])
        fold_of = deal(groups.counts, [1 / k] * k, generator, swallowed)
        held = np.stack([groups.counts[fold_of == fold].sum(axis=0) for fold in range(k)])
        if swallowed(fold_of, held):
            raise InputRefused(
                f"The {PLURAL[by]} cannot be dealt out over {k} folds so that each class can always be trained.",
                f"Hold out one {by} at a time, or ask for another number of folds.",
                "E-FOLDS",
            )
    return [
        held_out_split(data, groups, np.flatnonzero(fold_of == fold), validation, seed + fold)
        for fold in range(int(fold_of.max()) + 1)
    ]


def split_for(data: Labelled, plan: SplitPlan, seed: int) -> Split:
    """The split of a plan: cross-fitted where it asks for folds, or asks to choose and there are few cells; else parts.

    Raises:
        WrongUse, InputRefused: as `cross_split` and `make_split`.
    """
    count = folds_for(data, plan.by) if plan.folds is None else plan.folds
    return make_split(data, plan, seed) if count == 1 else cross_split(data, plan.by, count, seed)


def folds_for(data: Labelled, by: By) -> int:
    """The number of folds when nobody says: `FOLDS`, fewer where a class has fewer groups; 1 for many cells.

    Raises:
        InputRefused: the sheet does not say the group of some samples.
    """
    if len(data.labels) >= CROSS_FIT_BELOW:
        return 1
    if data.judges is not None:
        return folds_for(judging(data, data.judges), by)
    if by == "cell":
        rarest = np.bincount(data.labels, minlength=len(data.classes))
    else:
        rarest = group_samples(data, by).per_class()
    return int(min(FOLDS, max(1, rarest.min(initial=FOLDS))))


def cross_split(data: Labelled, by: By, k: int, seed: int) -> Split:
    """One split for cross-fitting: every cell trains the network that is kept, and is judged out of fold.

    Args:
        data, by, k, seed: as `folds`. Where the groups cannot be dealt out over `k` folds so that each class can
            always be trained, fewer folds are tried.

    Raises:
        WrongUse, InputRefused: as `folds`, for two folds.
    """
    for count in (k,) if k == LEAVE_ONE_OUT else range(k, 1, -1):
        try:
            made = folds(data, by, count, seed, validation=0.0)
        except InputRefused as error:
            if error.code != "E-FOLDS" or count <= _LEAST_FOLDS:
                raise
            continue
        break
    every = np.arange(len(data.labels), dtype=np.int64)
    judged = np.sort(np.concatenate([split.held_out for split in made]))
    together = "by cell within each class, because the data do not say which cells belong together"
    if by != "cell":
        together = f"by {by}, never by cell" + (", one at a time" if k == LEAVE_ONE_OUT else "")
    sentence = (
        f"Cross-fitted, {len(made)} folds {together}: each of {len(judged):,} cells was judged by a network that had "
        f"{'not seen it' if by == 'cell' else f'never seen its {by}'}; the network that is kept learned from all "
        f"{len(every):,} cells and is not among those that judged."
    )
    if by == "cell":
        sentence += " Figures from such a split are too good."
    if len(judged) < len(every):
        picked = len(every) - len(judged)
        sentence += f" {picked:,} cells that were picked and not drawn at random trained only; such cells never judge."
    names = tuple(dict.fromkeys(name for split in made for name in split.groups))
    parts = tuple((split.train, split.held_out) for split in made)
    return Split(every, every[:0], judged, sentence, by != "cell", by, names, parts)


def folds_said(sentence: str) -> int:
    """The folds of a split by its sentence in a card, as `SplitPlan` takes them; 1 for one without."""
    found = _SAID.match(sentence)
    return 1 if found is None else LEAVE_ONE_OUT if found[2] else int(found[1])


def _by_cell(data: Labelled, k: int, seed: int, validation: float) -> list[Split]:
    if k == LEAVE_ONE_OUT:
        raise WrongUse("Leaving out one cell at a time would train a network for every cell.", "Ask for 5 folds.")
    generator = np.random.default_rng([seed, 9])
    fold_of = np.zeros(len(data.labels), np.int64)
    dealt = 0
    for label, name in enumerate(data.classes.names):
        rows = generator.permutation(np.flatnonzero(data.labels == label))
        if len(rows) < 2:
            raise InputRefused(
                f"The class {name} has {len(rows)} cell{'' if len(rows) == 1 else 's'}; folds need two or more.",
                "Add cells of this class, or leave it out.",
                "E-TRAIN-SAMPLES",
            )
        # Each class begins where the one before stopped, so that the folds are equally large.
        fold_of[rows] = (dealt + np.arange(len(rows))) % k
        dealt += len(rows)
    made = []
    for fold in range(k):
        rest = np.flatnonzero(fold_of != fold)
        held = np.flatnonzero(fold_of == fold)
        train, watch, _ = inner_validation(data, rest, "cell", validation, seed + fold)
        sentence = (
            f"By cell within each class, fold {fold + 1} of {k}: {len(train):,} cells trained, {len(watch):,} "
            f"decided when to stop, {len(held):,} were held out. Figures from such a split are too good."
        )
        made.append(Split(train, watch, held, sentence, False, "cell"))
    return made
