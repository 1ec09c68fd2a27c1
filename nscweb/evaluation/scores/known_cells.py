"""Cells of known class and what a model said of them, as plain arrays: what every figure of an evaluation needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.classes import class_codes
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.resampling import Resampling

if TYPE_CHECKING:
    import pandas as pd

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Judged:
    """Cells with a known class.

    Attributes:
        scores: (N, K) float64 scores in the order of `classes`.
        true: (N,) int64 true class, 0 to K - 1.
        predicted: (N,) int64 predicted class, -1 for none of `classes`.
        sample: (N,) int64 sample of each cell; any numbers.
        classes: names in order.
    """

    scores: Float64
    true: Int64
    predicted: Int64
    sample: Int64
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.true)

    def take(self, rows: NDArray[np.bool_] | Int64) -> Judged:
        """Some of the cells."""
        return Judged(self.scores[rows], self.true[rows], self.predicted[rows], self.sample[rows], self.classes)

    def resampling(self, *, rounds: int, seed: int) -> Resampling:
        """How these cells are drawn again: over samples where it can be, over cells where it must."""
        return Resampling.of_codes(self.sample, self.true, self.predicted, self.classes, rounds=rounds, seed=seed)


def judged(table: pd.DataFrame, classes: Sequence[str]) -> Judged:
    """Arrays of the rows of a prediction table whose true class is one of `classes`.

    Args:
        table: with columns sample_id, true_class, predicted, ``p_<class>``.
    """
    import pandas as pd

    names = tuple(classes)
    true = class_codes(table["true_class"], names)
    known = np.flatnonzero(true >= 0)
    sample, _ = pd.factorize(table["sample_id"])
    columns = [table[f"p_{name}"].to_numpy(np.float64)[known] for name in names]
    return Judged(
        np.stack(columns, axis=1),
        true[known],
        class_codes(table["predicted"], names)[known],
        np.asarray(sample, np.int64)[known],
        names,
    )


def judged_held_out(held_out: HeldOut) -> Judged:
    """Arrays of the held-out cells of a model; a cell is predicted as the class with its highest score."""
    scores = held_out.scores.astype(np.float64)
    return Judged(scores, held_out.labels, scores.argmax(axis=1), held_out.samples, held_out.classes)
