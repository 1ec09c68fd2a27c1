"""Cells that may not judge, because a person or a model picked them: a split is made of the others, then they train.

So the held-out cells are as many and as evenly dealt as if the picked ones were not there. A picked cell of a group
that is held out is aside: it would bring the group into the training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused
from nscweb.training.data.dataset import SampleLabel
from nscweb.training.splits.grouping import By, Labelled, Rows, listed, value_of


@dataclass(frozen=True)
class Judging:
    """The cells of some data that may judge, as `grouping.Labelled`; `rows` are theirs in the data."""

    labels: NDArray[np.int64]
    sample_of: NDArray[np.int64]
    samples: tuple[SampleLabel, ...]
    classes: ClassScheme
    rows: Rows
    judges: NDArray[np.bool_] | None = None


def judging(data: Labelled, judges: NDArray[np.bool_]) -> Judging:
    """The cells that may judge.

    Raises:
        InputRefused: a class has none, so that nobody could say how good the model is on it.
    """
    rows = np.flatnonzero(judges)
    counts = np.bincount(data.labels[rows], minlength=len(data.classes))
    without = [name for name, count in zip(data.classes.names, counts, strict=True) if not count]
    if without:
        raise InputRefused(
            f"Nobody could say how good the model is on {listed(without)}: every labelled cell of it was picked, none "
            "was drawn at random.",
            "Label some cells that are asked blindly or drawn at random, or take labels from markers or a file.",
            "E-LABEL-JUDGES",
        )
    return Judging(data.labels[rows], data.sample_of[rows], data.samples, data.classes, rows)


def aside(data: Labelled, picked: Rows, by: By, held_out: Rows) -> NDArray[np.bool_]:
    """(P,) which picked cells are of a group of which cells are held out; none for a split by cell."""
    if by == "cell":
        return np.zeros(len(picked), bool)
    values = np.array([value_of(sample, by) for sample in data.samples], object)
    held = set(values[np.unique(data.sample_of[held_out])])
    return np.array([value in held for value in values[data.sample_of[picked]]], bool)
